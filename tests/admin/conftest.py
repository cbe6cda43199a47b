"""An operator, and a project with rows of every kind."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings as installation
from django.test import Client

from tests.factories import make_project, make_user


@pytest.fixture(autouse=True)
def _plain_static_files(settings):
    """The manifest of static files is written by collectstatic, which tests do not run."""
    settings.STATIC_ROOT.mkdir(exist_ok=True)
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}


def client_of(user):
    client = Client(headers={"host": urlsplit(installation.DASHBOARD_URL).netloc})
    client.force_login(user)
    return client


@pytest.fixture
def operator(db):
    return make_user("operator@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def as_operator(operator):
    return client_of(operator)


@pytest.fixture
def project(db):
    return make_project("Shop", owner=make_user("owner@example.com"))
