"""What a worker makes of an address: a file, or a reason why there is none."""

import errno
import hashlib
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from storages_app import tasks
from storages_app.imaging.errors import ImagingBusy
from storages_app.lib import fetching, outbound
from storages_app.models import CopyJob, File, UrlUpload
from storages_app.models.fields import db_now
from storages_app.uploads.errors import DiskFull
from storages_app.url_uploads import downloading, failures, holding, runner
from storages_app.url_uploads.downloading import limits_of
from tests.factories import make_custom_storage, make_project, make_url_upload
from tests.hostile_server import CONTENT, MODES, ODD_MODES, hangs

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _leaves_nothing(incoming, upload_storage, blobs):
    """After each test: no temporary file, no bytes without a row, no row without bytes."""
    yield
    assert list(incoming.iterdir()) == []
    assert blobs() == sorted(File.objects.values_list("blob_name", flat=True))


def outcome():
    row = UrlUpload.objects.get()
    assert row.lease_until is None
    return row.state, row.error_code, row.error


class TestFetch:
    def test_makes_a_file(self, project, claimed):
        hold = claimed("good", store="1", metadata={"pet": "cat"}, original_filename="odd.bin")
        runner.fetch(hold)
        file = File.objects.get()
        assert (file.size, file.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
        assert file.md5 == hashlib.md5(CONTENT).hexdigest()
        assert (file.project, file.original_filename) == (project, "odd.bin")
        assert file.mime_type == "image/x-odd"  # as it was declared
        assert file.metadata == {"pet": "cat"}
        assert file.is_stored
        with file.open_bytes() as content:
            assert content.read() == CONTENT
        row = UrlUpload.objects.get()
        assert (row.state, row.file, row.n_bytes_done) == ("done", file, len(CONTENT))
        assert row.n_bytes_total == row.n_bytes_done

    @pytest.mark.parametrize("path", ["chunked", "until-close", "gzip", "keeps-open"])
    def test_makes_the_same_file_of_each_kind_of_answer(self, claimed, path):
        runner.fetch(claimed(path))
        assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()

    def test_calls_it_as_its_server_does(self, claimed):
        runner.fetch(claimed("named"))
        assert File.objects.get().original_filename == "naïve .bin"

    def test_calls_it_as_the_address_does_where_redirects_end(self, claimed):
        runner.fetch(claimed("to/302/good/last.bin?x=1"))
        assert File.objects.get().original_filename == "last.bin"

    @pytest.mark.parametrize(("store", "is_stored"), [("0", False), ("auto", True), ("", True)])
    def test_stores_as_other_uploads(self, claimed, store, is_stored):
        runner.fetch(claimed("good", store=store))
        assert File.objects.get().is_stored is is_stored

    def test_orders_the_copies_of_a_new_file(self, project, claimed):
        make_custom_storage(project, auto_copy=True)
        runner.fetch(claimed("good"))
        assert CopyJob.objects.get().file == File.objects.get()


class TestFailures:
    @pytest.mark.parametrize("path", [*MODES, *ODD_MODES])
    def test_leave_no_file_and_a_reason(self, claimed, path, settings):  # F08
        settings.FETCH_MAX_BYTES = 1_000_000
        settings.FETCH_IDLE_S = 0.2 if hangs(path) else 10
        runner.fetch(claimed(path))
        state, code, text = outcome()
        assert state == "failed"
        assert code
        assert text.endswith(".")
        assert "secrets" not in text  # S019
        assert "10.0.0.1" not in text
        assert not File.objects.exists()

    @pytest.mark.parametrize(
        ("path", "code", "text"),
        [
            ("status/404", "HTTPClient", "HTTP client error: 404."),
            ("status/503", "HTTPServer", "HTTP server error: 503."),
            ("status/304", "", "Failed to download the file."),
            (
                "reset-in-body",
                "HTTPNetwork",
                "HTTP network error: the connection broke or gave no whole answer.",
            ),
            ("hang-in-body", "HTTPNetwork", "HTTP network error: no answer in time."),
            (
                "redirect-loop",
                "HTTPURLValidation",
                "HTTP URL validation error: Too many redirects.",
            ),
            ("gzip-bomb", "SizeLimitExceeded", "Downloaded file is too big: 1015808 > 1000000."),
        ],
    )
    def test_are_told_in_the_words_of_the_wire(self, claimed, settings, path, code, text):
        settings.FETCH_MAX_BYTES = 1_000_000
        settings.FETCH_IDLE_S = 0.2 if hangs(path) else 10
        runner.fetch(claimed(path))
        assert outcome() == ("failed", f"DownloadFile{code}Error", text)

    def test_of_time_name_the_limit(self, claimed, settings):
        settings.FETCH_WHOLE_S = 0.2
        runner.fetch(claimed("steady"))
        assert outcome() == (
            "failed",
            "DownloadFileTimeLimitExceededError",
            "Failed to download the file within the allotted time limit of 0.2 seconds.",
        )

    @pytest.mark.parametrize(
        ("location", "what"),
        [
            ("http://10.0.0.1/", "Only public IPs are allowed"),
            ("http://127.0.0.1:1/", "Only public IPs are allowed"),
            ("http://8.8.8.8:22/", "Source is blacklisted"),
            ("http://nowhere.example/", "Host does not exist"),
            ("file:///etc/passwd", "Failed to validate URL"),
        ],
    )
    def test_of_redirects_tell_what_was_refused(self, claimed, server, resolver, location, what):
        server.redirects["/r"] = location  # S011
        runner.fetch(claimed("r"))
        text = f"HTTP URL validation error: {what}."
        assert outcome() == ("failed", "DownloadFileHTTPURLValidationError", text)

    def test_a_name_that_leads_inside_meanwhile_is_refused(self, project, server, resolver):
        """It was public when it was ordered (S010)."""
        resolver["files.example"] = [["10.0.0.1"]]
        make_url_upload(project, "http://files.example/a.jpg")
        (hold,) = holding.claim(at_most=1)
        runner.fetch(hold)
        assert outcome()[2] == "HTTP URL validation error: Only public IPs are allowed."

    def test_the_limit_of_the_project_counts(self, project, claimed, settings):
        project.max_upload_size = 5_000
        project.save()
        runner.fetch(claimed("good"))
        text = f"Downloaded file is too big: {len(CONTENT)} > 5000."
        assert outcome() == ("failed", "DownloadFileSizeLimitExceededError", text)

    def test_the_smaller_limit_counts(self, project, claimed, settings):
        settings.FETCH_MAX_BYTES = 7
        project.max_upload_size = 9
        project.save()
        assert limits_of(claimed("good")).size == 7

    def test_types_that_the_project_does_not_take_are_refused(self, project, claimed):
        project.accepted_types = "image/png"
        project.save()
        runner.fetch(claimed("good"))
        text = "File validation error: Uploading of these file types is not allowed."
        assert outcome() == ("failed", "DownloadFileValidationFailedError", text)

    def test_a_project_that_is_gone_gets_no_file(self, project, claimed):  # F10
        hold = claimed("good")
        project.removed_at = timezone.now()
        project.save()
        runner.fetch(hold)
        assert outcome() == ("failed", *failures.TASK_FAILED)

    def test_a_project_that_was_gone_before_is_fetched_nothing_for(self, claimed, server):  # F10
        hold = claimed("good")
        hold.url_upload.project.removed_at = timezone.now()
        runner.fetch(hold)
        assert outcome() == ("failed", *failures.TASK_FAILED)
        assert server.paths == []

    def test_a_full_disk_is_told_and_leaves_nothing(self, claimed, monkeypatch, caplog):  # F05
        def full(**given):
            raise DiskFull from OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(runner, "arrive", full)
        runner.fetch(claimed("good"))
        assert outcome() == ("failed", *failures.OUR_FAULT)
        assert "No space left" in caplog.text

    def test_a_disk_that_fills_up_on_the_way_is_told(self, claimed, monkeypatch):  # F05
        write = downloading.Path.open

        def full(path, mode="r", *args):
            return _Full(write(path, mode, *args)) if mode == "wb" else write(path, mode, *args)

        monkeypatch.setattr(downloading.Path, "open", full)
        runner.fetch(claimed("good"))
        assert outcome() == ("failed", *failures.OUR_FAULT)


class _Full:
    """A file on a disk that takes one block."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.file.close()

    def write(self, block):
        if self.file.tell():
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(block)


class TestOurFaults:
    @pytest.mark.parametrize(
        "fault", [ImagingBusy(), OperationalError("gone"), ZeroDivisionError("a bug")]
    )
    def test_are_tried_three_times_and_then_told(self, claimed, monkeypatch, fault):
        def fails(**given):
            raise fault

        monkeypatch.setattr(runner, "arrive", fails)
        hold = claimed("good")
        for _ in range(2):
            runner.fetch(hold)
            assert outcome() == ("waiting", "", "")
            UrlUpload.objects.update(run_after=db_now())
            (hold,) = holding.claim(at_most=1)
        runner.fetch(hold)
        assert outcome() == ("failed", *failures.OUR_FAULT)

    def test_that_pass_are_no_failure(self, claimed, monkeypatch):
        arrive = runner.arrive

        def fails(**given):
            monkeypatch.setattr(runner, "arrive", arrive)
            raise OperationalError("gone for a moment")

        monkeypatch.setattr(runner, "arrive", fails)
        runner.fetch(claimed("good"))
        UrlUpload.objects.update(run_after=db_now())
        runner.fetch(*holding.claim(at_most=1))
        assert outcome()[0] == "done"
        assert File.objects.count() == 1

    def test_an_address_over_which_workers_die_ends(self, claimed, server):
        """Each has died before it could say anything."""
        claimed("good")
        for _ in range(3):
            UrlUpload.objects.update(lease_until=db_now() - timedelta(seconds=1))
            (hold,) = holding.claim(at_most=1)
        runner.fetch(hold)
        assert outcome() == ("failed", *failures.TASK_FAILED)
        assert server.paths == []


class TestTwoWorkers:
    """F09: one token, two workers, one file."""

    def two(self, claimed):
        late = claimed("good")
        UrlUpload.objects.update(lease_until=db_now() - timedelta(seconds=1))
        (quick,) = holding.claim(at_most=1)
        assert quick.url_upload == late.url_upload
        return late, quick

    def test_the_one_that_was_late_makes_no_file(self, claimed):  # F09
        late, quick = self.two(claimed)
        runner.fetch(quick)
        runner.fetch(late)
        assert File.objects.count() == 1
        assert outcome()[0] == "done"

    def test_the_one_that_was_late_makes_none_either_where_it_ends_first(self, claimed):  # F09
        late, quick = self.two(claimed)
        runner.fetch(late)
        assert not File.objects.exists()
        runner.fetch(quick)
        assert File.objects.count() == 1

    def test_a_late_failure_is_not_told_over_a_success(self, claimed, server):  # F09
        late, quick = self.two(claimed)
        runner.fetch(quick)
        server.redirects["/good"] = "http://10.0.0.1/"
        runner.fetch(late)
        assert outcome()[0] == "done"

    def test_the_late_one_stops_in_the_middle(self, claimed, monkeypatch):
        late, _ = self.two(claimed)
        late.is_lost = True
        monkeypatch.setattr(runner, "arrive", lambda **given: pytest.fail("it went on"))
        runner.fetch(late)
        assert UrlUpload.objects.get().state == "running"


class TestPump:
    """Threads know no database of a test, so here they say what they do, and the pump's ends it."""

    @pytest.fixture
    def fetches(self, monkeypatch, settings):
        settings.FETCH_THREADS, settings.FETCHES_OF_A_PROJECT = 3, 2
        monkeypatch.setattr(runner.Pump, "look_every_s", 0.01)
        return Fetches(monkeypatch)

    def test_runs_so_many_at_once_and_no_more_of_a_project(self, fetches):
        busy, quiet = make_project(), make_project()
        for _ in range(4):
            make_url_upload(busy)
            make_url_upload(quiet)
        fetches.each = lambda hold: threading.Event().wait(0.02)
        runner.drain()
        assert fetches.n_done == 8
        assert fetches.most_at_once == 3
        assert max(fetches.most_of.values()) == 2

    def test_keeps_leases_and_tells_how_far_they_are(self, fetches, project):
        make_url_upload(project)
        is_told = threading.Event()

        def count(hold):
            hold.n_total = 5000
            hold.count(4711)
            assert is_told.wait(5)

        def watched(holds):
            renew(holds)
            row = UrlUpload.objects.get()
            if (row.n_bytes_done, row.n_bytes_total) == (4711, 5000):
                is_told.set()

        renew = holding.renew
        fetches.each = count
        fetches.monkeypatch.setattr(holding, "renew", watched)
        runner.drain()
        assert is_told.is_set()

    def test_gives_back_what_is_not_finished_when_it_is_stopped(self, fetches, project):
        make_url_upload(project)

        def hang(hold):
            runner._DRAIN.stopping.set()
            while not hold.is_lost:
                threading.Event().wait(0.01)

        fetches.each = hang
        try:
            runner.drain()
        finally:
            runner._DRAIN.stopping.clear()
        row = UrlUpload.objects.get()
        assert (row.state, row.attempts, row.fence) == ("waiting", 0, 2)
        fetches.wait_for_threads()
        assert fetches.n_done == 1, "the thread has heard of it"

    def test_a_thread_that_cannot_write_does_not_end_the_others(self, fetches, project):
        first = make_url_upload(project)
        make_url_upload(project)

        def fail(hold):
            if hold.url_upload == first:
                raise OperationalError("gone")

        fetches.each = fail
        runner.drain()
        assert fetches.n_done == 2

    def test_a_second_drain_in_the_process_leaves_the_work_to_the_first(self, fetches, project):
        make_url_upload(project)
        with runner._DRAIN.one_at_a_time:
            runner.drain()
        assert fetches.n_done == 0
        runner.drain()
        assert fetches.n_done == 1


class TestWakeUp:
    def test_is_known_by_its_name_and_holds_up_no_task(self, monkeypatch):
        called, go_on = threading.Event(), threading.Event()

        def drain():
            called.set()
            assert go_on.wait(5)

        monkeypatch.setattr(runner._DRAIN, "run", drain)
        assert tasks.url_uploads.begin.name == "url_uploads.drain"
        tasks.url_uploads.begin()  # returns while the fetches go on
        assert called.wait(5)
        go_on.set()
        _join(runner._DRAIN.what)

    def test_outlives_a_fault(self, monkeypatch, caplog):
        def drain():
            raise OperationalError("gone")

        monkeypatch.setattr(runner._DRAIN, "run", drain)
        runner.drain_apart()
        _join(runner._DRAIN.what)
        assert "the poller goes on with it" in caplog.text


def _join(name):
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(5)


class Fetches:
    """Stands for the work of the threads: counts it, and does what the test says."""

    def __init__(self, monkeypatch):
        self.monkeypatch = monkeypatch
        self.lock = threading.Lock()
        self.now = []
        self.ended = []
        self.n_done = self.most_at_once = 0
        self.most_of = {}
        self.each = lambda hold: None
        self.claim = holding.claim
        monkeypatch.setattr(runner, "fetch_apart", self._fetch)
        monkeypatch.setattr(holding, "claim", self._claim)

    def wait_for_threads(self):
        for thread in threading.enumerate():
            if thread.name.startswith("fetch"):
                thread.join(5)

    def _claim(self, *, at_most):
        while self.ended:
            holding.fail(self.ended.pop(), "DownloadFileError", "of the test")
        return self.claim(at_most=at_most)

    def _fetch(self, hold):
        project = hold.url_upload.project_id
        with self.lock:
            self.now.append(project)
            self.most_at_once = max(self.most_at_once, len(self.now))
            self.most_of[project] = max(self.most_of.get(project, 0), self.now.count(project))
        try:
            self.each(hold)
            self.ended.append(hold)
        finally:
            with self.lock:
                self.now.remove(project)
                self.n_done += 1


class TestGuard:
    def test_operators_alone_let_private_hosts_in(self, project, server):  # S018
        outbound.configure(replace(outbound.current_policy(), allowed_private=frozenset()))
        make_url_upload(project, server.url("good"))
        (hold,) = holding.claim(at_most=1)
        runner.fetch(hold)
        assert outcome()[2] == "HTTP URL validation error: Only public IPs are allowed."
        assert server.paths == []

    def test_another_port_of_a_host_that_is_let_in_stays_out(self, project, server):  # S018
        make_url_upload(project, f"http://127.0.0.1:{server.port + 1}/")
        (hold,) = holding.claim(at_most=1)
        runner.fetch(hold)
        assert outcome()[2] == "HTTP URL validation error: Only public IPs are allowed."

    def test_no_secret_of_the_address_is_logged(self, claimed, monkeypatch, caplog):
        def fails(**given):
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(runner, "arrive", fails)
        runner.fetch(claimed("good?signature=t0ps3cret"))
        assert "fetch" in caplog.text
        assert "t0ps3cret" not in caplog.text


def test_every_failure_of_a_fetch_has_words():
    kinds = [fetching.FetchFailed, *fetching.FetchFailed.__subclasses__()]
    made = {
        fetching.RefusedByServer: fetching.RefusedByServer(404),
        fetching.TooLarge: fetching.TooLarge(2, 1),
        fetching.OutOfTime: fetching.OutOfTime(1),
    }
    for kind in kinds:
        code, text = failures.words_for(made.get(kind) or kind())
        assert code.startswith("DownloadFile")
        assert code.endswith("Error")
        assert text.endswith(".")
