"""The page of the first run: it ticks itself, and only operators find it."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings as installation
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from storages_app.models import Event, TimetableSlot, WorkerHeartbeat
from storages_app.models.fields import read_db_now
from storages_app.oversight import instance
from tests.factories import make_project, make_user

PAGE = reverse("dashboard:first_run")
LINES = reverse("dashboard:first_run_lines")
MAIL = reverse("dashboard:first_run_mail")


def client_of(user, **options):
    client = Client(headers={"host": urlsplit(installation.DASHBOARD_URL).netloc}, **options)
    if user:
        client.force_login(user)
    return client


@pytest.fixture(autouse=True)
def _others(monkeypatch):
    monkeypatch.setattr(instance, "_problem_of", lambda url: "")
    instance.forget()
    yield
    instance.forget()


@pytest.fixture
def operator(db):
    return make_user("operator@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def as_operator(operator):
    return client_of(operator)


def begin_work():
    WorkerHeartbeat.objects.create(name="w", seen_at=read_db_now())
    TimetableSlot.objects.create(entry="x", ran_at=read_db_now())


def test_it_says_what_is_missing_and_the_command(as_operator):
    page = as_operator.get(PAGE).text
    assert "2 of 13 lines need you" in page
    assert '<code class="command">celery -A ucdash worker</code>' in page
    assert "Create your first project" not in page


def test_it_ends_with_the_first_project(as_operator):
    begin_work()
    page = as_operator.get(PAGE).text
    assert "This instance is ready. Create your first project" in page
    assert reverse("dashboard:project_new") in page


def test_with_projects_it_is_just_ready(as_operator):
    begin_work()
    make_project()
    page = as_operator.get(PAGE).text
    assert "This instance is ready" in page
    assert "Create your first project" not in page


def test_it_ticks_itself_and_is_quiet_while_nothing_changes(as_operator):
    seen = as_operator.get(PAGE).context["version"]
    assert as_operator.get(LINES, {"seen": seen}).status_code == 204
    begin_work()
    part = as_operator.get(LINES, {"seen": seen})
    assert part.status_code == 200
    assert "This instance is ready" in part.text
    assert "<html" not in part.text


def test_the_button_sends_a_mail_to_whoever_presses_it(as_operator, operator):
    assert as_operator.post(MAIL, {"to": "victim@example.com"}).status_code == 302
    assert [one.to for one in mail.outbox] == [[operator.email]]
    assert Event.objects.get(kind="instance.mail_tried").actor == f"{operator.email} (operator)"
    assert "took a test mail" in as_operator.get(PAGE).text


def test_the_mail_is_not_sent_by_a_link_nor_without_a_token(as_operator, operator):
    assert as_operator.get(MAIL).status_code == 405
    strict = client_of(operator, enforce_csrf_checks=True)
    assert strict.post(MAIL).status_code == 403
    assert mail.outbox == []


@pytest.mark.parametrize("address", [PAGE, LINES])
def test_a_member_finds_nothing_and_a_stranger_signs_in(db, address):
    assert client_of(make_user()).get(address).status_code == 404
    assert client_of(make_user()).post(MAIL).status_code == 404
    answer = client_of(None).get(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    assert mail.outbox == []


def test_it_takes_as_many_queries_for_many_projects_as_for_none(as_operator):
    def count():
        with CaptureQueriesContext(connection) as queries:
            as_operator.get(PAGE)
        return len(queries)

    count()
    before = count()
    for _ in range(30):
        make_project()
    assert count() == before


def test_no_line_names_a_secret(as_operator, settings):
    page = as_operator.get(PAGE).text
    assert settings.SECRET_KEY not in page
    for key in settings.DATA_KEYS:
        assert key not in page


def test_operators_without_projects_are_led_to_it_and_others_are_not(as_operator):
    listing = reverse("dashboard:projects")
    assert f'href="{PAGE}"' in as_operator.get(listing).text
    assert f'href="{PAGE}"' not in client_of(make_user()).get(listing).text
