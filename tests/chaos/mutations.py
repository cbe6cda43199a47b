"""Ways to break the product on purpose. A chaos run that stays green with one of them is worthless.

Each takes one protection away from the running code; `apply` is called in every process of the
run. A protection that is not where this file looks for it fails the run: mend the mutation then.
"""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

Undo = Callable[[], None]
_undo: list[Undo] = []


def swap(owner: Any, name: str, replacement: Any) -> None:
    """Put `replacement` in place of an attribute that must be there."""
    before = owner.__dict__[name]
    setattr(owner, name, replacement)
    _undo.append(lambda: setattr(owner, name, before))


def verify() -> None:
    """Evidence is always accepted: what a bucket answers is never looked at."""
    from storages_app.copying import evidence
    from storages_app.copying.evidence import Comparison, Evidence
    from storages_app.objectstores.errors import ObjectMissing

    def accepted(receipt: Any, *_: Any, **__: Any) -> Evidence:
        return Evidence("checksum", "accepted", receipt.etag, receipt.version_id)

    def same(store: Any, key: str, *_: Any, **__: Any) -> Comparison | None:
        try:
            info = store.head(key)
        except ObjectMissing:
            return None
        return Comparison(is_same=True, evidence=accepted(info))

    swap(evidence, "of_receipt", accepted)
    swap(evidence, "of_parts", accepted)
    swap(evidence, "compare", same)


def fence() -> None:
    """Whoever once held a job may write it for ever, and a takeover aborts nothing."""
    from storages_app.copying import making
    from storages_app.models import CopyJob
    from storages_app.models.copy_jobs import CopyJobQuerySet

    def held(jobs: CopyJobQuerySet, *, pk: int, **_: Any) -> QuerySet[CopyJob]:
        return jobs.filter(pk=pk)

    def finish_done(cls: type[CopyJob], jobs: list[CopyJob]) -> set[int]:
        from storages_app.models.fields import db_now

        for job in jobs:
            job.lease_until, job.run_after, job.upload_id = None, None, ""
            job.finished_at = job.verified_at = db_now()
            job.save()
        return {job.pk for job in jobs}

    def renew_leases(cls: type[CopyJob], *, fences: dict[int, int], lease: Any) -> None:
        from storages_app.models.fields import db_now

        running = cls.objects.filter(pk__in=fences).running()
        running.update(lease_until=db_now() + lease)

    swap(CopyJobQuerySet, "held", held)
    swap(CopyJob, "finish_done", classmethod(finish_done))
    swap(CopyJob, "renew_leases", classmethod(renew_leases))
    swap(making, "_abort_stale_upload", lambda *_, **__: None)


def unique() -> None:
    """Two jobs may write one key at once, and no write is conditional on the key being free."""
    from dataclasses import replace

    from storages_app.copying import making
    from storages_app.models.copy_jobs import CopyJobQuerySet

    options_of = making._options

    def options(*args: Any, **kwargs: Any) -> Any:
        return replace(options_of(*args, **kwargs), only_if_absent=False)

    swap(making, "_options", options)
    swap(making, "_look_first", lambda *_, **__: None)
    swap(CopyJobQuerySet, "without_rival", lambda jobs: jobs)


def drop_one_writer_a_key() -> None:
    """The part of `unique` that is in the database."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DROP INDEX copy_job_one_writer_a_key")


def sweep() -> None:
    """Nobody aborts multipart uploads that were left behind."""
    from storages_app.copying import making, multipart
    from storages_app.reconciliation.comparison import Comparison

    swap(making, "_abort_stale_upload", lambda *_, **__: None)
    swap(multipart, "abort_quietly", lambda *_, **__: None)
    swap(Comparison, "sweep_uploads", lambda *_, **__: None)


def poll() -> None:
    """Work is found by wake-up calls alone."""
    from storages_app import periodic

    every = periodic._every

    def only_the_heartbeat(seconds: float, work: Any, name: str) -> None:
        if name == "heartbeat":
            every(seconds, work, name)

    swap(periodic, "_every", only_the_heartbeat)


ALL: dict[str, Callable[[], None]] = {
    mutation.__name__: mutation for mutation in (verify, fence, unique, sweep, poll)
}


def apply(name: str) -> None:
    ALL[name]()


def undo() -> None:
    """Put everything back; for tests of this file."""
    while _undo:
        _undo.pop()()
