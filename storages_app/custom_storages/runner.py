"""The connection test of a row: claimed, asked, each answer written down, and concluded."""

from datetime import timedelta

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from storages_app.custom_storages import conclusions
from storages_app.custom_storages.asking import ask_all
from storages_app.custom_storages.connect import forget_role, open_outside_store, open_probe_store
from storages_app.custom_storages.probe import Check, Probe, checks_for, registry
from storages_app.models import AccessChange, ConnectionTest, CopyJob, CustomStorage, File, Finding
from storages_app.models.copy_jobs import MAX_CRASHES
from storages_app.models.fields import db_now

_LEASE = timedelta(seconds=90)
_AT_ONCE = 2  # tests of one project
_ANSWERS_HOLD_FOR = timedelta(hours=1)
_N_COPIES_TO_FIND = 3
_N_FILES_SEEN = 1000
State = Finding.State


def claim(*, test_id: int | None = None) -> ConnectionTest | None:
    """Take a test that waits, or whose worker died; None if there is none."""
    _give_up_deadly_tests()
    open_tests = ConnectionTest.objects.filter(
        Q(state=ConnectionTest.State.WAITING)
        | Q(state=ConnectionTest.State.RUNNING, lease_until__lt=db_now())
    )
    candidates = _fairly(open_tests) if test_id is None else open_tests.filter(pk=test_id)
    for row in candidates:
        n_claimed = open_tests.filter(pk=row.pk, fence=row.fence).update(
            state=ConnectionTest.State.RUNNING,
            started_at=db_now(),
            lease_until=db_now() + _LEASE,
            fence=F("fence") + 1,
        )
        if n_claimed:
            claimed: ConnectionTest = ConnectionTest.objects.select_related(
                "custom_storage__project", "access_change"
            ).get(pk=row.pk)
            return claimed
    return None


def _fairly(open_tests: "QuerySet[ConnectionTest]") -> "QuerySet[ConnectionTest]":
    """Two of a project at a time, and first whoever has none: dead hosts hold up nobody else."""
    running = (
        ConnectionTest.objects.filter(
            custom_storage__project=OuterRef("custom_storage__project"),
            state=ConnectionTest.State.RUNNING,
            lease_until__gte=db_now(),
        )
        .order_by()
        .values("custom_storage__project")
        .annotate(n=Count("pk"))
    )
    n_running = Coalesce(Subquery(running.values("n")), 0)
    waiting = open_tests.annotate(n_running=n_running).filter(n_running__lt=_AT_ONCE)
    return waiting.order_by("n_running", "pk")


def _give_up_deadly_tests() -> None:
    """A test that outlived no worker so far fails instead of taking one more with it."""
    n_ended = ConnectionTest.objects.filter(
        state=ConnectionTest.State.RUNNING, lease_until__lt=db_now(), fence__gte=MAX_CRASHES
    ).update(state=ConnectionTest.State.FAILED, finished_at=db_now(), lease_until=None)
    if not n_ended:
        return
    # The settings that such a test was to decide on are not kept, nor is their secret.
    AccessChange.objects.filter(
        state=AccessChange.State.TRIED, tests__state=ConnectionTest.State.FAILED
    ).update(state=AccessChange.State.REFUSED, decided_at=db_now(), sealed_secret="")


def run_test(test: ConnectionTest) -> None:
    """Ask everything, write the findings, and draw the conclusion for the storage."""
    custom_storage = test.subject
    custom_storage.copies_to_find = _copies_to_find(test)
    forget_role(custom_storage)
    probe = Probe.of(custom_storage, open_probe_store, open_outside_store)
    probe.stored = _stored(custom_storage)
    asked = checks_for(custom_storage, ConnectionTest.Kind(test.kind))
    findings = _write_rows(test, asked)
    if any(row.state != State.WAITING for row in findings.values()):  # those that were kept
        probe.capabilities |= custom_storage.capabilities
    ask_all(asked, findings, probe, keep=Finding.save)
    conclusions.draw(test, list(findings.values()), probe)


def _copies_to_find(test: ConnectionTest) -> list[tuple[str, int]]:
    """Where another bucket is to take over: the newest copies that are shown as done."""
    change = test.access_change
    if change is None or not change.settings.keys() & {"provider", "endpoint_url", "bucket"}:
        return []
    done = CopyJob.objects.filter(custom_storage=test.custom_storage, state="done")
    newest = done.order_by("-pk").values_list("key", "size")[:_N_COPIES_TO_FIND]
    return [(key, size or 0) for key, size in newest]


def _stored(custom_storage: CustomStorage) -> tuple[int, int]:
    """How many files the project has and about how many bytes, by its newest ones."""
    files = File.objects.filter(project=custom_storage.project_id).stored()
    sizes = list(files.order_by("-uploaded_at").values_list("size", flat=True)[:_N_FILES_SEEN])
    n_files = len(sizes) if len(sizes) < _N_FILES_SEEN else files.count()
    return n_files, round(sum(sizes) / max(len(sizes), 1) * n_files)


def _write_rows(
    test: ConnectionTest, asked: list[tuple[Check, Finding.Level]]
) -> dict[str, Finding]:
    test.findings.all().delete()
    kept = _answers_to_keep(test)
    rows = []
    for found, level in asked:
        row = kept.get(found.check_id) or Finding(check_id=found.check_id)
        row.pk = None
        row.connection_test = test
        row.name, row.level, row.position = found.name, level, found.position
        rows.append(row)
    Finding.objects.bulk_create(rows)
    return {row.check_id: row for row in test.findings.all()}


def _answers_to_keep(test: ConnectionTest) -> dict[str, Finding]:
    """Where one row is run again: what the last test found for those it does not wait for.

    Only rows that passed are kept: what failed an hour ago must not break the storage anew. A test
    of other settings than today's answers nothing, nor one whose rows go back to another day.
    """
    if not test.again or test.again not in registry:
        return {}
    of_today = ConnectionTest.objects.of_current_settings(test.custom_storage, kind=test.kind)
    tests = of_today.over().exclude(pk=test.pk).order_by("-pk")
    last, is_new = tests.first(), Q(again="", finished_at__gt=db_now() - _ANSWERS_HOLD_FOR)
    if last is None or not tests.filter(is_new).exists():
        return {}
    needed = _with_what_it_requires(test.again)
    kept = last.findings.exclude(check_id__in=needed).filter(state=State.PASSED)
    return {row.check_id: row for row in kept}


def _with_what_it_requires(check_id: str) -> set[str]:
    needed = {check_id}
    for name in registry[check_id].requires:
        needed |= _with_what_it_requires(name)
    return needed
