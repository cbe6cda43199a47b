"""One request as it came: who it is for, what it asks, and its body."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from tests.s3double.content import CHUNK, Blob
from tests.s3double.errors import S3Error
from tests.s3double.signatures import ChunkSigner

_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+?)\.(?:s3[.-].+|localhost)")


@dataclass
class Request:
    method: str
    path: str  # as sent, with what is before `?`
    raw_query: str
    headers: dict[str, str]  # names in lower case
    bucket: str = ""
    key: str = ""
    query: dict[str, str] = field(default_factory=dict)
    operation: str = ""
    body: "Body" = field(default_factory=lambda: Body(Blob()))
    bad_key: bool = False
    is_damaged: bool = False  # what is kept of the body is not what came

    @classmethod
    def of(cls, method: str, target: str, headers: dict[str, str]) -> "Request":
        path, _, raw_query = target.partition("?")
        found = cls(method, path, raw_query, headers, query=_read_query(raw_query))
        host = re.sub(r":\d+$", "", headers.get("host", ""))
        if virtual := _VIRTUAL_HOST.fullmatch(host):
            found.bucket, raw_key = virtual["bucket"], path[1:]
        else:
            raw_bucket, _, raw_key = path[1:].partition("/")
            found.bucket = _text(raw_bucket)
        try:
            found.key = unquote_to_bytes(raw_key).decode()
        except UnicodeDecodeError:
            found.key, found.bad_key = raw_key, True
        return found

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


def _text(raw: str) -> str:
    return unquote_to_bytes(raw).decode("utf-8", errors="replace")


def _read_query(raw: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in raw.split("&") if word)
    return {_text(name): _text(value.replace("+", " ")) for name, _, value in pairs}


class Body:
    """A received body, its digests taken on the way in."""

    def __init__(self, blob: Blob) -> None:
        self.blob = blob
        self.trailers: dict[str, str] = {}
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5()

    def write(self, data: bytes) -> None:
        self.blob.write(data)
        self._sha256.update(data)
        self._md5.update(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()

    @property
    def md5_base64(self) -> str:
        return base64.b64encode(self._md5.digest()).decode()

    def read(self) -> bytes:
        return self.blob.read(0, self.blob.size)


def receive(stream: BinaryIO, headers: dict[str, str]) -> Body:
    """All that was sent; IncompleteBody where the sender stopped early."""
    body = Body(Blob())
    if headers.get("transfer-encoding", "").lower() == "chunked":
        for data in _http_chunks(stream):
            body.write(data)
        return body
    left = int(headers.get("content-length") or 0)
    while left > 0:
        data = stream.read(min(left, CHUNK))
        if not data:
            raise S3Error("IncompleteBody")
        body.write(data)
        left -= len(data)
    return body


def _http_chunks(stream: BinaryIO) -> Iterator[bytes]:
    while size := int(stream.readline().partition(b";")[0] or b"0", 16):
        yield stream.read(size)
        stream.readline()
    while stream.readline().strip():
        pass


def unchunked(body: Body, *, length: int, signer: ChunkSigner | None) -> Body:
    """The content of an aws-chunked body, each chunk's signature checked where it has one."""
    reader = _Reader(body.blob)
    found = Body(Blob())
    while True:
        head = reader.line()
        size_text, _, extension = head.partition(";")
        try:
            data = reader.take(int(size_text, 16))
        except ValueError as error:
            raise S3Error("IncompleteBody") from error
        if signer:
            signer.check(data, extension.removeprefix("chunk-signature="))
        if not data:
            break
        found.write(data)
        reader.line()
    while line := reader.line():
        name, _, value = line.partition(":")
        found.trailers[name.strip().lower()] = value.strip()
    if found.blob.size != length:
        raise S3Error("IncompleteBody")
    return found


class _Reader:
    def __init__(self, blob: Blob) -> None:
        self._blob, self._at = blob, 0

    def take(self, amount: int) -> bytes:
        data = self._blob.read(self._at, amount)
        self._at += len(data)
        if len(data) < amount:
            raise S3Error("IncompleteBody")
        return data

    def line(self) -> str:
        start = self._blob.read(self._at, 4096)
        text, found, _ = start.partition(b"\r\n")
        self._at += len(text) + len(found)
        return text.decode("latin-1")
