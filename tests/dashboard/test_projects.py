"""The list of projects."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.dashboard import project_lists
from storages_app.dashboard.views import projects
from storages_app.models import Membership
from tests.dashboard.conftest import client_of, new_client
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_custom_storage,
    make_file,
    make_project,
    make_user,
)

LIST = reverse("dashboard:projects")


def in_one_line(response):
    return " ".join(response.text.split())  # those that do not break, too


def remove(project, *, days_ago=0.0):
    project.removed_at = timezone.now() - timedelta(days=days_ago)
    project.save()


def bring_back(client, project):
    return client.post(reverse("dashboard:project_bring_back", args=[project.slug]))


def test_a_row_tells_files_bytes_storages_upload_and_backup(as_owner, project):
    make_file(project, b"1234567890")
    make_file(project, b"1234567890", removed_at=timezone.now(), stored_at=None)
    storage = make_custom_storage(project, name="photos")
    make_custom_storage(project, name="archive", paused_at=timezone.now())
    make_backup_run(make_backup_plan(storage), finished_at=timezone.now())
    page = in_one_line(as_owner.get(LIST))
    assert "1 file · 10 B" in page
    assert "photos: connected" in page
    assert "1 connected, 1 paused" in page
    assert "Last backup" in page


def test_thirty_projects_cost_as_many_queries_as_three(as_owner, owner):
    def fill():
        project = make_project(owner=owner)
        make_file(project)
        make_backup_run(make_backup_plan(make_custom_storage(project)))
        remove(make_project(owner=owner))

    def queries():
        with CaptureQueriesContext(connection) as asked:
            assert as_owner.get(LIST).status_code == 200
        return len(asked)

    for _ in range(3):
        fill()
    for_three = queries()
    for _ in range(27):
        fill()
    assert queries() == for_three


def test_without_a_project_the_page_says_what_one_is(db):
    page = in_one_line(client_of(make_user()).get(LIST))
    assert "No projects yet." in page
    assert (
        "A project has its own keys, files and storages. Most teams make one for staging and one "
        "for production." in page
    )
    assert "Create project" in page


class TestManyProjects:
    @pytest.fixture(autouse=True)
    def _few_are_many(self, monkeypatch):
        monkeypatch.setattr(projects, "_MOST_SHOWN", 3)

    def test_the_first_are_shown_and_others_found_by_name(self, as_owner, owner):
        for name in ("Alpha", "Beta", "Gamma", "Zeta <b>"):
            make_project(name, owner=owner)
        page = as_owner.get(LIST)
        assert [row.project.name for row in page.context["rows"]] == ["Alpha", "Beta", "Gamma"]
        assert "These are the first 3. Find others by their name." in in_one_line(page)
        found = as_owner.get(LIST, {"q": " zeta <B> "})
        assert [row.project.name for row in found.context["rows"]] == ["Zeta <b>"]
        assert 'value="zeta &lt;B&gt;"' in found.text

    def test_a_name_that_nobody_has_leads_back_to_all(self, as_owner):
        page = as_owner.get(LIST, {"q": "nothing\0"})
        assert "No project of yours is called “nothing”." in in_one_line(page)
        assert f'href="{LIST}">Show all' in page.text

    def test_those_of_others_are_not_found(self, as_neighbour, project):
        assert as_neighbour.get(LIST, {"q": project.name}).context["rows"] == []

    def test_who_has_few_sees_no_search(self, as_owner):
        assert 'role="search"' not in as_owner.get(LIST).text


def test_a_list_that_cannot_be_read_says_so_and_offers_another_try(as_owner, monkeypatch):
    def fail(*args):
        raise DatabaseError("a canary that no page shows")

    monkeypatch.setattr(project_lists, "rows_of", fail)
    page = as_owner.get(LIST)
    assert page.status_code == 500
    assert "Your projects could not be read." in page.text
    assert f'<a href="{LIST}">Try again</a>' in page.text
    assert "a canary" not in page.text
    assert "No projects yet." not in page.text
    assert "Create project" in page.text


class TestBringingBack:
    @pytest.mark.parametrize("role", ["admin", "member", "viewer"])
    def test_only_owners_do_it(self, project, role):
        user = make_user()
        Membership.objects.create(project=project, user=user, role=role)
        remove(project)
        client = client_of(user)
        assert "Bring back" not in client.get(LIST).text
        assert bring_back(client, project).status_code == 404
        project.refresh_from_db()
        assert project.removed_at

    def test_nor_do_neighbours_and_strangers(self, project, as_neighbour):
        remove(project)
        assert bring_back(as_neighbour, project).status_code == 404
        assert "/accounts/login/" in bring_back(new_client(), project)["Location"]

    def test_an_operator_may(self, project):
        remove(project)
        assert bring_back(client_of(make_user(is_staff=True)), project).status_code == 302
        project.refresh_from_db()
        assert project.removed_at is None

    def test_after_seven_days_it_is_too_late(self, project, as_owner):
        remove(project, days_ago=7.001)
        assert "Bring back" not in as_owner.get(LIST).text
        assert bring_back(as_owner, project).status_code == 404

    def test_it_takes_a_post(self, project, as_owner):
        remove(project)
        page = reverse("dashboard:project_bring_back", args=[project.slug])
        assert as_owner.get(page).status_code == 405
