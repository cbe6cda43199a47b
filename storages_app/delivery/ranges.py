"""HTTP ranges: one range or the whole, so that no request costs more bytes than the file has."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from django.core.files import File as DjangoFile

_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_CHUNK = 256 * 1024


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


def read_range(body: "BinaryIO | DjangoFile[bytes]", first: int, last: int) -> Iterator[bytes]:
    body.seek(first)
    left = last - first + 1
    while left and (chunk := body.read(min(_CHUNK, left))):
        left -= len(chunk)
        yield chunk
