"""A receiver that the operator has let in, and a storage that can break."""

from dataclasses import replace

import pytest

from storages_app.custom_storages import circuit
from storages_app.lib import outbound
from storages_app.notifications import tasks
from tests import name_server, webhook_receiver
from tests.dashboard.conftest import _plain_static_files
from tests.factories import make_custom_storage, make_project, make_user

__all__ = ["_plain_static_files"]


@pytest.fixture(scope="module")
def _running():
    with webhook_receiver.running() as server:
        yield server


@pytest.fixture
def receiver(_running):
    _running.forget()
    before = outbound.current_policy()
    outbound.configure(replace(before, allowed_private=frozenset({("127.0.0.1", _running.port)})))
    yield _running
    outbound.configure(before)


@pytest.fixture(autouse=True)
def _nobody_is_asked_for_names(monkeypatch):
    """Numbers are their own answer, and no name is known."""
    name_server.install(monkeypatch)


@pytest.fixture
def owner(db):
    return make_user("owner@example.com")


@pytest.fixture
def project(owner):
    return make_project("Shop", owner=owner)


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="photos")


@pytest.fixture
def break_it(storage):
    """Open the circuit of the storage, as its failing copies do."""

    def act(reason="auth_denied"):
        circuit.open_(storage, reason=reason)
        storage.refresh_from_db()

    return act


@pytest.fixture
def mend_it(storage):
    def act():
        circuit.close(storage, why="its connection test passed")
        storage.refresh_from_db()

    return act


@pytest.fixture
def look():
    return tasks.look
