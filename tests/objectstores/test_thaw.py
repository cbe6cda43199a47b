"""Objects in archive classes: not to be read, thawed on request."""

import hashlib
from io import BytesIO

import pytest

from storages_app.objectstores.backends.memory import MemoryStore
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.base import Location, PutOptions
from storages_app.objectstores.errors import AccessDenied, Archived, ObjectMissing


def put(store, key, *, storage_class="GLACIER", content=b"cold"):
    store.put(
        key,
        BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        options=PutOptions(storage_class=storage_class),
    )


def read(store, key):
    with store.get(key) as chunks:
        return b"".join(chunks)


def allow(*actions):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture
def open_for(s3double):
    """A store of somebody with these rights."""
    s3double.add_bucket("a-bucket")
    opened = []

    def make(*actions):
        user = s3double.add_user(
            f"user-{len(s3double.directory.users)}", policies=[allow(*actions)]
        )
        key_id, secret = user.access_key_id, user.secret_access_key
        url = s3double.endpoint_url
        location = Location("a-bucket", "us-east-1", key_id, secret, url, path_style=True)
        opened.append(S3Store(location))
        return opened[-1]

    yield make
    for store in opened:
        store.close()


def test_an_archived_object_is_readable_only_after_its_thaw(open_for, s3double):
    store = open_for("s3:*")
    put(store, "cold.txt")
    with pytest.raises(Archived):
        read(store, "cold.txt")
    store.thaw("cold.txt", days=7)
    with pytest.raises(Archived):
        read(store, "cold.txt")
    s3double.buckets["a-bucket"].current("cold.txt").thaw = "done"
    assert read(store, "cold.txt") == b"cold"


def test_asking_twice_and_asking_for_what_is_warm_are_no_errors(open_for, s3double):
    store = open_for("s3:*")
    put(store, "cold.txt")
    put(store, "warm.txt", storage_class="")
    for key in ("cold.txt", "cold.txt", "warm.txt"):
        store.thaw(key, days=7)


def test_thawing_is_a_right_of_its_own(open_for):
    put(open_for("s3:*"), "cold.txt")
    with pytest.raises(AccessDenied):
        open_for("s3:GetObject", "s3:ListBucket").thaw("cold.txt", days=7)


def test_what_is_not_there_cannot_thaw(open_for):
    with pytest.raises(ObjectMissing):
        open_for("s3:*").thaw("nothing", days=7)


def test_the_memory_has_the_same_manners():
    store = MemoryStore()
    put(store, "cold.txt")
    with pytest.raises(Archived):
        read(store, "cold.txt")
    store.thaw("cold.txt", days=7)
    assert store.bucket.thaw_asked == {"cold.txt"}
    store.bucket.thawed.add("cold.txt")
    assert read(store, "cold.txt") == b"cold"
    with pytest.raises(ObjectMissing):
        store.thaw("nothing", days=7)
