"""When there is nothing but a bucket: which backup is meant, and where it comes back to."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from secrets import token_hex
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from storages_app.backups import manifest
from storages_app.backups.manifest import Manifest, ManifestInfo
from storages_app.custom_storages import services as custom_storages
from storages_app.custom_storages.connect import open_store
from storages_app.models import CustomStorage, File, Project, RestoreRun
from storages_app.projects import services as projects
from storages_app.projects.errors import PublicKeyTaken
from storages_app.restores import lines, services
from storages_app.restores.errors import ManifestUnknown, ProjectInUse

_LONGEST_NAME = 64
_LOOKED_UP_AT_ONCE = 500


@dataclass(frozen=True)
class Rescue:
    """Where the files come from and go to; the secret is said once."""

    project: Project
    custom_storage: CustomStorage
    manifest_key: str
    secret_key: str = ""  # of a project that was made for this


def manifests_of(sketch: CustomStorage, *, public_key: str = "") -> list[ManifestInfo]:
    """What a bucket offers, newest first; `sketch` needs no row."""
    return manifest.list_manifests(open_store(sketch), prefix=sketch.prefix, public_key=public_key)


def open_manifest(sketch: CustomStorage, *, key: str, public_key: str = "") -> Manifest:
    """The manifest of this key, or the newest; read whole and checked."""
    store = open_store(sketch)
    if key:
        return manifest.open_manifest(store, key)
    offered = manifests_of(sketch, public_key=public_key)
    if not offered:
        raise ManifestUnknown(
            "There is no manifest of a backup under this prefix.",
            hint="Give the --prefix of the backup. Its manifests are under .ucdash-backup/ there.",
        )
    owners = sorted({info.public_key for info in offered})
    if len(owners) > 1:
        raise ManifestUnknown(
            f"This bucket has the backups of {len(owners)} projects.",
            hint=f"Choose one by --public-key: {', '.join(owners)}.",
        )
    return manifest.open_manifest(store, offered[0].key)


@dataclass
class Preview:
    """What a manifest has, beside what is here."""

    n_files: int = 0
    n_bytes: int = 0
    n_same: int = 0  # here, with the same checksum
    n_taken: int = 0  # the UUID is here, with other bytes or in another project
    n_removed: int = 0  # here and removed: it would come back


def preview(
    sketch: CustomStorage, *, found: Manifest, into: Project | None, uuids: Collection[str] = ()
) -> Preview:
    """Read the manifest whole and look for its files here; no bytes are read, nothing is kept."""
    seen = Preview()
    listed = manifest.iter_lines(open_store(sketch), found)
    records = (lines.parse(line, prefix=sketch.prefix) for line in listed)
    wanted = (one for one in records if not uuids or str(one.uuid) in uuids)
    while page := list(islice(wanted, _LOOKED_UP_AT_ONCE)):
        here = File.objects.in_bulk([one.uuid for one in page])
        for one in page:
            seen.n_files, seen.n_bytes = seen.n_files + 1, seen.n_bytes + one.size
            file = here.get(one.uuid)
            if file is None:
                continue
            is_ours = into is not None and file.project_id == into.pk
            seen.n_removed += is_ours and file.is_removed
            seen.n_same += is_ours and not file.is_removed and file.sha256 == one.sha256
            seen.n_taken += not is_ours or (not file.is_removed and file.sha256 != one.sha256)
    return seen


@transaction.atomic
def prepare(
    *,
    found: Manifest,
    into: Project | None,
    name: str,
    is_drill: bool,
    actor: str,
    secret: str,
    **access: Any,
) -> Rescue:
    """The project `into`, or one of this name with its old public key if that is free here.

    A project of this name without files is one that an earlier try has made, and is used again.
    """
    project = into or _earlier(name) or projects.create_project(name=name, owner=None)
    is_empty = not project.files.exists()
    if into is None and not is_empty and not _open_runs(project, found.key).exists():
        raise ProjectInUse(
            hint=f"Restore into it with --into {project.slug}, or give another name."
        )
    storage = _source(project, actor=actor, secret=secret, **access)
    secret_key = ""
    if into is None and is_empty and not is_drill:
        secret_key = _bring_keys(project, found, actor=actor)
    return Rescue(project, storage, found.key, secret_key)


def _bring_keys(project: Project, found: Manifest, *, actor: str) -> str:
    """The public key of old, if it is free; the secret of a new key, if there is none yet."""
    wanted = str(found.head.get("public_key") or "")
    with suppress(PublicKeyTaken):
        projects.bring_back_public_key(project=project, public_key=wanted, actor=actor)
    if project.secret_keys.active().exists():
        return ""
    _key, secret = projects.create_secret_key(project=project, label="restored", actor=actor)
    return secret


def begin(
    *, prepared: Rescue, actor: str, uuids: list[str], on_taken: str, is_drill: bool
) -> RestoreRun:
    """A new run; or the one that was begun with the same words and has not ended."""
    only = {"uuids": uuids} if uuids else {}
    run = services.request(
        project=prepared.project,
        custom_storage=prepared.custom_storage,
        manifest_key=prepared.manifest_key,
        asked_by=actor,
        only=only,
        on_taken=on_taken,
        is_drill=is_drill,
    )
    begun = _open_runs(prepared.project, prepared.manifest_key).filter(
        custom_storage=prepared.custom_storage,
        filter=run.filter,
        on_taken=run.on_taken,
        is_drill=is_drill,
        pk__lt=run.pk,
    )
    earlier: RestoreRun | None = begun.order_by("pk").first()
    if earlier is None:
        return run
    services.cancel(run=run, actor=actor)
    return earlier


def _open_runs(project: Project, key: str) -> QuerySet[RestoreRun]:
    return RestoreRun.objects.filter(project=project, manifest_key=key, finished_at=None)


def _earlier(name: str) -> Project | None:
    return Project.objects.live().filter(name=name.strip()).order_by("pk").first()


def _source(project: Project, *, actor: str, secret: str, **access: Any) -> CustomStorage:
    """The storage of this place, a draft unless the project has connected it."""
    sketch = custom_storages.sketch(secret=secret, **access)
    place = {name: getattr(sketch, name) for name in ("endpoint_url", "bucket", "prefix")}
    known = project.custom_storages.live().filter(**place).order_by("connected_at").first()
    if known is None:
        return custom_storages.create_draft(
            project=project,
            actor=actor,
            secret=secret,
            name=_free_name(project, sketch.bucket),
            **access,
        )
    if known.is_draft:
        custom_storages.change(custom_storage=known, actor=actor, secret=secret, **access)
    return known


def _free_name(project: Project, bucket: str) -> str:
    """The bucket's name, as far as a storage can be called so."""
    stem = bucket.replace(".", "-")[:_LONGEST_NAME]
    is_taken = project.custom_storages.live().filter(name=stem).exists()
    return f"{stem[:50]}-{token_hex(3)}" if is_taken else stem
