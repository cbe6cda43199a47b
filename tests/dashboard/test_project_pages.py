"""Projects, overview, backup, jobs, keys, settings, activity, errors."""

import re

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.backups import services as backups
from storages_app.dashboard.reasons import explanations
from storages_app.lib.errors import UcdashError
from storages_app.models import (
    BackupPlan,
    BackupRun,
    CopyJob,
    CustomStorage,
    Project,
    Reason,
)
from tests.dashboard.conftest import new_client
from tests.factories import (
    make_backup_plan,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
)


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def grow_tired(client, settings):
    """Signed in, but too long ago for secrets."""
    session = client.session
    session["began_at"] -= settings.CONFIRMED_FOR.total_seconds() + 1
    session.save()


def test_the_menu_of_a_phone_has_the_search_too(as_owner, project):
    page = as_owner.get(address("overview", project)).text
    menu = page[page.index("<nav") : page.index("</nav>")]
    assert 'role="search"' in menu
    assert f'action="{address("files", project)}"' in menu
    assert 'name="q"' in menu


class TestProjects:
    def test_a_new_one_belongs_to_its_maker(self, as_owner, owner):
        response = as_owner.post(reverse("dashboard:project_new"), {"name": "Blog"})
        project = Project.objects.get(name="Blog")
        assert response["Location"] == address("overview", project)
        assert project.memberships.get().user == owner
        assert said(response) == ["Project “Blog” is ready. Its keys are below"]

    def test_the_keys_of_a_new_one_are_shown_once_on_its_overview(self, as_owner, project):
        as_owner.post(reverse("dashboard:project_new"), {"name": "Blog"})
        blog = Project.objects.get(name="Blog")
        secret = blog.secret_keys.get().unseal_secret()
        assert secret not in repr(dict(as_owner.session))
        for other in (as_owner.get(address("overview", project)), as_owner.get("/projects/")):
            assert secret not in other.text
        assert as_owner.head(address("overview", blog)).status_code == 200
        shown = as_owner.get(address("overview", blog))
        assert f'<code id="secret">{secret}</code>' in shown.text
        assert f'<code id="public-key">{blog.public_key}</code>' in shown.text
        assert "I have stored it" in shown.text
        assert "no-store" in shown["Cache-Control"]
        assert shown.context["steps"].value.n_done == 0
        again = as_owner.get(address("overview", blog))
        assert secret not in again.text
        assert again.context["steps"].value.n_done == 1

    def test_who_comes_back_too_late_does_not_see_the_secret(self, as_owner, settings):
        """S109: it would be shown without a confirmation."""
        as_owner.post(reverse("dashboard:project_new"), {"name": "Blog"})
        blog = Project.objects.get(name="Blog")
        grow_tired(as_owner, settings)
        assert 'id="secret"' not in as_owner.get(address("overview", blog)).text

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_who_signed_in_long_ago_confirms_first(self, method, as_owner, settings):
        """S109: a key is made and shown."""
        grow_tired(as_owner, settings)
        response = getattr(as_owner, method)(reverse("dashboard:project_new"), {"name": "Blog"})
        assert response["Location"].startswith("/accounts/reauthenticate/?next=%2Fnew-project%2F")
        assert not Project.objects.filter(name="Blog").exists()

    def test_a_name_that_cannot_be_is_said_and_kept(self, as_owner):
        page = as_owner.post(reverse("dashboard:project_new"), {"name": "   "})
        assert page.status_code == 200
        assert 'role="alert"' in page.text
        page = as_owner.post(reverse("dashboard:project_new"), {"name": "a\nb"})
        assert Project.objects.filter(name__contains="\n").count() == 0

    def test_the_list_takes_as_many_queries_for_ten_as_for_one(self, as_owner, owner, project):
        with CaptureQueriesContext(connection) as for_one:
            as_owner.get(reverse("dashboard:projects"))
        for _ in range(9):
            other = make_project(owner=owner)
            make_file(other)
            BackupRun.objects.create(
                plan=make_backup_plan(make_custom_storage(other)),
                state="done",
                finished_at=timezone.now(),
            )
        with CaptureQueriesContext(connection) as for_ten:
            as_owner.get(reverse("dashboard:projects"))
        assert len(for_ten) <= len(for_one) + 1  # the runs are asked for only where there are any

    def test_home_leads_to_the_list(self, as_owner):
        assert as_owner.get("/")["Location"] == reverse("dashboard:projects")


class TestTheme:
    @pytest.mark.parametrize(("chosen", "attribute"), [("dark", "dark"), ("light", "light")])
    def test_is_there_at_the_first_paint(self, chosen, attribute, as_owner, project):
        as_owner.post(reverse("dashboard:theme"), {"theme": chosen})
        page = as_owner.get(address("overview", project)).text
        assert f'data-theme="{attribute}"' in page.partition("<head>")[0]

    def test_goes_back_to_the_system(self, as_owner, project):
        as_owner.post(reverse("dashboard:theme"), {"theme": "dark"})
        as_owner.post(reverse("dashboard:theme"), {"theme": "system"})
        page = as_owner.get(address("overview", project)).text
        assert "data-theme" not in page.partition("<head>")[0]

    @pytest.mark.parametrize(
        "next_page", ["//evil.example", "https:evil", "/\\evil", "javascript:1"]
    )
    def test_leads_nowhere_else(self, next_page, as_owner):
        response = as_owner.post(reverse("dashboard:theme"), {"theme": "dark", "next": next_page})
        assert response["Location"] == "/"


BACKUP = {"schedule": "0 */3 * * *", "keep_days": 0, "sample_size": 10}


class TestBackup:
    def test_is_connected_run_turned_off_and_on(self, project, storage, as_owner):
        as_owner.post(address("backup_connect", project), BACKUP | {"custom_storage": storage.pk})
        plan = BackupPlan.objects.get()
        assert plan.custom_storage == storage
        response = as_owner.post(address("backup_run_now", project))
        assert said(response)[-1] == "A run was asked for. It shows up below."
        as_owner.post(address("backup_turn_off", project))
        plan.refresh_from_db()
        assert not plan.is_on
        as_owner.post(address("backup_turn_on", project))
        plan.refresh_from_db()
        assert plan.is_on

    def test_says_what_the_verdict_says(self, project, storage, as_owner, monkeypatch):
        make_backup_plan(storage)
        sentence = "Backed up with gaps. 2 files are missing."
        monkeypatch.setattr(
            backups, "verdict", lambda plan: backups.Verdict("gaps", sentence, 5, 2)
        )
        assert sentence in as_owner.get(address("backup", project)).text

    def test_is_polled_only_while_a_run_is_under_way(self, project, storage, as_owner):
        run = BackupRun.objects.create(plan=make_backup_plan(storage), asked_by="owner")
        part = address("backup_runs", project)
        assert f'hx-get="{part}?seen=' in as_owner.get(address("backup", project)).text
        first = as_owner.get(part)
        assert first.status_code == 200
        seen = {"seen": first.context["version"]}
        assert as_owner.get(part, seen).status_code == 204
        BackupRun.objects.filter(pk=run.pk).update(n_new=1)
        assert as_owner.get(part, seen).status_code == 200
        done = {"state": BackupRun.State.DONE, "finished_at": timezone.now()}
        BackupRun.objects.filter(pk=run.pk).update(**done)
        last = as_owner.get(part, seen)
        assert last.status_code == 286
        assert "hx-get" not in last.text

    def test_that_lost_its_storage_offers_to_choose_another(self, project, storage, as_owner):
        plan = make_backup_plan(storage)
        CustomStorage.objects.filter(pk=storage.pk).update(removed_at=timezone.now())
        page = as_owner.get(address("backup", project)).text
        assert "Choose another storage" in page
        assert "Run now" not in page
        assert "next pass" not in page
        other = make_custom_storage(project, name="other")
        as_owner.post(address("backup_connect", project), BACKUP | {"custom_storage": other.pk})
        plan.refresh_from_db()
        assert plan.custom_storage == other

    def test_without_a_plan_nothing_is_polled(self, project, as_owner):
        assert "hx-get" not in as_owner.get(address("backup", project)).text
        assert as_owner.get(address("backup_runs", project)).status_code == 286

    def test_a_refusal_is_shown(self, project, storage, as_owner, monkeypatch):
        make_backup_plan(storage)

        def refuse(**kwargs):
            raise UcdashError("Not now.", hint="Later.")

        monkeypatch.setattr(backups, "request_run", refuse)
        assert said(as_owner.post(address("backup_run_now", project))) == ["Not now. Later."]

    def test_a_storage_of_another_project_is_refused(self, project, as_owner):
        foreign = make_custom_storage(make_project())
        asked = BACKUP | {"custom_storage": foreign.pk}
        page = as_owner.post(address("backup_connect", project), asked)
        assert page.status_code == 200
        assert not BackupPlan.objects.exists()

    def test_without_a_plan_there_is_nothing_to_run(self, project, as_owner):
        assert as_owner.post(address("backup_run_now", project)).status_code == 404


class TestCopies:
    def failed(self, file, storage, **fields):
        values = {"state": "failed", "reason": "key_conflict", "evidence": ""}
        return make_copy_job(file, storage, **(values | fields))

    def test_are_filtered_by_state_and_storage(self, project, file, storage, as_owner):
        other = make_custom_storage(project)
        done, failed = make_copy_job(file, storage), self.failed(file, other)

        def shown(**query):
            return {
                job.pk for job, _ in as_owner.get(address("copies", project), query).context["jobs"]
            }

        assert shown() == {done.pk, failed.pk}
        assert shown(state="failed") == {failed.pk}
        assert shown(storage=str(storage.pk)) == {done.pk}
        assert shown(state="nonsense", storage="nonsense") == {done.pk, failed.pk}

    def test_failed_ones_are_retried_all_or_of_one_storage(self, project, file, storage, as_owner):
        other = make_custom_storage(project)
        one, two = self.failed(file, storage), self.failed(file, other)
        as_owner.post(address("copies_retry", project), {"storage": str(storage.pk)})
        one.refresh_from_db()
        two.refresh_from_db()
        assert (one.state, two.state) == ("pending", "failed")
        assert said(as_owner.post(address("copies_retry", project)))[-1] == "1 copy runs again."

    def test_are_never_retried_for_another_project(self, project, as_owner):
        theirs = make_project()
        foreign = self.failed(make_file(theirs), make_custom_storage(theirs))
        as_owner.post(address("copies_retry", project))
        foreign.refresh_from_db()
        assert foreign.state == "failed"

    def test_one_shows_evidence_or_reason_and_fix(self, project, file, storage, as_owner):
        failed = self.failed(file, storage, request_id="REQ-9", error_code="PreconditionFailed")
        page = as_owner.get(address("copy", project, failed.pk)).text
        assert "Another file has this name in the bucket already" in page
        assert "REQ-9" in page
        done = make_copy_job(file, storage, evidence_checksum="crc64nvme:abc")
        assert "crc64nvme:abc" in as_owner.get(address("copy", project, done.pk)).text

    def test_one_is_cancelled_while_it_waits(self, project, file, storage, as_owner):
        waiting = make_copy_job(file, storage, state="pending", evidence="")
        as_owner.post(address("copy_cancel", project, waiting.pk))
        waiting.refresh_from_db()
        assert waiting.state == "cancelled"
        done = make_copy_job(file, storage)
        said_last = said(as_owner.post(address("copy_cancel", project, done.pk)))[-1]
        assert said_last == "It had ended or was running already."

    def test_are_polled_only_while_some_are_under_way(self, project, file, storage, as_owner):
        job = make_copy_job(file, storage, state="pending", evidence="")
        assert 'hx-trigger="every 3s"' in as_owner.get(address("copies", project)).text
        part = as_owner.get(address("copies_rows", project))
        assert part.status_code == 200
        version = part.context["version"]
        assert as_owner.get(address("copies_rows", project), {"seen": version}).status_code == 204
        CopyJob.objects.filter(pk=job.pk).update(state="done", evidence="etag", run_after=None)
        assert as_owner.get(address("copies_rows", project), {"seen": version}).status_code == 286

    def test_the_list_takes_as_many_queries_for_fifty_as_for_one(
        self, project, file, storage, as_owner
    ):
        make_copy_job(file, storage)
        with CaptureQueriesContext(connection) as for_one:
            as_owner.get(address("copies", project))
        for _ in range(49):
            make_copy_job(file, storage)
        with CaptureQueriesContext(connection) as for_fifty:
            as_owner.get(address("copies", project))
        assert len(for_fifty) == len(for_one)

    def test_every_reason_has_a_why_and_a_fix(self):
        assert set(Reason.values) <= set(explanations())
        assert all(text.why and text.fix for text in explanations().values())


class TestAccountPages:
    @pytest.mark.parametrize("name", ["account_set_password", "account_reset_password"])
    def test_have_our_buttons_and_a_way_out(self, name, project, as_owner):
        page = as_owner.get(reverse(name)).text
        assert 'class="button main"' in page
        assert f'class="brand" href="{reverse("dashboard:projects")}"' in page


class TestSignIn:
    def test_a_wrong_pair_is_said_and_the_address_kept(self, db):
        page = new_client().post(
            reverse("account_login"), {"login": "who@example.com", "password": "wrong"}
        )
        assert 'role="alert"' in page.text
        assert "who@example.com" in page.text

    def test_nobody_signs_up_alone(self, db):
        page = new_client().get(reverse("account_signup"))
        assert "<form" not in page.text.partition("<main")[2]

    def test_goes_on_to_the_page_asked_for_but_to_no_other_host(self, project, owner):
        owner.set_password("a long enough pass phrase")
        owner.save()
        typed = {"login": owner.email, "password": "a long enough pass phrase"}
        for asked, reached in [
            (address("files", project), address("files", project)),
            ("//evil.example/", reverse("dashboard:projects")),
            ("/\\evil.example/", reverse("dashboard:projects")),
        ]:
            response = new_client().post(reverse("account_login"), typed | {"next": asked})
            assert response["Location"] == reached


def test_the_backup_page_tells_the_schedule_that_the_plan_has(project, as_owner):
    def told():
        return re.findall(r"Full pass: ([^.<]*)", as_owner.get(address("backup", project)).text)

    assert told() == []
    plan = make_backup_plan(make_custom_storage(project))
    assert told() == ["Every 3 hours"]
    plan.cron = "15 4 * * 1"
    plan.save(update_fields=["cron"])
    assert told() == ["At 04:15 on Monday"]
