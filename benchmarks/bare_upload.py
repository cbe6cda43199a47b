"""The least that an upload can be: bytes received, hashed and written. No rows, no rules.

`/base/` takes a form as uploads send it and keeps the bytes of its file, read by Werkzeug; `/raw/`
keeps the body as it came, form and all, and reads nothing of it.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.formparser import FormDataParser

CHUNK = 64 * 1024
_FOLDER = os.environ.get("BARE_UPLOADS", "")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the hashes of the bytes, which lie in a file of `BARE_UPLOADS` then."""
    answer = b""
    if environ["REQUEST_METHOD"] == "POST":
        answer = (_keep_body if environ["PATH_INFO"] == "/raw/" else _keep_file)(environ)
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


def _keep_body(environ: dict[str, Any]) -> bytes:
    n_left = int(environ["CONTENT_LENGTH"])
    with _target() as target:
        while n_left and (chunk := environ["wsgi.input"].read(min(CHUNK, n_left))):
            n_left -= len(chunk)
            target.write(chunk)
    return target.hashes()


def _keep_file(environ: dict[str, Any]) -> bytes:
    with _target() as target:
        FormDataParser(stream_factory=lambda **_: target).parse_from_environ(environ)
    return target.hashes()


class _Target:
    """A file that is hashed while it is written."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)

    def write(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        self._md5.update(chunk)
        self._file.write(chunk)

    def seek(self, position: int) -> None:
        """Werkzeug hands the file over at its beginning; nobody reads it here."""

    def hashes(self) -> bytes:
        return f"{self._sha256.hexdigest()} {self._md5.hexdigest()}".encode()


@contextmanager
def _target() -> Iterator[_Target]:
    with tempfile.NamedTemporaryFile(dir=_FOLDER, delete=False, buffering=0) as file:
        yield _Target(file)
        os.fsync(file.fileno())
