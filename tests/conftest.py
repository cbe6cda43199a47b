"""Fixtures that several folders need."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.urls import get_resolver

from storages_app.lib.shared_counts import SharedCounts

pytest_plugins = [
    "tests.rig.radosgw",
    "tests.rig.rclone",
    "tests.rig.seaweed",
    "tests.s3double.fixtures",
]


@pytest.fixture(scope="session", autouse=True)
def _all_pages_are_imported() -> None:
    """As in a web process before its first request, whatever settings a test has then."""
    assert get_resolver().url_patterns


@pytest.fixture(scope="session")
def _counts(tmp_path_factory: pytest.TempPathFactory) -> SharedCounts:
    return SharedCounts(tmp_path_factory.mktemp("counts") / "throttles.sqlite3")


@pytest.fixture(autouse=True)
def _requests_are_counted_from_zero(monkeypatch: pytest.MonkeyPatch, _counts: SharedCounts) -> None:
    """All tests ask from one address, and a wrong key counts as many requests."""
    from storages_app.api import throttles

    test, add = uuid4().hex, throttles._add
    monkeypatch.setattr(throttles, "_on_this_machine", _counts)

    def of_this_test(amounts: dict[str, int], window: int) -> dict[str, int]:
        sums = add({f"{test}:{name}": cost for name, cost in amounts.items()}, window)
        return {name: sums[f"{test}:{name}"] for name in amounts}

    monkeypatch.setattr(throttles, "_add", of_this_test)


@pytest.fixture(autouse=True)
def _the_connection_outlives_requests(request: pytest.FixtureRequest) -> Iterator[None]:
    """The ends of a request must not close the connection that holds the test's transaction.

    On PostgreSQL it would; Django's own test client protects itself in the same way.
    """
    marker = request.node.get_closest_marker("django_db")
    in_transaction = marker and not marker.kwargs.get("transaction")
    if not in_transaction or "live_server" in request.fixturenames:
        yield
        return
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
