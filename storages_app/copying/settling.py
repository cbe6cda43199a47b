"""How attempts end in the ledger: outcomes of a batch written under their fences."""

import logging
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from storages_app.copying.making import Assignment, Outcome, health_of
from storages_app.copying.orders import reopen
from storages_app.custom_storages import circuit
from storages_app.lib.crashpoints import crashpoint
from storages_app.models import CopyJob, CustomStorage, Event, File, Reason
from storages_app.models.copy_jobs import RUNNING_STATES, State
from storages_app.models.fields import db_now, read_db_now
from storages_app.objectstores.errors import Throttled
from storages_app.webhooks.announcing import announce

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 900.0
_REST_S = 2.0  # of a whole storage that said SlowDown and not for how long
_GIVE_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True)
class Finished:
    """An attempt that has ended."""

    assignment: Assignment
    outcome: Outcome


def settle(finished: list[Finished]) -> list[Finished]:
    """Write the outcomes of one batch, and what they say of the buckets; those still ours.

    All of it or nothing. So it may be done again by whoever did not hear whether it was done:
    what is written already is found to be ours, and no bucket is told of it twice.
    """
    if not finished:
        return []
    with transaction.atomic():
        written = _written_before(finished)
        rest = [one for one in finished if one not in written]
        held = _settle_done([one for one in rest if one.outcome.state == State.DONE])
        held += [one for one in rest if one.outcome.state != State.DONE and _settle(one)]
        _tell_of_buckets(held)
    crashpoint("copy_outcomes_committed")
    return written + held


def _written_before(finished: list[Finished]) -> list[Finished]:
    """Those that have ended under our own fence: nobody else can have written that."""
    fences = {one.assignment.job.pk: one.assignment.job.fence for one in finished}
    ended = CopyJob.objects.filter(pk__in=fences).exclude(state__in=RUNNING_STATES)
    found = set(ended.values_list("pk", "fence"))
    return [one for one in finished if (one.assignment.job.pk, one.assignment.job.fence) in found]


def _tell_of_buckets(held: list[Finished]) -> None:
    health: dict[CustomStorage, list[Finished]] = defaultdict(list)
    for one in held:
        health[one.assignment.storage].append(one)
    # In one order, because their rows are locked: two workers must not wait for each other.
    for custom_storage in sorted(health, key=lambda storage: storage.pk):
        _slow_down_if_asked(custom_storage, health[custom_storage])
        _report_health(custom_storage, health[custom_storage])


def _settle_done(done: list[Finished]) -> list[Finished]:
    """Write the proved copies of one batch together; those that were still ours."""
    if not done:
        return []
    for one in done:
        for name, value in _final_values(one.outcome).items():
            setattr(one.assignment.job, name, value)
    held = CopyJob.finish_done([one.assignment.job for one in done])
    for one in done:
        if one.assignment.job.pk not in held and not _prove_again(one.assignment.job):
            _drop(one.assignment.job)
    _announce_done([one.assignment.job for one in done if one.assignment.job.pk in held])
    return [one for one in done if one.assignment.job.pk in held]


def _announce_done(jobs: list[CopyJob]) -> None:
    by_project: dict[int, list[CopyJob]] = defaultdict(list)
    for job in jobs:
        by_project[job.project_id].append(job)
    for project_id, copies in by_project.items():
        announce("copy.done", copies, project_id=project_id)


def _prove_again(job: CopyJob) -> bool:
    """A late holder reported while this copy was made: whether it waits to be looked at again."""
    return bool(CopyJob.objects.held(pk=job.pk, fence=job.fence).wait_again())


def _drop(job: CopyJob) -> None:
    CopyJob.objects.filter(pk=job.pk).note_duplicate()
    report_late(job)
    log.warning("The lease of copy job %s was lost; its outcome is dropped.", job.pk)


def report_late(job: CopyJob) -> None:
    """Its holder had lost it, and may have written until now: what is proved is proved again.

    No fence reaches into a bucket. A write over damaged bytes of our own has no condition that
    would stop it, so one that was under way for long may damage what another has proved since.
    """
    same = CopyJob.objects.filter(pk=job.pk)
    same.hear_late_holder()
    reopen(
        same.filter(state=State.DONE, file__removed_at=None),
        lane=CopyJob.Lane(job.lane),
        asked_by=job.asked_by,
        on_clash=job.on_clash,
    )


def _settle(one: Finished) -> bool:
    """Write one outcome under the job's fence; False if the job is not ours any more."""
    job, outcome = one.assignment.job, one.outcome
    held = CopyJob.objects.held(pk=job.pk, fence=job.fence)
    if outcome.new_key:
        return _rename(job, outcome.new_key)
    values = _final_values(_as_of_now(job, outcome))
    if _asker_was_told(job, outcome):
        values["state"] = State.FAILED
    if values["state"] == State.RETRY_WAIT:
        values |= _waiting_values(job, outcome)
    if not held.update(**values):
        _drop(job)
        return False
    if values["state"] == State.FAILED:
        _tell_failure(job, values)
    return True


def _as_of_now(job: CopyJob, outcome: Outcome) -> Outcome:
    """An original that is gone because its file was deleted meanwhile is nobody's fault."""
    is_gone = outcome.reason in {Reason.SOURCE_MISSING, Reason.SOURCE_CHECKSUM_MISMATCH}
    if is_gone and File.objects.filter(pk=job.file_id, removed_at__isnull=False).exists():
        return Outcome(State.CANCELLED, Reason.FILE_DELETED, "The file was deleted.")
    return outcome


def _rename(job: CopyJob, key: str) -> bool:
    """Keep both: the same job again under the next key; a key in use is skipped next time."""
    held = CopyJob.objects.held(pk=job.pk, fence=job.fence)
    try:
        with transaction.atomic():
            return bool(held.wait_again(key=key))
    except IntegrityError:
        values = {
            "state": State.FAILED,
            "reason": Reason.KEY_CONFLICT,
            "detail": f"Another copy of this file has the key {key}.",
            "finished_at": db_now(),
            "lease_until": None,
        }
        if not held.update(**values):
            return False
        _tell_failure(job, values)
        return True


def _final_values(outcome: Outcome) -> dict[str, Any]:
    error, proof, expected = outcome.error, outcome.evidence, outcome.expected
    values: dict[str, Any] = {
        "state": outcome.state,
        "reason": outcome.reason,
        "detail": outcome.detail[:1000],
        "error_code": (error.provider_code if error else "")[:80],
        "http_status": error.http_status if error else None,
        "request_id": (error.request_id if error else "")[:200],
        "lease_until": None,
        "finished_at": db_now(),
    }
    if outcome.state in {State.DONE, State.UNVERIFIED}:
        values["upload_id"] = ""
    if expected:
        values |= {
            "size": expected.size,
            "sha256": expected.sha256,
            "content_type": outcome.content_type,
        }
    if proof:
        values |= {
            "evidence": proof.method,
            "evidence_checksum": proof.checksum[:120],
            "etag": proof.etag[:200],
            "version_id": proof.version_id,
            "verified_at": db_now(),
        }
    return values


def _asker_was_told(job: CopyJob, outcome: Outcome) -> bool:
    """Whoever waits for a REST answer hears an owner's fault as a failure: nothing comes later."""
    is_owners = outcome.error is not None and outcome.error.kind == "owner"
    return is_owners and job.lane == CopyJob.Lane.INTERACTIVE


def _waiting_values(job: CopyJob, outcome: Outcome) -> dict[str, Any]:
    """When to try again: full jitter from 1 s to 15 min, for 24 h; an owner's fault has no end.

    TIME_SCALE shortens all of it, but never what a bucket asked for by Retry-After.
    """
    is_owners = outcome.error is not None and outcome.error.kind == "owner"
    started = job.first_attempt_at
    if not is_owners and started and read_db_now() - started > _GIVE_UP_AFTER * settings.TIME_SCALE:
        return {"state": State.FAILED, "reason": Reason.ATTEMPTS_EXHAUSTED}
    chance = random.random()  # noqa: S311 - jitter
    wait_s = backoff_s(attempts=job.attempts, chance=chance) * settings.TIME_SCALE
    if outcome.error and outcome.error.retry_after:
        wait_s = max(wait_s, min(outcome.error.retry_after, _LONGEST_WAIT_S))
    values: dict[str, Any] = {
        "run_after": db_now() + timedelta(seconds=wait_s),
        "finished_at": None,
        "crashes": 0,  # the attempt has ended without killing its worker
    }
    if is_owners:  # no attempt is used up
        values["attempts"] = Greatest(F("attempts") - 1, Value(0))
    return values


def backoff_s(*, attempts: int, chance: float) -> float:
    """Seconds until the next attempt; `chance` from 0 to 1 is the jitter."""
    ceiling = min(_FIRST_WAIT_S * 2.0 ** min(attempts, 20), _LONGEST_WAIT_S)
    return _FIRST_WAIT_S * 0.2 + ceiling * chance


def _tell_failure(job: CopyJob, values: dict[str, Any]) -> None:
    Event.objects.record(
        "copy.failed",
        actor=job.asked_by,
        subject=job.file.original_filename,
        subject_id=job.pk,
        project=job.project,
        data={"reason": values["reason"], "storage": job.custom_storage.name, "url": job.url},
    )
    job.state, job.reason = values["state"], values["reason"]
    announce("copy.failed", [job], project_id=job.project_id)


def _slow_down_if_asked(custom_storage: CustomStorage, finished: list[Finished]) -> None:
    """Retry-After and SlowDown are said to all who write to this bucket, not to one copy."""
    errors = [one.outcome.error for one in finished if one.outcome.error]
    rests_s = [error.retry_after for error in errors if error.retry_after]
    if any(isinstance(error, Throttled) for error in errors):
        rests_s.append(_REST_S * settings.TIME_SCALE)
    if rests_s:
        circuit.slow_down(custom_storage, seconds=min(max(rests_s), _LONGEST_WAIT_S))


def _report_health(custom_storage: CustomStorage, finished: list[Finished]) -> None:
    signs = {"success": circuit.SUCCESS, "transient": circuit.TRANSIENT, "owner": circuit.OWNER}
    told = [(health_of(one.outcome), one.outcome) for one in finished]
    outcomes = "".join(signs[kind] for kind, _ in told if kind)
    if not outcomes:
        return
    is_all_well = set(outcomes) == {circuit.SUCCESS}
    if is_all_well and not custom_storage.is_broken and not custom_storage.recent_outcomes:
        return  # the record would only say what an empty one says: nothing is wrong
    custom_storage.recent_outcomes = outcomes  # what else comes of the same claim is told as well
    reason = next((o.reason for kind, o in reversed(told) if kind != "success"), "")
    circuit.report(custom_storage, outcomes, reason=reason)
