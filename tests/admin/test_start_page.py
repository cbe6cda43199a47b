"""What an operator sees first: what needs somebody, and where it is."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from storages_app.models import TimetableSlot, WorkerHeartbeat
from storages_app.models.fields import read_db_now
from storages_app.oversight import instance
from tests.admin.conftest import client_of
from tests.factories import (
    make_bulk_job,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_user,
    make_webhook,
    make_webhook_delivery,
)

INDEX = reverse("admin:index")


@pytest.fixture(autouse=True)
def _others(monkeypatch):
    monkeypatch.setattr(instance, "_problem_of", lambda url: "")
    instance.forget()
    yield
    instance.forget()


@pytest.fixture
def _at_work(db):
    WorkerHeartbeat.objects.create(name="w", seen_at=read_db_now())
    TimetableSlot.objects.create(entry="x", ran_at=read_db_now())


@pytest.mark.usefixtures("_at_work")
def test_where_all_is_green_it_says_so(as_operator):
    page = as_operator.get(INDEX).text
    assert "Nothing needs you" in page
    assert "ucdash-red" not in page


def test_red_lines_stand_on_top_with_the_command(as_operator):
    page = as_operator.get(INDEX).text
    assert "2 things need you" in page
    assert "No worker has answered yet. Copies and backups will wait." in page
    assert "<code>celery -A ucdash worker</code>" in page
    assert page.index("ucdash-red") < page.index("Custom storages")


@pytest.mark.usefixtures("_at_work")
def test_each_number_leads_to_a_list_with_as_many_rows(as_operator):
    for n in range(2):
        storage = make_custom_storage(
            make_project(owner=make_user()), circuit_opened_at=read_db_now(), circuit_reason="quota"
        )
        for _ in range(n + 1):
            make_copy_job(make_file(storage.project), storage, state="pending")
        make_copy_job(make_file(storage.project), storage)
        make_bulk_job(storage, state="copying")
        webhook = make_webhook(storage.project)
        make_webhook_delivery(webhook, state="dead")
        make_webhook_delivery(webhook, state="dead", finished_at=read_db_now() - timedelta(days=3))
    page = as_operator.get(INDEX).text
    links = re.findall(r'<dd>\s*<a href="([^"]+)">([\d,]+)</a>', page)
    assert len(links) >= 7
    numbers = {}
    for link, number in links:
        listed = as_operator.get(link.replace("&amp;", "&"))
        assert listed.status_code == 200, link
        assert listed.context["cl"].result_count == int(number), link
        numbers[link] = number
    assert sorted(numbers.values())[-3:] == ["2", "2", "3"] or "3" in numbers.values()


@pytest.mark.usefixtures("_at_work")
def test_it_takes_as_many_queries_for_ten_storages_as_for_one(as_operator):
    def count():
        with CaptureQueriesContext(connection) as queries:
            assert as_operator.get(INDEX).status_code == 200
        return len(queries)

    make_copy_job(make_file(project := make_project()), make_custom_storage(project))
    count()
    before = count()
    for _ in range(9):
        make_copy_job(make_file(project := make_project()), make_custom_storage(project))
    assert count() == before <= 25


def test_staff_get_no_link_to_a_list_that_they_may_not_see(db):
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_customstorage"))
    page = client_of(viewer).get(INDEX).text
    assert "storages_app/customstorage/?circuit" in page
    assert "storages_app/copyjob/" not in page


def test_who_is_no_operator_does_not_see_it(db):
    assert client_of(make_user()).get(INDEX).status_code in {302, 403}
