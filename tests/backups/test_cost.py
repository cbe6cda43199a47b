"""What a run costs follows what changed, not what exists."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from storages_app.backups import evidence, manifest, records, runner, services
from storages_app.custom_storages import conclusions
from storages_app.library import orders as library
from storages_app.models import BackupSegment, CopyJob, File
from storages_app.models.copy_jobs import State
from tests.backups.test_records import Died, go_on, names_in, run_again
from tests.factories import make_custom_storage, make_file
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="counts SQLite's steps")
_STEP = 10  # instructions of SQLite's machine between two calls


@pytest.fixture
def plan(project, storage):
    return services.connect(project=project, custom_storage=storage, actor="a test", sample_size=3)


def seed(plan, n: int) -> None:
    """Stored files with a proved copy each, whose lines stand in the one segment that there is."""
    segment = BackupSegment.objects.get()
    moment = timezone.now() - timedelta(days=1)
    pattern = make_file(plan.project, b"pattern", name="pattern")
    files = []
    for number in range(n):
        file = File.objects.get(pk=pattern.pk)
        file.pk = None
        file._state.adding = True
        file.uuid = File._meta.pk.get_default()
        file.uploaded_at = file.stored_at = moment + timedelta(milliseconds=number)
        files.append(file)
    File.objects.filter(pk=pattern.pk).update(removed_at=moment, stored_at=None)
    File.objects.bulk_create(files)
    job = CopyJob.objects.filter(state=State.DONE).first()
    jobs = []
    for file in files:
        row = CopyJob.objects.get(pk=job.pk) if not jobs else _again(jobs[0])
        row.pk, row._state.adding = None, True
        row.file, row.key, row.record = file, f"b/{file.pk}/pattern", segment
        jobs.append(row)
    CopyJob.objects.bulk_create(jobs)


def _again(row: CopyJob) -> CopyJob:
    values = {field.attname: getattr(row, field.attname) for field in CopyJob._meta.fields}
    return CopyJob(**values)


@contextmanager
def counting_steps() -> Iterator[list[int]]:
    steps = [0]

    def count() -> int:
        steps[0] += _STEP
        return 0

    connection.connection.set_progress_handler(count, _STEP)
    try:
        yield steps
    finally:
        connection.connection.set_progress_handler(None, 0)


def nothing_to_do(plan) -> tuple[int, int]:
    """Steps of the database and queries of a run that finds nothing to do."""
    services.request_run(plan=plan, asked_by="a test")
    run = runner.claim()
    with counting_steps() as steps, CaptureQueriesContext(connection) as queries:
        assert runner.advance(run)
    run.refresh_from_db()
    assert (run.state, run.n_new, run.n_changed, run.n_gaps) == ("done", 0, 0, 0)
    assert run.n_files == File.objects.stored().count()
    return steps[0], len(queries)


@on_sqlite
def test_a_run_with_nothing_to_do_costs_no_more_with_ten_times_the_files(
    project, plan, bucket, monkeypatch
):
    monkeypatch.setattr(runner.sampling, "_reads_as_copied", lambda *_: True)
    make_file(project, name="a")
    go_on(plan)
    found = {}
    for n_more in (200, 1800):
        seed(plan, n_more)
        assert run_again(plan).state == "done"  # looks at the new ones, once
        found[n_more] = nothing_to_do(plan)
    few, many = found.values()
    assert many[1] == few[1]
    # Left are three counts along an index, at four steps a file; an anti-join takes forty.
    assert many[0] - few[0] < 1800 * 20, found


@on_sqlite
def test_no_query_of_such_a_run_reads_a_table_from_end_to_end(project, plan, bucket):
    make_file(project, name="a")
    go_on(plan)
    services.request_run(plan=plan, asked_by="a test")
    run = runner.claim()
    with CaptureQueriesContext(connection) as queries:
        assert runner.advance(run)
    scans = [
        (step, query["sql"])
        for query in queries.captured_queries
        if query["sql"].startswith(("SELECT", "UPDATE", "DELETE"))
        for step in plan_of(query["sql"])
        if step.startswith(("SCAN storages_app_file", "SCAN storages_app_copyjob"))
    ]
    assert not scans


def plan_of(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        return [row[3] for row in cursor.fetchall()]


def test_a_run_looks_only_at_files_that_no_run_has_seen(project, plan, bucket, monkeypatch):
    seen = []
    mark = evidence.mark_seen
    monkeypatch.setattr(
        evidence, "mark_seen", lambda plan, pks: (seen.append(len(pks)), mark(plan, pks))
    )
    for n in range(3):
        make_file(project, name=f"f{n}")
    go_on(plan)
    make_file(project, name="late", stored_at=timezone.now() - timedelta(days=400))
    assert run_again(plan).n_new == 1  # however long ago it says that it was stored
    run_again(plan)
    assert seen == [3, 1]


class TestSeen:
    """A mark saves work and proves nothing: where it is wrong the run is not Done by it."""

    def test_rows_that_somebody_took_away_are_noticed_and_the_files_copied_again(
        self, project, plan, bucket
    ):
        make_file(project, name="a")
        make_file(project, name="b")
        go_on(plan)
        CopyJob.objects.filter(file__original_filename="a").delete()
        run = run_again(plan)
        assert (run.state, run.n_files, run.n_gaps) == ("done", 2, 0)
        assert CopyJob.objects.filter(state=State.DONE, is_backup=True).count() == 2
        assert set(names_in(bucket, run)) == {"a", "b"}

    def test_a_row_that_is_no_backup_is_no_reason_to_look_away(self, project, plan, bucket):
        file = make_file(project, name="a")
        evidence.mark_seen(plan, [file.pk])
        assert list(evidence.unseen_files(plan)) == [file]

    def test_a_run_that_was_stopped_marks_nothing_any_more(
        self, project, plan, bucket, monkeypatch
    ):
        make_file(project, name="a")
        order = runner._order

        def moved_meanwhile(run, files):
            order(run, files)
            other = make_custom_storage(project, name="other", prefix="c/", capabilities=PROVEN)
            services.change(plan=plan, actor="a test", custom_storage=other)

        monkeypatch.setattr(runner, "_order", moved_meanwhile)
        runner.advance(runner.claim())
        assert evidence.unseen_files(plan).count() == 1

    def test_all_are_looked_at_after_a_move(self, project, plan, bucket):
        make_file(project, name="a")
        go_on(plan)
        assert not evidence.unseen_files(plan).exists()
        other = make_custom_storage(project, name="other", prefix="c/", capabilities=PROVEN)
        services.change(plan=plan, actor="a test", custom_storage=other)
        assert evidence.unseen_files(plan).count() == 1

    def test_and_after_the_place_of_the_storage_has_changed(self, project, plan, storage, bucket):
        make_file(project, name="a")
        go_on(plan)
        conclusions._forget_backup(storage)
        assert evidence.unseen_files(plan).count() == 1

    def test_a_removed_file_that_was_forgotten_is_looked_at_when_it_is_back(
        self, project, plan, bucket, monkeypatch
    ):
        files = [make_file(project, name.encode(), name=name) for name in "abcdefgh"]
        go_on(plan)
        monkeypatch.setattr(manifest, "MAX_LINES", 4)
        for file in files[1:]:
            library.remove(file)
        run_again(plan)
        run_again(plan)
        assert CopyJob.objects.filter(is_backup=True).count() == 1
        services.pause(plan=plan, actor="a test")  # so that nobody orders it
        File.objects.filter(pk=files[1].pk).update(removed_at=None, stored_at=timezone.now())
        services.resume(plan=plan, actor="a test")
        assert set(names_in(bucket, go_on(plan))) == {"a", "b"}


def test_the_run_counts_as_the_page_does(project, plan, bucket):
    for name in "abcdefg":
        make_file(project, name.encode(), name=name)
    go_on(plan)
    jobs = {job.file.original_filename: job for job in CopyJob.objects.select_related("file")}
    lost = {"state": State.FAILED, "reason": "internal"}
    CopyJob.objects.filter(pk=jobs["a"].pk).update(**lost)
    CopyJob.objects.filter(pk=jobs["b"].pk).update(is_backup=False)
    second = CopyJob.objects.get(pk=jobs["c"].pk)
    second.pk, second.key = None, "elsewhere"
    second.save(force_insert=True)
    CopyJob.objects.filter(pk=second.pk).update(**lost)
    make_file(project, b"new", name="new")
    library.remove(jobs["d"].file)
    evidence.forget_seen(plan)
    evidence.mark_seen(plan, [job.file_id for job in jobs.values()])
    now = timezone.now()
    page = evidence.standing(plan, until=now)
    assert (page.n_files, page.n_missing) == (7, 3)
    assert evidence.standing_of_run(plan, until=now) == page


def test_segments_are_looked_for_a_few_in_each_run_until_all_were(
    project, plan, bucket, monkeypatch
):
    monkeypatch.setattr(manifest, "MAX_LINES", 2)
    monkeypatch.setattr(records, "_N_LOOKED_AT", 2)
    for name in "abcdefghij":
        make_file(project, name.encode(), name=name)
    go_on(plan)
    asked = []
    head = bucket.inner.head
    monkeypatch.setattr(
        bucket.inner,
        "head",
        lambda key: (asked.append(key) if "/records/" in key else 0, head(key))[1],
    )
    for n_runs in (1, 2, 3):
        assert run_again(plan).state == "done"
        assert len(asked) == 2 * n_runs
    assert set(asked) == set(BackupSegment.objects.values_list("key", flat=True))


class TestAnotherTry:
    def test_of_what_has_failed_is_given_page_by_page_once(
        self, project, plan, bucket, monkeypatch
    ):
        for name in "abcdefg":
            make_file(project, name.encode(), name=name)
        go_on(plan)
        failed = CopyJob.objects.exclude(file__original_filename="g")
        failed.update(state=State.FAILED, reason="internal")
        CopyJob.objects.filter(file__original_filename="a").update(state=State.SKIPPED)
        monkeypatch.setattr(runner, "_PAGE", 2)
        pages = []
        order = runner._order
        monkeypatch.setattr(
            runner, "_order", lambda run, files: (pages.append(len(files)), order(run, files))
        )
        run = run_again(plan)
        assert pages == [2, 2, 1, 1]
        assert (run.state, run.n_gaps) == ("done", 0)

    def test_goes_on_where_a_worker_died(self, project, plan, bucket, monkeypatch):
        """F70."""
        for name in "abcd":
            make_file(project, name.encode(), name=name)
        go_on(plan)
        CopyJob.objects.update(state=State.FAILED, reason="internal")
        monkeypatch.setattr(runner, "_PAGE", 2)
        services.request_run(plan=plan, asked_by="a test")
        order, pages = runner._order, []

        def dies_once(run, files):
            pages.append([file.pk for file in files])
            if len(pages) == 2:
                raise Died
            order(run, files)

        monkeypatch.setattr(runner, "_order", dies_once)
        with pytest.raises(Died):
            runner.advance(runner.claim())
        assert go_on(plan).state == "done"
        assert sorted(pages[0] + pages[1]) == sorted(File.objects.values_list("pk", flat=True))
        assert sorted(pages[2]) == sorted(pages[1])
