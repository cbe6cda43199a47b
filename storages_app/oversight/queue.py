"""I2, I3, I4, I6 and I7: what the ledger must say, and that it moves."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q

from storages_app.custom_storages.auto_copy_rules import Rule
from storages_app.models import BackupPlan, CopyJob, CustomStorage, Event, File, WorkerHeartbeat
from storages_app.models.copy_jobs import TERMINAL_STATES, CopyJobQuerySet, State
from storages_app.models.fields import db_now, read_db_now
from storages_app.models.files import FileQuerySet
from storages_app.models.paging import in_pages
from storages_app.oversight.violations import Remark, Unknown, Violation

WORKER_IS_FRESH = timedelta(seconds=45)


# --- I2: every file has its copies -----------------------------------------------------------


def has_every_copy(grace: timedelta) -> Iterator[Remark]:
    """Each file that a rule wants in a storage has its rows; none has two, by constraint."""
    switched_on = CustomStorage.objects.connected().filter(auto_copy=True)
    for custom_storage in switched_on.exclude(auto_copy_since=None):
        rule = Rule.of(custom_storage)
        moment = "stored_at" if rule.on_store else "uploaded_at"
        wanted = File.objects.live().filter(rule.files, project=custom_storage.project_id)
        new = wanted.filter(**{f"{moment}__gte": custom_storage.auto_copy_since})
        rows = CopyJob.objects.filter(custom_storage=custom_storage)
        what = f"auto-copy to “{custom_storage}”"
        yield from _without_row(new, rows.filter(effects=""), what)
        for effects in rule.renditions:
            yield from _without_row(new.filter(is_image=True), rows.filter(effects=effects), what)
    plans = BackupPlan.objects.filter(is_on=True, custom_storage__removed_at=None)
    for plan in plans.select_related("custom_storage"):
        # What was stored before the plan is ordered by its first run, which may not be that far.
        ordered = plan.runs.filter(has_ordered_all=True).aggregate(until=Max("snapshot_at"))
        if ordered["until"]:
            stored = File.objects.stored().filter(project=plan.project_id)
            rows = CopyJob.objects.filter(custom_storage=plan.custom_storage, is_backup=True)
            yield from _without_row(
                stored.filter(stored_at__lte=ordered["until"]), rows, "the backup"
            )


def _without_row(files: FileQuerySet, rows: CopyJobQuerySet, what: str) -> Iterator[Remark]:
    for page in in_pages(files.filter(~Exists(rows.filter(file=OuterRef("pk")))).only("pk")):
        for file in page:
            yield Violation(
                "I2",
                f"Wanted by {what}, and no copy was ever ordered.",
                f"file {file.pk}",
                "Check the storage: what is missing is ordered.",
            )


# --- I3 and I4: what is done -----------------------------------------------------------------


def has_one_owner_a_key(grace: timedelta) -> Iterator[Remark]:
    """I3 in the rows: two proved copies of one key cannot both be true."""
    keys = CopyJob.objects.filter(state=State.DONE).order_by().values("custom_storage", "key")
    told_twice = keys.annotate(one=Min("sha256"), other=Max("sha256")).exclude(one=F("other"))
    for pair in told_twice.iterator():
        yield Violation(
            "I3",
            "Two copies with different bytes are both said to be under this key.",
            f"key {pair['key']} of storage {pair['custom_storage']}",
            "Check the storage: the copy that was overwritten is found and opened again.",
        )


def proves_what_is_done(grace: timedelta) -> Iterator[Remark]:
    """I4: `done` has a method, a checksum, a size and a time, and they fit the file."""
    done = CopyJob.objects.filter(state=State.DONE)
    nothing = Q(evidence="") | Q(evidence_checksum="") | Q(sha256="")
    unproved = done.filter(nothing | Q(size=None) | Q(verified_at=None))
    for page in in_pages(unproved.only("pk", "key")):
        for job in page:
            yield Violation(
                "I4", "Done without whole evidence.", f"copy {job.pk}", "Retry this copy."
            )
    another = ~Q(sha256=F("file__sha256")) | ~Q(size=F("file__size"))
    for page in in_pages(done.filter(another, effects="").only("pk", "key")):
        for job in page:
            yield Violation(
                "I4",
                "The evidence is about other bytes than the file's.",
                f"copy {job.pk}",
                "Retry this copy.",
            )


# --- I6: no failure in silence ---------------------------------------------------------------


def shows_every_failure(grace: timedelta) -> Iterator[Remark]:
    """A copy that failed has a reason, and the activity tells of it."""
    failed = CopyJob.objects.filter(state=State.FAILED, finished_at__lt=db_now() - grace)
    for page in in_pages(failed.only("pk", "reason")):
        names = [str(job.pk) for job in page]
        told = set(
            Event.objects.filter(kind="copy.failed", subject_id__in=names).values_list(
                "subject_id", flat=True
            )
        )
        for job in page:
            if not job.reason:
                yield Violation("I6", "Failed without a reason.", f"copy {job.pk}", "Retry it.")
            if str(job.pk) not in told:
                yield Violation(
                    "I6",
                    f"Failed ({job.reason}), and the activity says nothing of it.",
                    f"copy {job.pk}",
                    "Retry it, or see why on its page.",
                )


# --- I7: what waits, moves -------------------------------------------------------------------


def moves(grace: timedelta) -> Iterator[Remark]:
    """Each open row has a time, and what is due is claimed while a worker lives."""
    timeless = CopyJob.objects.exclude(state__in=TERMINAL_STATES)
    for page in in_pages(timeless.filter(run_after=None, lease_until=None).only("pk", "state")):
        for job in page:
            yield Violation(
                "I7",
                f"{job.state}, with no time at which anybody would look at it again.",
                f"copy {job.pk}",
                "Retry it.",
            )
    overdue = _overdue(grace)
    if not overdue:
        return
    if not is_a_worker_alive():
        yield Unknown("Copies are due, and no worker is running to make them.", "workers")
        return
    yield from overdue


def is_a_worker_alive() -> bool:
    return WorkerHeartbeat.objects.filter(seen_at__gt=db_now() - WORKER_IS_FRESH).exists()


def _overdue(grace: timedelta) -> list[Remark]:
    """What no worker has touched for the grace time: leases run out, and storages not served.

    A long queue is no fault as long as its storage is served.
    """
    since = read_db_now() - grace
    hint = "Look at the log of the workers, and start them anew."
    lapsed = CopyJob.objects.filter(lease_until__lt=since).aggregate(n=Count("pk"))["n"]
    found: list[Remark] = []
    if lapsed:
        what = f"{lapsed} copies lost their worker, and no other has taken them over."
        found.append(Violation("I7", what, "workers", hint))
    unserved = CustomStorage.objects.working().filter(
        Q(last_served_at=None) | Q(last_served_at__lt=since)
    )
    due = CopyJob.objects.filter(
        run_after__lt=since,
        state__in=[State.PENDING, State.RETRY_WAIT],
        custom_storage__in=unserved,
    )
    waiting = (
        due.order_by().values("custom_storage").annotate(n=Count("pk"), oldest=Min("run_after"))
    )
    for row in waiting:
        what = f"{row['n']} copies are due, the oldest since {row['oldest']:%Y-%m-%d %H:%M} UTC."
        found.append(Violation("I7", what, f"storage {row['custom_storage']}", hint))
    return found
