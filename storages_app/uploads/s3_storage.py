"""The upload storage in a bucket: what is opened is read from where somebody reads, not fetched."""

import errno
import io
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.core.files import File as DjangoFile
from storages.backends.s3 import S3Storage

from storages_app.objectstores.backends.s3.translation import control_call
from storages_app.objectstores.errors import ObjectMissing

# The first request of a place asks for little, in case no more is wanted; who reads on is given
# four times as much each time. So each answer is read to its end, and its connection used again.
_FIRST_WINDOW = 256 * 1024
_LARGEST_WINDOW = 16 * 1024 * 1024


class RangedS3Storage(S3Storage):  # type: ignore[misc]
    """django-storages would download an original as a whole before its first byte is read."""

    def _open(self, name: str, mode: str = "rb") -> "DjangoFile[bytes]":
        if mode != "rb":
            raise ValueError("Originals never change: open them with mode rb.")
        body = _RemoteBytes(self.connection.meta.client, self._place_of(name))
        return DjangoFile(io.BufferedReader(body, _FIRST_WINDOW), name)

    def _place_of(self, name: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": posixpath.join(self.location, name)}


class _RemoteBytes(io.RawIOBase):
    """An object as a file; FileNotFoundError where there is none, else ObjectStoreErrors."""

    def __init__(self, client: Any, place: dict[str, str]) -> None:
        self._client = client
        self._place = place
        self._position = 0
        self._window = _FIRST_WINDOW
        self._stream: Any = None  # stands at the position, if there is one
        self._left = 0  # bytes of the stream
        with self._answers("HeadObject"):
            self._size = int(client.head_object(**place)["ContentLength"])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        position = max(0, base + offset)
        if position != self._position:
            self._drop_stream()
            self._position, self._window = position, _FIRST_WINDOW
        return position

    def readinto(self, buffer: Any, /) -> int:
        with memoryview(buffer) as view, self._answers("GetObject"):
            wanted = min(len(view), self._size - self._position)
            if wanted <= 0:
                return 0
            if self._stream is None:
                self._ask()
            chunk: bytes = self._stream.read(min(wanted, self._left))
            view[: len(chunk)] = chunk
        self._position += len(chunk)
        self._left -= len(chunk)
        if not self._left:
            self._drop_stream()
        return len(chunk)

    def close(self) -> None:
        self._drop_stream()
        super().close()

    def _ask(self) -> None:
        last = min(self._position + self._window, self._size) - 1
        part = f"bytes {self._position}-{last}"
        answer = self._client.get_object(**self._place, Range=part.replace(" ", "="))
        self._stream, self._left = answer["Body"], last + 1 - self._position
        if not answer["ContentRange"].startswith(f"{part}/"):
            raise ValueError("Other bytes than were asked for.")
        self._window = min(4 * self._window, _LARGEST_WINDOW)

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._left = None, 0

    @contextmanager
    def _answers(self, operation: str) -> Iterator[None]:
        try:
            with control_call(operation), self._missing_named():
                yield
        except ObjectMissing as error:
            place = self._place["Key"]
            raise FileNotFoundError(errno.ENOENT, "Not in the upload storage", place) from error

    @contextmanager
    def _missing_named(self) -> Iterator[None]:
        """The client is of django-storages, and its refusals are botocore's own."""
        try:
            yield
        except self._client.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                raise ObjectMissing from error
            raise
