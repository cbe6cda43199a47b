"""A project with one of everything, and people who may see it, change it, or neither."""

from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from storages_app.models import Membership
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_bulk_job,
    make_channel,
    make_connection_test,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_group,
    make_invitation,
    make_notification,
    make_project,
    make_reconciliation,
    make_restore_run,
    make_secret_key,
    make_user,
    make_webhook,
    make_webhook_delivery,
)


@pytest.fixture(autouse=True)
def _plain_static_files(settings):
    """The manifest of static files is written by collectstatic, which tests do not run."""
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}


def new_client(**options):
    """A browser at the dashboard's own address."""
    return Client(headers={"host": urlsplit(settings.DASHBOARD_URL).netloc}, **options)


def client_of(user):
    client = new_client()
    client.force_login(user)
    return client


@pytest.fixture
def owner(db):
    return make_user("owner@example.com")


@pytest.fixture
def project(owner):
    return make_project("Shop", owner=owner)


@pytest.fixture
def as_owner(owner, project):
    return client_of(owner)


@pytest.fixture
def as_viewer(project):
    viewer = make_user("viewer@example.com")
    Membership.objects.create(project=project, user=viewer, role=Membership.Role.VIEWER)
    return client_of(viewer)


@pytest.fixture
def as_neighbour(db):
    """The owner of another project."""
    neighbour = make_user("neighbour@example.com")
    make_project("Another", owner=neighbour)
    return client_of(neighbour)


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="photos", bucket="acme-photos", prefix="up/")


@pytest.fixture
def draft(project):
    """A storage whose wizard has come to the last step."""
    return make_custom_storage(
        project,
        name="draft",
        provider="aws",
        endpoint_url="",
        region="eu-central-1",
        bucket="acme-draft",
        prefix="uploads/",
        connected_at=None,
        setup_step=5,
        uses=["copies", "verify"],
    )


@pytest.fixture
def file(project):
    return make_file(project, name="cat.txt")


@pytest.fixture
def everything(project, storage, draft, file):
    """What the addresses of all pages name."""
    webhook = make_webhook(project)
    channel = make_channel(project)
    make_notification(channel, state="delivered")
    return SimpleNamespace(
        server=make_channel(project, "webhook"),
        project=project,
        storage=storage,
        draft=draft,
        policy_file=SimpleNamespace(name="ucdash-draft-policy.json"),
        file=file,
        group=make_group(project, file),
        job=make_copy_job(file, storage),
        bulk=make_bulk_job(storage),
        backup_run=make_backup_run(make_backup_plan(storage)),
        key=make_secret_key(project),
        test=make_connection_test(storage),
        restore=make_restore_run(storage),
        reconciliation=make_reconciliation(storage),
        member=Membership.objects.get(project=project, role="owner"),
        invitation=make_invitation(project),
        webhook=webhook,
        channel=channel,
        delivery=make_webhook_delivery(webhook, state="delivered", status=200),
    )
