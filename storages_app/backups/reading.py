"""Handing out what a run left in the bucket: the server reads it for people without its keys."""

import json
from collections.abc import Iterator
from itertools import chain

from storages_app.backups import manifest
from storages_app.backups.errors import NoManifest
from storages_app.custom_storages.connect import open_store
from storages_app.models import BackupRun
from storages_app.objectstores.base import ObjectStore


def manifest_of(run: BackupRun) -> Iterator[bytes]:
    """The manifest's bytes; whatever is wrong with it is raised here, not in the middle."""
    opened = manifest.open_manifest(_store_of(run), run.manifest_key)
    return iter([opened.text])


def files_of(run: BackupRun) -> Iterator[bytes]:
    """One JSON line for each file of the manifest; the first segment is checked here."""
    store = _store_of(run)
    lines = manifest.iter_lines(store, manifest.open_manifest(store, run.manifest_key))
    first = list(_some(lines))
    return (json.dumps(line, sort_keys=True).encode() + b"\n" for line in chain(first, lines))


def _some(lines: Iterator[manifest.Line]) -> Iterator[manifest.Line]:
    for line in lines:
        yield line
        return


def _store_of(run: BackupRun) -> ObjectStore:
    """Where the run has left it, which may be another storage than the plan's of today."""
    storage = run.custom_storage
    is_sealed = run.manifest_key and run.manifest_sha256
    if not is_sealed or storage is None or storage.removed_at:
        raise NoManifest
    return open_store(storage)
