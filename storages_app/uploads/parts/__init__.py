"""Where the parts of a multipart upload wait: on a local disk, or in an upload storage at S3."""

from django.core.files.storage import storages

from storages_app.models import UploadSession
from storages_app.uploads.parts.base import Parts
from storages_app.uploads.parts.local import LocalParts


def parts_of(session: UploadSession) -> Parts:
    """The parts of a session that has begun, wherever it began."""
    return _in_bucket(session) if session.upload_id else LocalParts(session)


def parts_for_new(session: UploadSession) -> Parts:
    """The place for the parts of a new session: what the upload storage is today."""
    # Told by its attribute: the class lives in a module that loads boto3, which most never need.
    is_bucket = hasattr(storages["uploads"], "bucket_name")
    return _in_bucket(session) if is_bucket else LocalParts(session)


def _in_bucket(session: UploadSession) -> Parts:
    from storages_app.uploads.parts.s3 import BucketParts

    return BucketParts(session)
