"""Archives that are made while they are sent: no more of them is in memory than one piece.

Neither kind is compressed: most of what is uploaded is compressed already.
"""

import re
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Protocol, cast

from storages_app.lib.filenames import NAMELESS, base_name

_PIECE = 256 * 1024
_MODE = 0o644
_ZIP_BEGINS = 1980  # it knows no earlier years

# Windows has no such characters in names, and no files of these names.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?", re.IGNORECASE)
_LONGEST_NAME = 240  # bytes; file systems take 255, and a number may be added
_LONGEST_EXTENSION = 32


class _Source(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Entry:
    """One file of an archive; `open` is called when its turn has come."""

    name: str
    size: int
    changed_at: datetime
    open: Callable[[], _Source]


class EntryCutShort(Exception):
    """A source ended early. The archive cannot be ended well, so its reader must not see an end."""


def zip_archive(entries: Iterable[Entry]) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(cast("IO[bytes]", outbox), "w") as archive:
        for entry in entries:
            with archive.open(_zip_info(entry), "w") as written:
                for piece in _pieces(entry):
                    written.write(piece)
                    yield outbox.take()
    yield outbox.take()


def tar_archive(entries: Iterable[Entry]) -> Iterator[bytes]:
    n_sent = 0
    for entry in entries:
        head = _tar_head(entry)
        padding = bytes(-entry.size % tarfile.BLOCKSIZE)
        yield head
        yield from _pieces(entry)
        yield padding
        n_sent += len(head) + entry.size + len(padding)
    yield bytes(_tar_end(n_sent))


def tar_size(entries: Iterable[Entry]) -> int:
    """How long the archive will be, since one that breaks off between two files looks whole."""
    length = sum(
        len(_tar_head(entry)) + entry.size + -entry.size % tarfile.BLOCKSIZE for entry in entries
    )
    return length + _tar_end(length)


def entry_names(names: Sequence[str]) -> list[str]:
    """Names under which files can lie side by side in one folder of any system."""
    n_of_name: dict[str, int] = {}
    return [_numbered(_cleaned(name), n_of_name) for name in names]


class _Outbox:
    """What a writer sees as a file without a way back; what it wrote is taken away piecewise.

    It must not have `tell`: by that zipfile knows that it cannot go back.
    """

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self._pieces.append(piece)
        return len(piece)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _zip_info(entry: Entry) -> zipfile.ZipInfo:
    moment = entry.changed_at.astimezone(UTC)
    year = max(moment.year, _ZIP_BEGINS)
    time = (year, moment.month, moment.day, moment.hour, moment.minute, moment.second)
    info = zipfile.ZipInfo(entry.name, time)
    info.file_size = entry.size  # large ones need other records, known before the first byte
    info.external_attr = _MODE << 16
    return info


def _tar_head(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.name)
    info.size = entry.size
    info.mtime = int(entry.changed_at.timestamp())
    info.mode = _MODE
    return info.tobuf(tarfile.PAX_FORMAT)


def _tar_end(n_sent: int) -> int:
    """Zeros at the end: two blocks, and up to a whole record."""
    end = 2 * tarfile.BLOCKSIZE
    return end + -(n_sent + end) % tarfile.RECORDSIZE


def _pieces(entry: Entry) -> Iterator[bytes]:
    left = entry.size
    with closing(entry.open()) as source:
        while left:
            piece = source.read(min(_PIECE, left))
            if not piece:
                raise EntryCutShort(f"{left} of {entry.size} bytes are missing.")
            left -= len(piece)
            yield piece


def _cleaned(name: str) -> str:
    cleaned = _FORBIDDEN.sub("_", base_name(name)).strip().rstrip(". ")
    if not cleaned:
        return NAMELESS
    return _cut(f"_{cleaned}" if _RESERVED.fullmatch(cleaned) else cleaned)


def _cut(name: str) -> str:
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    root, extension = _split(name)
    left = _LONGEST_NAME - len(extension.encode())
    return root.encode()[:left].decode(errors="ignore") + extension


def _numbered(wanted: str, n_of_name: dict[str, int]) -> str:
    """The name, or the name with a number: many systems do not tell `A.txt` from `a.txt`."""
    root, extension = _split(wanted)
    name, number = wanted, n_of_name.get(_folded(wanted), 0)
    while _folded(name) in n_of_name:
        number += 1
        name = f"{root} ({number}){extension}"
    n_of_name[_folded(name)] = 1
    n_of_name[_folded(wanted)] = max(number, 1)
    return name


def _split(name: str) -> tuple[str, str]:
    root, dot, extension = name.rpartition(".")
    if not root or len(extension.encode()) > _LONGEST_EXTENSION:
        return name, ""
    return root, dot + extension


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
