"""Changing, moving, pausing and turning off a backup, and what monitors are told."""

import logging
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.utils import timezone

from storages_app.backups import manifest, pings, runner, services, tasks
from storages_app.backups.errors import (
    BackupOff,
    BackupPaused,
    BackupRefused,
    PingRefused,
    StorageNotReady,
)
from storages_app.copying import runner as copying
from storages_app.copying import services as copies
from storages_app.custom_storages import services as custom_storages
from storages_app.custom_storages import tasks as connection_tests
from storages_app.lib import outbound
from storages_app.models import BackupPlan, BackupRun, BackupSegment, CopyJob, CustomStorage, Event
from storages_app.models.copy_jobs import State
from tests.backups.test_records import go_on, names_in, run_again
from tests.factories import make_backup_run, make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


def test_a_run_that_ends_while_one_is_asked_for_is_the_answer(plan, monkeypatch):
    run = plan.runs.get()

    def just_ended(plan, **asked):
        BackupRun.objects.update(state="done", finished_at=timezone.now())

    monkeypatch.setattr(services.orders, "begin", just_ended)
    assert services.request_run(plan=plan, asked_by="a test") == run


class TestAnotherPlace:
    """The storage stays, but its settings name another bucket or prefix."""

    @pytest.mark.parametrize("place", [{"bucket": "another-bucket"}, {"prefix": "c/"}])
    def test_nothing_is_backed_up_until_it_is_there(self, project, storage, plan, bucket, place):
        file = make_file(project, name="a")
        go_on(plan)
        BackupPlan.objects.update(created_at=timezone.now() - timedelta(days=1))
        assert services.verdict(plan).state == "backed_up"
        custom_storages.change(custom_storage=storage, actor="a test", **place)
        connection_tests.drain()
        plan = BackupPlan.objects.get()
        assert CustomStorage.objects.filter(pk=storage.pk, **place).exists()
        told = services.verdict(plan)
        assert (told.state, told.n_missing) == ("gaps", 1)
        tasks.schedule()
        run = go_on(plan)
        assert (run.state, run.n_files, run.n_gaps) == ("done", 1, 0)
        prefix = CustomStorage.objects.get(pk=storage.pk).prefix
        assert names_in(bucket, run)["a"]["key"] == f"{prefix}{file.pk}/a"
        named = manifest.open_manifest(bucket, run.manifest_key).segments
        assert all(segment.key.startswith(prefix) for segment in named)
        assert services.verdict(plan).state == "backed_up"

    def test_a_copy_on_its_way_to_the_old_place_proves_nothing(
        self, project, storage, plan, bucket
    ):
        make_file(project, name="a")
        runner.advance(runner.claim())
        (job,) = CopyJob.objects.claim(limit=1, worker="w", lease=timedelta(minutes=1))
        custom_storages.change(custom_storage=storage, actor="a test", bucket="another-bucket")
        connection_tests.drain()
        assert not CopyJob.objects.held(pk=job.pk, fence=job.fence).exists()

    def test_other_keys_to_the_same_place_change_nothing(self, project, storage, plan, bucket):
        make_file(project, name="a")
        go_on(plan)
        custom_storages.change(custom_storage=storage, actor="a test", secret="another-secret")
        connection_tests.drain()
        assert services.verdict(BackupPlan.objects.get()).state == "backed_up"


class TestMove:
    def test_copies_everything_to_the_new_storage_and_leaves_the_old_as_it_is(
        self, project, plan, bucket
    ):
        make_file(project, name="a")
        go_on(plan)
        old_keys = set(bucket.inner.objects)
        other = make_custom_storage(project, name="other", prefix="c/", capabilities=PROVEN)
        services.change(plan=plan, actor="a test", custom_storage=other)
        run = go_on(plan)
        assert (run.state, run.n_new) == ("done", 1)
        assert names_in(bucket, run)["a"]["key"].startswith("c/")
        assert old_keys <= set(bucket.inner.objects)
        assert Event.objects.filter(kind="backup.moved").count() == 1

    def test_and_back_again_finds_the_old_records(self, project, plan, storage, bucket):
        make_file(project, name="a")
        go_on(plan)
        other = make_custom_storage(project, name="other", prefix="c/", capabilities=PROVEN)
        services.change(plan=plan, actor="a test", custom_storage=other)
        go_on(plan)
        services.change(plan=plan, actor="a test", custom_storage=storage)
        run = go_on(plan)
        assert (run.state, run.n_new) == ("done", 0)
        assert BackupSegment.objects.count() == 2

    def test_to_a_draft_or_a_storage_of_others_is_refused(self, plan):
        for other in (
            make_custom_storage(plan.project, connected_at=None),
            make_custom_storage(make_project()),
        ):
            with pytest.raises(StorageNotReady):
                services.change(plan=plan, actor="a test", custom_storage=other)

    def test_of_a_paused_backup_begins_no_run(self, plan):
        services.pause(plan=plan, actor="a test")
        other = make_custom_storage(plan.project, name="other")
        services.change(plan=plan, actor="a test", custom_storage=other)
        assert [run.state for run in plan.runs.all()] == ["cancelled"]


class TestChange:
    def test_of_the_schedule_sets_the_time_of_the_next_run(self, plan):
        plan.refresh_from_db()
        services.change(plan=plan, actor="a test", cron="0 3 * * *")
        assert (plan.next_run_at.hour, plan.next_run_at.minute) == (3, 0)

    def test_by_somebody_who_has_read_it_long_ago_undoes_nothing(self, plan):
        stale = BackupPlan.objects.get()
        services.change(plan=plan, actor="Ann", cron="0 3 * * *", sample_size=7)
        BackupPlan.objects.update(sample_cursor=5)
        services.change(plan=stale, actor="Bob", keep_days=30)
        now = BackupPlan.objects.get()
        assert (now.cron, now.sample_size, now.keep_days) == ("0 3 * * *", 7, 30)
        assert (now.sample_cursor, now.next_run_at.hour) == (5, 3)

    def test_leaves_alone_what_a_run_writes_at_the_same_time(self, plan, monkeypatch):
        chosen = services._set

        def run_reads_on(plan, options):
            chosen(plan, options)
            BackupPlan.objects.update(sample_cursor=5)

        monkeypatch.setattr(services, "_set", run_reads_on)
        services.change(plan=plan, actor="Ann", keep_days=30)
        assert BackupPlan.objects.get().sample_cursor == 5

    def test_by_a_switch_that_somebody_else_has_used_before_is_none(self, plan):
        stale = BackupPlan.objects.get()
        services.turn_off(plan=plan, actor="Ann")
        with pytest.raises(BackupOff):
            services.pause(plan=stale, actor="Bob")
        assert BackupPlan.objects.get().paused_at is None

    def test_that_changes_nothing_is_not_told(self, plan):
        services.change(plan=plan, actor="a test", keep_days=0)
        assert not Event.objects.filter(kind="backup.changed").exists()

    @pytest.mark.parametrize(
        "changes",
        [
            {"cron": "* * * *"},
            {"cron": "0 0 30 2 *"},
            {"cron": "@daily"},
            {"keep_days": -1},
            {"keep_days": 9999},
            {"sample_size": 1001},
            {"storage_class": "GLACIER"},
            {"ping_url": "https://10.0.0.1/"},
        ],
    )
    def test_to_what_cannot_be_is_refused_and_changes_nothing(self, plan, changes):
        with pytest.raises(BackupRefused):
            services.change(plan=plan, actor="a test", **changes)
        before = services.options_of(BackupPlan.objects.get())
        assert before == vars(services.Options())


class TestPause:
    def test_ends_the_run_and_drops_the_copies_that_only_the_backup_waits_for(
        self, project, plan, bucket
    ):
        mine, others = make_file(project), make_file(project)
        tasks.drain()
        CopyJob.objects.filter(file=others).update(lane=CopyJob.Lane.AUTO_COPY)
        services.pause(plan=plan, actor="Ann")
        assert plan.runs.get().reason == "Paused by Ann."
        states = dict(CopyJob.objects.values_list("file", "state"))
        assert states == {mine.pk: State.CANCELLED, others.pk: State.PENDING}

    def test_lets_nothing_begin_until_it_is_resumed(self, project, plan, bucket):
        go_on(plan)
        services.pause(plan=plan, actor="Ann")
        file = make_file(project, name="late")
        copies.order_copies_of_stored_file(file=file)
        assert not CopyJob.objects.exists()
        BackupPlan.objects.update(next_run_at=timezone.now())
        assert runner.start_due() == 0
        with pytest.raises(BackupPaused):
            services.request_run(plan=plan, asked_by="Ann")
        services.resume(plan=plan, actor="Ann")
        assert set(names_in(bucket, go_on(plan))) == {"late"}

    def test_of_a_backup_that_is_off_is_refused(self, plan):
        services.turn_off(plan=plan, actor="Ann")
        for order in (services.pause, services.resume):
            with pytest.raises(BackupOff):
                order(plan=plan, actor="Ann")


class TestVerdict:
    """The sentence promises nothing that is not so at this moment."""

    @pytest.fixture
    def whole(self, project, plan, bucket):
        make_file(project, name="a")
        go_on(plan)
        plan.refresh_from_db()
        assert services.verdict(plan).state == "backed_up"
        return plan

    def told(self, plan):
        fresh = BackupPlan.objects.select_related("custom_storage").get(pk=plan.pk)
        return services.verdict(fresh)

    def test_of_a_broken_storage(self, whole, storage):
        storage.circuit_opened_at, storage.circuit_reason = timezone.now(), "auth_denied"
        storage.save()
        verdict = self.told(whole)
        assert verdict.state == "not_backed_up"
        told = "“vault” has failed its check. The bucket refused these credentials. Next try"
        assert told in verdict.sentence

    def test_of_a_broken_storage_whose_trouble_is_its_tests_to_tell(self, whole, storage):
        storage.circuit_opened_at, storage.circuit_reason = timezone.now(), "AccessDenied"
        storage.save()
        assert "“vault” has failed its check. Next try" in self.told(whole).sentence

    def test_of_a_paused_storage(self, whole, storage):
        custom_storages.pause(custom_storage=storage, actor="Ann")
        assert "“vault” is paused." in self.told(whole).sentence

    def test_of_a_paused_backup(self, project, whole):
        services.pause(plan=whole, actor="Ann")
        make_file(project)
        verdict = self.told(whole)
        assert verdict.state == "paused"
        assert verdict.sentence.endswith("1 file waits.")

    def test_after_a_failed_run(self, whole):
        make_backup_run(whole, state="failed", reason="No room. (quota)")
        verdict = self.told(whole)
        assert verdict.state == "not_backed_up"
        assert "No room. (quota)" in verdict.sentence

    def test_after_a_cancelled_run_is_that_of_the_run_before(self, whole):
        make_backup_run(whole, state="cancelled", reason="Paused by Ann.")
        assert self.told(whole).state == "backed_up"

    def test_when_no_worker_begins_what_is_due(self, whole):
        BackupPlan.objects.update(next_run_at=timezone.now() - timedelta(hours=1))
        assert "no worker has begun it" in self.told(whole).sentence

    def test_when_what_is_due_waits_for_the_end_of_a_run_that_a_worker_has(self, whole):
        run = make_backup_run(whole, state="copying", finished_at=None)
        BackupRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
        BackupPlan.objects.update(next_run_at=timezone.now() - timedelta(hours=1))
        assert self.told(whole).state == "backed_up"
        BackupRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(hours=1))
        assert "no worker has begun it" in self.told(whole).sentence

    def test_of_copies_that_are_written_but_unverified(self, whole):
        CopyJob.objects.update(state=State.UNVERIFIED, reason="dest_unverifiable")
        verdict = self.told(whole)
        assert (verdict.state, verdict.n_unverified) == ("gaps", 1)
        assert verdict.sentence.endswith("1 of them is written, but unverified.")

    def test_of_a_backup_of_nothing(self, plan, bucket):
        go_on(plan)
        assert self.told(plan).sentence.startswith("Backed up. No file is stored")

    def test_of_a_first_run_that_was_cut_by_the_next_is_still_the_first_backup(
        self, project, plan, bucket
    ):
        make_file(project)
        tasks.drain()
        BackupPlan.objects.update(next_run_at=timezone.now())
        BackupRun.objects.update(lease_until=None)
        tasks.drain()
        assert plan.runs.get().state == "gaps"
        BackupPlan.objects.update(next_run_at=timezone.now() + timedelta(hours=1))
        assert self.told(plan).sentence == "First backup: 0 of 1."


class Monitor(BaseHTTPRequestHandler):
    """Remembers who called it."""

    def do_POST(self) -> None:
        self.server.seen.append(self.path)
        self.send_response(302)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args) -> None:
        """Say nothing."""


@pytest.fixture
def monitor(monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Monitor)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    allowed = frozenset({("127.0.0.1", server.server_port)})
    monkeypatch.setattr(pings, "_policy", lambda: outbound.Policy(allowed_private=allowed))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class TestPings:
    @pytest.fixture
    def url(self, monitor):
        return f"http://127.0.0.1:{monitor.server_port}/ping/secret-uuid?a=1"

    def test_tell_a_monitor_once_that_a_run_is_done_or_not(
        self, project, plan, bucket, monitor, url
    ):
        services.change(plan=plan, actor="a test", ping_url=url)
        make_file(project, name="a")
        run = go_on(plan)
        assert monitor.seen == ["/ping/secret-uuid/start?a=1", "/ping/secret-uuid?a=1"]
        run.refresh_from_db()
        assert run.ping_answer == "HTTP 302"  # and nobody follows it
        bucket.inner.delete(CopyJob.objects.get().key)
        assert run_again(plan).state == "gaps"
        assert monitor.seen[-1] == "/ping/secret-uuid/fail?a=1"

    def test_tell_it_once_that_a_run_has_begun(self, project, plan, bucket, monitor, url):
        services.change(plan=plan, actor="a test", ping_url=url)
        make_file(project, name="a")
        run = services.request_run(plan=plan, asked_by="a test")
        for _ in range(2):  # its copy is on its way
            BackupRun.objects.update(lease_until=None)
            tasks.drain()
        assert monitor.seen == ["/ping/secret-uuid/start?a=1"]
        run.refresh_from_db()
        assert (run.state, run.ping_answer) == ("copying", "start: HTTP 302")

    def test_of_a_beginning_are_not_written_over_those_of_the_end(self, plan, monkeypatch):
        services.change(plan=plan, actor="a test", ping_url="https://monitor.example/")
        run = plan.runs.get()
        BackupRun.objects.update(state="copying")

        class SlowWhileTheRunEnds:
            def __init__(self, **_what):
                pass

            def start(self):
                BackupRun.objects.update(state="done", ping_answer="HTTP 201")

            def join(self, timeout):
                pass

        monkeypatch.setattr(pings, "Thread", SlowWhileTheRunEnds)
        pings.send_due()
        run.refresh_from_db()
        assert run.ping_answer == "HTTP 201"

    def test_never_go_to_private_addresses_nor_write_the_address_down(
        self, project, plan, bucket, caplog
    ):
        caplog.set_level(logging.DEBUG)
        plan.seal_ping_url("https://127.0.0.1:1/secret-uuid")  # past the check
        plan.save()
        run = go_on(plan)
        run.refresh_from_db()
        assert (run.state, run.ping_answer) == ("done", "Not told: address_forbidden")
        assert "secret-uuid" not in caplog.text
        assert not Event.objects.filter(data__icontains="secret-uuid").exists()

    def test_that_nobody_answers_are_no_fault_of_the_run(self, project, plan, bucket, monitor, url):
        services.change(plan=plan, actor="a test", ping_url=url)
        monitor.server_close()
        run = go_on(plan)
        run.refresh_from_db()
        assert (run.state, run.ping_answer) == ("done", "Not told: no answer")

    def test_of_a_slow_monitor_delay_no_other_and_end(self, plan, monkeypatch):
        services.change(plan=plan, actor="a test", ping_url="https://monitor.example/")
        slow, quick = (make_backup_run(plan, pinged_at=None) for _ in "ab")
        free, in_time = threading.Event(), threading.Event()

        def send(run):
            if run == slow:
                assert free.wait(30)
                in_time.set()
            return "HTTP 200"

        monkeypatch.setattr(pings, "_send", send)
        monkeypatch.setattr(pings, "_IN_ALL_S", 0.2)
        pings.send_due()
        free.set()
        answers = dict(BackupRun.objects.values_list("pk", "ping_answer"))
        assert (answers[slow.pk], answers[quick.pk]) == ("Not told: too slow", "HTTP 200")
        assert not BackupRun.objects.filter(finished_at__isnull=False, pinged_at=None).exists()
        assert in_time.wait(30)

    def test_are_sent_to_few_at_once(self, plan, monkeypatch):
        services.change(plan=plan, actor="a test", ping_url="https://monitor.example/")
        for _ in range(3):
            make_backup_run(plan, pinged_at=None)
        monkeypatch.setattr(pings, "_AT_ONCE", 2)
        monkeypatch.setattr(pings, "_send", lambda run: "HTTP 200")
        for n_told in (2, 3):
            pings.send_due()
            assert BackupRun.objects.filter(ping_answer="HTTP 200").count() == n_told

    @pytest.mark.parametrize("url", ["http://example.com/", "https://localhost/", "ftp://x/", "x"])
    def test_to_a_forbidden_address_cannot_be_set(self, plan, url):
        with pytest.raises(PingRefused):
            services.change(plan=plan, actor="a test", ping_url=url)


def test_a_backup_that_is_off_has_no_run_to_take_up(plan, bucket):
    services.turn_off(plan=plan, actor="Ann")
    assert runner.claim() is None
    copying.drain()
    assert not CopyJob.objects.exists()
