"""The lists over many rows: nothing of a list looks at the whole table."""

import re
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.admin import lists
from storages_app.admin.periods import Period, years
from storages_app.models import CopyJob, Event, File, WebhookDelivery
from tests.admin.conftest import client_of
from tests.factories import (
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_user,
    make_webhook,
    make_webhook_delivery,
)

TODAY = timezone.now().date()


def address(model):
    return reverse(f"admin:storages_app_{model._meta.model_name}_changelist")


class TestPeriods:
    @pytest.mark.parametrize(
        ("text", "begins", "ends", "title", "above"),
        [
            ("2026", date(2026, 1, 1), date(2027, 1, 1), "2026", ""),
            ("2026-12", date(2026, 12, 1), date(2027, 1, 1), "December 2026", "2026"),
            ("2024-02-29", date(2024, 2, 29), date(2024, 3, 1), "29 February", "2024-02"),
        ],
    )
    def test_are_read(self, text, begins, ends, title, above):
        period = Period.read(text)
        assert (period.begins, period.ends) == (begins, ends)
        assert (period.title, period.above, period.text) == (title, above, text)

    @pytest.mark.parametrize(
        "text", ["", "x", "2026-13", "2026-02-30", "0000", "9999", "2026-1", "٢٠٢٦", "20261"]
    )
    def test_that_are_none_are_not_read(self, text):
        assert Period.read(text) is None

    def test_have_only_the_parts_that_can_have_rows(self):
        first, last = date(2025, 11, 20), date(2026, 2, 3)
        assert [one.text for one in years(first, last)] == ["2025", "2026"]
        assert [one.text for one in Period.read("2025").parts(first, last)] == [
            "2025-11",
            "2025-12",
        ]
        days = Period.read("2026-02").parts(first, last)
        assert [one.text for one in days] == ["2026-02-01", "2026-02-02", "2026-02-03"]
        assert Period.read("2026-02-01").parts(first, last) == []


class TestDates:
    @pytest.fixture
    def files(self, project):
        old = datetime(2024, 5, 6, 7, tzinfo=UTC)
        return make_file(project, name="old.png", uploaded_at=old), make_file(
            project, name="new.png"
        )

    def test_lead_from_years_to_days(self, as_operator, files):
        everything = as_operator.get(address(File)).text
        for year in range(2024, TODAY.year + 1):
            assert f'href="?period={year}"' in everything
        assert 'href="?period=2024-05"' in as_operator.get(address(File) + "?period=2024").text
        assert "?period=2024-05-06" in as_operator.get(address(File) + "?period=2024-05").text

    @pytest.mark.parametrize("period", ["2024", "2024-05", "2024-05-06"])
    def test_narrow_the_list(self, as_operator, files, period):
        page = as_operator.get(address(File), {"period": period}).text
        assert "old.png" in page
        assert "new.png" not in page

    @pytest.mark.parametrize("period", ["x", "2026-99", "' OR 1=1", "9999"])
    def test_that_are_none_leave_the_list_whole(self, as_operator, files, period):
        page = as_operator.get(address(File), {"period": period})
        assert page.status_code == 200
        assert "old.png" in page.text

    def test_are_kept_with_other_filters(self, as_operator, files):
        page = as_operator.get(address(File), {"period": "2024", "is_image__exact": 1}).text
        assert "is_image__exact=1&amp;period=2024-05" in page


def make_rows():
    project = make_project(owner=make_user())
    file = make_file(project)
    make_copy_job(file, make_custom_storage(project))
    make_webhook_delivery(make_webhook(project))
    Event.objects.record("file.deleted", actor="somebody", subject="x", project=project)


@pytest.mark.parametrize("model", [File, CopyJob, Event, WebhookDelivery], ids=lambda m: m.__name__)
def test_no_list_of_many_rows_sorts_counts_or_groups_the_whole_table(model, as_operator):
    """Its rows come by an index, its number is bounded, its dates are those of the calendar."""
    make_rows()
    with CaptureQueriesContext(connection) as queries:
        assert as_operator.get(address(model)).status_code == 200
    table = model._meta.db_table
    asked = [one["sql"] for one in queries if f'FROM "{table}"' in one["sql"]]
    assert asked
    for sql in asked:
        assert "DISTINCT" not in sql
        assert "MIN(" not in sql
        assert "COUNT(" not in sql or f"LIMIT {lists.COUNTED_UP_TO}" in sql
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for sql in asked:
                plan = cursor.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()
                steps = " ".join(str(row[3]) for row in plan)
                # The last columns, which decide between equals, may be sorted.
                assert not re.search(r"TEMP B-TREE FOR (?!LAST|RIGHT)", steps), steps


def test_a_list_says_that_it_stops_counting(as_operator, project, monkeypatch):
    monkeypatch.setattr(lists, "COUNTED_UP_TO", 3)
    for _ in range(5):
        make_file(project)
    assert "The first 3 files; filter to see others" in as_operator.get(address(File)).text


def test_a_project_is_chosen_by_its_slug_even_if_it_is_not_offered(as_operator, project):
    make_file(project, name="mine.png")
    other = make_project("Other", owner=make_user())
    make_file(other, name="theirs.png")
    page = as_operator.get(address(File), {"project": project.slug}).text
    assert "mine.png" in page
    assert "theirs.png" not in page
    nothing = as_operator.get(address(File), {"project": "nobody's"}).text
    assert "mine.png" not in nothing


def test_events_are_filtered_by_what_they_happened_to(as_operator, project):
    Event.objects.record("file.deleted", actor="somebody", subject="a.png", project=project)
    Event.objects.record("storage.paused", actor="somebody", subject="bucket", project=project)
    page = as_operator.get(address(Event), {"about": "storage."}).text
    assert "storage.paused" in page
    assert "file.deleted" not in page


def test_copies_are_found_by_the_start_of_the_uuid_of_their_file(as_operator, project):
    file = make_file(project)
    job = make_copy_job(file, make_custom_storage(project))
    page = as_operator.get(address(CopyJob), {"q": str(file.pk)[:8]}).text
    assert reverse("dashboard:copy", args=[project.slug, job.pk]) in page


def test_staff_without_the_right_sees_no_list(db):
    assert client_of(make_user(is_staff=True)).get(address(File)).status_code == 403
