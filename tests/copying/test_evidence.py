"""What the provider says of an object, and what is read of it, against what was meant."""

import hashlib
from contextlib import contextmanager
from io import BytesIO

import pytest

from storages_app.copying import evidence
from storages_app.copying.evidence import Expected
from storages_app.objectstores.backends.memory import MemoryStore
from storages_app.objectstores.base import PutOptions
from tests.faulty_store import FaultyStore

RIGHT, SPOILT = b"x", b"y"
EXPECTED = Expected(1, hashlib.sha256(RIGHT).hexdigest(), hashlib.md5(RIGHT).hexdigest())


@pytest.fixture
def store():
    """One object of ours that was spoilt, and a way to it that spoils it back."""
    store = FaultyStore(MemoryStore())
    options = PutOptions(metadata={"uuid": "u", "sha256": EXPECTED.sha256})
    sha256 = hashlib.sha256(SPOILT).hexdigest()
    store.inner.put("key", BytesIO(SPOILT), size=1, sha256=sha256, options=options)

    @contextmanager
    def read_right(get, key, **kwargs):
        yield iter([RIGHT])

    store.fail("get", read_right)
    return store


def test_a_checksum_of_other_bytes_outweighs_what_was_read(store):
    found = evidence.compare(store, "key", EXPECTED, uuid="u", is_verified_by_provider=True)
    assert found is not None
    assert (found.is_same, found.evidence, found.is_damaged_own) == (False, None, True)


def test_where_the_providers_word_does_not_count_reading_decides(store):
    found = evidence.compare(store, "key", EXPECTED, uuid="u", is_verified_by_provider=False)
    assert found is not None
    assert found.is_same
    assert found.evidence is not None
    assert found.evidence.method == "read_back"
