"""What every object store keeps to: memory, S3 against our double, moto and SeaweedFS.

Where a server is known to differ from Amazon S3, the sentence is named in its `unlike`; the test
then expects to fail there, so that a difference that goes away is noticed.
"""

import hashlib
import itertools
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO

import boto3
import pytest
from moto.server import ThreadedMotoServer

from storages_app.lib.outbound import Policy
from storages_app.objectstores.backends import registry
from storages_app.objectstores.backends.memory import MemoryServer, MemoryStore
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.base import (
    Location,
    ObjectStore,
    PartReceipt,
    PutOptions,
    PutReceipt,
)
from storages_app.objectstores.errors import (
    AccessDenied,
    BucketMissing,
    ChecksumRefused,
    KeyInvalid,
    KeyTaken,
    ObjectMissing,
    ObjectStoreError,
    UnknownAccessKey,
    UploadMissing,
    WrongSecret,
)
from tests.s3double import S3Double

MIB = 1024 * 1024
ODD_KEYS = [
    "a b.txt",
    " lead and trail ",
    "a+b",
    "é",
    "e\u0301",
    "🐘/naïve.jpg",
    "a%2Fb",
    "100%",
    "a?b#c&d=e",
    "a//b",
    "a/../b",
    "./a",
    "/lead",
    "trail/",
    "quote'\"<>&;",
    "a\\b",
    "~tilde_-.",
    "line\nfeed",
    "x" * 1024,
]

# What each server is known to do otherwise than Amazon S3 (spec/INFRASTRUCTURE 1).
MOTO_DIFFERS = {
    "a wrong checksum is refused",
    "a wrong MD5 is refused",
    "a wrong secret is refused",
    "an unknown key id is refused",
    "whoami refuses a wrong secret",
    "the key 'line\\nfeed' comes back",
    "the checksum of an object is told",
    "a composite checksum is not taken for one of the object",
    "an abort fences a zombie",  # it answers 500
    "a link that was changed is refused",
    "a copy inside may be conditional",
    "a complete may be conditional on what is there",
}
# Its keys are paths of a file system: cleaned, cut at 255 bytes a name, folders without bytes.
SEAWEED_DIFFERS = {
    "the key 'a//b' comes back",
    "the key 'a/../b' comes back",
    "the key './a' comes back",
    "the key '/lead' comes back",
    "the key 'trail/' comes back",
    "the key 'a\\\\b' comes back",
    f"the key {'x' * 1024!r} comes back",
    "a copy inside tells its checksum",
    "an open upload with a plus is listed",  # it leaves the plus as it is, which S3 has for a space
}


@dataclass
class Kind:
    """One server; `new_store` is a store on an empty bucket."""

    name: str
    new_store: Callable[[], ObjectStore]
    with_other: Callable[[ObjectStore, dict[str, str]], ObjectStore]
    unlike: set[str]


def location_of(store: ObjectStore) -> Location:
    return store.location if isinstance(store, MemoryStore) else store._location


def _other_memory(store: MemoryStore, change: dict[str, str]) -> MemoryStore:
    return MemoryStore(replace(store.location, **change), server=store.server)


@pytest.fixture(scope="session")
def memory_kind() -> Kind:
    return Kind("memory", MemoryStore, _other_memory, {"a link works for a stranger"})


def _emptied(store: ObjectStore) -> bool:
    for upload in list(store.list_multiparts()):
        store.abort_multipart(upload.key, upload.upload_id)
    for info in list(store.list_objects()):
        store.delete(info.key)
    return not list(store.list_objects()) and not list(store.list_multiparts())


def _s3_kind(name: str, endpoint: tuple[str, int], base: Location, new_bucket, unlike) -> Kind:
    policy = Policy(allowed_private=frozenset({endpoint}))

    def other(store: S3Store, change: dict[str, str]) -> S3Store:
        return S3Store(replace(store._location, **change), policy=policy)

    used: list[S3Store] = []

    def new_store() -> S3Store:
        """Making a bucket takes SeaweedFS a quarter of a second, so an emptied one will do."""
        if not used or not _emptied(used[0]):
            used[:] = [S3Store(replace(base, bucket=new_bucket()), policy=policy)]
        return S3Store(used[0]._location, policy=policy)

    return Kind(name, new_store, other, unlike)


@pytest.fixture(scope="session")
def moto_kind() -> Iterator[Kind]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    base = Location("none", "us-east-1", "AKIAMOTO", "secret", f"http://127.0.0.1:{port}")
    client = boto3.client(
        "s3",
        endpoint_url=base.endpoint_url,
        region_name=base.region,
        aws_access_key_id=base.access_key_id,
        aws_secret_access_key=base.secret_access_key,
    )
    numbers = itertools.count(1)

    def new_bucket() -> str:
        name = f"bucket-{next(numbers)}"
        client.create_bucket(Bucket=name)
        return name

    yield _s3_kind("moto", ("127.0.0.1", port), base, new_bucket, MOTO_DIFFERS)
    client.close()
    server.stop()


@pytest.fixture(scope="session")
def double_kind() -> Iterator[Kind]:
    """Our own server differs in nothing."""
    with S3Double() as double:
        owner = double.add_account()
        base = Location(
            "none", "us-east-1", owner.access_key_id, owner.secret_access_key, double.endpoint_url
        )
        numbers = itertools.count(1)

        def new_bucket() -> str:
            return double.add_bucket(f"bucket-{next(numbers)}").name

        yield _s3_kind("double", double.host_and_port, base, new_bucket, set())


@pytest.fixture(scope="session")
def seaweed_kind(seaweed) -> Kind:
    base = Location(
        "none",
        seaweed.region,
        seaweed.access_key_id,
        seaweed.secret_access_key,
        seaweed.endpoint_url,
    )
    return _s3_kind("seaweed", seaweed.host_and_port, base, seaweed.new_bucket, SEAWEED_DIFFERS)


@pytest.fixture(
    params=["memory", "double", "moto", pytest.param("seaweed", marks=pytest.mark.real)]
)
def kind(request) -> Kind:
    return request.getfixturevalue(f"{request.param}_kind")


@pytest.fixture
def store(kind) -> Iterator[ObjectStore]:
    found = kind.new_store()
    yield found
    found.close()


@pytest.fixture
def other(kind, store) -> Iterator[Callable[..., ObjectStore]]:
    """The same bucket with something of its location changed."""
    made = []

    def make(**change: str) -> ObjectStore:
        made.append(kind.with_other(store, change))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def sentence(request, kind) -> Callable[[str], None]:
    """Say what is tested; where the server is known to differ, failing is expected."""

    def say(text: str) -> None:
        if text in kind.unlike:
            request.node.add_marker(pytest.mark.xfail(strict=True, reason=f"{kind.name}: {text}"))

    return say


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def md5_of(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def put(store: ObjectStore, key: str, content: bytes = b"bytes", **options) -> PutReceipt:
    return store.put(
        key,
        BytesIO(content),
        size=len(content),
        sha256=sha256_of(content),
        md5=md5_of(content),
        options=PutOptions(**options),
    )


def read(store: ObjectStore, key: str, **how) -> bytes:
    with store.get(key, **how) as chunks:
        return b"".join(chunks)


def put_part(
    store: ObjectStore, key: str, upload_id: str, number: int, content: bytes, checksum="sha256"
) -> PartReceipt:
    return store.put_part(
        key, upload_id, number, BytesIO(content), size=len(content), checksum=checksum
    )


def put_parts(store: ObjectStore, key: str, contents: list[bytes], checksum="sha256"):
    upload_id = store.start_multipart(key, PutOptions(checksum=checksum))
    return upload_id, [
        put_part(store, key, upload_id, number, content, checksum)
        for number, content in enumerate(contents, 1)
    ]


class TestPut:
    @pytest.mark.parametrize("size", [0, 1, 20_000, 3 * MIB])
    def test_what_was_put_comes_back(self, store, size):
        content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        receipt = put(store, "key", content)
        assert receipt.etag == md5_of(content)
        assert read(store, "key") == content
        info = store.head("key")
        assert (info.size, info.etag) == (size, md5_of(content))
        assert info.last_modified.tzinfo

    @pytest.mark.parametrize("checksum", ["sha256", "md5", "none"])
    def test_every_checksum_mode_is_taken(self, store, checksum):
        put(store, "key", b"content", checksum=checksum)
        assert read(store, "key") == b"content"

    def test_the_checksum_of_an_object_is_told(self, store, sentence):
        sentence("the checksum of an object is told")
        receipt = put(store, "key", b"content")
        assert receipt.sha256 == sha256_of(b"content")
        assert receipt.checksum.startswith("sha256:")
        assert store.head("key").sha256 == sha256_of(b"content")

    def test_another_put_replaces(self, store):
        put(store, "key", b"one")
        put(store, "key", b"two")
        assert read(store, "key") == b"two"

    def test_a_conditional_put_writes_where_nothing_is(self, store):
        put(store, "key", b"one", only_if_absent=True)
        assert read(store, "key") == b"one"

    def test_a_conditional_put_keeps_what_is_there(self, store):
        put(store, "key", b"one")
        with pytest.raises(KeyTaken) as caught:
            put(store, "key", b"two", only_if_absent=True)
        assert caught.value.http_status == 412
        assert caught.value.operation == "PutObject"
        assert read(store, "key") == b"one"

    def test_a_put_over_a_known_object_replaces_it(self, store):
        put(store, "key", b"one")
        put(store, "key", b"two", only_if_etag=store.head("key").etag)
        assert read(store, "key") == b"two"

    def test_a_put_over_another_object_than_the_known_one_is_refused(self, store):
        put(store, "key", b"one")
        known = store.head("key").etag
        put(store, "key", b"two")
        with pytest.raises(KeyTaken):
            put(store, "key", b"three", only_if_etag=known)
        assert read(store, "key") == b"two"

    def test_a_put_over_an_object_that_is_gone_is_refused(self, store):
        with pytest.raises((ObjectMissing, KeyTaken)):  # 404 at Amazon, 412 at others
            put(store, "key", b"three", only_if_etag="0" * 32)
        with pytest.raises(ObjectMissing):
            store.head("key")

    def test_a_wrong_checksum_is_refused(self, store, sentence):
        sentence("a wrong checksum is refused")
        with pytest.raises(ChecksumRefused):
            store.put(
                "key",
                BytesIO(b"damaged"),
                size=7,
                sha256=sha256_of(b"content"),
                options=PutOptions(),
            )
        with pytest.raises(ObjectMissing):
            store.head("key")

    def test_a_wrong_md5_is_refused(self, store, sentence):
        sentence("a wrong MD5 is refused")
        with pytest.raises(ChecksumRefused):
            store.put(
                "key",
                BytesIO(b"damaged"),
                size=7,
                sha256=sha256_of(b"damaged"),
                md5=md5_of(b"content"),
                options=PutOptions(checksum="md5"),
            )

    @pytest.mark.parametrize("size", [10, 2 * MIB])
    def test_a_source_that_ends_early_writes_nothing(self, store, size):
        with pytest.raises(ObjectStoreError, match="source ended"):
            store.put(
                "key", BytesIO(b"a" * (size - 1)), size=size, sha256="0" * 64, options=PutOptions()
            )
        with pytest.raises(ObjectMissing):
            store.head("key")

    def test_content_type_and_metadata_come_back(self, store):
        metadata = {
            "uuid": "123",
            "name": "Grüße  aus\r\nx-amz-acl: public-read",
            "pct": " 100% ",
        }
        put(store, "key", content_type="image/jpeg", metadata=metadata, download_name="é.jpg")
        info = store.head("key")
        assert info.content_type == "image/jpeg"
        assert info.metadata == metadata

    @pytest.mark.parametrize("n_threads", [16])
    def test_threads_share_a_store(self, store, n_threads):
        failures = []

        def work(n: int) -> None:
            try:
                for m in range(5):
                    put(store, f"{n}/{m}", b"%d" % n * 1000)
                    assert read(store, f"{n}/{m}") == b"%d" % n * 1000
            except (ObjectStoreError, AssertionError) as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(n_threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(list(store.list_objects())) == n_threads * 5


class TestKeys:
    @pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: repr(key[:20]))
    def test_odd_keys_come_back_as_they_are(self, store, sentence, key):
        sentence(f"the key {key!r} comes back")
        put(store, key, key.encode())
        assert store.head(key).size == len(key.encode())
        assert read(store, key) == key.encode()
        assert [info.key for info in store.list_objects()] == [key]
        store.delete(key)
        assert list(store.list_objects()) == []

    @pytest.mark.parametrize("key", ["", "x" * 1025, "é" * 513, "\ud800"], ids=["", "x", "é", "s"])
    def test_impossible_keys_are_refused(self, store, key):
        for use in (
            lambda: put(store, key),
            lambda: store.head(key),
            lambda: read(store, key),
            lambda: store.get_anonymously(key),
            lambda: store.presigned_url(key, seconds=60),
        ):
            with pytest.raises(KeyInvalid):
                use()


class TestRead:
    @pytest.mark.parametrize(
        ("first", "last"), [(0, 0), (0, 4), (3, None), (3, 5), (9, 9), (2, 99)]
    )
    def test_a_range_is_those_bytes(self, store, first, last):
        content = b"0123456789"
        put(store, "key", content)
        expected = content[first : None if last is None else last + 1]
        assert read(store, "key", first=first, last=last) == expected

    def test_a_range_behind_the_end_is_refused(self, store):
        put(store, "key", b"0123456789")
        with pytest.raises(ObjectStoreError) as caught:
            read(store, "key", first=10)
        assert caught.value.http_status == 416

    def test_reading_may_stop_half_way(self, store):
        put(store, "key", b"x" * MIB)
        with store.get("key") as chunks:
            assert next(chunks)
        assert read(store, "key") == b"x" * MIB

    def test_a_missing_object_is_said(self, store):
        for use in (lambda: store.head("key"), lambda: read(store, "key")):
            with pytest.raises(ObjectMissing) as caught:
                use()
            assert caught.value.http_status == 404

    def test_deleting_twice_is_no_error(self, store):
        put(store, "key")
        store.delete("key")
        store.delete("key")
        with pytest.raises(ObjectMissing):
            store.head("key")


class TestCopyFrom:
    """The provider copies by itself."""

    def copy(self, store: ObjectStore, source_key: str, **options) -> PutReceipt:
        bucket = location_of(store).bucket
        return store.copy_from(
            "copy", bucket=bucket, source_key=source_key, options=PutOptions(**options)
        )

    @pytest.mark.parametrize("key", ["source", "a b+c/é?#&%2F.txt"])
    def test_makes_the_same_bytes_with_what_is_said_of_them(self, store, key):
        put(store, key, b"bytes", metadata={"uuid": "of the source"}, content_type="text/plain")
        self.copy(store, key, metadata={"uuid": "new"}, content_type="image/png")
        assert read(store, "copy") == b"bytes"
        info = store.head("copy")
        assert (info.metadata["uuid"], info.content_type, info.size) == ("new", "image/png", 5)

    def test_tells_the_checksum_of_what_was_written(self, store, sentence):
        sentence("a copy inside tells its checksum")
        put(store, "source", b"bytes")
        receipt = self.copy(store, "source")
        assert (receipt.sha256, receipt.etag) == (sha256_of(b"bytes"), md5_of(b"bytes"))

    def test_takes_no_key_that_is_taken(self, store, sentence):
        sentence("a copy inside may be conditional")
        put(store, "source", b"new")
        put(store, "copy", b"old")
        with pytest.raises(KeyTaken):
            self.copy(store, "source", only_if_absent=True)
        assert read(store, "copy") == b"old"

    def test_of_what_is_not_there_is_said(self, store):
        with pytest.raises(ObjectMissing):
            self.copy(store, "source")
        with pytest.raises(ObjectStoreError):
            store.copy_from("k", bucket="no-such-bucket", source_key="k", options=PutOptions())


class TestList:
    @pytest.fixture
    def filled(self, store, monkeypatch):
        monkeypatch.setattr(S3Store, "page_size", 3)
        for key in ("a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7", "b/1", "ab"):
            put(store, key, key.encode())
        return store

    def test_pages_are_put_together_in_key_order(self, filled):
        keys = [info.key for info in filled.list_objects()]
        assert keys == ["a/1", "a/2", "a/3", "a/4", "a/5", "a/6", "a/7", "ab", "b/1"]

    def test_only_the_prefix_is_listed(self, filled):
        found = list(filled.list_objects("a/"))
        assert len(found) == 7
        assert (found[0].size, found[0].etag) == (3, md5_of(b"a/1"))
        assert found[0].last_modified.tzinfo

    def test_a_listing_begins_after_a_key(self, filled):
        keys = [info.key for info in filled.list_objects("a/", start_after="a/5")]
        assert keys == ["a/6", "a/7"]

    def test_an_empty_bucket_lists_nothing(self, store):
        assert list(store.list_objects()) == []
        assert list(store.list_multiparts()) == []


class TestMultipart:
    PARTS = (b"a" * (5 * MIB), b"b" * (5 * MIB), b"c")

    @pytest.mark.parametrize("checksum", ["sha256", "md5", "none"])
    def test_three_parts_become_one_object(self, store, checksum):
        upload_id, parts = put_parts(store, "key", list(self.PARTS), checksum)
        receipt = store.complete_multipart("key", upload_id, parts, only_if_absent=False)
        md5s = b"".join(hashlib.md5(part).digest() for part in self.PARTS)
        assert receipt.etag == f"{md5_of(md5s)}-3"
        assert [part.etag for part in parts] == [md5_of(part) for part in self.PARTS]
        assert sha256_of(read(store, "key")) == sha256_of(b"".join(self.PARTS))
        assert store.head("key").size == 10 * MIB + 1
        assert list(store.list_multiparts()) == []

    def test_a_composite_checksum_is_not_taken_for_one_of_the_object(self, store, sentence):
        sentence("a composite checksum is not taken for one of the object")
        upload_id, parts = put_parts(store, "key", list(self.PARTS))
        receipt = store.complete_multipart("key", upload_id, parts, only_if_absent=False)
        assert receipt.sha256 == ""
        assert receipt.checksum == "" or receipt.checksum.endswith("-3")
        assert store.head("key").sha256 == ""

    def test_parts_may_come_in_any_order_and_twice(self, store):
        upload_id = store.start_multipart("key", PutOptions())
        last = put_part(store, "key", upload_id, 2, b"end")
        put_part(store, "key", upload_id, 1, b"?" * (5 * MIB))
        first = put_part(store, "key", upload_id, 1, b"!" * (5 * MIB))
        store.complete_multipart("key", upload_id, [first, last], only_if_absent=False)
        assert read(store, "key") == b"!" * (5 * MIB) + b"end"

    def test_a_conditional_complete_keeps_what_is_there(self, store):
        upload_id, parts = put_parts(store, "key", [b"two"])
        put(store, "key", b"one")
        with pytest.raises(KeyTaken):
            store.complete_multipart("key", upload_id, parts, only_if_absent=True)
        assert read(store, "key") == b"one"

    def test_a_conditional_complete_writes_where_nothing_is(self, store):
        upload_id, parts = put_parts(store, "key", [b"one"])
        store.complete_multipart("key", upload_id, parts, only_if_absent=True)
        assert read(store, "key") == b"one"

    def test_a_complete_over_another_object_than_the_known_one_is_refused(self, store, sentence):
        sentence("a complete may be conditional on what is there")
        put(store, "key", b"one")
        known = store.head("key").etag
        put(store, "key", b"two")
        upload_id, parts = put_parts(store, "key", [b"three"])
        with pytest.raises(KeyTaken):
            store.complete_multipart(
                "key", upload_id, parts, only_if_absent=False, only_if_etag=known
            )
        assert read(store, "key") == b"two"
        now = store.head("key").etag
        store.complete_multipart("key", upload_id, parts, only_if_absent=False, only_if_etag=now)
        assert read(store, "key") == b"three"

    def test_nothing_is_there_before_complete(self, store):
        put_parts(store, "key", [b"one"])
        with pytest.raises(ObjectMissing):
            store.head("key")

    def test_an_abort_fences_a_zombie(self, store, sentence):
        sentence("an abort fences a zombie")
        upload_id, parts = put_parts(store, "key", [b"one"])
        store.abort_multipart("key", upload_id)
        with pytest.raises(UploadMissing):
            put_part(store, "key", upload_id, 2, b"late")
        with pytest.raises(UploadMissing):
            store.complete_multipart("key", upload_id, parts, only_if_absent=False)
        with pytest.raises(ObjectMissing):
            store.head("key")

    def test_aborting_twice_is_no_error(self, store):
        upload_id = store.start_multipart("key", PutOptions())
        store.abort_multipart("key", upload_id)
        store.abort_multipart("key", upload_id)

    def test_a_small_part_in_the_middle_is_refused(self, store):
        upload_id, parts = put_parts(store, "key", [b"small", b"end"])
        with pytest.raises(ObjectStoreError) as caught:
            store.complete_multipart("key", upload_id, parts, only_if_absent=False)
        assert caught.value.provider_code == "EntityTooSmall"

    def test_open_uploads_are_listed(self, store, monkeypatch):
        monkeypatch.setattr(S3Store, "page_size", 2)
        keys = ["a/1", "a/2 é%", "a/3", "b/1"]
        ids = {store.start_multipart(key, PutOptions()): key for key in keys}
        found = {upload.upload_id: upload.key for upload in store.list_multiparts("a/")}
        assert found == {i: key for i, key in ids.items() if key.startswith("a/")}
        assert all(upload.started_at.tzinfo for upload in store.list_multiparts())
        assert {upload.upload_id for upload in store.list_multiparts()} == set(ids)

    def test_an_open_upload_with_a_plus_is_listed(self, store, sentence):
        sentence("an open upload with a plus is listed")
        store.start_multipart("a+b c", PutOptions())
        assert [upload.key for upload in store.list_multiparts()] == ["a+b c"]


class TestWho:
    def test_a_wrong_secret_is_refused(self, other, sentence):
        sentence("a wrong secret is refused")
        stranger = other(secret_access_key="wrong")
        for use in (lambda: put(stranger, "key"), lambda: list(stranger.list_objects())):
            with pytest.raises(WrongSecret) as caught:
                use()
            assert caught.value.http_status == 403
            assert "wrong" not in str(caught.value)

    def test_an_unknown_key_id_is_refused(self, other, sentence):
        sentence("an unknown key id is refused")
        stranger = other(access_key_id="AKIANOBODY")
        for use in (lambda: put(stranger, "key"), lambda: list(stranger.list_objects())):
            with pytest.raises(UnknownAccessKey):
                use()

    def test_whoami_tells_the_key_id(self, store):
        assert store.whoami() == location_of(store).access_key_id

    def test_whoami_refuses_a_wrong_secret(self, other, sentence):
        sentence("whoami refuses a wrong secret")
        with pytest.raises(WrongSecret):
            other(secret_access_key="wrong").whoami()

    def test_a_missing_bucket_is_said(self, other):
        nowhere = other(bucket="no-such-bucket")
        for use in (
            lambda: put(nowhere, "key"),
            lambda: list(nowhere.list_objects()),
            lambda: nowhere.start_multipart("key", PutOptions()),
            nowhere.region_of_bucket,
        ):
            with pytest.raises(BucketMissing):
                use()

    def test_the_region_is_that_of_the_bucket_or_unknown(self, store):
        assert store.region_of_bucket() in {"us-east-1", ""}

    def test_a_stranger_may_not_read(self, store):
        put(store, "key", b"private")
        with pytest.raises(AccessDenied):
            store.get_anonymously("key")

    def test_a_link_works_for_a_stranger(self, store, sentence):
        sentence("a link works for a stranger")
        put(store, "ké y+", b"lent")
        with urllib.request.urlopen(store.presigned_url("ké y+", seconds=60)) as answer:
            assert answer.read() == b"lent"

    def test_a_link_that_was_changed_is_refused(self, store, sentence):
        sentence("a link that was changed is refused")
        put(store, "other", b"secret")
        link = store.presigned_url("mine", seconds=60).replace("/mine?", "/other?")
        with pytest.raises(urllib.error.URLError), urllib.request.urlopen(link):
            pass

    def test_repr_shows_no_secret(self, store):
        location = location_of(store)
        assert location.secret_access_key not in repr(store)
        assert location.secret_access_key not in repr(location)


class TestRegistry:
    def test_each_module_registers_itself_once_with_a_docstring(self):
        assert sorted(registry.all()) == sorted(registry.module_names()) == ["memory", "s3"]

    def test_a_backend_opens_one_store_for_all_of_a_process(self):
        location = Location("a-bucket", "us-east-1", "KEY", "secret")
        for name, open_store in registry.all().items():
            store = open_store(location)
            put_or_not = isinstance(store, MemoryStore)
            assert put_or_not == (name == "memory")
            store.close()

    def test_stores_of_one_memory_server_see_the_same(self):
        server = MemoryServer()
        server.new_bucket("b")
        server.secrets["K"] = "s"
        location = Location("b", "us-east-1", "K", "s")
        put(MemoryStore(location, server=server), "key", b"seen")
        assert read(MemoryStore(location, server=server), "key") == b"seen"
