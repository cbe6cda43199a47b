"""Clients that hold a key, and clients that do not."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from email.utils import formatdate

import pytest
from django.test import Client

from storages_app.api.rest import copies
from storages_app.copying.services import RemoteCopy
from storages_app.models import Project, SecretKey
from storages_app.projects import services as projects
from tests.factories import make_project

ACCEPT = "application/vnd.uploadcare-v0.7+json"


@dataclass
class Rest:
    """A server that holds a secret key; speaks `Uploadcare.Simple` from this machine."""

    project: Project
    secret: str
    key: SecretKey | None = None

    def __call__(self, method, path, body=None, *, accept=ACCEPT, **headers):
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body)
        meta = {"HTTP_ACCEPT": accept} if accept is not None else {}
        meta["HTTP_AUTHORIZATION"] = f"Uploadcare.Simple {self.project.public_key}:{self.secret}"
        return Client().generic(
            method, path, content, content_type="application/json", **(meta | headers)
        )

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, body, **headers)


def sign(secret, method, uri, date, body=b"", content_type="application/json"):
    message = "\n".join([method, hashlib.md5(body).hexdigest(), content_type, date, uri])
    return hmac.new(secret.encode(), message.encode(), hashlib.sha1).hexdigest()


def now_as_date():
    return formatdate(usegmt=True)


@pytest.fixture
def project():
    return make_project()


def make_rest(project, scope="full"):
    key, secret = projects.create_secret_key(
        project=project, label=f"{scope} key", actor="a test", scope=scope
    )
    return Rest(project, secret, key)


@pytest.fixture
def rest(project):
    return make_rest(project)


@pytest.fixture
def reader(project):
    return make_rest(project, scope="read")


@pytest.fixture
def stranger():
    return make_rest(make_project())


@pytest.fixture
def ordered(monkeypatch):
    """What the room was asked for; it answers as if the copy had been written."""
    calls = []

    def remote_copy(**order):
        calls.append(order)
        return RemoteCopy("s3://bucket/key", 201, {})

    monkeypatch.setattr(copies.copying, "remote_copy", remote_copy)
    return calls
