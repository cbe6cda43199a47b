"""Processed images of files: made once, kept on disk, the same for every door.

For the file host, for local copies and for processed remote copies.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.cache import cache as django_cache
from django.core.files.storage import storages

from storages_app.imaging import pipeline
from storages_app.imaging.effects import Effects
from storages_app.imaging.errors import ProcessedTooLarge
from storages_app.imaging.info import ImageInfo
from storages_app.imaging.limits import LIMITS
from storages_app.imaging.operations.overlay import Overlay
from storages_app.imaging.pipeline import Rendered
from storages_app.models import File
from storages_app.renditions.cache import RenditionCache

Others = Mapping[UUID, File]

log = logging.getLogger(__name__)

_PATIENCE_S = 120  # a copy has more time than a browser
_CHUNK = 1024 * 1024
# Part of every key: raise it when the same operations begin to give other bytes.
_GENERATION = 2

inspect_upload = pipeline.inspect


def find_others(*, project_id: int, effects: Effects) -> Others:
    """The other files that the effects name: what the project could read now.

    BadEffects for all else. A file of another project is as unknown as one that never was.
    """
    if not effects.files:
        return {}
    usable = File.objects.readable().filter(project_id=project_id, size__lte=LIMITS.source_bytes)
    found = usable.in_bulk(effects.files)
    for missing in sorted(effects.files - found.keys(), key=str):
        raise Overlay.unknown(str(missing))
    return found


def render(
    *,
    file: File,
    effects: Effects,
    accept: str = "",
    patience_s: float = _PATIENCE_S,
    others: Others | None = None,
) -> Rendered:
    """The processed image, from the cache or made now.

    The path is the cache's own: open it within a minute and once, and do not change it. Raises an
    ImagingError, or FileNotFoundError where the original's bytes are gone. `accept` is the Accept
    header of whom it is for; without one `format/auto` gives JPEG or PNG. ImagingBusy is the one
    error that another try may heal: no image process was free for `patience_s`. Threads that know
    no database bring the `others`, as `find_others` gave them.
    """
    if file.size > LIMITS.source_bytes:
        raise ProcessedTooLarge
    if others is None:
        others = find_others(project_id=file.project_id, effects=effects)
    formats = ",".join(pipeline.accepted_formats(effects, accept))
    contents = ",".join(others[uuid].sha256 for uuid in sorted(others))
    key = f"{_GENERATION} {file.sha256} {effects.canonical} {formats} {contents}"

    def make(folder: Path) -> Rendered:
        with local_original(file) as source, _local_others(others) as paths:
            return pipeline.render(source, effects, folder, accept, others=paths, wait_s=patience_s)

    return _cache().get_or_make(key, make)


@contextmanager
def _local_others(others: Others) -> Iterator[dict[str, Path]]:
    with ExitStack() as stack:
        yield {str(uuid): stack.enter_context(_local_other(file)) for uuid, file in others.items()}


@contextmanager
def _local_other(file: File) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            path = stack.enter_context(local_original(file))
        except FileNotFoundError as error:
            log.error("The bytes of file %s are not in the upload storage.", file.uuid)
            raise Overlay.unknown(str(file.uuid)) from error
        yield path


def describe(
    *,
    file: File,
    effects: Effects = Effects(),  # noqa: B008 - it is frozen
    accept: str = "",
    patience_s: float = _PATIENCE_S,
    others: Others | None = None,
) -> ImageInfo | None:
    """The facts of a picture's header, read anew; None where the file is no picture.

    With effects, those of the processed image.
    """
    if not effects.is_empty:
        rendered = render(
            file=file, effects=effects, accept=accept, patience_s=patience_s, others=others
        )
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


def main_colours(
    *,
    file: File,
    effects: Effects,
    n_colours: int,
    accept: str = "",
    patience_s: float = _PATIENCE_S,
    others: Others | None = None,
) -> list[list[int]]:
    """Red, green and blue of the main colours of the original, or of the processed image."""
    if file.size > LIMITS.source_bytes:
        raise ProcessedTooLarge
    if effects.is_empty:
        with local_original(file) as source:
            return _main_colours(source, file.sha256, n_colours)
    made = render(file=file, effects=effects, accept=accept, patience_s=patience_s, others=others)
    return _main_colours(made.path, made.sha256, n_colours)


def _main_colours(path: Path, sha256: str, n_colours: int) -> list[list[int]]:
    key = f"main_colours:{n_colours}:{sha256}"
    known: list[list[int]] | None = django_cache.get(key)
    if known is None:
        known = pipeline.main_colours(path, n_colours)
        django_cache.set(key, known)
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
