"""Bytes of any size: small ones in memory, others in a file without a name."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_IN_MEMORY = 512 * 1024
CHUNK = 256 * 1024


class Blob:
    """Written once, then read by any number of threads; the file goes with the last reader."""

    def __init__(self) -> None:
        self.size = 0
        self.is_damaged = False  # these are not the bytes that were sent
        self._start = bytearray()
        self._fd = -1

    def write(self, data: bytes) -> None:
        if self._fd < 0 and self.size + len(data) > _IN_MEMORY:
            self._fd, name = tempfile.mkstemp(prefix="s3double-")
            Path(name).unlink()
            os.write(self._fd, self._start)
            self._start.clear()
        if self._fd >= 0:
            os.write(self._fd, data)
        else:
            self._start += data
        self.size += len(data)

    def damaged(self) -> "Blob":
        """A copy with one bit in its middle turned over; of nothing, one byte."""
        copy = Blob()
        copy.is_damaged = True
        middle = self.size // 2
        copy.write(self.read(0, middle))
        copy.write(bytes([(self.read(middle, 1) or b"\0")[0] ^ 1]))
        for start in range(middle + 1, self.size, CHUNK):
            copy.write(self.read(start, min(CHUNK, self.size - start)))
        return copy

    def read(self, offset: int, amount: int) -> bytes:
        if self._fd >= 0:
            return os.pread(self._fd, amount, offset)
        return bytes(self._start[offset : offset + amount])

    def __del__(self) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                os.close(self._fd)


class Content:
    """The bytes of an object: one blob, or those of its parts one after the other."""

    def __init__(self, blobs: Sequence[Blob] = ()) -> None:
        self.blobs = tuple(blobs)
        self.size = sum(blob.size for blob in self.blobs)

    @classmethod
    def of(cls, data: bytes) -> "Content":
        blob = Blob()
        blob.write(data)
        return cls([blob])

    @property
    def is_damaged(self) -> bool:
        return any(blob.is_damaged for blob in self.blobs)

    def chunks(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        end = self.size if last is None else min(last + 1, self.size)
        start = 0
        for blob in self.blobs:
            at = max(first, start)
            while at < min(end, start + blob.size):
                chunk = blob.read(at - start, min(CHUNK, end - at, start + blob.size - at))
                yield chunk
                at += len(chunk)
            start += blob.size

    def read(self) -> bytes:
        return b"".join(self.chunks())
