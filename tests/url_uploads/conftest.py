"""Servers that files are fetched from, and a folder of its own for each test."""

from dataclasses import replace

import pytest

from storages_app.lib import fetching, outbound
from storages_app.url_uploads import holding
from tests import hostile_server, name_server
from tests.factories import make_project, make_url_upload
from tests.uploads.conftest import blobs, incoming, upload_storage

__all__ = ["blobs", "incoming", "upload_storage"]


@pytest.fixture(scope="module")
def _running():
    with hostile_server.running() as found:
        yield found


@pytest.fixture
def server(_running, settings, monkeypatch):
    """A server that the operator has let in, and short times."""
    _running.paths.clear()
    _running.requests.clear()
    _running.redirects.clear()
    settings.FETCH_IDLE_S, settings.FETCH_WHOLE_S = 10, 20
    monkeypatch.setattr(fetching, "_CLOSES_WITHIN_S", 0.05)
    before = outbound.current_policy()
    outbound.configure(replace(before, allowed_private=frozenset({("127.0.0.1", _running.port)})))
    yield _running
    outbound.configure(before)


@pytest.fixture
def resolver(monkeypatch):
    return name_server.install(monkeypatch)


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def claimed(project, server):
    """An address of the server, ordered and claimed."""

    def claim(path, **fields):
        row = make_url_upload(project, server.url(path), **fields)
        (hold,) = holding.claim(at_most=1)
        assert hold.url_upload == row
        return hold

    return claim
