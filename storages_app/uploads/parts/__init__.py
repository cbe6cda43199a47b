"""Where the parts of a multipart upload wait: on a local disk, or in an upload storage at S3."""

from datetime import datetime

from django.core.files.storage import storages

from storages_app.models import UploadSession
from storages_app.uploads.parts.base import Parts
from storages_app.uploads.parts.local import LocalParts


def parts_of(session: UploadSession) -> Parts:
    """The parts of a session that has begun, wherever it began.

    If that was a bucket, and the upload storage is none any more, they are as good as lost.
    """
    is_there = session.upload_id and _is_bucket()
    return _in_bucket(session) if is_there else LocalParts(session)


def parts_for_new(session: UploadSession) -> Parts:
    """The place for the parts of a new session: what the upload storage is today."""
    return _in_bucket(session) if _is_bucket() else LocalParts(session)


def abort_strays(*, begun_before: datetime) -> int:
    """Abort uploads in a bucket that no session knows; returns how many."""
    if not _is_bucket():
        return 0
    from storages_app.uploads.parts import s3

    return s3.abort_strays(begun_before=begun_before)


def _is_bucket() -> bool:
    # Told by its attribute: the class lives in a module that loads boto3, which most never need.
    return hasattr(storages["uploads"], "bucket_name")


def origin_of_parts() -> str:
    """Where browsers send parts beside the Upload API, for the policy of pages; or nothing."""
    if not _is_bucket():
        return ""
    from storages_app.uploads.parts.s3 import origin

    return origin()


def _in_bucket(session: UploadSession) -> Parts:
    from storages_app.uploads.parts.s3 import BucketParts

    return BucketParts(session)
