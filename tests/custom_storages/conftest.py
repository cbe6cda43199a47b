import pytest

from tests.custom_storages.world import World, make_world
from tests.memory_bucket import bucket

__all__ = ["bucket", "world"]


@pytest.fixture
def world(db, s3double, settings) -> World:
    """A bucket at the strict double and a draft that may do what is ticked there."""
    return make_world(s3double, settings)
