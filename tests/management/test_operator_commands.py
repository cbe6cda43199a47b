"""Commands for everything: through the services, with --dry-run, --json and exit codes."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from storages_app.custom_storages import self_test
from storages_app.models import (
    BackupPlan,
    BackupRun,
    BulkJob,
    CustomStorage,
    Event,
    Project,
    Reconciliation,
    SecretKey,
    Tally,
    User,
)
from storages_app.models.fields import read_db_now
from storages_app.objectstores.errors import WrongSecret
from storages_app.oversight import instance
from tests.factories import (
    make_backup_plan,
    make_bulk_job,
    make_custom_storage,
    make_file,
    make_project,
    make_secret_key,
    make_user,
)

ACTOR = "operator (command line)"

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project("Shop")


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="mine", connected_at=read_db_now())


@pytest.fixture
def run(capsys):
    """Run a command; its exit code and what it printed."""

    def call(*words: object) -> tuple[int, str]:
        capsys.readouterr()
        try:
            call_command(*(str(word) for word in words))
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out
        except CommandError as error:
            return error.returncode, str(error)
        return 0, capsys.readouterr().out

    return call


@pytest.fixture
def ask(run):
    """The same with --json."""

    def call(*words: object) -> tuple[int, dict]:
        code, out = run(*words, "--json")
        return code, json.loads(out)

    return call


class TestProject:
    def test_is_made_listed_and_shown(self, ask, run):
        make_user("ada@example.com")
        code, made = ask("project", "create", "Shop", "--owner", "ada@example.com")
        assert code == 0
        project = Project.objects.get(slug=made["slug"])
        assert project.memberships.get().user.email == "ada@example.com"
        assert ask("project", "list") == (0, {"projects": [made]})
        code, shown = ask("project", "show", "--project", made["slug"])
        assert (shown["public_key"], shown["keys"]) == (project.public_key, [])
        assert made["slug"] in run("project", "list")[1]

    def test_is_not_made_in_a_dry_run(self, ask):
        code, tried = ask("project", "create", "Shop", "--dry-run")
        assert (code, tried["dry_run"]) == (0, True)
        assert not Project.objects.exists()
        assert not Event.objects.exists()

    def test_a_refusal_is_exit_1_with_its_code(self, run):
        code, said = run("project", "create", " ")
        assert code == 1
        assert said.endswith(")")

    def test_somebody_unknown_is_wrong_use(self, run):
        assert run("project", "create", "Shop", "--owner", "nobody@example.com")[0] == 2
        assert run("project", "show", "--project", "nothing")[0] == 2

    def test_keys_are_made_once_and_ended(self, ask, project):
        _, made = ask("project", "key", "--project", project.slug, "--label", "CI")
        key = SecretKey.objects.get(pk=made["id"])
        assert key.unseal_secret() == made["secret_key"]
        assert Event.objects.get(kind="secret_key.created").actor == ACTOR
        _code, shown = ask("project", "show", "--project", project.slug)
        assert [one["label"] for one in shown["keys"]] == ["CI"]
        assert made["secret_key"] not in json.dumps(shown)
        assert ask("project", "end-key", "--project", project.slug, "--key", key.pk)[0] == 0
        key.refresh_from_db()
        assert key.revoked_at
        ended = Event.objects.filter(kind__startswith="secret_key.").order_by("pk").last()
        assert (ended.actor, ended.subject) == (ACTOR, "CI")

    def test_a_key_that_was_only_tried_is_not_shown(self, ask, project):
        _code, tried = ask("project", "key", "--project", project.slug, "--dry-run")
        assert tried["secret_key"] is None
        assert not SecretKey.objects.exists()

    def test_another_projects_key_is_not_ended(self, run, project):
        other = make_secret_key(make_project("Other"), "a secret of the tests")
        assert run("project", "end-key", "--project", project.slug, "--key", other.pk)[0] == 2


class TestStorage:
    def words(self, project, *more):
        return ("--project", project.slug, "--storage", "mine", *more)

    def test_is_listed_paused_and_resumed(self, ask, project, storage):
        assert [one["name"] for one in ask("storage", "list")[1]["storages"]] == ["mine"]
        assert ask("storage", "pause", *self.words(project))[1]["state"] == "paused"
        assert ask("storage", "resume", *self.words(project))[1]["state"] == "connected"
        kinds = set(Event.objects.values_list("kind", "actor"))
        assert kinds == {("storage.paused", ACTOR), ("storage.resumed", ACTOR)}

    def test_is_not_paused_in_a_dry_run(self, ask, project, storage):
        code, tried = ask("storage", "pause", *self.words(project, "--dry-run"))
        assert (code, tried["state"]) == (0, "paused")
        storage.refresh_from_db()
        assert not storage.is_paused
        assert not Event.objects.exists()

    def test_is_found_by_its_id_and_not_in_another_project(self, ask, run, project, storage):
        assert ask("storage", "pause", "--project", project.slug, "--storage", storage.pk)[0] == 0
        other = make_project("Other")
        assert run("storage", "pause", "--project", other.slug, "--storage", storage.pk)[0] == 2

    def test_is_tested_here_and_exits_by_what_was_found(self, ask, project, storage, bucket):
        code, told = ask("storage", "test", *self.words(project))
        assert (code, told["storages"][0]["test"]) == (0, "passed")
        bucket.fail("whoami", WrongSecret(provider_code="SignatureDoesNotMatch", http_status=403))
        code, told = ask("storage", "test", *self.words(project))
        assert (code, told["storages"][0]["test"]) == (1, "failed")
        assert "the test failed." in json.dumps(told) or told["storages"][0]["findings"]

    def test_all_broken_ones_are_tested(self, ask, run, project, storage, bucket):
        assert run("storage", "test", "--broken") == (0, "No storage is broken.\n")
        storage.circuit_opened_at, storage.circuit_reason = read_db_now(), "auth_denied"
        storage.save()
        assert len(ask("storage", "test", "--broken")[1]["storages"]) == 1
        assert run("storage", "test")[0] == 2

    def test_is_connected_by_the_family_as_by_the_old_name(self, ask, project, bucket, monkeypatch):
        for name in ("open_probe_store", "open_outside_store"):
            monkeypatch.setattr(self_test, name, lambda custom_storage: bucket)
        monkeypatch.setenv("MY_SECRET", "TheSecretOfTheTests")
        words = (
            *("storage", "connect", "--project", project.slug, "--name", "mine"),
            *("--endpoint", "http://127.0.0.1:9", "--region", "us-east-1", "--bucket", "bucket"),
            *("--access-key-id", "AKIATEST", "--secret-env", "MY_SECRET"),
        )
        code, tried = ask(*words, "--dry-run")
        assert (code, tried["state"]) == (0, "passed")
        assert not CustomStorage.objects.exists()
        code, told = ask(*words)
        assert (code, told["state"]) == (0, "connected")

    def test_a_check_is_asked_for_and_shown(self, ask, project, storage):
        code, asked = ask("storage", "check", *self.words(project))
        run = Reconciliation.objects.get()
        assert (code, asked["id"], run.asked_by, run.kind) == (0, run.pk, ACTOR, "full")
        Reconciliation.objects.update(state="different", n_differences=2, finished_at=read_db_now())
        code, shown = ask("storage", "checks", *self.words(project))
        assert (code, shown["checks"][0]["differences"]) == (1, 2)


class TestCopy:
    def words(self, project, *more):
        return ("copy", "start", "--project", project.slug, "--storage", "mine", *more)

    def test_of_all_files_is_a_job(self, ask, project, storage):
        make_file(project)
        code, told = ask(*self.words(project))
        job = BulkJob.objects.get()
        assert (code, told["id"], job.what, job.is_dry_run) == (0, job.pk, "all", False)
        assert Event.objects.get(kind="bulk_copy.ordered").actor == ACTOR

    def test_of_a_filter_or_of_chosen_files(self, ask, run, project, storage):
        file = make_file(project, name="cat.png")
        ask(*self.words(project, "--query", "cat"))
        ask(*self.words(project, "--file", file.pk))
        jobs = BulkJob.objects.order_by("pk")
        assert [(job.what, job.filter) for job in jobs] == [
            ("filter", {"q": "cat"}),
            ("selection", {}),
        ]
        assert run(*self.words(project, "--file", file.pk, "--query", "cat"))[0] == 2
        assert run(*self.words(project, "--query", "dog"))[0] == 1

    def test_in_a_dry_run_is_counted_by_a_worker_and_begun_by_a_command(
        self, ask, run, project, storage
    ):
        make_file(project)
        code, _told = ask(*self.words(project, "--dry-run"))
        job = BulkJob.objects.get()
        assert (code, job.is_dry_run, job.state) == (0, True, "counting")
        BulkJob.objects.update(state="counted", counted_at=read_db_now(), n_files=1, n_to_copy=1)
        assert f"copy begin {job.pk}" in run("copy", "status", job.pk)[1]
        assert ask("copy", "begin", job.pk)[1]["state"] == "Running"

    def test_is_steered(self, ask, run, project, storage):
        job = make_bulk_job(storage, state="copying")
        assert ask("copy", "pause", job.pk)[1]["state"] == "Paused"
        assert ask("copy", "resume", job.pk, "--dry-run")[0] == 0
        job.refresh_from_db()
        assert job.is_paused
        assert ask("copy", "cancel", job.pk)[0] == 0
        assert Event.objects.filter(kind="bulk_copy.cancelled", actor=ACTOR).exists()
        assert run("copy", "pause", 999)[0] == 2

    def test_that_ended_with_gaps_is_something_found(self, ask, project, storage):
        job = make_bulk_job(storage, state="gaps")
        assert ask("copy", "status", job.pk)[0] == 1
        _code, told = ask("copy", "status", "--project", project.slug)
        assert [one["id"] for one in told["jobs"]] == [job.pk]

    def test_that_does_not_end_in_time_is_exit_1(self, ask, project, storage, monkeypatch):
        monkeypatch.setattr("storages_app.management.base._LOOKS_EVERY_S", 0.01)
        make_file(project)
        assert ask(*self.words(project, "--wait", "0.02"))[0] == 1


class TestBackup:
    def test_is_connected_run_and_told(self, ask, project, storage):
        code, told = ask("backup", "connect", "--project", project.slug, "--storage", "mine")
        assert code == 0
        plan = BackupPlan.objects.get()
        assert plan.custom_storage == storage
        assert Event.objects.get(kind="backup.connected").actor == ACTOR
        code, told = ask("backup", "run", "--project", project.slug)
        assert (code, told["id"]) == (0, BackupRun.objects.get().pk)

    def test_that_never_succeeded_is_something_found(self, ask, project, storage):
        plan = make_backup_plan(storage)
        make_file(project, stored_at=read_db_now())
        BackupRun.objects.create(
            plan=plan, asked_by="x", state="failed", finished_at=read_db_now(), reason="No bucket."
        )
        code, told = ask("backup", "status")
        assert code == 1
        assert told["backups"][0]["newest_run"]["state"] == "failed"

    def test_is_paused_and_resumed(self, ask, project, storage):
        plan = make_backup_plan(storage)
        assert ask("backup", "pause", "--project", project.slug, "--dry-run")[0] == 0
        plan.refresh_from_db()
        assert plan.paused_at is None
        assert ask("backup", "pause", "--project", project.slug)[1]["state"] == "paused"
        assert ask("backup", "resume", "--project", project.slug)[0] == 0
        kinds = set(Event.objects.values_list("kind", "actor"))
        assert {("backup.paused", ACTOR), ("backup.resumed", ACTOR)} <= kinds

    def test_of_a_project_without_one_is_wrong_use(self, run, project):
        assert run("backup", "run", "--project", project.slug)[0] == 2
        assert run("backup", "status") == (0, "No project has a backup.\n")


class TestRefusals:
    """What went wrong is told to programs as well, and no database is no traceback."""

    def test_are_one_json_object_where_json_was_asked_for(self, ask, project):
        code, told = ask("project", "create", " ")
        assert (code, told["error"]["code"]) == (1, "name_invalid")
        assert told["error"]["hint"]
        code, told = ask("project", "show", "--project", "nothing")
        assert (code, told["error"]["code"]) == (2, "usage")
        assert "project list" in told["error"]["message"]

    @pytest.mark.parametrize(
        "words",
        [
            ("project", "list"),
            ("storage", "test", "--broken"),
            ("backup", "status"),
            ("copy", "status", "1"),
            ("set_password", "ada@example.com"),
            ("doctor",),
            ("create_project", "Shop"),
            ("recount",),
        ],
    )
    def test_name_a_database_that_cannot_be_used(self, run, monkeypatch, words):
        def refuse(*args, **kwargs):
            raise OperationalError("no such table: storages_app_project\nand more")

        monkeypatch.setattr("django.db.models.sql.compiler.SQLCompiler.execute_sql", refuse)
        monkeypatch.setattr("storages_app.models.counting.recount", refuse)
        code, said = run(*words)
        assert code == 1
        assert "The database cannot be used (no such table: storages_app_project)." in said
        assert "python manage.py migrate" in said
        assert json.loads(run(*words, "--json")[1])["error"]["code"] == "database_unusable"

    def test_of_a_project_that_is_unknown_are_wrong_use_everywhere(self, run, monkeypatch):
        monkeypatch.setenv("S", "a secret")
        place = ("--endpoint", "http://127.0.0.1:9", "--region", "us-east-1", "--bucket", "bucket")
        place += ("--access-key-id", "A", "--secret-env", "S")
        for words in (
            ("connect_storage", "--project", "nope", "--name", "x", *place),
            ("storage", "connect", "--project", "nope", "--name", "x", *place),
            ("create_project", "Shop", "--owner", "nobody@example.com"),
        ):
            assert run(*words)[0] == 2, words


class TestDryRun:
    @pytest.mark.parametrize(
        "words",
        [
            ("project", "list"),
            ("project", "show", "--project", "shop"),
            ("storage", "list"),
            ("storage", "checks", "--project", "shop", "--storage", "mine"),
            ("copy", "status", "--project", "shop"),
            ("backup", "status"),
        ],
    )
    def test_is_taken_by_what_only_looks(self, run, project, storage, words):
        assert run(*words, "--dry-run") == run(*words)

    def test_of_a_test_names_storages_and_asks_none(self, ask, project, storage):
        code, told = ask(
            "storage", "test", "--project", project.slug, "--storage", "mine", "--dry-run"
        )
        assert (code, [one["name"] for one in told["storages"]]) == (0, ["mine"])
        assert not storage.connection_tests.exists()

    def test_of_a_check_asks_for_none_and_waits_for_none(self, ask, project, storage):
        words = ("storage", "check", "--project", project.slug, "--storage", "mine")
        code, told = ask(*words, "--dry-run", "--wait", "60")
        assert (code, told["dry_run"]) == (0, True)
        assert not Reconciliation.objects.exists()

    def test_of_the_instance_check_sends_no_mail(self, run, mailoutbox, monkeypatch):
        monkeypatch.setattr(instance, "_problem_of", lambda url: "")
        run("instance_check", "--mail", "op@example.com", "--dry-run")
        assert not mailoutbox


class TestSetPassword:
    def test_makes_one_shows_it_once_and_ends_sessions(self, ask, client):
        user = make_user("ada@example.com")
        client.force_login(user)
        code, told = ask("set_password", "Ada@example.com")
        user.refresh_from_db()
        assert code == 0
        assert user.check_password(told["password"])
        assert client.get("/projects/").status_code == 302
        event = Event.objects.get()
        assert (event.kind, event.actor, event.subject) == ("password.set", ACTOR, user.email)
        assert told["password"] not in json.dumps(event.data)

    def test_takes_one_from_the_environment_and_does_not_print_it(self, run, monkeypatch):
        user = make_user("ada@example.com")
        monkeypatch.setenv("NEW", "a quite long pass phrase")
        code, out = run("set_password", user.email, "--password-env", "NEW")
        user.refresh_from_db()
        assert code == 0
        assert user.check_password("a quite long pass phrase")
        assert "pass phrase" not in out

    @pytest.mark.parametrize("password", ["", "short", "password1234"])
    def test_refuses_a_weak_one(self, run, monkeypatch, password):
        user = make_user("ada@example.com")
        before = User.objects.get().password
        monkeypatch.setenv("NEW", password)
        assert run("set_password", user.email, "--password-env", "NEW")[0] == 2
        assert User.objects.get().password == before

    def test_changes_nothing_in_a_dry_run(self, ask):
        make_user("ada@example.com")
        before = User.objects.get().password
        code, told = ask("set_password", "ada@example.com", "--dry-run")
        assert (code, told["password"]) == (0, None)
        assert User.objects.get().password == before

    def test_knows_nobody_else(self, run):
        assert run("set_password", "nobody@example.com")[0] == 2


class TestInstanceCheck:
    @pytest.fixture(autouse=True)
    def _others(self, monkeypatch):
        monkeypatch.setattr(instance, "_problem_of", lambda url: "")
        instance.forget()
        yield
        instance.forget()

    def test_exits_1_with_what_to_do(self, run, ask):
        code, out = run("instance_check")
        assert code == 1
        assert "No worker has answered yet. Copies and backups will wait." in out
        assert "celery -A ucdash worker" in out
        code, told = ask("instance_check")
        worker = next(line for line in told["lines"] if line["name"] == "worker")
        assert (told["ready"], worker["state"]) == (False, "needs_attention")

    def test_sends_a_test_mail(self, ask, mailoutbox):
        ask("instance_check", "--mail", "op@example.com")
        assert [one.to for one in mailoutbox] == [["op@example.com"]]
        assert Event.objects.get(kind="instance.mail_tried").actor == ACTOR


class TestCreateProject:
    def test_is_not_made_in_a_dry_run_and_tells_no_secret(self, ask):
        code, tried = ask("create_project", "Shop", "--dry-run")
        assert (code, tried["dry_run"], tried["secret_key"]) == (0, True, None)
        assert not Project.objects.exists()
        assert not Event.objects.exists()

    def test_is_refused_with_a_code(self, ask):
        code, told = ask("create_project", " ")
        assert (code, told["error"]["code"]) == (1, "name_invalid")

    @pytest.mark.parametrize("words", [("create_project",), ("project", "create")])
    def test_is_made_by_the_operator_whoever_owns_it(self, run, words):
        make_user("ada@example.com")
        assert run(*words, "Shop", "--owner", "ada@example.com")[0] == 0
        assert Event.objects.get(kind="project.created").actor == ACTOR


class TestRecount:
    def test_tells_what_was_wrong_and_mends_it(self, ask, project):
        make_file(project, stored_at=read_db_now())
        Tally.objects.update(n_stored=7)
        code, told = ask("recount", "--dry-run")
        assert (code, told["dry_run"]) == (1, True)
        assert [one["what"] for one in told["wrong"]] == ["n_stored is told as 7 and is 1."]
        assert Tally.objects.of(project)["n_stored"] == 7
        assert ask("recount")[0] == 0
        assert Tally.objects.of(project)["n_stored"] == 1
        assert ask("recount", "--dry-run") == (0, {"dry_run": True, "wrong": []})


class TestConnectStorage:
    def test_only_tests_in_a_dry_run_under_its_older_name_too(
        self, ask, project, bucket, monkeypatch
    ):
        for name in ("open_probe_store", "open_outside_store"):
            monkeypatch.setattr(self_test, name, lambda custom_storage: bucket)
        monkeypatch.setenv("MY_SECRET", "TheSecretOfTheTests")
        code, tried = ask(
            *("connect_storage", "--project", project.slug, "--name", "mine", "--dry-run"),
            *("--endpoint", "http://127.0.0.1:9", "--region", "us-east-1", "--bucket", "bucket"),
            *("--access-key-id", "AKIATEST", "--secret-env", "MY_SECRET"),
        )
        assert (code, tried["state"]) == (0, "passed")
        assert not CustomStorage.objects.exists()
