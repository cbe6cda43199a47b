"""Setting a backup up, changing it, running it. How it stands is told by `standing.py`."""

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from storages_app.backups import evidence, orders, pings, planner
from storages_app.backups.errors import (
    AlreadyConnected,
    BackupOff,
    BackupPaused,
    BackupRefused,
    StorageNotReady,
)
from storages_app.backups.standing import Verdict, verdict
from storages_app.models import BackupPlan, BackupRun, CopyJob, CustomStorage, Event, Project
from storages_app.models.custom_storages import CustomStorageQuerySet
from storages_app.objectstores import providers

__all__ = ["Options", "Verdict", "verdict"]

MAX_KEEP_DAYS = 3650
MAX_SAMPLE = 1000


@dataclass(frozen=True)
class Options:
    """What an owner chooses of a backup, beside its storage."""

    cron: str = planner.DEFAULT_CRON
    keep_days: int = 0
    storage_class: str = ""
    sample_size: int = 10
    ping_url: str = ""

    def check(self, custom_storage: CustomStorage) -> None:
        """BackupRefused where one of them cannot be."""
        planner.check_cron(self.cron, now=timezone.now())
        if not 0 <= self.keep_days <= MAX_KEEP_DAYS:
            raise BackupRefused(f"Keep manifests for 0 (for ever) to {MAX_KEEP_DAYS} days.")
        if not 0 <= self.sample_size <= MAX_SAMPLE:
            raise BackupRefused(f"Read back 0 to {MAX_SAMPLE} files in each run.")
        classes = providers.provider(custom_storage.provider).storage_classes
        if self.storage_class and self.storage_class not in classes:
            raise BackupRefused(
                f"“{custom_storage.name}” has no storage class {self.storage_class[:40]}.",
                hint=f"It has: {', '.join(classes)}.",
            )
        if self.ping_url:
            pings.check_url(self.ping_url)


def options_of(plan: BackupPlan) -> dict[str, Any]:
    chosen = {name: getattr(plan, name) for name in Options.__dataclass_fields__}
    return chosen | {"ping_url": plan.unseal_ping_url()}


def usable_storages(project: Project) -> CustomStorageQuerySet:
    """The storages that a backup may go to."""
    return CustomStorage.objects.connected().filter(project=project)


def shares_fate(custom_storage: CustomStorage) -> bool:
    """Whether copies and the backup would be in one bucket, by this storage or by another."""
    same_bucket = CustomStorage.objects.connected().filter(
        project_id=custom_storage.project_id,
        bucket=custom_storage.bucket,
        endpoint_url=custom_storage.endpoint_url,
    )
    if same_bucket.exclude(pk=custom_storage.pk).exists() or custom_storage.auto_copy:
        return True
    return CopyJob.objects.filter(custom_storage=custom_storage, is_backup=False).exists()


def connect(
    *, project: Project, custom_storage: CustomStorage, actor: str, **options: Any
) -> BackupPlan:
    """Back every stored file of the project up into this storage; the first run begins at once.

    `options` are those of `Options`.
    """
    _require_usable(project, custom_storage)
    chosen = Options(**options)
    chosen.check(custom_storage)
    with transaction.atomic():
        plan = _save_plan(project, custom_storage, chosen)
        _record("backup.connected", plan, actor)
        orders.begin(plan, asked_by=actor)
    return plan


def _require_usable(project: Project, custom_storage: CustomStorage) -> None:
    if custom_storage.project_id != project.pk or custom_storage.state in {"removed", "draft"}:
        raise StorageNotReady


def _save_plan(project: Project, custom_storage: CustomStorage, chosen: Options) -> BackupPlan:
    """A project keeps one plan; one that is off or has lost its storage is used again."""
    plans = BackupPlan.objects.select_for_update(of=("self",)).select_related("custom_storage")
    existing = plans.filter(project=project).first()
    if existing and existing.is_on and not existing.custom_storage.removed_at:
        raise AlreadyConnected
    plan = existing or BackupPlan(project=project)
    if existing and existing.custom_storage_id != custom_storage.pk:
        orders.stop(plan, reason="The backup was moved to another storage.")
        evidence.forget_seen(plan)
    plan.custom_storage, plan.is_on, plan.paused_at = custom_storage, True, None
    try:
        with transaction.atomic():
            if existing is None:
                plan.save()  # what is sealed is bound to its number
            _set(plan, chosen)
            plan.save()
    except IntegrityError as error:
        raise AlreadyConnected from error
    return plan


def _set(plan: BackupPlan, chosen: Options) -> None:
    """Set the options; the class of the files is the storage's, for workers to see."""
    values = dict(vars(chosen))
    plan.custom_storage.backup_class = values.pop("storage_class")
    plan.custom_storage.save(update_fields=["backup_class"])
    plan.seal_ping_url(values.pop("ping_url"))
    for name, value in values.items():
        setattr(plan, name, value)


def _hold(plan: BackupPlan) -> None:
    """Read the plan as it is now, and keep others from changing it until this transaction ends.

    Whoever asks has read it a while ago: a run has moved on since, or somebody has turned it off.
    """
    rows = BackupPlan.objects.select_for_update(of=("self",))
    plan.refresh_from_db(from_queryset=rows.select_related("custom_storage", "project"))


@transaction.atomic
def change(
    *,
    plan: BackupPlan,
    actor: str,
    custom_storage: CustomStorage | None = None,
    **changes: Any,
) -> BackupPlan:
    """Change some `Options`, or move the backup to another storage.

    After a move the run under way ends, and one that copies everything there begins at once. What
    is in the old bucket stays.
    """
    _hold(plan)
    is_moved = custom_storage is not None and custom_storage.pk != plan.custom_storage_id
    target = custom_storage if custom_storage and is_moved else plan.custom_storage
    if is_moved:
        _require_usable(plan.project, target)
    before = options_of(plan)
    chosen = Options(**(before | changes))
    if is_moved or changes:
        chosen.check(target)
    plan.custom_storage = target
    if is_moved:
        plan.sample_cursor = 0
    elif plan.next_run_at and chosen.cron != before["cron"]:
        plan.next_run_at = planner.next_run(chosen.cron, after=timezone.now())
    _set(plan, chosen)
    plan.save(update_fields=_changed_fields(is_moved=is_moved))
    told = {
        name: _told(name, before[name], vars(chosen)[name])
        for name in before
        if before[name] != vars(chosen)[name]
    }
    if told or is_moved:
        _record("backup.moved" if is_moved else "backup.changed", plan, actor, {"changes": told})
    if is_moved:
        _move(plan, actor)
    return plan


def _changed_fields(*, is_moved: bool) -> list[str]:
    """What `change` writes: a run that goes on writes how far it has read samples."""
    options = [name for name in Options.__dataclass_fields__ if name != "storage_class"]
    return [
        *options,
        "sealed_ping_url",
        "next_run_at",
        *(["custom_storage", "sample_cursor"] if is_moved else []),
    ]


def _move(plan: BackupPlan, actor: str) -> None:
    orders.stop(plan, reason=f"Moved to another storage by {actor}.")
    evidence.forget_seen(plan)  # after the stop: a run that ends now marks none any more
    if plan.is_on and plan.paused_at is None:
        orders.begin(plan, asked_by=actor)


def _told(name: str, before: object, after: object) -> object:
    """Whoever knows a monitor's address can call it: it is a secret."""
    return "changed" if name == "ping_url" else {"before": before, "after": after}


def request_run(*, plan: BackupPlan, asked_by: str) -> BackupRun:
    """Begin a run now; the one that is open if there is one."""
    if not plan.is_on:
        raise BackupOff
    if plan.paused_at:
        raise BackupPaused
    if plan.custom_storage.removed_at:
        raise StorageNotReady
    with transaction.atomic():
        run = orders.begin(plan, asked_by=asked_by)
        if run:
            _record("backup.run_asked", plan, asked_by, {"run": run.pk})
    return run or plan.runs.latest("pk")  # which may have ended at this very moment


@transaction.atomic
def pause(*, plan: BackupPlan, actor: str) -> None:
    """Copy nothing until it is resumed: the run under way ends, and waiting copies are dropped."""
    _hold(plan)
    if not plan.is_on:
        raise BackupOff
    if plan.paused_at:
        return
    plan.paused_at, plan.next_run_at = timezone.now(), None
    plan.save(update_fields=["paused_at", "next_run_at"])
    orders.stop(plan, reason=f"Paused by {actor}.")
    _record("backup.paused", plan, actor)


@transaction.atomic
def resume(*, plan: BackupPlan, actor: str) -> None:
    """Go on; a run that finds what is missing begins at once."""
    _hold(plan)
    if not plan.is_on:
        raise BackupOff
    if plan.paused_at is None:
        return
    plan.paused_at = None
    plan.save(update_fields=["paused_at"])
    orders.begin(plan, asked_by=actor)
    _record("backup.resumed", plan, actor)


@transaction.atomic
def turn_off(*, plan: BackupPlan, actor: str) -> None:
    """Stop the backup: files in the bucket stay, an open run ends, no run follows."""
    _hold(plan)
    if not plan.is_on:
        return
    plan.is_on, plan.next_run_at, plan.paused_at = False, None, None
    plan.save(update_fields=["is_on", "next_run_at", "paused_at"])
    orders.stop(plan, reason=f"Turned off by {actor}.")
    _record("backup.turned_off", plan, actor)


@transaction.atomic
def turn_on(*, plan: BackupPlan, actor: str) -> None:
    """Go on with the same storage; a run begins at once."""
    _hold(plan)
    if plan.is_on:
        return
    if plan.custom_storage.removed_at:
        raise StorageNotReady
    plan.is_on = True
    plan.save(update_fields=["is_on"])
    orders.begin(plan, asked_by=actor)
    _record("backup.turned_on", plan, actor)


@dataclass(frozen=True)
class Progress:
    """How far a run is: of its snapshot, how many files are proved."""

    n_files: int
    n_there: int

    @property
    def percent(self) -> int:
        return 100 * self.n_there // self.n_files if self.n_files else 100


def progress(run: BackupRun) -> Progress | None:
    """Counted now, for a run that is open; None for one that has ended or not begun."""
    if run.is_over or run.snapshot_at is None:
        return None
    found = evidence.standing(run.plan, until=run.snapshot_at)
    return Progress(found.n_files, found.n_files - found.n_missing)


def n_runs_before(run: BackupRun) -> int:
    """Other runs that were asked for earlier, of whatever project, and that have not ended."""
    return BackupRun.objects.filter(finished_at=None, pk__lt=run.pk).count()


def _record(kind: str, plan: BackupPlan, actor: str, data: dict[str, Any] | None = None) -> None:
    Event.objects.record(
        kind,
        actor=actor,
        subject=plan.custom_storage.name,
        subject_id=plan.pk,
        project=plan.project,
        data=data,
    )
