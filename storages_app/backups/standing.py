"""How a backup stands, said in one sentence that is computed from evidence at this moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.utils import timezone

from storages_app.backups import evidence
from storages_app.models import BackupPlan, BackupRun, CustomStorage
from storages_app.models.copy_jobs import State
from storages_app.objectstores import errors

_ON_ITS_WAY = timedelta(minutes=15)
_OVERDUE = timedelta(minutes=30)
RunState = BackupRun.State


@dataclass(frozen=True)
class Verdict:
    """How the backup stands. `n_unverified` of the missing are written, but nothing proves them."""

    state: Literal["backed_up", "gaps", "not_backed_up", "running", "never", "off", "paused"]
    sentence: str
    n_files: int = 0
    n_missing: int = 0
    since: datetime | None = None
    n_unverified: int = 0


@dataclass(frozen=True)
class _Facts:
    """What the sentence is made of."""

    plan: BackupPlan
    now: datetime
    last: BackupRun | None
    last_whole: BackupRun | None
    count: evidence.Standing

    @property
    def whole_at(self) -> datetime:
        """Until when everything was there; the plan's beginning if it never was."""
        ended = self.last_whole.finished_at if self.last_whole else None
        return ended or self.plan.created_at


def verdict(plan: BackupPlan) -> Verdict:
    """The big sentence of the backup page (spec/DASHBOARD 1.19).

    A file stored in the last minutes is on its way and no gap yet, unless a whole run has ended
    since without it.
    """
    facts = _facts(plan)
    if not plan.is_on:
        return _told(facts, "off", "The backup is turned off.")
    why = _why_not(facts)
    if why:
        return _not_backed_up(facts, why)
    if plan.paused_at:
        return _paused(facts)
    if facts.last_whole is None:
        return _first_backup(facts)
    if facts.count.late_since is None:
        return _told(facts, "backed_up", _backed_up(facts))
    return _gaps(facts)


def _facts(plan: BackupPlan) -> _Facts:
    now = timezone.now()
    runs = plan.runs.order_by("-pk")
    last_pass = runs.filter(state__in=[RunState.DONE, RunState.GAPS]).first()
    settled = now - _ON_ITS_WAY
    if last_pass and last_pass.snapshot_at:
        settled = max(settled, last_pass.snapshot_at)
    return _Facts(
        plan=plan,
        now=now,
        last=runs.first(),
        last_whole=runs.filter(state=RunState.DONE, snapshot_at__isnull=False).first(),
        count=evidence.standing(plan, settled=settled),
    )


def _why_not(facts: _Facts) -> str:
    """Why nothing can be said of the bucket now, whatever the ledger remembers; "" if it can."""
    return _fault_of(facts.plan.custom_storage) or _fault_of_runs(facts)


def _fault_of(storage: CustomStorage) -> str:
    if storage.state == "removed":
        return "The storage of the backup was disconnected."
    if storage.is_broken:
        reason = errors.text_of(storage.circuit_reason)
        return f"The storage “{storage.name}” has failed its check. {reason}".strip()
    words = {"paused": "is paused", "draft": "is not connected"}
    word = words.get(storage.state)
    return f"The storage “{storage.name}” {word}." if word else ""


def _fault_of_runs(facts: _Facts) -> str:
    """The newest run has failed, or nobody has begun the one that was due."""
    plan = facts.plan
    ended = plan.runs.filter(finished_at__isnull=False).exclude(state=RunState.CANCELLED)
    newest = ended.order_by("-pk").first()
    if newest and newest.state == RunState.FAILED:
        return newest.reason
    is_due = plan.next_run_at and plan.next_run_at < facts.now - _OVERDUE
    if not is_due or plan.paused_at or _is_at_work(facts):
        return ""
    return "A run was due and no worker has begun it."


def _is_at_work(facts: _Facts) -> bool:
    """Whether a worker has the run before the one that is due; that one waits for its end."""
    last = facts.last
    if last is None or last.is_over or last.lease_until is None:
        return False
    return last.lease_until > facts.now - _OVERDUE


def _not_backed_up(facts: _Facts, why: str) -> Verdict:
    plan = facts.plan
    text = f"Not backed up since {_utc(facts.whole_at)}. {why.rstrip('.')}."
    is_open = facts.last is not None and not facts.last.is_over
    if is_open and not plan.custom_storage.removed_at:
        text += " A run is under way."
    elif plan.next_run_at and plan.next_run_at > facts.now and not plan.custom_storage.removed_at:
        text += f" Next try {_utc(plan.next_run_at)}."
    n_missing = facts.count.n_files if plan.custom_storage.removed_at else facts.count.n_missing
    return Verdict(
        "not_backed_up", text, facts.count.n_files, n_missing, facts.whole_at, _n_unverified(facts)
    )


def _paused(facts: _Facts) -> Verdict:
    n = facts.count.n_missing
    wait = "No file waits." if n == 0 else "1 file waits." if n == 1 else f"{n:,} files wait."
    paused_at = facts.plan.paused_at
    return _told(facts, "paused", f"Paused since {_utc(paused_at or facts.now)}. {wait}")


def _first_backup(facts: _Facts) -> Verdict:
    """Until one whole run has ended, nothing is called backed up."""
    last, count = facts.last, facts.count
    if last is None:
        return _told(facts, "never", "No backup yet.")
    if not last.is_over or (last.state == RunState.GAPS and evidence.is_moving(facts.plan)):
        n_there = count.n_files - count.n_missing
        return _told(facts, "running", f"First backup: {n_there:,} of {count.n_files:,}.")
    return _not_backed_up(facts, last.reason)


def _backed_up(facts: _Facts) -> str:
    n_there = facts.count.n_files - facts.count.n_missing
    if n_there == 0:
        text = f"Backed up. No file is stored, as of {_utc(facts.now)}."
    else:
        all_files = "The 1 stored file is" if n_there == 1 else f"All {n_there:,} stored files are"
        bucket = facts.plan.custom_storage.bucket
        text = f"Backed up. {all_files} in {bucket} as of {_utc(facts.now)}."
    n_coming = facts.count.n_missing
    if n_coming:
        are = "file is on its" if n_coming == 1 else "files are on their"
        text += f" {n_coming:,} new {are} way."
    return text


def _gaps(facts: _Facts) -> Verdict:
    n_missing, since = facts.count.n_missing, facts.count.late_since
    are = "1 file is" if n_missing == 1 else f"{n_missing:,} files are"
    text = f"Backed up with gaps. {are} missing, oldest since {_utc(since or facts.now)}."
    n_unverified = _n_unverified(facts)
    if n_unverified:
        are = "1 of them is" if n_unverified == 1 else f"{n_unverified:,} of them are"
        text += f" {are} written, but unverified."
    return Verdict("gaps", text, facts.count.n_files, n_missing, since, n_unverified)


def _n_unverified(facts: _Facts) -> int:
    if not facts.count.n_missing:
        return 0
    return evidence.gap_jobs(facts.plan).filter(state=State.UNVERIFIED).count()


def _told(
    facts: _Facts,
    state: Literal["backed_up", "running", "never", "off", "paused"],
    sentence: str,
) -> Verdict:
    since = facts.last_whole.finished_at if facts.last_whole else None
    return Verdict(state, sentence, facts.count.n_files, facts.count.n_missing, since)


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
