"""What operators do: through the services, with a line in the activity and a count."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.admin import base
from storages_app.models import (
    BackupPlan,
    BulkJob,
    CopyJob,
    CustomStorage,
    Event,
    Membership,
    RestoreRun,
    SecretKey,
    User,
    WebhookDelivery,
)
from tests.admin.conftest import client_of
from tests.admin.test_lists import make_one_of_each
from tests.factories import (
    make_backup_plan,
    make_bulk_job,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_restore_run,
    make_secret_key,
    make_user,
    make_webhook,
    make_webhook_delivery,
)

HOST = {"host": urlsplit(settings.DASHBOARD_URL).netloc}
OPERATOR = "operator@example.com (operator)"


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="photos")


def run(client, model, action, rows):
    response = client.post(
        reverse(f"admin:storages_app_{model._meta.model_name}_changelist"),
        {"action": action, "_selected_action": [row.pk for row in rows], "confirmed": "yes"},
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
        assert said[0].startswith("gone: This storage was disconnected. ")
        assert said[1:] == ["1 storage asked to be tested."]

    def test_that_refuse_for_one_reason_are_one_message(self, as_operator, project):
        now = timezone.now()
        gone = [make_custom_storage(project, name=f"g{n}", removed_at=now) for n in range(30)]
        [refused, counted] = run(as_operator, CustomStorage, "test", gone)
        assert refused.count(",") == 2
        assert " and 27 more: This storage was disconnected. " in refused
        assert counted == "0 storages asked to be tested."

    def test_are_left_alone_by_staff_who_may_only_look(self, storage):
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

    def test_that_wait_are_cancelled_and_others_are_not(self, as_operator, storage, project):
        file = make_file(project)
        waits = make_copy_job(file, storage, state="pending")
        done = make_copy_job(make_file(project), storage)
        assert run(as_operator, CopyJob, "cancel", [waits, done]) == ["1 job cancelled."]
        waits.refresh_from_db()
        done.refresh_from_db()
        assert (waits.state, done.state) == ("cancelled", "done")
        assert Event.objects.get(kind="copy.cancelled").actor == OPERATOR


class TestJobs:
    def test_are_paused_resumed_and_cancelled_with_an_event_each(self, as_operator, storage):
        job = make_bulk_job(storage, state="copying")
        assert run(as_operator, BulkJob, "pause", [job]) == ["1 job paused."]
        job.refresh_from_db()
        assert job.is_paused
        assert run(as_operator, BulkJob, "resume", [job])[-1] == "1 job resumed."
        assert run(as_operator, BulkJob, "cancel", [job])[-1] == "1 job cancelled."
        kinds = set(Event.objects.values_list("kind", "actor"))
        assert ("bulk_copy.paused", OPERATOR) in kinds
        assert ("bulk_copy.cancelled", OPERATOR) in kinds

    def test_that_are_over_say_why_nothing_is_done(self, as_operator, storage):
        job = make_bulk_job(storage, state="done")
        said = run(as_operator, BulkJob, "pause", [job])
        assert said[-1] == "0 jobs paused."
        assert len(said) == 2


class TestBackups:
    @pytest.fixture
    def plan(self, storage):
        storage.connected_at = timezone.now()
        storage.save()
        return make_backup_plan(storage)

    def test_are_run_with_an_event(self, as_operator, plan):
        assert run(as_operator, BackupPlan, "run", [plan]) == ["1 backup to run."]
        assert plan.runs.get().asked_by == OPERATOR
        assert Event.objects.get(kind="backup.run_asked").actor == OPERATOR

    def test_are_paused_once_and_resumed_with_an_event_each(self, as_operator, plan):
        assert run(as_operator, BackupPlan, "pause", [plan]) == ["1 backup paused."]
        assert run(as_operator, BackupPlan, "pause", [plan])[-1] == "0 backups paused."
        plan.refresh_from_db()
        assert plan.paused_at
        assert run(as_operator, BackupPlan, "resume", [plan])[-1] == "1 backup resumed."
        kinds = set(Event.objects.values_list("kind", "actor"))
        assert {("backup.paused", OPERATOR), ("backup.resumed", OPERATOR)} <= kinds

    def test_that_are_paused_say_why_they_do_not_run(self, as_operator, plan):
        BackupPlan.objects.update(paused_at=timezone.now())
        said = run(as_operator, BackupPlan, "run", [plan])
        assert said[0].startswith("Backup of Shop to photos: ")
        assert said[-1] == "0 backups to run."

    def test_restores_of_them_are_cancelled_with_an_event(self, as_operator, storage):
        restore = make_restore_run(storage)
        assert run(as_operator, RestoreRun, "cancel", [restore]) == ["1 restore cancelled."]
        assert run(as_operator, RestoreRun, "cancel", [restore])[-1] == "0 restores cancelled."
        assert Event.objects.get(kind="restore.cancelled").actor == OPERATOR


class TestKeys:
    def test_are_ended_once_with_an_event(self, as_operator, project):
        key = make_secret_key(project, "the secret of a key")
        over = make_secret_key(project)
        SecretKey.objects.filter(pk=over.pk).update(revoked_at=timezone.now())
        assert run(as_operator, SecretKey, "end", [key, over]) == ["1 key ended."]
        key.refresh_from_db()
        assert key.revoked_at
        assert Event.objects.get().actor == OPERATOR


class TestDeliveries:
    def test_that_failed_are_sent_again_with_an_event(self, as_operator, project):
        webhook = make_webhook(project)
        dead = make_webhook_delivery(webhook, state="dead")
        under_way = make_webhook_delivery(webhook)
        said = run(as_operator, WebhookDelivery, "send_again", [dead, under_way])
        assert said[-1] == "1 message sent again."
        assert len(said) == 2
        dead.refresh_from_db()
        assert dead.state == "pending"
        event = Event.objects.get(kind="webhook.sent_again")
        assert (event.actor, event.project) == (OPERATOR, project)


ACTIONS = [
    (model, name)
    for model, shown in admin.site._registry.items()
    if model._meta.app_label == "storages_app"
    for name in shown.actions or ()
]


@pytest.mark.django_db
class TestEveryAction:
    """Of every list: it asks first, and only those whom it is for may answer."""

    each = pytest.mark.parametrize(
        ("model", "action"), ACTIONS, ids=lambda one: getattr(one, "__name__", one)
    )

    def send(self, client, model, action, **more):
        rows = list(model._default_manager.values_list("pk", flat=True))
        assert rows
        return client.post(
            reverse(f"admin:storages_app_{model._meta.model_name}_changelist"),
            {"action": action, "_selected_action": rows, **more},
        )

    @each
    def test_shows_what_it_will_do_before_it_does(self, as_operator, model, action):
        make_one_of_each()
        before = state_of(model)
        page = self.send(as_operator, model, action)
        assert "Back to the list" in page.text
        assert 'name="confirmed" value="yes"' in page.text
        assert state_of(model) == before

    @each
    def test_is_not_for_staff_who_may_only_look(self, model, action):
        make_one_of_each()
        viewer = make_user(is_staff=True)
        codename = f"view_{model._meta.model_name}"
        viewer.user_permissions.add(Permission.objects.get(codename=codename))
        before = state_of(model)
        self.send(client_of(viewer), model, action, confirmed="yes")
        assert state_of(model) == before


def state_of(model):
    return list(model._default_manager.order_by("pk").values()), Event.objects.count()


@pytest.mark.parametrize(("action", "state"), [("run_again", "failed"), ("cancel", "pending")])
def test_copies_are_changed_in_as_many_queries_for_thirty_as_for_three(
    as_operator, storage, project, action, state
):
    why = {"reason": "key_conflict"} if state == "failed" else {}

    def n_queries(n_jobs):
        jobs = [
            make_copy_job(make_file(project), storage, state=state, evidence="", **why)
            for _ in range(n_jobs)
        ]
        with CaptureQueriesContext(connection) as asked:
            said = run(as_operator, CopyJob, action, jobs)
        assert said[-1].startswith(f"{n_jobs} jobs ")
        return len(asked)

    n_queries(3)  # what is asked once in a process is over
    assert n_queries(30) <= n_queries(3)


class TestAsking:
    """Each action shows what it is about to do, and waits for a yes (S110, S111)."""

    def ask(self, client, rows, **more):
        return client.post(
            reverse("admin:storages_app_customstorage_changelist"),
            {"action": "pause", "_selected_action": [row.pk for row in rows], **more},
        )

    def test_comes_before_anything_is_done(self, as_operator, storage):
        page = self.ask(as_operator, [storage])
        assert page.status_code == 200
        assert "Pause: 1 custom storage." in page.text
        assert "Copies and backups into them wait until they are resumed." in page.text
        assert f'name="_selected_action" value="{storage.pk}"' in page.text
        storage.refresh_from_db()
        assert not storage.is_paused
        assert not Event.objects.exists()

    def test_escapes_what_the_rows_are_called(self, as_operator, project):
        page = self.ask(as_operator, [make_custom_storage(project, name="<b>x</b>")])
        assert "<b>x</b>" not in page.text
        assert "&lt;b&gt;x" in page.text

    def test_is_not_answered_by_get(self, as_operator, storage):
        address = reverse("admin:storages_app_customstorage_changelist")
        for page in (address, f"{address}?id__exact={storage.pk}"):
            as_operator.get(
                page, {"action": "pause", "_selected_action": storage.pk, "confirmed": "yes"}
            )
        storage.refresh_from_db()
        assert not storage.is_paused

    def test_takes_no_more_rows_than_an_action_can(self, as_operator, project, monkeypatch):
        monkeypatch.setattr(base, "ACTS_ON", 2)
        rows = [make_custom_storage(project) for _ in range(3)]
        page = self.ask(as_operator, rows, select_across="1")
        assert "These are more than 2 rows." in page.text
        page = self.ask(as_operator, rows, select_across="1", confirmed="yes")
        assert not CustomStorage.objects.exclude(paused_at=None).exists()

    def test_needs_a_token_of_this_site(self, operator, storage):
        client = Client(enforce_csrf_checks=True, headers=HOST)
        client.force_login(operator)
        assert self.ask(client, [storage], confirmed="yes").status_code == 403
        storage.refresh_from_db()
        assert not storage.is_paused


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
    """S110: an operator's changes obey the rules of the team, and are written down."""

    def save(self, client, project, *rows):
        """Each row is who, as what, and whether they go: those who are members come first."""
        known = {member.user_id: member for member in project.memberships.all()}
        sent = {"memberships-TOTAL_FORMS": len(rows), "memberships-INITIAL_FORMS": len(known)}
        for n, (user, role, *goes) in enumerate(rows):
            row = {"project": project.pk, "user": user.pk, "role": role}
            if user.pk in known:
                row["id"] = known[user.pk].pk
            if goes:
                row["DELETE"] = "on"
            sent |= {f"memberships-{n}-{name}": value for name, value in row.items()}
        return client.post(reverse("admin:storages_app_project_change", args=[project.pk]), sent)

    def test_are_added_with_an_event(self, as_operator, project):
        person = make_user("new@example.com")
        owner = project.memberships.get().user
        response = self.save(as_operator, project, (owner, "owner"), (person, "viewer"))
        assert response.status_code == 302
        assert Membership.objects.get(user=person).role == "viewer"
        event = Event.objects.get(kind="member.added")
        assert (event.subject, event.subject_id) == ("new@example.com", str(person.pk))

    @pytest.mark.parametrize("row", [("viewer",), ("owner", "goes")])
    def test_the_last_owner_stays_and_the_page_says_why(self, as_operator, project, row):
        owner = project.memberships.get().user
        page = self.save(as_operator, project, (owner, *row))
        assert page.status_code == 200
        assert "A project keeps at least one owner. Make someone else owner first." in page.text
        assert project.memberships.get().role == "owner"
        assert not Event.objects.exists()

    def test_an_owner_who_cannot_sign_in_is_none(self, as_operator, project):
        owner = project.memberships.get().user
        gone = make_user("gone@example.com", is_active=False)
        page = self.save(as_operator, project, (owner, "viewer"), (gone, "owner"))
        assert "A project keeps at least one owner." in page.text

    def test_one_owner_takes_the_place_of_another_in_one_step(self, as_operator, project):
        owner, heir = project.memberships.get().user, make_user("heir@example.com")
        Membership.objects.create(project=project, user=heir, role="viewer")
        saved = self.save(as_operator, project, (owner, "owner", "goes"), (heir, "owner"))
        assert saved.status_code == 302
        assert [(one.user, one.role) for one in project.memberships.all()] == [(heir, "owner")]
        kinds = Event.objects.order_by("pk").values_list("kind", "actor")
        assert list(kinds) == [
            ("member.role_changed", "operator@example.com"),
            ("member.removed", "operator@example.com"),
        ]

    def test_a_project_that_never_had_an_owner_can_be_changed(self, as_operator):
        project = make_project("Nobody's")
        saved = self.save(as_operator, project, (make_user("new@example.com"), "viewer"))
        assert saved.status_code == 302

    def test_a_row_does_not_become_another_person(self, as_operator, project):
        member = project.memberships.get()
        stranger = make_user("stranger@example.com")
        as_operator.post(
            reverse("admin:storages_app_project_change", args=[project.pk]),
            {
                "memberships-TOTAL_FORMS": 1,
                "memberships-INITIAL_FORMS": 1,
                "memberships-0-id": member.pk,
                "memberships-0-project": project.pk,
                "memberships-0-user": stranger.pk,
                "memberships-0-role": "owner",
            },
        )
        assert project.memberships.get().user.email == "owner@example.com"


class TestUsers:
    def save(self, client, user, **fields):
        kept = {"email": user.email, "theme": user.theme, "time_zone": user.time_zone}
        kept |= {"has_shortcuts": "on", "is_active": "on" if user.is_active else ""}
        sent = {name: value for name, value in (kept | fields).items() if value}
        return client.post(reverse("admin:storages_app_user_change", args=[user.pk]), sent)

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
        event = Event.objects.get(kind="user.added")
        assert (event.actor, event.subject) == (OPERATOR, "grace@example.com")

    def test_are_changed_with_an_event(self, as_operator):
        user = make_user("ada@example.com")
        assert self.save(as_operator, user, is_staff="on").status_code == 302
        user.refresh_from_db()
        assert user.is_staff
        event = Event.objects.get(kind="user.changed")
        assert (event.actor, event.subject) == (OPERATOR, "ada@example.com")
        assert event.data == {"fields": ["Staff status"]}

    def test_get_a_new_password_with_an_event_and_lose_their_sessions(self, as_operator):
        user = make_user("ada@example.com")
        session = client_of(user)
        word = "a long enough pass phrase"
        as_operator.post(
            reverse("admin:auth_user_password_change", args=[user.pk]),
            {"usable_password": "true", "password1": word, "password2": word, "set-password": "x"},
        )
        user.refresh_from_db()
        assert user.check_password(word)
        assert session.get("/projects/").status_code == 302
        event = Event.objects.get(kind="user.changed")
        assert event.data == {"fields": ["password"]}
        assert word not in str(vars(event))

    def test_whose_projects_lose_their_owner_are_named(self, as_operator, project):
        owner = project.memberships.get().user
        page = self.save(as_operator, owner, is_active="")
        said = [str(message) for message in get_messages(page.wsgi_request)]
        assert said[0] == "“Shop” has no owner now who can sign in. Make someone else owner."

    def test_who_work_in_a_project_are_not_deleted(self, as_operator, project):
        owner = project.memberships.get().user
        address = reverse("admin:storages_app_user_delete", args=[owner.pk])
        assert as_operator.post(address, {"post": "yes"}).status_code == 403
        assert project.memberships.exists()

    def test_who_have_nothing_are_deleted_with_an_event(self, as_operator):
        user = make_user("nobody@example.com")
        as_operator.post(reverse("admin:storages_app_user_delete", args=[user.pk]), {"post": "yes"})
        assert Event.objects.get(kind="user.removed").subject == "nobody@example.com"


class TestStaffWhoMayChangeUsers:
    """S110: `is_superuser` cannot be set by staff, and no operator's account taken over."""

    @pytest.fixture
    def as_staff(self, db):
        staff = make_user("staff@example.com", is_staff=True)
        staff.user_permissions.add(*Permission.objects.filter(codename__endswith="_user"))
        return client_of(staff)

    def test_make_nobody_an_operator(self, as_staff):
        user = make_user("ada@example.com")
        TestUsers().save(as_staff, user, is_staff="on", is_superuser="on", first_name="Ada")
        user.refresh_from_db()
        assert (user.first_name, user.is_staff, user.is_superuser) == ("Ada", False, False)

    def test_change_no_operator_nor_themselves(self, as_staff, operator):
        for user in (operator, User.objects.get(email="staff@example.com")):
            assert TestUsers().save(as_staff, user, first_name="X").status_code == 403
            word = "a long enough pass phrase"
            answer = as_staff.post(
                reverse("admin:auth_user_password_change", args=[user.pk]),
                {"usable_password": "true", "password1": word, "password2": word},
            )
            assert answer.status_code == 403
            user.refresh_from_db()
            assert not user.check_password(word)


def test_the_admin_has_no_sign_in_of_its_own(client):
    host = urlsplit(settings.DASHBOARD_URL).netloc
    response = client.get(reverse("admin:login"), headers={"host": host})
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))
