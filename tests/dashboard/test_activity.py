"""What happened, who did it, from where: the page, its filters and its CSV."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.dashboard.views import activity
from storages_app.lib.origins import in_request
from storages_app.models import Event
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_bulk_job,
    make_copy_job,
    make_file,
    make_project,
    make_reconciliation,
    make_secret_key,
)


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def text_of(response):
    return " ".join(response.text.split())


def happen(project, kind="storage.paused", actor="ann@example.com", subject="photos", **data):
    return Event.objects.record(kind, actor=actor, subject=subject, project=project, data=data)


def shown(response):
    return [line.event.pk for line in response.context["lines"]]


def rows_of(response):
    text = b"".join(response.streaming_content).decode()
    return list(csv.reader(io.StringIO(text)))


class TestPage:
    def test_is_told_in_words_and_leaves_out_what_is_empty(self, project, as_owner):
        happen(
            project,
            "storage.changed",
            subject="demo",
            changed=["secret", "key_pattern"],
            reason="",
            gaps=0,
            is_public=True,
        )
        page = text_of(as_owner.get(address("activity", project)))
        assert "Storage changed <strong><bdi>demo</bdi></strong>" in page
        assert "changed: secret, key pattern · gaps: 0 · is public: yes </p>" in page

    def test_tells_before_and_after(self, project, as_owner):
        happen(project, "member.role_changed", before="viewer", after="admin")
        changes = {
            "max_upload_size": {"before": None, "after": 25_000_000},
            "signing_secret": "changed",
        }
        happen(project, "project.upload_settings_changed", changes=changes)
        page = text_of(as_owner.get(address("activity", project)))
        assert "changed: viewer → admin" in page
        assert "max upload size: nothing → 25,000,000 · signing secret: changed" in page

    def test_tells_the_address_and_names_of_others_harmlessly(self, project, as_owner):
        with in_request("one", "2001:db8::5"):
            happen(project, subject="<b>\u202egnp.exe", actor="<i>me</i>", file="a\u202eb.png")
        page = as_owner.get(address("activity", project)).text
        assert "from 2001:db8::5" in page
        assert "&lt;b&gt;\ufffdgnp.exe" in page
        assert "\u202e" not in page
        assert "a\ufffdb.png" in page

    def test_a_list_that_cannot_be_read_keeps_the_filters(self, project, as_owner, monkeypatch):
        def fail(*args, **kwargs):
            raise DatabaseError

        monkeypatch.setattr(activity, "page_of", fail)
        response = as_owner.get(address("activity", project), {"who": "ann"})
        assert response.status_code == 500
        swapped = as_owner.get(address("activity", project), headers={"HX-Request": "true"})
        assert swapped.status_code == 200
        code = response.context["failure"]
        assert f"The list could not be loaded (code <code>{code}</code>)." in response.text
        assert f'<a href="{address("activity", project)}?who=ann">Try again</a>' in response.text
        assert 'value="ann"' in response.text

    def test_says_so_where_nothing_has_happened(self, project, as_owner):
        page = as_owner.get(address("activity", project)).text
        assert "Nothing has happened yet" in page
        assert "Download CSV" not in page

    def test_leads_to_its_subjects_that_are_still_there(self, project, storage, file, as_owner):
        job, copy = make_bulk_job(storage), make_copy_job(file, storage)
        check, run = make_reconciliation(storage), make_backup_run(make_backup_plan(storage))
        key = make_secret_key(project)
        gone = make_file(project, removed_at=timezone.now(), stored_at=None)
        foreign = make_file(make_project())
        wanted = [
            ("file.removal_ordered", file, address("file", project, file.pk)),
            ("file.deleted", gone, ""),
            ("file.deleted", foreign, ""),
            ("copy.failed", copy, address("copy", project, copy.pk)),
            ("copy.failed", file, ""),
            ("bulk_copy.ordered", job, address("bulk_job", project, job.pk)),
            ("storage.paused", storage, address("storage", project, storage.pk)),
            ("check.failed", check, address("storage_check_run", project, storage.pk, check.pk)),
            ("backup.finished", run, address("backup_run", project, run.pk)),
            ("backup.paused", run, address("backup", project)),
            ("secret_key.rolled", key, address("keys", project)),
            ("project.renamed", project, address("project_settings", project)),
            ("project.url_secret_made", project, address("signed_urls", project)),
        ]
        for kind, subject, _ in wanted:
            Event.objects.record(
                kind, actor="ann", subject="it", subject_id=subject.pk, project=project
            )
        page = as_owner.get(address("activity", project))
        links = [line.link for line in page.context["lines"]][::-1]
        assert links == [link for _, _, link in wanted]
        for link in filter(None, links):
            assert f'<a href="{link}">' in page.text
            assert as_owner.get(link).status_code == 200

    def test_a_viewer_is_led_nowhere_that_is_closed(self, project, as_viewer):
        for kind in ("webhook.created", "notification.added", "member.joined", "upload.failed"):
            happen(project, kind)
        for line in as_viewer.get(address("activity", project)).context["lines"]:
            assert not line.link or as_viewer.get(line.link).status_code == 200

    def test_takes_as_many_queries_for_thirty_rows_as_for_three(self, project, as_owner):
        def n_queries():
            with CaptureQueriesContext(connection) as asked:
                as_owner.get(address("activity", project))
            return len(asked)

        def happen_to_files(n_files):
            for _ in range(n_files):
                file = make_file(project)
                Event.objects.record(
                    "file.removal_ordered",
                    actor="ann",
                    subject=file.original_filename,
                    subject_id=file.pk,
                    project=project,
                )

        happen_to_files(3)
        for_three = n_queries()
        happen_to_files(27)
        assert n_queries() == for_three


@pytest.fixture
def events(project, monkeypatch):
    """Some of this project, and one of another that fits every filter too."""
    with in_request("one", "192.0.2.7"):
        found = {
            "paused": happen(project),
            "failed": happen(project, "copy.failed", "system", "cat.jpg"),
            "member": happen(project, "member.added", "bob@example.com", "ann@example.com"),
            "bulk": happen(project, "bulk_copy.ordered", "cleo@example.com", "Copy to photos"),
        }
    with monkeypatch.context() as past:
        past.setattr(timezone, "now", lambda: datetime(2026, 1, 2, 23, tzinfo=UTC))
        found["old"] = happen(project, "backup.finished", "schedule", "archive")
    happen(make_project())
    return found


class TestFilters:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({"who": "ANN@"}, ["paused"]),
            ({"who": "192.0.2."}, ["bulk", "member", "failed", "paused"]),
            ({"kind": "copies"}, ["bulk", "failed"]),
            ({"kind": "team"}, ["member"]),
            ({"kind": "backup"}, ["old"]),
            ({"q": "cat"}, ["failed"]),
            ({"q": "copy failed"}, []),
            ({"q": "example.com"}, ["member"]),
            ({"until": "2026-01-02"}, ["old"]),
            ({"since": "2026-01-03"}, ["bulk", "member", "failed", "paused"]),
            ({"since": "2026-01-02", "until": "2026-01-02", "kind": "backup"}, ["old"]),
            ({"kind": "storages", "who": "bob"}, []),
        ],
    )
    def test_leave_what_fits_in_page_and_csv(self, query, names, project, events, as_owner):
        page = as_owner.get(address("activity", project), query)
        assert shown(page) == sorted((events[name].pk for name in names), reverse=True)
        n_rows = len(rows_of(as_owner.get(address("activity_csv", project), query)))
        assert n_rows == 1 + len(names)

    def test_stay_in_the_address_and_in_the_fields(self, project, events, as_owner):
        page = as_owner.get(address("activity", project), {"who": "ann", "since": "2026-01-01"})
        assert 'value="ann"' in page.text
        assert 'value="2026-01-01"' in page.text
        assert "activity.csv?who=ann&amp;since=2026-01-01" in page.text

    @pytest.mark.parametrize(
        "query",
        [
            {"since": "soon"},
            {"until": "9999-12-31"},
            {"since": "0001-01-01"},
            {"kind": "secrets"},
            {"q": "\0"},
            {"who": "x" * 101},
            {"before": "x", "after": "-1"},
        ],
    )
    def test_what_cannot_be_read_filters_nothing(self, query, project, events, as_owner):
        page = as_owner.get(address("activity", project), query)
        assert len(shown(page)) == len(events)
        assert as_owner.get(address("activity_csv", project), query).status_code == 200

    def test_that_leave_nothing_can_be_cleared(self, project, events, as_owner):
        page = text_of(as_owner.get(address("activity", project), {"q": "nobody"}))
        assert "Nothing matches." in page
        assert "Clear the filters" in page

    def test_pages_keep_them(self, project, as_owner, monkeypatch):
        monkeypatch.setattr("storages_app.dashboard.views.activity.PAGE_SIZE", 2)
        made = [happen(project, n=n).pk for n in range(5)]
        happen(project, "copy.failed")
        first = as_owner.get(address("activity", project), {"kind": "storages"})
        assert shown(first) == made[:2:-1]
        assert f"kind=storages&amp;before={made[3]}" in first.text
        second = as_owner.get(address("activity", project), {"kind": "storages", "before": made[3]})
        assert shown(second) == [made[2], made[1]]


class TestCsv:
    def test_has_who_what_on_what_and_from_where(self, project, events, as_owner):
        answer = as_owner.get(address("activity_csv", project), {"kind": "storages"})
        assert (
            answer["Content-Disposition"] == f'attachment; filename="activity-{project.slug}.csv"'
        )
        head, row = rows_of(answer)
        assert head == ["time_utc", "who", "address", "what", "on_what", "details"]
        assert row[1:] == ["ann@example.com", "192.0.2.7", "Storage paused", "photos", ""]

    def test_no_cell_is_a_formula(self, project, as_owner):
        happen(project, actor="=cmd()", subject="+1")
        assert rows_of(as_owner.get(address("activity_csv", project)))[1][1] == "'=cmd()"

    def test_reads_a_long_table_in_parts(self, project, as_owner, monkeypatch):
        monkeypatch.setattr("storages_app.dashboard.activity_lines._CHUNK", 2)
        for n in range(5):
            happen(project, n=n)
        rows = rows_of(as_owner.get(address("activity_csv", project)))
        assert [row[-1] for row in rows[1:]] == [f"n: {n}" for n in (4, 3, 2, 1, 0)]
