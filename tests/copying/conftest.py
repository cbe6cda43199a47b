"""The bucket that every store of these tests opens."""

import pytest

from storages_app.backups import runner as backup_runner
from storages_app.copying import runner
from storages_app.custom_storages import runner as test_runner
from storages_app.objectstores.backends.memory import MemoryStore
from tests.faulty_store import FaultyStore


@pytest.fixture
def bucket(monkeypatch):
    store = FaultyStore(MemoryStore())
    for module in (runner, test_runner, backup_runner):
        monkeypatch.setattr(module, "open_store", lambda custom_storage: store)
    return store
