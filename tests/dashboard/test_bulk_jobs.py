"""The pages of copies of many files: asking, counting, copying, the end; and the list of jobs."""

import csv
import re
import uuid
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.bulk_copies import runner, services
from storages_app.dashboard import job_lists, job_texts
from storages_app.models import BackupRun, BulkItem, BulkJob, RestoreRun
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_bulk_job,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_restore_run,
)


def address(name, project, *values):
    return reverse(f"dashboard:{name}", args=[project.slug, *values])


def said(response):
    return [str(message) for message in response.wsgi_request._messages]


def words(text):
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.fixture
def post(as_owner, project, storage):
    def post(**typed):
        values = {"custom_storage": str(storage.pk), "what": "all"}
        return as_owner.post(address("bulk_new", project), values | typed)

    return post


class TestAsking:
    def test_goes_to_the_page_of_the_job(self, project, file, post):
        response = post()
        job = BulkJob.objects.get()
        assert response["Location"] == address("bulk_job", project, job.pk)
        assert (job.what, job.asked_by, job.is_dry_run) == ("all", "owner@example.com", False)

    def test_a_form_that_is_sent_again_makes_no_second_job(self, project, file, post):  # S121
        once = uuid.uuid4()
        refused = post(once=once, what="selection")  # counts for nothing
        assert refused.status_code == 200
        post(once=once)
        again = post(once=once)
        assert again["Location"] == address("jobs", project)
        assert "that job exists, and no second was made." in said(again)[0]
        assert BulkJob.objects.count() == 1

    def test_takes_the_filter_of_the_list(self, project, file, as_owner, post):
        make_file(project, name="dog.txt")
        form = as_owner.get(address("bulk_new", project), {"q": "cat", "stored": "yes"})
        assert "Files of the filter “cat”, stored: 1" in form.text
        assert form.context["form"]["what"].value() == "filter"
        post(what="filter", q="cat", stored="yes")
        assert BulkJob.objects.get().filter == {"q": "cat", "stored": "yes"}

    def test_every_filter_of_the_list_comes_along(self, project, file, storage, as_owner, post):
        make_file(project, name="cat.png", detected_type="image/png")
        asked = {"q": "cat", "type": "text", "since": "2020-01-02", "not_copied_to": "photos"}
        form = as_owner.get(address("bulk_new", project), asked | {"size": "nonsense"})
        told = "“cat”, type: Text, uploaded since: 2020-01-02, not copied to: photos"
        assert f"Files of the filter {told}: 1" in form.text
        for name, value in asked.items():
            assert f'<input type="hidden" name="{name}" value="{value}"' in form.text
        assert 'name="size" value' not in form.text
        response = post(what="filter", **asked)
        job = BulkJob.objects.get()
        assert job.filter == asked
        assert told in as_owner.get(response["Location"]).text

    def test_a_number_that_was_not_counted_to_its_end_says_so(
        self, project, file, storage, as_owner, monkeypatch
    ):
        make_file(project, name="dog.txt")
        monkeypatch.setattr(services, "_LOOKS_AT", 1)
        form = as_owner.get(address("bulk_new", project), {"q": "cat"})
        assert "Files of the filter “cat”: 0 or more" in form.text
        assert form.context["form"]["is_dry_run"].value()

    def test_a_dry_run_comes_first_over_a_hundred_files(self, project, file, as_owner):
        def is_ticked():
            return as_owner.get(address("bulk_new", project)).context["form"]["is_dry_run"].value()

        assert not is_ticked()
        for _ in range(100):
            make_file(project)
        assert is_ticked()

    def test_the_storage_that_led_here_is_chosen(self, project, file, storage, as_owner):
        other = make_custom_storage(project, name="zoo")
        page = as_owner.get(address("bulk_new", project), {"storage": str(other.pk)})
        assert page.context["form"]["custom_storage"].value() == str(other.pk)

    def test_a_storage_where_copies_would_wait_is_not_chosen_first(
        self, project, file, storage, as_owner
    ):
        make_custom_storage(project, name="a-broken", circuit_opened_at=timezone.now())
        make_custom_storage(project, name="b-paused", paused_at=timezone.now())
        page = as_owner.get(address("bulk_new", project)).text
        assert page.index(">photos</option>") < page.index(">a-broken</option>")
        assert page.index(">photos</option>") < page.index(">b-paused</option>")

    def test_without_a_storage_the_page_says_how_to_connect_one(self, project, as_owner):
        assert "Connect S3 bucket" in as_owner.get(address("bulk_new", project)).text

    def test_a_paused_storage_is_refused_with_its_time(self, project, file, storage, post):
        storage.paused_at = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
        storage.save()
        assert (
            "Storage “photos” is paused since 2026-03-04 05:06 UTC. Resume it or choose another."
            in post().text
        )
        assert not BulkJob.objects.exists()

    @pytest.mark.parametrize(
        ("typed", "field"),
        [
            ({"custom_storage": "nonsense"}, "custom_storage"),
            ({"custom_storage": ""}, "custom_storage"),
            ({"what": "everything"}, "what"),
            ({"what": "filter"}, "what"),
            ({"what": "selection"}, "what"),
            ({"what": "filter", "q": "no such file"}, "what"),
            ({"what": "filter", "q": "cat", "stored": "may"}, "what"),
            ({"what": "selection", "file": ["x"]}, "file"),
            ({"pattern": "${foo}"}, "pattern"),
            ({"pattern": "é"}, "pattern"),
            ({"pattern": "x" * 513}, "pattern"),
            ({"pattern": "a\0b"}, "pattern"),
            ({"effects": "-/nonsense/"}, "effects"),
            ({"effects": "x" * 1501}, "effects"),
            ({"on_clash": "burn"}, "on_clash"),
            ({"make_public": "maybe"}, "make_public"),
            ({"make_public": "yes"}, "make_public"),
        ],
    )
    def test_bad_input_is_refused_at_its_field(self, file, post, typed, field):
        response = post(**typed)
        assert response.status_code == 200
        assert field in response.context["form"].errors
        assert not BulkJob.objects.exists()

    def test_files_of_another_project_are_not_found(self, project, post):
        foreign = make_file(make_project())
        page = post(what="selection", file=[str(foreign.pk)])
        assert f"1 of 1 files are not here: {foreign.pk}" in page.text
        assert not BulkJob.objects.exists()

    def test_another_projects_storage_is_not_offered(self, file, post):
        foreign = make_custom_storage(make_project(), name="theirs")
        page = post(custom_storage=str(foreign.pk))
        assert "That storage is not connected any more." in page.text

    @pytest.mark.parametrize(
        "query",
        [
            {"storage": "nonsense"},
            {"what": "nonsense"},
            {"q": "a\0b"},
            {"stored": "maybe", "q": "x"},
            {"file": ["x", "y"]},
            {"q": "x" * 5000},
        ],
    )
    def test_a_nonsensical_address_is_no_fault(self, project, file, storage, as_owner, query):
        assert as_owner.get(address("bulk_new", project), query).status_code == 200


class TestPage:
    def page(self, as_owner, job):
        response = as_owner.get(address("bulk_job", job.project, job.pk))
        return words(response.text)

    def test_waits_for_a_worker(self, project, file, storage, as_owner):
        make_bulk_job(storage, state="counting", counted_at=None)
        job = make_bulk_job(storage, state="counting", counted_at=None)
        page = self.page(as_owner, job)
        assert "Waiting for a free worker. 1 job is before it." in page

    def test_counts(self, project, storage, as_owner):
        job = make_bulk_job(storage, state="counting", counted_at=None, n_files=1500, fence=1)
        page = self.page(as_owner, job)
        assert "Counting… 1,500 so far" in page
        assert "Stop" in page

    def test_a_dry_run_says_what_it_found_and_offers_to_copy(self, storage, as_owner):
        job = make_bulk_job(
            storage,
            state="counted",
            n_files=1204,
            n_to_copy=1200,
            n_bytes_to_copy=3_100_000_000,
            n_already=2,
            n_clashes=1,
            n_too_large=1,
            n_requests=1500,
        )
        page = self.page(as_owner, job).replace("\u00a0", " ")
        assert (
            "1,200 to copy (3.1 GB), 2 already there and the same, 1 names taken by other files, "
            "1 over the 5 GB limit. About 1,500 requests. Takes about 3 min." in page
        )
        assert "Copy 1,200 files" in page
        assert "Download the list" in page
        assert "Files whose name is taken are not copied, and reported as gaps." in page

    def test_copies_with_speed_and_time_left(self, storage, as_owner):
        now = timezone.now().timestamp()
        job = make_bulk_job(
            storage,
            state="copying",
            n_files=5000,
            n_to_copy=5000,
            n_bytes_to_copy=9_800_000_000,
            n_copied=1204,
            n_bytes_ended=3_100_000_000,
            pace=[[now - 10, 1004, 2_680_000_000], [now, 1204, 3_100_000_000]],
            fence=1,
        )
        response = as_owner.get(address("bulk_job", job.project, job.pk))
        page = words(response.text).replace("\u00a0", " ")
        assert "1,204 of 5,000 files, 3.1 of 9.8 GB, 42 MB/s, about 3 min left" in page
        assert 'aria-busy="true"' in response.text
        assert 'value="24"' in response.text
        assert "24 % · Copy to photos" in response.text
        assert "Pause" in page
        assert "Cancel…" in page

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"n_files": 9, "n_copied": 7, "n_already": 1, "n_found": 1},
             "Done. 7 files copied, 2 already there."),
            ({"n_files": 9, "n_already": 9}, "Nothing to copy: all 9 files are there."),
            ({"state": "gaps", "n_files": 9, "n_copied": 6, "n_failed": 2, "n_skipped": 1,
              "gaps": {"throttled": 2, "file_deleted": 1}},
             "Done with gaps. 6 copied, 3 failed for 2 reasons."),
            ({"state": "failed", "reason": "Storage “photos” was disconnected."},
             "Failed before it began: Storage “photos” was disconnected."),
            ({"state": "failed", "n_files": 2, "n_failed": 2, "gaps": {"internal": 2},
              "reason": "Something went wrong on our side (internal)."},
             "Failed: Something went wrong on our side (internal)."),
            ({"state": "cancelled", "ended_by": "ann@example.com", "n_copied": 12, "n_files": 20},
             "Cancelled by ann@example.com after 12 files. What was copied stays."),
        ],
    )  # fmt: skip
    def test_ends_with_its_sentence(self, storage, as_owner, fields, sentence):
        page = self.page(as_owner, make_bulk_job(storage, **fields))
        assert sentence in page

    def test_gaps_are_told_by_reason_with_what_to_do(self, project, storage, as_owner):
        job = make_bulk_job(
            storage,
            state="gaps",
            n_files=2,
            n_failed=2,
            n_bytes_to_copy=20,
            n_bytes_ended=20,
            gaps={"key_conflict": 2},
        )
        for name in ("one.txt", "two.txt"):
            file = make_file(project, name=name)
            copy = make_copy_job(file, storage, state="failed", reason="key_conflict", evidence="")
            BulkItem.objects.create(
                bulk_job=job, file=file, copy_job=copy, state="failed", reason="key_conflict"
            )
        page = self.page(as_owner, job)
        assert "2 files · Another file has this name in the bucket already" in page
        assert "Put ${uuid} into the key pattern" in page
        assert "one.txt" in page
        assert "Retry these 2" in page
        as_owner.post(address("bulk_job_retry", project, job.pk), {"reason": "key_conflict"})
        job.refresh_from_db()
        assert (job.state, job.n_failed) == ("copying", 0)

    @pytest.mark.parametrize(
        ("field", "why"),
        [
            ("circuit_opened_at", "The bucket refused these credentials."),
            ("paused_at", "The storage is paused. Resume it: its copies go on by themselves."),
        ],
    )
    def test_a_storage_that_takes_no_copies_is_named_with_why_and_what_to_expect(
        self, field, why, storage, as_owner
    ):
        storage.circuit_reason = "auth_denied"
        setattr(storage, field, timezone.now())
        storage.save()
        page = self.page(as_owner, make_bulk_job(storage, state="copying", n_files=3, n_to_copy=3))
        assert "Needs attention" in page
        assert "Nothing is lost: the copies go on by themselves when it works again." in page
        assert why in page

    def test_a_viewer_sees_no_buttons(self, project, storage, as_viewer):
        job = make_bulk_job(storage, state="counted", n_files=1, n_to_copy=1)
        page = as_viewer.get(address("bulk_job", project, job.pk)).text
        assert "Copy 1 file" not in page
        assert "Cancel…" not in page


class TestPolling:
    def test_asks_again_only_while_a_worker_is_at_it(self, project, storage, as_owner):
        job = make_bulk_job(storage, state="copying", n_files=8, n_to_copy=8, fence=1)
        path = address("bulk_job_status", project, job.pk)
        part = as_owner.get(path)
        assert part.status_code == 200
        seen = {"seen": part.context["version"], "said": part.context["said"]}
        assert as_owner.get(path, seen).status_code == 204
        BulkJob.objects.update(n_copied=1)
        assert as_owner.get(path, seen).status_code == 200
        BulkJob.objects.update(state="done", n_copied=8, finished_at=timezone.now())
        assert as_owner.get(path, seen).status_code == 286

    def test_a_dry_run_that_waits_for_a_person_is_not_asked_for(self, project, storage, as_owner):
        job = make_bulk_job(storage, state="counted", n_files=8, n_to_copy=8)
        assert "hx-get" not in as_owner.get(address("bulk_job", project, job.pk)).text
        assert as_owner.get(address("bulk_job_status", project, job.pk)).status_code == 286

    def test_the_screen_reader_hears_quarters_and_not_each_poll(self, project, storage, as_owner):
        job = make_bulk_job(storage, state="copying", n_files=100, n_to_copy=100, fence=1)
        path = address("bulk_job_status", project, job.pk)
        said_before, heard = "", []
        for n_copied in range(0, 101, 5):
            values = {"n_copied": n_copied}
            if n_copied == 100:
                values |= {"state": "done", "finished_at": timezone.now()}
            BulkJob.objects.update(**values)
            part = as_owner.get(path, {"said": said_before})
            said_before = part.context["said"]
            found = re.search(r'hx-swap-oob="innerHTML">([^<]+)<', part.text)
            heard += [found[1]] if found else []
        assert heard == [
            "Copying has begun.",
            "25 % copied.",
            "50 % copied.",
            "75 % copied.",
            "Done. 100 files copied, 0 already there.",
        ]

    def test_the_tab_tells_how_far_it_is(self, project, storage, as_owner):
        job = make_bulk_job(
            storage, state="copying", n_files=100, n_to_copy=100, n_copied=42, fence=1
        )
        part = as_owner.get(address("bulk_job_status", project, job.pk)).text
        assert "<title>42 % · Copy to photos · Shop · ucdash</title>" in part


class TestButtons:
    def test_start_pause_resume_and_cancel(self, project, storage, as_owner):
        job = make_bulk_job(storage, state="counted", n_files=3, n_to_copy=3)
        for button, expected in (
            ("start", "Running"),
            ("pause", "Paused"),
            ("resume", "Running"),
            ("cancel", "Running"),
        ):
            response = as_owner.post(address(f"bulk_job_{button}", project, job.pk))
            assert response["Location"] == address("bulk_job", project, job.pk)
            job.refresh_from_db()
            assert job.word == expected
        assert job.is_stopping
        runner.drain()
        job.refresh_from_db()
        assert job.word == "Cancelled"

    def test_what_comes_too_late_is_said(self, project, storage, as_owner):
        job = make_bulk_job(storage)
        for button in ("start", "pause", "resume", "cancel"):
            response = as_owner.post(address(f"bulk_job_{button}", project, job.pk))
            assert said(response)[-1] == "The job has ended. Look at the job as it is now."

    def test_cancelling_asks_once_more(self, project, storage, as_owner):
        job = make_bulk_job(storage, state="copying", n_files=9, n_to_copy=9, n_copied=4)
        page = words(as_owner.get(address("bulk_job_cancel", project, job.pk)).text)
        assert "4 files are copied. What was copied stays." in page
        assert "5 files are not copied any more." in page


class TestList:
    def test_lists_every_file_or_the_gaps(self, project, storage, as_owner):
        job = make_bulk_job(storage, state="gaps")
        good, bad = make_file(project, name="good.txt"), make_file(project, name='b"ad, 2.txt')
        BulkItem.objects.create(
            bulk_job=job, file=good, key="k/good.txt", plan="copy", state="copied"
        )
        BulkItem.objects.create(
            bulk_job=job, file=bad, key="k/bad", plan="clash", state="failed", reason="key_conflict"
        )
        answer = as_owner.get(address("bulk_job_csv", project, job.pk))
        assert answer["Content-Disposition"] == f'attachment; filename="copy-{job.pk}.csv"'
        rows = list(csv.reader(StringIO(answer.getvalue().decode())))
        assert rows == [
            ["uuid", "name", "size", "key", "plan", "state", "reason"],
            [str(good.pk), "good.txt", "10", "k/good.txt", "copy", "copied", ""],
            [str(bad.pk), 'b"ad, 2.txt', "10", "k/bad", "clash", "failed", "key_conflict"],
        ]
        gaps = as_owner.get(address("bulk_job_csv", project, job.pk), {"only": "gaps"})
        assert len(gaps.getvalue().decode().splitlines()) == 2

    def test_is_read_a_page_at_a_time(self, project, storage, as_owner, monkeypatch):
        monkeypatch.setattr("storages_app.models.paging.in_pages.__kwdefaults__", {"size": 2})
        job = make_bulk_job(storage)
        for _ in range(5):
            BulkItem.objects.create(bulk_job=job, file=make_file(project))
        with CaptureQueriesContext(connection) as queries:
            answer = as_owner.get(address("bulk_job_csv", project, job.pk))
            n_lines = len(answer.getvalue().decode().splitlines())
        assert n_lines == 6
        assert sum("bulkitem" in one["sql"] for one in queries) == 4


class TestJobs:
    def test_lists_jobs_of_all_kinds_newest_first(self, project, storage, as_owner):
        plan = make_backup_plan(storage)
        run = BackupRun.objects.create(
            plan=plan, asked_by="schedule", state="gaps", n_gaps=2, finished_at=timezone.now()
        )
        bulk = make_bulk_job(storage, n_files=9, n_copied=9, created_at=run.created_at - _MINUTE)
        restore = RestoreRun.objects.create(
            project=project,
            custom_storage=storage,
            asked_by="ann",
            manifest_key="m",
            created_at=run.created_at + _MINUTE,
        )
        page = as_owner.get(address("jobs", project))
        shown = page.context["page"].rows
        assert [row.what for row in shown] == [
            "Restore from photos",
            "Backup to photos",
            "Copy to photos",
        ]
        assert [row.word for row in shown] == ["Running", "Done with gaps", "Done"]
        assert shown[1].n_gaps == 2
        assert shown[2].url == address("bulk_job", project, bulk.pk)
        assert restore.pk

    def test_keep_themselves_new_while_one_is_under_way(self, project, storage, as_owner):
        make_bulk_job(storage, state="copying", n_files=8, n_to_copy=8, fence=1, finished_at=None)
        path, htmx = address("jobs", project), {"HX-Request": "true"}
        assert 'hx-trigger="every 5s"' in as_owner.get(path).text
        part = as_owner.get(path, headers=htmx)
        assert part.text.lstrip().startswith('<section id="jobs"')
        seen = {"seen": part.context["version"]}
        assert as_owner.get(path, seen, headers=htmx).status_code == 204
        BulkJob.objects.update(n_copied=4)
        assert "4 of 8 files" in as_owner.get(path, seen, headers=htmx).text
        BulkJob.objects.update(state="done", n_copied=8, finished_at=timezone.now())
        last = as_owner.get(path, seen, headers=htmx)
        assert last.status_code == 286
        assert "hx-get" not in last.text

    def test_of_a_backup_that_runs_tells_how_much_is_there(self, project, storage, as_owner):
        plan = make_backup_plan(storage)
        make_copy_job(make_file(project), storage, is_backup=True)
        make_file(project)
        BackupRun.objects.create(
            plan=plan, asked_by="schedule", state="copying", snapshot_at=timezone.now()
        )
        assert "1 of 2 there" in as_owner.get(address("jobs", project)).text

    def test_ask_the_database_as_often_for_three_as_for_thirty(self, project, storage, as_owner):
        plan = make_backup_plan(storage)

        def make(n):
            for _ in range(n):
                make_bulk_job(storage, state="gaps", gaps={"quota": 1}, n_failed=1)
                make_backup_run(plan, state="gaps", n_gaps=1)
                make_restore_run(storage, state="done")

        def n_queries():
            with CaptureQueriesContext(connection) as queries:
                assert as_owner.get(address("jobs", project)).status_code == 200
                as_owner.get(address("backup", project))
            return len(queries)

        make(1)
        n_queries()  # what is asked once a process
        for_three = n_queries()
        make(9)
        assert n_queries() == for_three

    def test_leads_to_a_new_copy_who_may_make_one(self, project, as_owner, as_viewer):
        lead = address("bulk_new", project)
        page = as_owner.get(address("jobs", project)).text
        assert lead in page
        assert "Copy files…" in page
        assert lead not in as_viewer.get(address("jobs", project)).text

    def test_says_when_there_are_none(self, project, as_owner):
        page = as_owner.get(address("jobs", project)).text
        assert "No jobs yet" in page
        assert "Copies of many files, backups and restores show up here." in page

    def test_pages_lose_no_job_even_of_one_moment(self, project, storage, monkeypatch):
        monkeypatch.setattr(job_lists, "PAGE_SIZE", 2)
        moment = timezone.now()
        for n in range(3):
            make_bulk_job(storage, created_at=moment, asked_by=f"bulk {n}")
            RestoreRun.objects.create(
                project=project,
                custom_storage=storage,
                asked_by=f"restore {n}",
                manifest_key="m",
                created_at=moment,
            )
        seen, page = [], job_lists.page_of_jobs(project)
        while True:
            seen.append([row.asked_by for row in page.rows])
            if not page.older:
                break
            page = job_lists.page_of_jobs(project, before=page.older)
        assert sorted(one for rows in seen for one in rows) == sorted(
            [f"{kind} {n}" for kind in ("bulk", "restore") for n in range(3)]
        )
        back = job_lists.page_of_jobs(project, after=page.newer)
        assert [row.asked_by for row in back.rows] == seen[-2]

    @pytest.mark.parametrize("mark", ["x", "~~", "2026-01-01~0~1", "2026-01-01T00:00:00Z~9~x"])
    def test_a_nonsensical_mark_is_no_fault(self, project, storage, as_owner, mark):
        make_bulk_job(storage)
        for name in ("before", "after"):
            assert as_owner.get(address("jobs", project), {name: mark}).status_code == 200

    def test_shows_no_job_of_another_project(self, project, as_owner):
        make_bulk_job(make_custom_storage(make_project(), name="theirs"))
        assert "theirs" not in as_owner.get(address("jobs", project)).text


_MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2, "5 s"), (42, "40 s"), (89, "90 s"), (170, "3 min"), (7800, "2 h 10 min"), (7200, "2 h"),
     (400_000, "5 d")],
)  # fmt: skip
def test_spans_are_told_as_people_do(seconds, text):
    assert job_texts.about(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(3_100_000_000, 9_800_000_000, "3.1 of 9.8 GB"), (0, 500, "0 of 500 B"),
     (5_000, 999_600, "0 of 1 MB"), (1_500, 20_000, "1.5 of 20 kB")],
)  # fmt: skip
def test_two_sizes_share_their_unit(part, whole, text):
    assert job_texts.part_of(part, whole).replace("\u00a0", " ") == text


def test_a_job_of_processed_copies_says_whose_sizes_it_tells(project, storage, as_owner):
    for effects, is_said in (("-/preview/", True), ("", False)):
        job = make_bulk_job(storage, effects=effects)
        page = as_owner.get(address("bulk_job", project, job.pk)).text
        assert ("Sizes on this page are those of the originals." in page) is is_said
