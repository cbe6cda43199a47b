"""The least that an upload can be: a body received, hashed and written. No rows, no forms."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

CHUNK = 64 * 1024
_FOLDER = os.environ.get("BARE_UPLOADS", "")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with the SHA-256 of the body, which lies in a file of `BARE_UPLOADS` then."""
    if environ["REQUEST_METHOD"] == "GET":
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    n_left = int(environ["CONTENT_LENGTH"])
    with tempfile.NamedTemporaryFile(dir=_FOLDER, delete=False, buffering=0) as target:
        while n_left and (chunk := environ["wsgi.input"].read(min(CHUNK, n_left))):
            n_left -= len(chunk)
            sha256.update(chunk)
            md5.update(chunk)
            target.write(chunk)
        os.fsync(target.fileno())
    answer = f"{sha256.hexdigest()} {md5.hexdigest()}".encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
