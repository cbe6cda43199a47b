"""HTTP ranges: one range or the whole, so that no request costs more bytes than the file has."""

import re
from typing import BinaryIO

from django.core.files import File as DjangoFile

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class OutOfRange(Exception):
    """The range begins behind the end of the file."""


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte; None for the whole file, as for several ranges or none that we know."""
    match = _ONE_RANGE.fullmatch(header.strip())
    if match is None or header.strip() == "bytes=-":
        return None
    first_text, last_text = match.groups()
    if not first_text:
        wanted = min(int(last_text), size)
        if wanted == 0:
            raise OutOfRange
        return size - wanted, size - 1
    first = int(first_text)
    last = min(int(last_text), size - 1) if last_text else size - 1
    if last_text and int(last_text) < first:
        return None  # not a range at all, so as if it were not there (RFC 9110, 14.1.1)
    if first >= size:
        raise OutOfRange
    return first, last


class Stretch:
    """Some bytes of an open file, as the server takes a file: it reads, or has the kernel send.

    `fileno` is there exactly where the bytes are in a file of the system, which stands at the
    first byte then; how many to send, the server knows by the Content-Length. `seek` and `tell`
    are not: nobody has to look for the end.
    """

    def __init__(self, body: "BinaryIO | DjangoFile[bytes]", first: int, length: int) -> None:
        self._body = body
        self._left = length
        if first:
            body.seek(first)

    def read(self, size: int = -1) -> bytes:
        chunk = self._body.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(chunk)
        return chunk

    def fileno(self) -> int:
        return self._body.fileno()

    def close(self) -> None:
        self._body.close()
