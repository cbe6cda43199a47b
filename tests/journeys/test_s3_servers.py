"""Our store against servers that refuse for real, each in its own dialect of S3."""

import hashlib
from io import BytesIO
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError

from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.base import PutOptions, PutReceipt
from storages_app.objectstores.errors import (
    AccessDenied,
    AclDenied,
    KeyTaken,
    NotSupported,
    ObjectMissing,
    UnknownAccessKey,
    WrongSecret,
)
from tests.rig.radosgw import Radosgw
from tests.rig.rclone import Rclone

PUBLIC_READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}


def put(store: S3Store, key: str = "key", content: bytes = b"bytes", **options) -> PutReceipt:
    return store.put(
        key,
        BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        options=PutOptions(**options),
    )


def read(store: S3Store, key: str = "key") -> bytes:
    with store.get(key) as chunks:
        return b"".join(chunks)


def put_in_parts(store: S3Store, content: bytes, *, only_if_absent: bool) -> None:
    upload_id = store.start_multipart("key", PutOptions())
    part = store.put_part(
        "key", upload_id, 1, BytesIO(content), size=len(content), checksum="sha256"
    )
    store.complete_multipart("key", upload_id, [part], only_if_absent=only_if_absent)


def objects_of(bucket: str, keys: str = "*") -> str:
    return f"arn:aws:s3:::{bucket}/{keys}"


class TestRadosgw:
    @pytest.fixture
    def bucket(self, radosgw: Radosgw) -> str:
        return radosgw.new_bucket()

    @pytest.fixture
    def owner(self, radosgw: Radosgw, bucket: str) -> S3Store:
        return radosgw.store(bucket)

    @pytest.fixture
    def writer(self, radosgw: Radosgw, bucket: str) -> S3Store:
        return radosgw.store(bucket, "writer")

    def test_takes_and_gives_back(self, owner):
        put(owner)
        assert read(owner) == b"bytes"
        owner.delete("key")
        with pytest.raises(ObjectMissing):
            owner.head("key")

    def test_knows_its_users(self, radosgw, bucket):
        with pytest.raises(WrongSecret):
            radosgw.store(bucket, secret_access_key="another").whoami()
        with pytest.raises(UnknownAccessKey):
            radosgw.store(bucket, access_key_id="AKIANOBODY").whoami()

    def test_keeps_a_stranger_out(self, owner, writer):
        put(owner)
        for refused in (
            lambda: put(writer, "theirs"),
            lambda: read(writer),
            lambda: list(writer.list_objects()),
            lambda: owner.get_anonymously("key"),
        ):
            with pytest.raises(AccessDenied) as caught:
                refused()
            assert caught.value.http_status == 403

    def test_a_policy_can_deny_the_owner(self, radosgw, bucket, owner):
        put(owner)
        radosgw.set_policy(
            bucket,
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": objects_of(bucket),
            },
        )
        with pytest.raises(AccessDenied) as caught:
            put(owner)
        assert (caught.value.http_status, caught.value.operation) == (403, "PutObject")
        assert read(owner) == b"bytes"

    def test_a_policy_lets_a_second_user_write_under_one_prefix_only(
        self, radosgw, bucket, owner, writer
    ):
        put(owner, "in/the-owner's")
        radosgw.set_policy(
            bucket,
            {
                "Effect": "Allow",
                "Principal": {"AWS": radosgw.arn("writer")},
                "Action": "s3:PutObject",
                "Resource": objects_of(bucket, "in/*"),
            },
        )
        put(writer, "in/key")
        for refused in (
            lambda: put(writer, "out/key"),
            lambda: read(writer, "in/the-owner's"),
            lambda: writer.delete("in/key"),
        ):
            with pytest.raises(AccessDenied):
                refused()
        assert [found.key for found in owner.list_objects()] == ["in/key", "in/the-owner's"]

    def test_a_grant_of_the_acl_lets_a_second_user_write(self, radosgw, bucket, owner, writer):
        with pytest.raises(AccessDenied):
            put(writer)
        radosgw.client().put_bucket_acl(
            Bucket=bucket, GrantWrite="id=writer", GrantFullControl="id=owner"
        )
        put(writer)
        assert [found.key for found in owner.list_objects()] == ["key"]
        with pytest.raises(AccessDenied):  # it belongs to who wrote it
            read(owner)

    def test_an_object_is_made_public_by_its_acl(self, owner):
        put(owner)
        owner.set_public("key")
        assert owner.get_anonymously("key") == b"bytes"
        put(owner, "at once", is_public=True)
        assert owner.get_anonymously("at once") == b"bytes"

    def test_block_public_access_refuses_a_public_acl(self, radosgw, bucket, owner):
        put(owner)
        radosgw.block_public_access(bucket)
        with pytest.raises(AclDenied) as caught:
            owner.set_public("key")
        assert caught.value.http_status == 403
        with pytest.raises(AccessDenied):
            owner.get_anonymously("key")

    def test_blocking_public_acls_refuses_every_put_there_is(self, radosgw, bucket, owner):
        """Its fault until 2025: https://tracker.ceph.com/issues/49135."""
        radosgw.block_public_access(bucket)
        for options in ({}, {"is_public": True}):
            with pytest.raises(AccessDenied) as caught:
                put(owner, **options)
            assert caught.value.http_status == 403
        with pytest.raises(AccessDenied) as caught:
            put_in_parts(owner, b"in parts", only_if_absent=False)
        assert caught.value.operation == "UploadPart"

    def test_block_public_access_hides_what_was_public(self, radosgw, bucket, owner):
        put(owner, is_public=True)
        assert owner.get_anonymously("key") == b"bytes"
        radosgw.block_public_access(bucket)
        with pytest.raises(AccessDenied):
            owner.get_anonymously("key")

    def test_a_policy_makes_all_objects_public(self, radosgw, bucket, owner):
        put(owner)
        radosgw.set_policy(bucket, PUBLIC_READ | {"Resource": objects_of(bucket)})
        assert owner.get_anonymously("key") == b"bytes"

    def test_block_public_access_refuses_a_public_policy(self, radosgw, bucket, owner):
        put(owner)
        radosgw.block_public_access(bucket)
        with pytest.raises(ClientError) as caught:
            radosgw.set_policy(bucket, PUBLIC_READ | {"Resource": objects_of(bucket)})
        assert caught.value.response["Error"]["Code"] == "AccessDenied"
        with pytest.raises(AccessDenied):
            owner.get_anonymously("key")

    def test_keeps_the_condition_of_a_put_but_not_of_a_complete(self, owner):
        put(owner)
        with pytest.raises(KeyTaken):
            put(owner, content=b"other", only_if_absent=True)
        assert read(owner) == b"bytes"
        put_in_parts(owner, b"other", only_if_absent=True)
        assert read(owner) == b"other"

    def test_lists_an_open_upload_whose_key_it_encodes(self, owner):
        owner.start_multipart("a+b", PutOptions())
        assert [unquote(found.key) for found in owner.list_multiparts("a+b")] == ["a+b"]

    def test_names_its_zone_group_as_the_region(self, owner):
        assert owner.region_of_bucket() == "default"


class TestRclone:
    @pytest.fixture
    def bucket(self, rclone_s3: Rclone) -> str:
        return rclone_s3.new_bucket()

    @pytest.fixture
    def store(self, rclone_s3: Rclone, bucket: str) -> S3Store:
        return rclone_s3.store(bucket)

    def test_takes_and_gives_back(self, rclone_s3, bucket, store):
        put(store)
        assert read(store) == b"bytes"
        assert (rclone_s3.folder / bucket / "key").read_bytes() == b"bytes"
        store.delete("key")
        with pytest.raises(ObjectMissing):
            store.head("key")

    def test_knows_its_users(self, rclone_s3, bucket):
        with pytest.raises(WrongSecret):
            rclone_s3.store(bucket, secret_access_key="another").whoami()
        with pytest.raises(UnknownAccessKey):
            rclone_s3.store(bucket, access_key_id="AKIANOBODY").whoami()

    def test_ignores_the_condition_of_a_write(self, store):
        put(store)
        put(store, content=b"second", only_if_absent=True)
        assert read(store) == b"second"
        put_in_parts(store, b"third", only_if_absent=True)
        assert read(store) == b"third"

    def test_has_no_settings_and_is_not_taken_for_one_with_empty_ones(self, store):
        settings = store.settings
        for read_setting in (
            settings.ownership,
            settings.public_access_block,
            settings.encryption,
            settings.object_lock,
            settings.unfinished_uploads_removed_after,
        ):
            with pytest.raises(NotSupported):
                read_setting()

    def test_says_that_no_upload_is_open(self, store):
        assert list(store.list_multiparts()) == []

    def test_gives_a_range(self, store):
        put(store)
        with store.get("key", first=1, last=3) as chunks:
            assert b"".join(chunks) == b"yte"
