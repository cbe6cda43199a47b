"""Processed images of files: made once, kept on disk, the same for every door.

For the file host, for local copies and for processed remote copies.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.cache import cache as django_cache
from django.core.files.storage import storages

from storages_app.imaging import pipeline
from storages_app.imaging.effects import Effects
from storages_app.imaging.errors import ProcessedTooLarge
from storages_app.imaging.info import ImageInfo
from storages_app.imaging.limits import LIMITS
from storages_app.imaging.pipeline import Rendered
from storages_app.models import File
from storages_app.renditions.cache import RenditionCache

_PATIENCE_S = 120  # a copy has more time than a browser
_CHUNK = 1024 * 1024
# Part of every key: raise it when the same operations begin to give other bytes.
_GENERATION = 1

inspect_upload = pipeline.inspect


def render(
    *, file: File, effects: Effects, accept: str = "", patience_s: float = _PATIENCE_S
) -> Rendered:
    """The processed image, from the cache or made now.

    The path is the cache's own: open it within a minute and once, and do not change it. Raises an
    ImagingError, or FileNotFoundError where the original's bytes are gone. `accept` is the Accept
    header of whom it is for; without one `format/auto` gives JPEG or PNG. ImagingBusy is the one
    error that another try may heal: no image process was free for `patience_s`.
    """
    if file.size > LIMITS.source_bytes:
        raise ProcessedTooLarge
    formats = ",".join(pipeline.accepted_formats(effects, accept))
    key = f"{_GENERATION} {file.sha256} {effects.canonical} {formats}"

    def make(folder: Path) -> Rendered:
        with local_original(file) as source:
            return pipeline.render(source, effects, folder, accept, wait_s=patience_s)

    return _cache().get_or_make(key, make)


def describe(
    *,
    file: File,
    effects: Effects = Effects(),  # noqa: B008 - it is frozen
    accept: str = "",
    patience_s: float = _PATIENCE_S,
) -> ImageInfo | None:
    """The facts of a picture's header, read anew; None where the file is no picture.

    With effects, those of the processed image.
    """
    if not effects.is_empty:
        rendered = render(file=file, effects=effects, accept=accept, patience_s=patience_s)
        return pipeline.inspect(rendered.path)
    with local_original(file) as source:
        return pipeline.inspect(source)


def fingerprint(*, file: File) -> str:
    """The perceptual hash of a picture, 16 hex digits."""
    if file.size > LIMITS.source_bytes:
        raise ProcessedTooLarge
    known: str | None = django_cache.get(f"fingerprint:{file.sha256}")
    if known is None:
        with local_original(file) as source:
            known = pipeline.fingerprint(source)
        django_cache.set(f"fingerprint:{file.sha256}", known)
    return known


@contextmanager
def local_original(file: File) -> Iterator[Path]:
    """The original as a path: where it lies, or a temporary copy of one that lies far away."""
    storage = storages["uploads"]
    try:
        path = Path(storage.path(file.blob_name))
    except NotImplementedError:  # Django's way to say: this storage is not a local disk
        with _spooled(file) as path:
            yield path
        return
    file.open_bytes().close()  # raises where it is missing, or a link that leads elsewhere
    yield path


@contextmanager
def _spooled(file: File) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        with file.open_bytes() as original:
            for chunk in original.chunks(_CHUNK):
                copy.write(chunk)
        copy.flush()
        yield Path(copy.name)


def _cache() -> RenditionCache:
    return _cache_at(Path(settings.RENDITION_CACHE_DIR), settings.RENDITION_CACHE_BYTES)


@cache
def _cache_at(folder: Path, max_bytes: int) -> RenditionCache:
    return RenditionCache(folder, max_bytes)
