"""Parts in an upload storage that is an S3: clients send them there, and it puts them together.

The client that django-storages has made is used as it is: the bucket is the operator's own.
"""

import logging
import posixpath
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.core.files.storage import storages

from storages_app.lib.crashpoints import crashpoint
from storages_app.models import File, UploadSession
from storages_app.objectstores.backends.s3.translation import control_call
from storages_app.objectstores.errors import ObjectStoreError
from storages_app.uploads import sniffing
from storages_app.uploads.arrivals import BeforeCommit, adopt
from storages_app.uploads.errors import StorageFailed
from storages_app.uploads.multipart_errors import PartsMissing, PartsTooLarge, PartsWrong
from storages_app.uploads.orders import blob_name_for
from storages_app.uploads.parts.base import Beat, Digests

log = logging.getLogger(__name__)

_CHUNK = 1024 * 1024
_CONTENT_TYPE = "application/octet-stream"  # as django-storages says of a name like ours
_PARTS_REFUSED = {"EntityTooSmall", "InvalidPart", "InvalidPartOrder"}
_UPLOAD_GONE = "NoSuchUpload"
_OBJECT_GONE = {"NoSuchKey", "404"}


def origin() -> str:
    """Scheme and host of the addresses of parts: of the endpoint, or of the bucket itself there."""
    storage: Any = storages["uploads"]
    asked = {"Bucket": storage.bucket_name, "Key": "part", "UploadId": "upload", "PartNumber": 1}
    address = storage.connection.meta.client.generate_presigned_url("upload_part", Params=asked)
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


class BucketParts:
    """The S3 multipart upload of one session."""

    def __init__(self, session: UploadSession) -> None:
        storage: Any = storages["uploads"]
        self.session = session
        self._storage = storage
        self._client = storage.connection.meta.client
        self._blob_name = blob_name_for(session.pk)
        key = posixpath.join(storage.location, self._blob_name)
        self._object = {"Bucket": storage.bucket_name, "Key": key}

    def begin(self) -> str:
        asked = {"ContentType": _CONTENT_TYPE} | self._storage.get_object_parameters(
            self._blob_name
        )
        with _answers("CreateMultipartUpload"):
            begun = self._client.create_multipart_upload(**self._object, **asked)
            return str(begun["UploadId"])

    def url(self, number: int) -> str:
        """Good for exactly the bytes of this part, and for as long as the session lives."""
        lives = self.session.expires_at - self.session.created_at  # now is its beginning
        asked = self._upload | {
            "PartNumber": number,
            "ContentLength": self.session.size_of_part(number),
        }
        return str(
            self._client.generate_presigned_url(
                "upload_part", Params=asked, ExpiresIn=round(lives.total_seconds())
            )
        )

    def require_all(self) -> None:
        self._list_parts()

    def put_together(self, *, beat: Beat, before_commit: BeforeCommit) -> File:
        self._complete(self._list_parts())
        crashpoint("upload_session_completed")
        session = self.session
        head, digests = self._read(beat)
        return adopt(
            project=session.project,
            file_uuid=session.pk,
            head=head,
            name=session.original_filename,
            declared_type=session.mime_type,
            size=session.size,
            sha256=digests.sha256,
            md5=digests.md5,
            store=session.store,
            metadata=session.metadata,
            before_commit=before_commit,
        )

    def discard(self) -> None:
        with _answers("AbortMultipartUpload"):
            try:
                self._client.abort_multipart_upload(**self._upload)
            except self._client.exceptions.ClientError as error:
                if _code_of(error) != _UPLOAD_GONE:
                    raise
            # It may have been completed by somebody who was refused afterwards.
            self._client.delete_object(**self._object)

    def tidy(self) -> None:
        """A completed upload leaves nothing beside its object."""

    @property
    def _upload(self) -> dict[str, Any]:
        return self._object | {"UploadId": self.session.upload_id}

    def _list_parts(self) -> list[dict[str, Any]] | None:
        """All parts, right in number and size; None if the upload was completed before."""
        parts: list[dict[str, Any]] = []
        pages = self._client.get_paginator("list_parts").paginate(**self._upload)
        with _answers("ListParts"):
            try:
                for page in pages:
                    parts += page.get("Parts", [])
            except self._client.exceptions.ClientError as error:
                if _code_of(error) == _UPLOAD_GONE:
                    return None
                raise
        self._check(parts)
        return [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]

    def _check(self, parts: list[dict[str, Any]]) -> None:
        sizes = {part["PartNumber"]: part["Size"] for part in parts}
        expected = {
            number: self.session.size_of_part(number)
            for number in range(1, self.session.n_parts + 1)
        }
        if expected.keys() - sizes.keys():
            raise PartsMissing
        if sum(sizes.values()) > self.session.size:
            raise PartsTooLarge
        if sizes != expected:
            raise PartsWrong

    def _complete(self, parts: list[dict[str, Any]] | None) -> None:
        """Also a second time: a process may have died after the first."""
        if parts is None:
            return
        with _answers("CompleteMultipartUpload"):
            try:
                self._client.complete_multipart_upload(
                    **self._upload, MultipartUpload={"Parts": parts}
                )
            except self._client.exceptions.ClientError as error:
                if _code_of(error) in _PARTS_REFUSED:
                    raise PartsWrong from error
                if _code_of(error) != _UPLOAD_GONE:
                    raise

    def _read(self, beat: Beat) -> tuple[bytes, Digests]:
        """What the bucket has, read once: its head and its checksums."""
        whole, head, n_read = Digests(), b"", 0
        with _answers("GetObject"):
            try:
                body = self._client.get_object(**self._object)["Body"]
            except self._client.exceptions.ClientError as error:
                if _code_of(error) in _OBJECT_GONE:
                    raise PartsMissing from error
                raise
            with body:
                for chunk in body.iter_chunks(_CHUNK):
                    whole.update(chunk)
                    n_read += len(chunk)
                    head += chunk[: sniffing.HEAD - len(head)]
                    beat()
        if n_read != self.session.size:
            log.error("The upload storage lacks bytes of %s", self.session.pk)
            raise StorageFailed
        return head, whole


def abort_strays(*, begun_before: datetime) -> int:
    """Abort what was begun under names of ours and has no session that is open.

    As when a process dies after the bucket has begun and before the session is committed. Others
    may write into the bucket: what has another kind of name is theirs.
    """
    storage: Any = storages["uploads"]
    client = storage.connection.meta.client
    asked = {"Bucket": storage.bucket_name, "Prefix": storage.location}
    n_aborted = 0
    with _answers("ListMultipartUploads"):
        for page in client.get_paginator("list_multipart_uploads").paginate(**asked):
            for upload in page.get("Uploads", []):
                if upload["Initiated"] < begun_before and _is_stray(upload["Key"]):
                    named = {name: upload[name] for name in ("Key", "UploadId")}
                    client.abort_multipart_upload(Bucket=storage.bucket_name, **named)
                    n_aborted += 1
    return n_aborted


def _is_stray(key: str) -> bool:
    try:
        owner = uuid.UUID(posixpath.basename(key))
    except ValueError:
        return False
    is_ours = key.endswith(blob_name_for(owner))
    return is_ours and not UploadSession.objects.filter(pk=owner, finished_at=None).exists()


@contextmanager
def _answers(operation: str) -> Iterator[None]:
    try:
        with control_call(operation):
            yield
    except ObjectStoreError as error:
        log.exception("The upload storage failed at %s", operation)
        raise StorageFailed from error


def _code_of(error: Any) -> str:
    """Of a refusal in botocore's words."""
    return str(error.response.get("Error", {}).get("Code", ""))
