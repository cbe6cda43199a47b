"""The memory bucket that every custom storage of a test opens, and what its probe would prove."""

from datetime import UTC, datetime

import pytest

from storages_app.backups import runner as backups
from storages_app.copying import runner as copying
from storages_app.custom_storages import runner as connection_tests
from storages_app.objectstores.backends.memory import MemoryStore
from storages_app.oversight import buckets as oversight
from storages_app.reconciliation import runner as reconciliation
from tests.faulty_store import FaultyStore

PROVEN = {
    "conditional_put": True,
    "conditional_copy": True,
    "conditional_replace": True,
    "verifies_checksum": True,
    "checksum": "sha256",
    "multipart": True,
    "read": True,
    "delete": True,
    "tested_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
}


@pytest.fixture
def bucket(monkeypatch):
    """A MemoryStore (`.inner`) behind faults that a test plans."""
    store = FaultyStore(MemoryStore())
    for module in (copying, backups, oversight, reconciliation):
        monkeypatch.setattr(module, "open_store", lambda custom_storage: store)
    for name in ("open_probe_store", "open_outside_store"):
        monkeypatch.setattr(connection_tests, name, lambda custom_storage: store)
    return store
