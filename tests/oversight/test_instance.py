"""The checklist of an instance: each line is tried green and red."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.files.storage import FileSystemStorage

from storages_app.lib import outbound
from storages_app.models import Event, TimetableSlot, WorkerHeartbeat
from storages_app.models.fields import read_db_now
from storages_app.oversight import instance
from storages_app.oversight.instance import State
from tests.factories import make_user

pytestmark = pytest.mark.django_db
URLS = ("upload_url", "api_url", "cdn_url")


@pytest.fixture(autouse=True)
def _others(monkeypatch):
    """Nobody listens at the addresses of the tests; what is asked of them has its own tests."""
    monkeypatch.setattr(instance, "_problem_of", lambda url: "")
    instance.forget()
    yield
    instance.forget()


def line(name):
    return next(line for line in instance.check() if line.name == name)


def seen(seconds_ago):
    moment = read_db_now() - timedelta(seconds=seconds_ago)
    WorkerHeartbeat.objects.create(name="w", seen_at=moment)


def ticked(seconds_ago):
    moment = read_db_now() - timedelta(seconds=seconds_ago)
    TimetableSlot.objects.create(entry="backups.schedule", ran_at=moment)


def test_an_instance_where_everything_is_there_is_ready():
    make_user(is_staff=True, is_superuser=True)
    seen(3)
    ticked(30)
    found = instance.check()
    assert [line.name for line in found if line.is_red] == []
    assert instance.is_ready(found)
    assert {line.name for line in found} == {
        *("admin_user", "secret_key", "database", "broker", "worker", "beat", "upload_storage"),
        *("mail", *URLS, "aws_identity", "endpoint_guard"),
    }


def test_a_new_instance_says_what_it_lacks_and_what_to_do():
    assert line("admin_user").command == "python manage.py createsuperuser"
    assert line("worker").says == "No worker has answered yet. Copies and backups will wait."
    assert line("beat").is_red
    assert not instance.is_ready(instance.check())


def test_a_person_who_may_not_sign_in_is_no_operator():
    make_user(is_staff=True, is_superuser=True, is_active=False)
    make_user(is_staff=True)
    assert line("admin_user").is_red


def test_a_worker_that_is_silent_is_told_with_the_seconds():
    seen(75)
    found = line("worker")
    assert found.says in {
        f"No worker has answered for {n} s. Copies and backups will wait." for n in (75, 76)
    }
    assert (found.do, found.command) == ("Start one:", "celery -A ucdash worker")


def test_a_timetable_counts_as_stopped_after_two_minutes():
    ticked(115)
    assert line("beat").state is State.DONE
    TimetableSlot.objects.update(ran_at=read_db_now() - timedelta(seconds=125))
    assert line("beat").is_red


@pytest.mark.parametrize(
    "key", ["django-insecure-" + "q8" * 20, "a" * 60, "changeme" * 8, "abcabcabc" * 6]
)
def test_a_sample_of_a_secret_key_is_known_as_one(settings, key):
    settings.SECRET_KEY = key
    found = line("secret_key")
    assert found.is_red
    assert key not in f"{found.says}{found.do}{found.command}"


def test_an_older_database_hides_nothing_but_what_it_would_have_told(monkeypatch):
    health = instance.health.Health()
    health.ask("database", "Its tables are older than the code: run migrate.")
    monkeypatch.setattr(instance.health, "ready", lambda: health)
    names = [line.name for line in instance.check()]
    assert "database" in names
    assert "worker" not in names
    assert line("database").command == "python manage.py migrate"


class TestTheUploadStorage:
    def test_is_written_read_and_emptied_again(self, settings, tmp_path):
        settings.STORAGES = settings.STORAGES | {"uploads": files_in(tmp_path)}
        assert line("upload_storage").state is State.DONE
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    @pytest.mark.parametrize(
        ("method", "says"),
        [
            ("save", "It cannot write (OSError)."),
            ("open", "It cannot read (OSError)."),
            ("delete", "It cannot delete (OSError)."),
        ],
    )
    def test_that_refuses_something_is_red(self, settings, tmp_path, monkeypatch, method, says):
        def refuse(*args, **kwargs):
            raise OSError("a path of this machine")

        settings.STORAGES = settings.STORAGES | {"uploads": files_in(tmp_path)}
        monkeypatch.setattr(FileSystemStorage, method, refuse)
        found = line("upload_storage")
        assert found.is_red
        assert found.says == says


def files_in(folder):
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(folder)},
    }


def test_a_broker_that_is_away_is_red(monkeypatch):
    def refuse(**kwargs):
        raise ConnectionError("amqp://user:secret@host")

    monkeypatch.setattr(instance.current_app, "connection_for_write", refuse)
    found = line("broker")
    assert found.is_red
    assert "secret" not in found.says


class TestAddresses:
    def test_that_nobody_answers_are_red(self, monkeypatch):
        monkeypatch.undo()
        problem = instance._problem_of("http://127.0.0.1:9")
        assert problem.startswith("cannot be reached from here")

    def test_that_lead_here_are_green(self, monkeypatch, live_server):
        monkeypatch.undo()
        assert instance._problem_of(live_server.url) == ""

    def test_that_lead_elsewhere_are_red(self, monkeypatch, live_server):
        monkeypatch.undo()
        monkeypatch.setattr(instance, "_CARRIED_BY_ALL", "x-of-another-server")
        problem = instance._problem_of(live_server.url)
        assert problem == "is answered by something else (HTTP 200)."


def test_others_are_asked_once_in_ten_seconds(monkeypatch):
    asked = []
    monkeypatch.setattr(instance, "_problem_of", lambda url: asked.append(url) or "")
    for _ in range(3):
        instance.check()
    assert len(asked) == 3
    instance.forget()
    instance.check()
    assert len(asked) == 6


class TestMail:
    def test_is_skipped_until_somebody_tries_it(self):
        assert line("mail").state is State.SKIPPED

    def test_that_is_taken_is_green_and_stays_so(self):
        sent = instance.send_test_mail(to="op@example.com", actor="op@example.com (operator)")
        assert sent.state is State.DONE
        assert [one.to for one in mail.outbox] == [["op@example.com"]]
        assert line("mail").state is State.DONE
        event = Event.objects.get()
        assert (event.kind, event.project) == ("instance.mail_tried", None)

    def test_that_is_refused_is_red_with_what_to_look_at(self, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        found = instance.send_test_mail(to="op@example.com", actor="operator")
        assert found.is_red
        assert "ConnectionRefusedError" in found.says
        assert "UCDASH_EMAIL_HOST" in found.do


class TestTheAwsIdentity:
    def test_may_be_missing_whole_and_not_in_part(self, settings):
        settings.AWS_PRINCIPAL_ARN = settings.AWS_ACCESS_KEY_ID = ""
        settings.AWS_SECRET_ACCESS_KEY = ""
        assert line("aws_identity").state is State.SKIPPED
        settings.AWS_ACCESS_KEY_ID = "AKIAEXAMPLE"
        found = line("aws_identity")
        assert found.is_red
        assert "UCDASH_AWS_PRINCIPAL_ARN, UCDASH_AWS_SECRET_ACCESS_KEY is missing" in found.says


class TestTheGuard:
    @pytest.fixture
    def guarded(self):
        policy = outbound.current_policy()
        yield policy
        outbound.configure(policy)

    def test_that_lets_the_metadata_service_in_is_red(self, guarded):
        outbound.configure(
            outbound.Policy(
                allowed_private=frozenset({("169.254.169.254", 443)}), own_hosts=guarded.own_hosts
            )
        )
        assert "169.254.169.254" in line("endpoint_guard").says
        assert line("endpoint_guard").is_red

    def test_that_was_never_configured_is_red(self, guarded):
        outbound.configure(outbound.Policy())
        assert line("endpoint_guard").is_red
