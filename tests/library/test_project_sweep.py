"""What removed projects had goes after a week, and not a moment before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.library.project_sweep import empty_removed_projects
from storages_app.models import CustomStorage, Event, File, Tally, Webhook, WebhookDelivery
from storages_app.projects import lifecycle
from tests.factories import (
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_webhook,
)

pytestmark = pytest.mark.django_db


def removed(days):
    project = make_project()
    make_file(project)
    make_file(project, stored_at=None)
    lifecycle.remove(project=project, actor="a test")
    project.removed_at = timezone.now() - timedelta(days=days)
    project.save()
    return project


def test_the_files_of_a_project_go_after_seven_days():
    project, kept = removed(days=8), make_project()
    make_file(kept)
    assert empty_removed_projects(now=timezone.now()) == 2
    assert not File.objects.live().filter(project=project).exists()
    assert File.objects.live().filter(project=kept).count() == 1
    assert Tally.objects.of(project)["n_stored"] == 0
    told = Event.objects.get(project=project, kind="project.emptied")
    assert told.data == {"files": 2}


@pytest.mark.parametrize("days", [0, 6.99, 7.02])
def test_none_goes_while_the_project_can_come_back(days):
    """At 7 days the way back ends; the hour after it is for clocks that differ."""
    project = removed(days)
    assert empty_removed_projects(now=timezone.now()) == 0
    assert File.objects.live().filter(project=project).count() == 2


def test_its_buckets_are_forgotten_and_keep_their_copies():
    project = removed(days=8)
    storage = make_custom_storage(project)
    copy = make_copy_job(File.objects.filter(project=project).first(), storage)
    empty_removed_projects(now=timezone.now())
    storage = CustomStorage.objects.get(pk=storage.pk)
    assert storage.removed_at
    assert not storage.unseal_secret()
    copy.refresh_from_db()
    assert copy.state == "done"


def test_nobody_is_told_of_each_of_its_files():
    project = removed(days=8)
    make_webhook(project, event="file.deleted")
    empty_removed_projects(now=timezone.now())
    assert not Webhook.objects.kept().filter(project=project).exists()
    assert not WebhookDelivery.objects.exists()


def test_a_second_sweep_finds_nothing_to_do():
    removed(days=8)
    empty_removed_projects(now=timezone.now())
    assert empty_removed_projects(now=timezone.now()) == 0
    assert Event.objects.filter(kind="project.emptied").count() == 1
