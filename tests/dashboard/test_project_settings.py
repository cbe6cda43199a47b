"""The project's own page: name, pause, another owner, and the end."""

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from storages_app.models import Event, Membership
from tests.dashboard.conftest import client_of
from tests.factories import make_file, make_user


def address(page, project):
    return reverse(f"dashboard:{page}", args=[project.slug])


def said(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def in_one_line(response):
    return " ".join(response.text.split())


@pytest.fixture
def as_admin(project):
    admin = make_user("admin@example.com")
    Membership.objects.create(project=project, user=admin, role="admin")
    return client_of(admin)


class TestName:
    def test_it_changes_and_the_address_stays(self, as_owner, project):
        slug = project.slug
        as_owner.post(address("project_settings", project), {"name": " Store "})
        project.refresh_from_db()
        assert (project.name, project.slug) == ("Store", slug)
        event = Event.objects.get(kind="project.renamed")
        assert event.data == {"before": "Shop", "after": "Store"}

    @pytest.mark.parametrize("name", ["", "   ", "a\u202eb", "a" * 101])
    def test_one_that_cannot_be_is_refused(self, as_owner, project, name):
        page = as_owner.post(address("project_settings", project), {"name": name})
        assert 'role="alert"' in page.text
        project.refresh_from_db()
        assert project.name == "Shop"

    def test_a_viewer_reads_it_and_finds_no_form(self, as_viewer, project):
        page = as_viewer.get(address("project_settings", project)).text
        assert "Shop" in page
        assert "Save the name" not in page
        assert "Pause uploads" not in page


class TestPause:
    def test_uploads_are_paused_and_resumed(self, as_admin, project):
        as_admin.post(address("project_pause", project))
        project.refresh_from_db()
        assert project.uploads_paused_at
        assert "Paused" in as_admin.get(address("project_settings", project)).text
        as_admin.post(address("project_resume", project))
        project.refresh_from_db()
        assert project.uploads_paused_at is None
        kinds = ["project.uploads_resumed", "project.uploads_paused"]
        assert [event.kind for event in Event.objects.filter(project=project)] == kinds

    def test_twice_is_one_pause(self, as_owner, project):
        as_owner.post(address("project_pause", project))
        as_owner.post(address("project_pause", project))
        assert Event.objects.filter(kind="project.uploads_paused").count() == 1


class TestHandOver:
    def test_a_member_becomes_owner_in_ones_place(self, as_owner, owner, as_admin, project):
        heir = Membership.objects.get(user__email="admin@example.com")
        as_owner.post(address("project_hand_over", project), {"member": heir.pk})
        roles = dict(project.memberships.values_list("user__email", "role"))
        assert roles == {"owner@example.com": "admin", "admin@example.com": "owner"}

    def test_without_another_member_the_page_says_so(self, as_owner, project):
        page = as_owner.get(address("project_hand_over", project)).text
        assert "There is nobody else yet" in page

    def test_not_to_a_member_of_another_project(self, as_owner, as_admin, as_neighbour, project):
        stranger = Membership.objects.get(user__email="neighbour@example.com")
        page = as_owner.post(address("project_hand_over", project), {"member": stranger.pk})
        assert "That person is no member any more." in page.text

    def test_an_admin_hands_over_and_deletes_nothing(self, as_admin, project):
        """S110."""
        for page in ("project_hand_over", "project_delete"):
            assert as_admin.get(address(page, project)).status_code == 403
            assert as_admin.post(address(page, project), {"name": "Shop"}).status_code == 403
        project.refresh_from_db()
        assert project.removed_at is None


class TestDelete:
    def test_it_says_what_goes_and_asks_for_the_name(self, as_owner, project):
        for _ in range(2):
            make_file(project)
        page = in_one_line(as_owner.get(address("project_delete", project)))
        assert "2 files on this instance will be gone after 7 days." in page
        assert "Copies in your buckets stay. Type" in page
        wrong = as_owner.post(address("project_delete", project), {"name": "shop"})
        assert "That is not “Shop”. Nothing was deleted." in wrong.text
        project.refresh_from_db()
        assert project.removed_at is None

    def test_its_doors_close_and_the_list_brings_it_back(self, as_owner, project):
        as_owner.post(address("project_delete", project), {"name": "Shop"})
        assert as_owner.get(address("overview", project)).status_code == 404
        page = as_owner.get(reverse("dashboard:projects"))
        assert "Bring back until" in page.text
        as_owner.post(address("project_bring_back", project))
        assert as_owner.get(address("overview", project)).status_code == 200
        kinds = Event.objects.filter(project=project).values_list("kind", flat=True)
        assert list(kinds) == ["project.brought_back", "project.removed"]


def test_the_page_of_uploads_says_that_they_are_paused(as_owner, project):
    page = address("upload", project)
    assert "Uploads to this project are paused." not in as_owner.get(page).text
    as_owner.post(address("project_pause", project))
    assert "Uploads to this project are paused." in as_owner.get(page).text
