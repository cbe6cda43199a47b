"""What S3 and STS do, one module for each kind of operation."""

from tests.s3double.operations import (
    acls,
    buckets,
    listing,
    multipart,
    objects,
    settings,
    sts,
    writing,
)

__all__ = ["acls", "buckets", "listing", "multipart", "objects", "settings", "sts", "writing"]
