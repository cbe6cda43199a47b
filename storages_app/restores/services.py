"""Bringing files back: what may be asked for, by doors and by commands."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from time import sleep
from typing import Any

from django.db import transaction
from django.utils import timezone

from storages_app.backups import manifest
from storages_app.backups.manifest import ManifestInfo
from storages_app.custom_storages.connect import open_store
from storages_app.models import BackupRun, CustomStorage, Project, RestoreItem, RestoreRun
from storages_app.restores import choosing, tasks, verdicts
from storages_app.restores.errors import (
    ManifestUnknown,
    NothingArchived,
    NotWaiting,
    ReplacingUnconfirmed,
    SourceUnusable,
)
from storages_app.restores.holding import AT_WORK, RunState, Tell
from ucdash.celery import wake

OnTaken, What = RestoreRun.OnTaken, RestoreRun.What
Plan = RestoreItem.Plan
_MAX_KEY = 1024


@dataclass(frozen=True)
class Offered:
    """A manifest that a bucket lists, and the run of this instance that wrote it, if one did."""

    info: ManifestInfo
    run: BackupRun | None = None


def manifests_in(*, custom_storage: CustomStorage, at_most: int = 200) -> list[Offered]:
    """The newest manifests of a bucket; asks the bucket. Its refusals are ObjectStoreErrors."""
    require_readable(custom_storage)
    store = open_store(custom_storage)
    found = manifest.list_manifests(store, prefix=custom_storage.prefix)[:at_most]
    runs = BackupRun.objects.filter(
        plan__project_id=custom_storage.project_id, manifest_key__in=[info.key for info in found]
    )
    by_key = {run.manifest_key: run for run in runs}
    return [Offered(info, by_key.get(info.key)) for info in found]


def head_of(*, custom_storage: CustomStorage, manifest_key: str) -> dict[str, Any]:
    """What a manifest says of itself, read and checked now."""
    require_readable(custom_storage)
    return dict(manifest.open_manifest(open_store(custom_storage), manifest_key).head)


def require_readable(custom_storage: CustomStorage) -> None:
    """SourceUnusable unless there is something to sign requests with."""
    keys = custom_storage.identity == CustomStorage.Identity.ACCESS_KEY
    if custom_storage.removed_at or (keys and not custom_storage.has_secret):
        raise SourceUnusable


@transaction.atomic
def request(
    *,
    project: Project,
    custom_storage: CustomStorage,
    manifest_key: str,
    asked_by: str,
    only: Mapping[str, Any] | None = None,
    on_taken: str = OnTaken.SKIP,
    is_drill: bool = False,
) -> RestoreRun:
    """Have a worker read the manifest and compare it with what is there.

    Nothing is written to the project before `start`; a drill goes on by itself and writes nothing
    at all. That the asker may manage both the project and the storage's is for the door to know.
    """
    require_readable(custom_storage)
    choice = choosing.parse(only or {})
    if not _can_be_key(manifest_key, prefix=custom_storage.prefix):
        raise ManifestUnknown
    told = choice.as_json()
    run: RestoreRun = RestoreRun.objects.create(
        project=project,
        custom_storage=custom_storage,
        manifest_key=manifest_key,
        asked_by=asked_by[:200],
        what=_what(told),
        filter=told,
        on_taken=OnTaken(on_taken),
        is_drill=is_drill,
    )
    verdicts.record(run, "restore.requested", actor=run.asked_by)
    transaction.on_commit(partial(wake, "restores.drain"))
    return run


def _can_be_key(text: str, *, prefix: str) -> bool:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return False
    return text.startswith(prefix) and size <= _MAX_KEY and "\0" not in text


def _what(told: dict[str, Any]) -> RestoreRun.What:
    if not told:
        return What.ALL
    return What.SELECTION if told.keys() == {"uuids"} else What.FILTER


@transaction.atomic
def start(*, run: RestoreRun, actor: str, typed_name: str = "") -> RestoreRun:
    """Do what the dry run has shown. Where files are replaced, the project's name is typed."""
    if n_replaced(run) and typed_name.strip() != run.project.name:
        raise ReplacingUnconfirmed
    n_started = RestoreRun.objects.filter(pk=run.pk, state=RunState.COUNTED).update(
        state=RunState.RESTORING, started_at=timezone.now(), lease_until=None, stalls=0, reason=""
    )
    if not n_started:
        raise NotWaiting
    run.refresh_from_db()
    verdicts.record(run, "restore.started", actor=actor)
    transaction.on_commit(partial(wake, "restores.drain"))
    return run


def n_replaced(run: RestoreRun) -> int:
    """How many files that are here now would have other bytes afterwards."""
    if run.is_drill or run.on_taken != OnTaken.REPLACE:
        return 0
    return verdicts.n_planned(run, Plan.TAKEN)


@transaction.atomic
def cancel(*, run: RestoreRun, actor: str) -> RestoreRun:
    """Stop; what was restored stays. One that has ended stays as it ended."""
    open_states = [*AT_WORK, RunState.COUNTED]
    n_cancelled = RestoreRun.objects.filter(pk=run.pk, state__in=open_states).update(
        state=RunState.CANCELLED,
        finished_at=timezone.now(),
        lease_until=None,
        ended_by=actor[:200],
        reason="",
    )
    run.refresh_from_db()
    if n_cancelled:
        verdicts.record(run, "restore.cancelled", actor=actor)
    return run


@transaction.atomic
def start_thaw(*, run: RestoreRun, actor: str) -> RestoreRun:
    """Ask the bucket to thaw what is archived, for a week; it takes hours, and costs."""
    if not verdicts.n_planned(run, Plan.ARCHIVED):
        raise NothingArchived
    _leave_counted(run, state=RunState.THAWING)
    verdicts.record(run, "restore.thaw_started", actor=actor)
    return run


@transaction.atomic
def look_again(*, run: RestoreRun, actor: str) -> RestoreRun:
    """Compare once more what was archived or missing: it may have thawed, or be back."""
    _leave_counted(run, state=RunState.READING)
    run.items.filter(plan__in=[Plan.ARCHIVED, Plan.MISSING]).update(plan="", reason="")
    verdicts.record(run, "restore.looked_again", actor=actor)
    return run


def _leave_counted(run: RestoreRun, *, state: RestoreRun.State) -> None:
    left = RestoreRun.objects.filter(pk=run.pk, state=RunState.COUNTED)
    if not left.update(state=state, lease_until=None, stalls=0, reason=""):
        raise NotWaiting
    run.refresh_from_db()
    transaction.on_commit(partial(wake, "restores.drain"))


def run_here(*, run: RestoreRun, tell: Tell, pause_s: float = 1) -> RestoreRun:
    """Take the run as far as it goes without a person, in this process or beside a worker.

    `tell` hears of each step forward, and of each pause.
    """
    while True:
        tasks.advance(pk=run.pk, tell=tell)
        run.refresh_from_db()
        tell(run)
        if run.is_over or run.state == RunState.COUNTED:
            return run
        sleep(pause_s)
