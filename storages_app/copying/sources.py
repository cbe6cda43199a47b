"""The bytes of a copy: an original, or an image made of it."""

import hashlib
import io
import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast
from uuid import UUID

from storages_app.copying.evidence import Expected
from storages_app.imaging import effects as image_effects
from storages_app.imaging.pipeline import Rendered
from storages_app.models import CopyJob, File, Reason
from storages_app.renditions import services as renditions

_READ = 256 * 1024
_NOT_THERE = "The original is not in the upload storage."


@dataclass(frozen=True)
class Source:
    """The bytes to be written."""

    body: io.BufferedIOBase
    expected: Expected
    content_type: str

    def fill(self, buffer: mmap.mmap) -> int:
        """Read the next bytes into the buffer; fewer than fit only at the end."""
        filled = 0
        with memoryview(buffer) as view:
            while filled < len(view) and (n_read := self.body.readinto(view[filled:])):
                filled += n_read
        return filled

    def require_undamaged(self) -> None:
        """SourceBroken unless the bytes are still those that were uploaded."""
        self.body.seek(0)
        digest = hashlib.sha256()
        while chunk := self.body.read(_READ):
            digest.update(chunk)
        if digest.hexdigest() != self.expected.sha256:
            raise not_the_one()


class _Moving(io.RawIOBase):
    """A body that says whenever bytes of it are taken: a lease is held while they move."""

    def __init__(self, body: io.BufferedIOBase | mmap.mmap, on_move: Callable[[], None]) -> None:
        self._body = body
        self._on_move = on_move

    def read(self, size: int = -1, /) -> bytes:
        self._on_move()
        return self._body.read(size)

    def tell(self) -> int:
        return self._body.tell()

    def seek(self, offset: int, _whence: int = 0, /) -> int:
        self._body.seek(offset)
        return offset


def moving(body: io.BufferedIOBase | mmap.mmap, on_move: Callable[[], None]) -> BinaryIO:
    return cast("BinaryIO", _Moving(body, on_move))


class SourceBroken(Exception):
    """The original is missing or is not what was uploaded."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(detail)


def not_the_one() -> SourceBroken:
    return SourceBroken(
        Reason.SOURCE_CHECKSUM_MISMATCH, "The original is not the one that was uploaded."
    )


@contextmanager
def open_source(job: CopyJob, others: Mapping[UUID, File]) -> Iterator[Source]:
    """The original, or the image made of it; SourceBroken where that cannot be right.

    `others` are the files that the image is made with, as `find_others` gave them.
    """
    file = job.file
    if job.effects:
        rendered = _render(file, job.effects, others)
        with rendered.path.open("rb") as body:
            expected = Expected(rendered.size, rendered.sha256, rendered.md5)
            yield Source(body, expected, rendered.content_type)
        return
    try:
        original = file.open_bytes()
    except FileNotFoundError as error:
        raise SourceBroken(Reason.SOURCE_MISSING, _NOT_THERE) from error
    with original:
        if original.size != file.size:
            raise SourceBroken(
                Reason.SOURCE_CHECKSUM_MISMATCH,
                f"The original has {original.size} bytes and should have {file.size}.",
            )
        expected = Expected(file.size, file.sha256, file.md5)
        yield Source(cast("io.BufferedIOBase", original.file), expected, file.detected_type)


def unopened(job: CopyJob) -> Source:
    """What is known of an original that nobody reads."""
    file = job.file
    return Source(io.BytesIO(), Expected(file.size, file.sha256, file.md5), file.detected_type)


def find_others(job: CopyJob) -> Mapping[UUID, File]:
    """The other files that the image is made with; BadEffects where one cannot be read now.

    It asks the database, which the threads that open sources must not.
    """
    if not job.effects:
        return {}
    effects = image_effects.parse(job.effects)
    return renditions.find_others(project_id=job.project_id, effects=effects)


def _render(file: File, effects: str, others: Mapping[UUID, File]) -> Rendered:
    try:
        return renditions.render(file=file, effects=image_effects.parse(effects), others=others)
    except FileNotFoundError as error:
        raise SourceBroken(Reason.SOURCE_MISSING, _NOT_THERE) from error
