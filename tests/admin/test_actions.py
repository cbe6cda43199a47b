"""What operators do: through the services, with a line in the activity and a count."""

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from storages_app.models import CopyJob, CustomStorage, Event, Membership, User
from tests.admin.conftest import client_of
from tests.factories import make_copy_job, make_custom_storage, make_file, make_user

OPERATOR = "operator@example.com (operator)"


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="photos")


def run(client, model, action, rows):
    response = client.post(
        reverse(f"admin:storages_app_{model._meta.model_name}_changelist"),
        {"action": action, "_selected_action": [row.pk for row in rows]},
    )
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.mark.parametrize("model", [CopyJob, CustomStorage])
@pytest.mark.parametrize("chosen", ["x", "\0", "-", "9" * 30 + "x"])
def test_a_choice_that_is_no_row_is_refused(as_operator, model, chosen):
    address = reverse(f"admin:storages_app_{model._meta.model_name}_changelist")
    action = "run_again" if model is CopyJob else "pause"
    response = as_operator.post(address, {"action": action, "_selected_action": [chosen]})
    assert response.status_code == 400


class TestStorages:
    def test_are_tested(self, as_operator, storage):
        assert run(as_operator, CustomStorage, "test", [storage]) == [
            "1 storage asked to be tested."
        ]
        assert storage.connection_tests.get().asked_by == OPERATOR
        assert Event.objects.get(kind="storage.test_asked").actor == OPERATOR

    def test_are_paused_and_resumed_with_an_event_each(self, as_operator, storage):
        assert run(as_operator, CustomStorage, "pause", [storage]) == ["1 storage paused."]
        storage.refresh_from_db()
        assert storage.is_paused
        assert run(as_operator, CustomStorage, "resume", [storage])[-1] == "1 storage resumed."
        storage.refresh_from_db()
        assert not storage.is_paused
        kinds = set(Event.objects.values_list("kind", "actor"))
        assert kinds == {("storage.paused", OPERATOR), ("storage.resumed", OPERATOR)}

    def test_that_are_gone_refuse_and_the_others_go_on(self, as_operator, storage, project):
        gone = make_custom_storage(project, name="gone", removed_at=timezone.now())
        said = run(as_operator, CustomStorage, "test", [gone, storage])
        assert said == ["gone: This storage was disconnected.", "1 storage asked to be tested."]

    def test_are_left_alone_by_staff_who_may_only_look(self, storage):
        from django.contrib.auth.models import Permission

        viewer = make_user(is_staff=True)
        viewer.user_permissions.add(Permission.objects.get(codename="view_customstorage"))
        run(client_of(viewer), CustomStorage, "pause", [storage])
        storage.refresh_from_db()
        assert not storage.is_paused


class TestCopyJobs:
    def test_that_failed_run_again_and_others_do_not(self, as_operator, storage, project):
        file = make_file(project)
        failed = make_copy_job(file, storage, state="failed", reason="key_conflict", evidence="")
        done = make_copy_job(file, storage)
        said = run(as_operator, CopyJob, "run_again", [failed, done])
        assert said == ["1 job to run again."]
        failed.refresh_from_db()
        done.refresh_from_db()
        assert (failed.state, done.state) == ("pending", "done")
        event = Event.objects.get(kind="copy.retried")
        assert (event.project, event.data) == (project, {"count": 1})


class TestQuotas:
    def form(self, project, **fields):
        owner = project.memberships.get()
        return {
            "memberships-TOTAL_FORMS": 1,
            "memberships-INITIAL_FORMS": 1,
            "memberships-0-id": owner.pk,
            "memberships-0-project": project.pk,
            "memberships-0-user": owner.user_id,
            "memberships-0-role": "owner",
            **fields,
        }

    def test_are_set_with_an_event(self, as_operator, project):
        address = reverse("admin:storages_app_project_change", args=[project.pk])
        response = as_operator.post(address, self.form(project, max_files=7))
        assert response.status_code == 302
        project.refresh_from_db()
        assert (project.max_files, project.max_bytes) == (7, None)
        event = Event.objects.get(kind="project.quota_changed")
        assert (event.actor, event.data) == (OPERATOR, {"max_files": 7})

    def test_below_nothing_are_refused(self, as_operator, project):
        address = reverse("admin:storages_app_project_change", args=[project.pk])
        response = as_operator.post(address, self.form(project, max_bytes=-1))
        assert response.status_code == 200
        project.refresh_from_db()
        assert project.max_bytes is None


class TestMembers:
    def test_are_added_with_an_event(self, as_operator, project):
        person = make_user("new@example.com")
        owner = project.memberships.get()
        response = as_operator.post(
            reverse("admin:storages_app_project_change", args=[project.pk]),
            {
                "memberships-TOTAL_FORMS": 2,
                "memberships-INITIAL_FORMS": 1,
                "memberships-0-id": owner.pk,
                "memberships-0-project": project.pk,
                "memberships-0-user": owner.user_id,
                "memberships-0-role": "owner",
                "memberships-1-project": project.pk,
                "memberships-1-user": person.pk,
                "memberships-1-role": "viewer",
            },
        )
        assert response.status_code == 302
        assert Membership.objects.get(user=person).role == "viewer"
        assert Event.objects.get(kind="member.added").subject == "new@example.com"


class TestUsers:
    def test_are_made_with_a_lower_case_address(self, as_operator):
        response = as_operator.post(
            reverse("admin:storages_app_user_add"),
            {
                "email": "Grace@Example.com",
                "usable_password": "true",
                "password1": "a long enough pass phrase",
                "password2": "a long enough pass phrase",
            },
        )
        assert response.status_code == 302
        assert User.objects.filter(email="grace@example.com").exists()


def test_the_admin_has_no_sign_in_of_its_own(client):
    from urllib.parse import urlsplit

    from django.conf import settings

    host = urlsplit(settings.DASHBOARD_URL).netloc
    response = client.get(reverse("admin:login"), headers={"host": host})
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
