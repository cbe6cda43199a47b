"""A receiver that the operator has let in, and webhooks that tell it."""

from dataclasses import replace

import pytest

from storages_app.lib import outbound
from storages_app.models import Webhook
from storages_app.webhooks import services
from tests import name_server, webhook_receiver
from tests.factories import make_project
from tests.uploads.conftest import incoming, upload_storage

__all__ = ["incoming", "upload_storage"]


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
def project():
    return make_project()


@pytest.fixture
def subscribe(project, receiver):
    """A webhook of the project at the receiver."""

    def make(event="file.uploaded", path="hook", **values) -> Webhook:
        return services.create(
            project=project,
            event=event,
            target_url=receiver.url(path),
            actor="a test",
            **values,
        )

    return make
