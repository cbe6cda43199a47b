"""From the web to a temporary file, hashed on the way. Runs in a thread and asks no database."""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from storages_app.lib import outbound
from storages_app.lib.fetching import Limits, Source, open_source
from storages_app.uploads.receiving import TEMPORARY_PREFIX, disk_full_refused
from storages_app.url_uploads import addresses
from storages_app.url_uploads.holding import Hold
from storages_app.url_uploads.names import name_of


@dataclass(frozen=True)
class Downloaded:
    """A whole file that lies in a temporary one."""

    path: Path
    name: str
    declared_type: str
    size: int
    sha256: str
    md5: str


@contextlib.contextmanager
def downloaded(hold: Hold) -> Iterator[Downloaded]:
    """The file that the row names; its temporary file is removed, unless somebody moved it.

    Raises FetchFailed, OutboundError, DiskFull, or LostFetch when it is somebody else's by now.
    """
    address = outbound.parse(hold.url_upload.unseal_url())
    policy, limits = addresses.policy(), limits_of(hold)
    with _temporary_file() as path:
        with open_source(address, policy=policy, limits=limits) as source:
            hold.n_total = source.size
            found = _write(source, path, hold)
        yield found


def limits_of(hold: Hold) -> Limits:
    of_project = hold.url_upload.project.max_upload_size
    return Limits(
        size=min(settings.FETCH_MAX_BYTES, of_project or settings.FETCH_MAX_BYTES),
        whole_s=settings.FETCH_WHOLE_S,
        idle_s=settings.FETCH_IDLE_S,
    )


@contextlib.contextmanager
def _temporary_file() -> Iterator[Path]:
    with disk_full_refused():
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - it outlives this statement
            prefix=TEMPORARY_PREFIX, dir=settings.FILE_UPLOAD_TEMP_DIR, delete=False
        )
    file.close()
    path = Path(file.name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write(source: Source, path: Path, hold: Hold) -> Downloaded:
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with disk_full_refused(), path.open("wb") as file:
        for block in source.blocks():
            file.write(block)
            sha256.update(block)
            md5.update(block)
            size += len(block)
            hold.count(size)
    return Downloaded(
        path=path,
        name=name_of(
            asked=hold.url_upload.original_filename,
            disposition=source.headers.get("content-disposition", ""),
            target=source.address.target,
        ),
        declared_type=source.headers.get("content-type", ""),
        size=size,
        sha256=sha256.hexdigest(),
        md5=md5.hexdigest(),
    )
