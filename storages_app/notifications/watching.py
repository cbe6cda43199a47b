"""What is wrong at this moment, told by the ledger's own rows: an incident begins, or it has ended.

Nobody below has to tell anything, so nothing is lost when a process dies. What mends itself between
two looks is not told.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone

from storages_app.backups import services as backups
from storages_app.models import (
    BackupPlan,
    BackupRun,
    BulkJob,
    CopyJob,
    CustomStorage,
    Incident,
    NotificationDelivery,
    Project,
    RestoreRun,
    SecretKey,
)
from storages_app.models.fields import db_now
from storages_app.notifications import explaining, messages, ordering
from storages_app.notifications.messages import Message, utc

Kind, Moment = Incident.Kind, NotificationDelivery.Moment
_OVERDUE = timedelta(minutes=30)
_JOBS_OF = timedelta(days=7)  # a job that failed before that is told to nobody any more
_KEY_ENDS_WITHIN = timedelta(days=1)
_MOST_COUNTED = 10_000


# --- Storages ----------------------------------------------------------------------------------


def look_at_storages() -> None:
    """A storage is broken from the opening of its circuit to the closing, pauses included."""
    open_ = _open(Kind.STORAGE)
    connected = CustomStorage.objects.connected().filter(project__removed_at=None)
    broken = connected.filter(circuit_opened_at__isnull=False, paused_at=None)
    for storage in broken.select_related("project"):
        if str(storage.pk) not in open_:
            _storage_broke(storage)
    rows = CustomStorage.objects.in_bulk(list(open_))
    for incident in open_.values():
        _look_again_at_storage(incident, rows)


def _storage_broke(storage: CustomStorage) -> None:
    found = explaining.explain(storage)
    headline = f"Storage “{storage.name}” stopped working: {found.title}"
    facts = [found.why, _what_waits(storage)]

    _begin(
        lambda incident: messages.began(
            incident, headline=headline, facts=[fact for fact in facts if fact], steps=found.steps
        ),
        project=storage.project,
        kind=Kind.STORAGE,
        subject_id=str(storage.pk),
        subject=storage.name,
        title=found.title,
        path=_path("storage", storage.project, storage.pk),
        began_at=storage.circuit_opened_at or timezone.now(),
    )


def _what_waits(storage: CustomStorage) -> str:
    files = CopyJob.objects.filter(custom_storage=storage).waiting().order_by().values("file")
    n = files.distinct()[: _MOST_COUNTED + 1].count()
    if n == 0:
        return "No file is waiting."
    many = f"Over {_MOST_COUNTED:,} files are" if n > _MOST_COUNTED else f"{n:,} files are"
    return f"{'1 file is' if n == 1 else many} waiting. They go out by themselves once it works."


def _look_again_at_storage(incident: Incident, rows: dict[Any, CustomStorage]) -> None:
    storage = next((row for pk, row in rows.items() if str(pk) == incident.subject_id), None)
    name = incident.subject
    if storage is None or storage.removed_at:
        _end(incident, f"Storage “{name}” was disconnected", "It was disconnected.")
    elif storage.circuit_opened_at is None:
        _end(incident, f"Storage “{name}” works again", "It works again.", _what_waits(storage))


# --- Backups -----------------------------------------------------------------------------------


def look_at_backups() -> None:
    """What is to be doubted is asked for by the runs; the count of the files decides."""
    open_ = _open(Kind.BACKUP)
    doubtful = _doubtful_plans().exclude(pk__in=[int(pk) for pk in open_])
    for plan in doubtful.select_related("project", "custom_storage"):
        _look_at_backup(plan)
    plans = BackupPlan.objects.filter(pk__in=[int(pk) for pk in open_])
    found = {str(plan.pk): plan for plan in plans.select_related("project", "custom_storage")}
    for incident in open_.values():
        _look_again_at_backup(incident, found.get(incident.subject_id))


def _doubtful_plans() -> Any:
    """Whose newest run did not bring everything, or whose next one nobody has begun."""
    ended = BackupRun.objects.filter(plan=OuterRef("pk"), finished_at__isnull=False)
    newest = ended.exclude(state=BackupRun.State.CANCELLED).order_by("-pk").values("state")[:1]
    plans = BackupPlan.objects.annotate(newest=Subquery(newest))
    is_short = Q(newest__in=[BackupRun.State.FAILED, BackupRun.State.GAPS])
    is_overdue = Q(next_run_at__lt=db_now() - _OVERDUE, paused_at=None)
    return plans.filter(is_short | is_overdue, is_on=True, project__removed_at=None)


def _look_at_backup(plan: BackupPlan) -> None:
    verdict = backups.verdict(plan)
    if verdict.state not in {"gaps", "not_backed_up"}:
        return
    has_gaps = verdict.state == "gaps"
    headline = f"The backup has gaps: {verdict.sentence}" if has_gaps else verdict.sentence
    steps = ["Open the backup: it groups what is missing by reason, each with what to do."]
    if plan.custom_storage.state != "connected":
        steps = [f"Open the storage “{plan.custom_storage.name}” and run its test."]
    _begin(
        lambda incident: messages.began(
            incident,
            headline=headline,
            facts=[_n_missing(verdict.n_missing)],
            steps=[*steps, "Choose “Run now” on the page of the backup, or wait for its next run."],
        ),
        project=plan.project,
        kind=Kind.BACKUP,
        subject_id=str(plan.pk),
        subject=f"Backup to {plan.custom_storage.name}",
        title=verdict.sentence,
        path=_path("backup", plan.project),
        began_at=verdict.since or timezone.now(),
    )


def _n_missing(n: int) -> str:
    return "1 stored file has no backup." if n == 1 else f"{n:,} stored files have no backup."


def _look_again_at_backup(incident: Incident, plan: BackupPlan | None) -> None:
    if plan is None or not plan.is_on:
        _end(incident, "The backup was turned off", "It was turned off.")
        return
    verdict = backups.verdict(plan)
    if verdict.state == "backed_up":
        _end(incident, "The backup is whole again", "It is whole again.", verdict.sentence)
    elif verdict.state == "paused":
        _end(incident, "The backup was paused", "It was paused.", verdict.sentence)


# --- Jobs --------------------------------------------------------------------------------------


def look_at_jobs() -> None:
    """Each job that failed or ended with gaps, once; such an incident is over as it begins."""
    since = timezone.now() - _JOBS_OF
    known = set(
        Incident.objects.filter(
            kind=Kind.JOB, noticed_at__gt=since - timedelta(days=1)
        ).values_list("subject_id", flat=True)
    )
    for job in _ended(BulkJob, since):
        if f"copy {job.pk}" not in known:
            what = f"Copy to {job.custom_storage.name}"
            _job_failed(job, f"copy {job.pk}", what, _path("bulk_job", job.project, job.pk))
    for run in _ended(RestoreRun, since):
        if f"restore {run.pk}" not in known:
            what = "Drill" if run.is_drill else "Restore"
            what = f"{what} from {run.custom_storage.name}"
            _job_failed(run, f"restore {run.pk}", what, _path("restore_run", run.project, run.pk))


def _ended(model: Any, since: datetime) -> Iterable[Any]:
    rows = model.objects.filter(
        state__in=["failed", "gaps"], finished_at__gt=since, project__removed_at=None
    )
    found: Iterable[Any] = rows.select_related("project", "custom_storage").order_by("pk")
    return found


def _job_failed(job: BulkJob | RestoreRun, subject_id: str, subject: str, path: str) -> None:
    if job.state == "failed":
        title = job.reason or "It could not go on."
        headline = f"Job failed: {subject}"
    else:
        n = job.n_gaps if isinstance(job, BulkJob) else job.n_failed
        title = "1 file was left out." if n == 1 else f"{n:,} files were left out."
        headline = f"Job done with gaps: {subject}"
    _begin(
        lambda incident: messages.began(
            incident,
            headline=headline,
            facts=[title, f"Asked for by {job.asked_by}."],
            steps=["Open the job: it groups what went wrong by reason, each with what to do."],
        ),
        project=job.project,
        kind=Kind.JOB,
        subject_id=subject_id,
        subject=subject,
        title=title,
        path=path,
        began_at=job.finished_at or timezone.now(),
        ended_at=job.finished_at,
    )


# --- Secret keys -------------------------------------------------------------------------------


def look_at_keys() -> None:
    """A key that was rolled, in its last day."""
    open_ = _open(Kind.KEY)
    rolled = SecretKey.objects.active().filter(project__removed_at=None, ends_at__isnull=False)
    for key in rolled.filter(ends_at__lt=db_now() + _KEY_ENDS_WITHIN).select_related("project"):
        if str(key.pk) not in open_:
            _key_will_end(key)
    still = {str(pk) for pk in rolled.filter(pk__in=list(open_)).values_list("pk", flat=True)}
    for incident in open_.values():
        if incident.subject_id not in still:
            what = f"Secret key “{incident.subject}” has ended"
            _end(incident, what, "It has ended.", "Requests with it are refused.")


def _key_will_end(key: SecretKey) -> None:
    ends = f"It works until {utc(key.ends_at)}." if key.ends_at else ""
    used = f"It was last used on {utc(key.last_used_at)}." if key.last_used_at else ""
    _begin(
        lambda incident: messages.began(
            incident,
            headline=f"Secret key “{key.label}” is about to end",
            facts=[fact for fact in (ends, used) if fact],
            steps=["Put the new secret where the old one is still used."],
        ),
        project=key.project,
        kind=Kind.KEY,
        subject_id=str(key.pk),
        subject=key.label,
        title=ends,
        path=_path("keys", key.project),
        began_at=timezone.now(),
    )


# --- What all have in common -------------------------------------------------------------------


def _open(kind: Incident.Kind) -> dict[str, Incident]:
    rows = Incident.objects.open().filter(kind=kind).select_related("project")
    return {incident.subject_id: incident for incident in rows}


def _begin(write: Callable[[Incident], Message], **values: Any) -> None:
    """Note it and order what is told of it, in one transaction; the second to come does nothing."""
    values["title"] = values["title"][:300]
    with transaction.atomic():
        try:
            with transaction.atomic():
                incident = Incident.objects.create(**values)
        except IntegrityError:
            return
        ordering.tell(incident, Moment.BEGAN, write(incident))


def _end(incident: Incident, headline: str, outcome: str, *facts: str) -> None:
    with transaction.atomic():
        now = timezone.now()
        still_open = Incident.objects.open().filter(pk=incident.pk)
        if not still_open.update(ended_at=now, outcome=outcome):
            return
        incident.ended_at, incident.outcome = now, outcome
        if incident.project.removed_at is None:
            message = messages.ended(incident, headline=headline, facts=facts)
            ordering.tell(incident, Moment.ENDED, message)


def _path(page: str, project: Project, *args: object) -> str:
    return reverse(f"dashboard:{page}", args=[project.slug, *args], urlconf=settings.ROOT_URLCONF)
