"""Which fetches come next, and who holds one: a lease, a fence, and no other writes.

A state is left only by its holder: waiting → running → done or failed; and back to waiting for
another try. A row whose lease is over belongs to whoever claims it.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone

from storages_app.copying.persistence import persist
from storages_app.models import File, UrlUpload
from storages_app.models.fields import db_now

State = UrlUpload.State
MAX_ATTEMPTS = 3
_FIRST_PAUSE = timedelta(seconds=5)  # doubled with each attempt
_LONGEST_ERROR = 300  # the width of the column


class LostFetch(Exception):
    """Another worker has this fetch now, or it has ended: whatever was begun here must stop."""


@dataclass
class Hold:
    """A claimed fetch. Its thread counts the bytes, the pump writes them down."""

    url_upload: UrlUpload
    n_done: int = 0
    n_total: int | None = None
    is_lost: bool = False  # the thread looks at it with each block

    def count(self, n_done: int) -> None:
        if self.is_lost:
            raise LostFetch
        self.n_done = n_done

    def rows(self) -> QuerySet[UrlUpload]:
        return UrlUpload.objects.filter(
            pk=self.url_upload.pk, fence=self.url_upload.fence, state=State.RUNNING
        )


# --- Claiming ----------------------------------------------------------------------------------


def _due() -> Q:
    return Q(run_after__lte=db_now()) | Q(lease_until__lt=db_now())


def claim(*, at_most: int) -> list[Hold]:
    """Take due fetches: of the project that has the fewest under way, then of who waits longest."""
    held: list[Hold] = []
    if not persist(UrlUpload.objects.filter(_due()).exists):
        return held  # without a transaction, which on SQLite would hold up all who write
    while len(held) < at_most and (hold := persist(_claim_next)):
        held.append(hold)
    return held


@transaction.atomic
def _claim_next() -> Hold | None:
    due = UrlUpload.objects.filter(_due())
    waiting = dict(due.order_by().values_list("project").annotate(oldest=Min("created_at")))
    n_running = _n_running() if waiting else Counter[int]()
    for project in sorted(waiting, key=lambda one: (n_running[one], waiting[one])):
        if n_running[project] >= settings.FETCHES_OF_A_PROJECT:
            break  # and so have all that come after it
        if hold := _claim_oldest(due.filter(project=project)):
            return hold
    return None


def _n_running() -> Counter[int]:
    """Fetches under way by project, over all workers."""
    running = UrlUpload.objects.filter(lease_until__gte=db_now()).order_by()
    return Counter(running.values_list("project", flat=True))


def _claim_oldest(due: QuerySet[UrlUpload]) -> Hold | None:
    for token, fence in due.order_by("created_at", "pk").values_list("pk", "fence")[:10]:
        n_claimed = UrlUpload.objects.filter(_due(), pk=token, fence=fence).update(
            state=State.RUNNING,
            run_after=None,
            lease_until=db_now() + settings.LEASE,
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
            n_bytes_done=0,
            n_bytes_total=None,
        )
        if n_claimed:
            return Hold(UrlUpload.objects.select_related("project").get(pk=token))
    return None


# --- Holding -----------------------------------------------------------------------------------


def renew(holds: list[Hold]) -> None:
    """Prolong the leases, and tell how far the fetches are; notes which of them are lost."""
    with transaction.atomic():
        for hold in holds:
            hold.is_lost = not hold.rows().update(
                lease_until=db_now() + settings.LEASE,
                n_bytes_done=hold.n_done,
                n_bytes_total=hold.n_total,
            )


def give_back(hold: Hold) -> None:
    """The process ends: somebody else begins anew, and it was nobody's failure."""
    hold.is_lost = True
    hold.rows().update(
        state=State.WAITING,
        run_after=db_now(),
        lease_until=None,
        fence=F("fence") + 1,
        attempts=F("attempts") - 1,
    )


# --- Ending ------------------------------------------------------------------------------------


def finish(hold: Hold, file: File) -> None:
    """Called inside the transaction that writes the file: both, or none."""
    size = hold.n_done
    _end(hold, state=State.DONE, file=file, n_bytes_done=size, n_bytes_total=size)


def fail(hold: Hold, error_code: str, error: str) -> None:
    _end(hold, state=State.FAILED, error_code=error_code, error=error[:_LONGEST_ERROR])


def _end(hold: Hold, **values: object) -> None:
    ended = {
        "lease_until": None,
        "finished_at": timezone.now(),
        "source_url": f"//{hold.url_upload.host}",
        "sealed_url": "",
    }
    if not hold.rows().update(**ended, **values):
        raise LostFetch


def try_later(hold: Hold) -> bool:
    """Let it wait for another attempt; False if it has had its last one."""
    attempts = hold.url_upload.attempts
    if attempts >= MAX_ATTEMPTS:
        return False
    pause = _FIRST_PAUSE * 2 ** (attempts - 1) * settings.TIME_SCALE
    hold.rows().update(state=State.WAITING, run_after=db_now() + pause, lease_until=None)
    return True


def forget(*, before: datetime) -> int:
    """Drop the rows of fetches that ended long ago, but for those that a duplicate may ask for."""
    old = UrlUpload.objects.filter(finished_at__lt=before)
    n_forgotten, _ = old.exclude(
        is_remembered=True, file__isnull=False, file__removed_at=None
    ).delete()
    return n_forgotten
