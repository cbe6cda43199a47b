"""What the page of one copy says is wrong: what, why, what to do, details (spec/DASHBOARD 1.0)."""

from dataclasses import dataclass
from datetime import UTC

from storages_app.dashboard.reasons import NOTHING_TO_DO, explain
from storages_app.models import CopyJob
from storages_app.models.copy_jobs import State
from storages_app.notifications import explaining

_TRIED_AGAIN = "The last try did not go through. It is tried again by itself."
_WHAT = {
    State.PENDING: _TRIED_AGAIN,
    State.RETRY_WAIT: _TRIED_AGAIN,
    State.LEASED: "The last try did not go through. It is being tried again.",
    State.WRITTEN: "The last try did not go through. It is being tried again.",
    State.DONE: "Copied.",
    State.UNVERIFIED: "Written, but not verified.",
    State.FAILED: "Not copied.",
    State.SKIPPED: "Left out.",
    State.CANCELLED: "Not copied.",
}


@dataclass(frozen=True)
class Trouble:
    """Why a copy is not simply done; without `steps` there is nothing to do."""

    what: str
    why: str
    steps: list[str]
    details: str


def trouble_of(job: CopyJob) -> Trouble | None:
    reason = explain(job)
    if reason is None:
        return None
    why, steps = reason.why, [] if reason.fix == NOTHING_TO_DO else [reason.fix]
    storage = job.custom_storage
    if job.state == State.BLOCKED and storage.is_broken and not storage.is_paused:
        found = explaining.explain(storage)  # its test tells more than the copies did
        why, steps = f"{found.title} {found.why}".strip(), found.steps
    return Trouble(_what(job), why, steps, details_of(job))


def _what(job: CopyJob) -> str:
    if job.state == State.BLOCKED:
        return f"Waits for “{job.custom_storage.name}”. Nothing is lost."
    return _WHAT[State(job.state)]


def spoken(job: CopyJob, trouble: Trouble | None) -> str:
    """What is heard when the copy has ended."""
    if job.state == State.DONE:
        return f"Copied to {job.custom_storage.name}."
    return f"{trouble.what} {trouble.why}" if trouble else job.word


def details_of(job: CopyJob) -> str:
    """What a provider's support asks for, as text to copy; empty where no bucket has answered."""
    if not (job.error_code or job.http_status or job.request_id or job.detail):
        return ""
    moment = job.finished_at or job.first_attempt_at or job.created_at
    lines = [
        ("Code", job.error_code or job.reason or "none"),
        ("HTTP status", str(job.http_status or "none")),
        ("Operation", f"copy to {job.url}"),
        ("Request id", job.request_id or "none"),
        ("Time", f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"),
    ]
    text = "\n".join(f"{name}: {value}" for name, value in lines)
    return f"{text}\nThe provider said: {job.detail}" if job.detail else text
