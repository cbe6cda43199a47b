"""The overview: first steps, four figures, and cards that fail alone."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.dashboard import reports
from storages_app.models import Event
from tests.factories import (
    make_backup_plan,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_secret_key,
)


def address(page, project):
    return reverse(f"dashboard:{page}", args=[project.slug])


def figures_of(response):
    return {figure.label: figure for figure in response.context["figures"].value}


class TestFirstSteps:
    def test_tick_themselves_and_go_when_all_are_done(self, project, as_owner):
        page = as_owner.get(address("overview", project))
        assert page.context["steps"].value.n_done == 0
        assert page.text.count("To do") == 5
        make_file(project, uploaded_at=timezone.now() - timedelta(hours=2))
        storage = make_custom_storage(project, auto_copy=True)
        page = as_owner.get(address("overview", project))
        assert "3 of 5 done" in page.text
        assert "2\u00a0h ago" in page.text
        make_backup_plan(storage)
        make_secret_key(project)
        assert "Get started" not in as_owner.get(address("overview", project)).text

    def test_can_be_hidden_and_shown_again(self, project, as_owner):
        as_owner.post(address("first_steps", project), {"do": "hide"})
        page = as_owner.get(address("overview", project)).text
        assert 'id="started"' not in page
        as_owner.post(address("first_steps", project), {"do": "hide"})
        as_owner.post(address("first_steps", project), {"do": "show"})
        assert 'id="started"' in as_owner.get(address("overview", project)).text
        assert list(Event.objects.order_by("pk").values_list("kind", flat=True)) == [
            "project.steps_hidden",
            "project.steps_shown",
        ]

    def test_are_not_hidden_by_a_viewer(self, project, as_viewer):
        assert as_viewer.post(address("first_steps", project), {"do": "hide"}).status_code == 403
        page = as_viewer.get(address("overview", project)).text
        assert 'id="started"' in page
        assert "Hide the list" not in page


class TestFigures:
    def test_of_a_new_project_are_not_counted_yet_and_never_nought(self, project, as_owner):
        page = as_owner.get(address("overview", project))
        assert {figure.value for figure in figures_of(page).values()} == {None}
        assert page.text.count("not counted yet") == 4

    def test_tell_files_bytes_copies_and_failures(self, project, storage, as_owner):
        now = timezone.now()
        file = make_file(project, b"x" * 2_000, uploaded_at=now, stored_at=now)
        make_copy_job(file, storage, finished_at=now, key="a")
        make_copy_job(file, storage, finished_at=now - timedelta(days=1), key="b")
        make_copy_job(
            file,
            storage,
            state="failed",
            reason="timeout",
            evidence="",
            finished_at=now,
            key="c",
        )
        page = as_owner.get(address("overview", project))
        figures = figures_of(page)
        assert [figure.value for figure in figures.values()] == [1, 2_000, 1, 1]
        copies = [bar.value for bar in figures["Copies today"].bars]
        assert copies[-2:] == [1, 1]
        assert figures["Stored bytes"].bars[-1].value == 2_000
        assert f'<th scope="row">{now:%Y-%m-%d}</th>' in page.text

    def test_a_day_without_failures_is_nought_once_there_are_copies(
        self, project, file, storage, as_owner
    ):
        make_copy_job(file, storage, finished_at=timezone.now())
        page = as_owner.get(address("overview", project))
        assert figures_of(page)["Failures today"].value == 0

    def test_are_this_projects_alone(self, project, storage, file, as_owner):
        other = make_project()
        make_copy_job(make_file(other), make_custom_storage(other), finished_at=timezone.now())
        page = as_owner.get(address("overview", project))
        assert [figure.value for figure in figures_of(page).values()] == [1, file.size, None, None]


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("first_steps", "The first steps"),
        ("figures", "These figures"),
        ("standing", "The storages"),
        ("last_events", "The last events"),
    ],
)
def test_a_card_that_cannot_be_read_names_itself_and_the_others_stay(
    part, named, project, storage, file, as_owner, monkeypatch
):
    def fail(*args, **kwargs):
        raise DatabaseError("a canary that no page shows")

    monkeypatch.setattr(reports, part, fail)
    page = as_owner.get(address("overview", project))
    assert page.status_code == 200
    told = " ".join(page.text.split())
    assert f"{named} could not be read. The rest of the page is current." in told
    assert told.count("could not be read") == 1
    assert "a canary" not in told


def test_a_backup_that_cannot_be_read_fails_alone(project, storage, as_owner, monkeypatch):
    from storages_app.dashboard.views import overview

    def fail(plan):
        raise DatabaseError

    make_backup_plan(storage)
    monkeypatch.setattr(overview.backups, "verdict", fail)
    page = as_owner.get(address("overview", project))
    assert "The backup could not be read." in " ".join(page.text.split())
    assert storage.address in page.text


def test_a_storage_tells_how_long_the_oldest_file_has_waited(project, storage, file, as_owner):
    now = timezone.now()
    for n, minutes in enumerate((1, 4)):
        make_copy_job(
            file,
            storage,
            state="pending",
            evidence="",
            key=str(n),
            created_at=now - timedelta(minutes=minutes, seconds=5),
        )
    page = " ".join(as_owner.get(address("overview", project)).text.split())
    assert "oldest file waiting: 4 min" in page


def test_takes_as_many_queries_for_thirty_storages_as_for_three(project, file, as_owner):
    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            assert as_owner.get(address("overview", project)).status_code == 200
        return len(queries)

    for n in range(3):
        make_copy_job(file, make_custom_storage(project), finished_at=timezone.now(), key=str(n))
    for_three = n_queries()
    for n in range(27):
        make_copy_job(file, make_custom_storage(project), finished_at=timezone.now(), key=str(n))
    assert n_queries() == for_three
