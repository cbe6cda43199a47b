"""What a bucket is set to, as servers tell it: Amazon's words, nothing set, no right to know."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from storages_app.lib.outbound import Policy
from storages_app.objectstores import errors
from storages_app.objectstores.backends.memory import MemoryStore
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.base import Location
from storages_app.objectstores.settings import (
    BucketSettings,
    DefaultEncryption,
    ObjectLock,
    PublicAccessBlock,
)
from tests.objectstores.conftest import answer, error

READERS: dict[str, Callable[[BucketSettings], object]] = {
    "GetBucketOwnershipControls": lambda settings: settings.ownership(),
    "GetPublicAccessBlock": lambda settings: settings.public_access_block(),
    "GetBucketEncryption": lambda settings: settings.encryption(),
    "GetBucketVersioning": lambda settings: settings.versioning(),
    "GetObjectLockConfiguration": lambda settings: settings.object_lock(),
    "GetBucketLifecycleConfiguration": lambda settings: settings.unfinished_uploads_removed_after(),
    "GetBucketLocation": lambda settings: settings.location(),
}
_SIZE = "<ObjectSizeLessThan>9</ObjectSizeLessThan>"
each_reader = pytest.mark.parametrize(("operation", "read"), READERS.items(), ids=list(READERS))


def xml(text: str) -> bytes:
    return answer(200, f"<?xml version='1.0'?>{text}".encode())


class TestReaders:
    @pytest.mark.parametrize("ownership", ["BucketOwnerEnforced", "ObjectWriter"])
    def test_the_owner_of_objects(self, store, canned, ownership):
        rule = f"<Rule><ObjectOwnership>{ownership}</ObjectOwnership></Rule>"
        canned.answers = [xml(f"<OwnershipControls>{rule}</OwnershipControls>")]
        assert store.settings.ownership() == ownership

    def test_each_switch_is_its_own(self, store, canned):
        names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy")
        names = (*names, "RestrictPublicBuckets")
        for n, name in enumerate(names):
            said = f"<{name}>true</{name}>"
            canned.answers = [
                xml(f"<PublicAccessBlockConfiguration>{said}</PublicAccessBlockConfiguration>")
            ]
            switches = [False] * 4
            switches[n] = True
            found = store.settings.public_access_block()
            assert found == PublicAccessBlock(*switches)
            assert found.n_on == 1

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("<SSEAlgorithm>AES256</SSEAlgorithm>", DefaultEncryption("AES256")),
            (
                "<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:x</KMSMasterKeyID>",
                DefaultEncryption("aws:kms", "arn:aws:kms:x"),
            ),
            ("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm>", DefaultEncryption("aws:kms:dsse")),
        ],
    )
    def test_the_default_encryption(self, store, canned, said, expected):
        default = f"<ApplyServerSideEncryptionByDefault>{said}</ApplyServerSideEncryptionByDefault>"
        canned.answers = [
            xml(
                f"<ServerSideEncryptionConfiguration><Rule>{default}</Rule>"
                "</ServerSideEncryptionConfiguration>"
            )
        ]
        assert store.settings.encryption() == expected

    @pytest.mark.parametrize(
        ("said", "expected"),
        [("<Status>Enabled</Status>", True), ("<Status>Suspended</Status>", False), ("", False)],
    )
    def test_the_versioning(self, store, canned, said, expected):
        canned.answers = [xml(f"<VersioningConfiguration>{said}</VersioningConfiguration>")]
        assert store.settings.versioning() is expected

    @pytest.mark.parametrize(
        ("said", "expected"),
        [
            ("<Mode>GOVERNANCE</Mode><Days>30</Days>", ObjectLock("GOVERNANCE", 30)),
            ("<Mode>COMPLIANCE</Mode><Years>2</Years>", ObjectLock("COMPLIANCE", 730)),
            ("", ObjectLock()),
        ],
    )
    def test_the_object_lock(self, store, canned, said, expected):
        rule = f"<Rule><DefaultRetention>{said}</DefaultRetention></Rule>" if said else ""
        canned.answers = [
            xml(
                "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>"
                f"{rule}</ObjectLockConfiguration>"
            )
        ]
        assert store.settings.object_lock() == expected

    @pytest.mark.parametrize(
        ("rules", "prefix", "days"),
        [
            (["<Filter><Prefix></Prefix></Filter>{7}{on}"], "a/", 7),
            (["<Prefix></Prefix>{7}{on}"], "", 7),
            (["<Filter><Prefix>a/</Prefix></Filter>{7}{on}"], "a/b/", 7),
            (["<Filter><Prefix>a/b/</Prefix></Filter>{7}{on}"], "a/", None),
            (["<Prefix>b/</Prefix>{7}{on}"], "a/", None),
            (["<Filter><Prefix></Prefix></Filter>{7}<Status>Disabled</Status>"], "a/", None),
            (["<Filter><Tag><Key>k</Key><Value>v</Value></Tag></Filter>{7}{on}"], "a/", None),
            (
                [
                    f"<Filter><And><Prefix>a/</Prefix>{_SIZE}</And></Filter>{{7}}{{on}}",
                ],
                "a/",
                None,
            ),
            (["<Filter><And><Prefix>a/</Prefix></And></Filter>{7}{on}"], "a/", 7),
            (["<Prefix/>{7}{on}", "<Prefix>a/</Prefix>{2}{on}"], "a/", 2),
            (["<Prefix/>{on}<Expiration><Days>3</Days></Expiration>"], "a/", None),
        ],
    )
    def test_the_rule_that_removes_unfinished_uploads(self, store, canned, rules, prefix, days):
        parts = {"{on}": "<Status>Enabled</Status>"}
        for n in (2, 7):
            parts[f"{{{n}}}"] = (
                "<AbortIncompleteMultipartUpload>"
                f"<DaysAfterInitiation>{n}</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
            )
        text = "".join(f"<Rule>{rule}</Rule>" for rule in rules)
        for name, part in parts.items():
            text = text.replace(name, part)
        canned.answers = [xml(f"<LifecycleConfiguration>{text}</LifecycleConfiguration>")]
        assert store.settings.unfinished_uploads_removed_after(prefix) == days

    @pytest.mark.parametrize(
        ("said", "expected"),
        [("eu-central-1", "eu-central-1"), ("EU", "eu-west-1"), ("", "")],
    )
    def test_the_location(self, store, canned, said, expected):
        canned.answers = [xml(f"<LocationConstraint>{said}</LocationConstraint>")]
        assert store.settings.location() == expected


class TestNothingSet:
    @pytest.mark.parametrize(
        ("operation", "code", "expected"),
        [
            ("GetBucketOwnershipControls", "OwnershipControlsNotFoundError", ""),
            (
                "GetPublicAccessBlock",
                "NoSuchPublicAccessBlockConfiguration",
                PublicAccessBlock(False, False, False, False),
            ),
            (
                "GetBucketEncryption",
                "ServerSideEncryptionConfigurationNotFoundError",
                DefaultEncryption("", ""),
            ),
            ("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", None),
            ("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration", None),
        ],
    )
    def test_is_an_answer(self, store, canned, operation, code, expected):
        canned.answers = [error(404, code)]
        assert READERS[operation](store.settings) == expected

    @each_reader
    def test_a_missing_bucket_is_not_nothing(self, store, canned, operation, read):
        canned.answers = [error(404, "NoSuchBucket")]
        with pytest.raises(errors.BucketMissing):
            read(store.settings)

    @each_reader
    @pytest.mark.parametrize("body", ["", "<Rule/>", "<Rules></Rules>", "<Rule><Filter/></Rule>"])
    def test_nor_does_an_empty_answer_break_a_reader(self, store, canned, operation, read, body):
        roots = {
            "GetBucketOwnershipControls": "OwnershipControls",
            "GetPublicAccessBlock": "PublicAccessBlockConfiguration",
            "GetBucketEncryption": "ServerSideEncryptionConfiguration",
            "GetBucketVersioning": "VersioningConfiguration",
            "GetObjectLockConfiguration": "ObjectLockConfiguration",
            "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
            "GetBucketLocation": "LocationConstraint",
        }
        root = roots[operation]
        canned.answers = [xml(f"<{root}>{body}</{root}>")]
        assert not getattr(read(store.settings), "mode", "")


class TestRefusals:
    @each_reader
    def test_a_reader_that_is_denied_names_its_operation(self, store, canned, operation, read):
        canned.answers = [error(403, "AccessDenied")]
        with pytest.raises(errors.AccessDenied) as caught:
            read(store.settings)
        assert caught.value.operation == operation

    @each_reader
    @pytest.mark.parametrize(
        ("status", "code"), [(501, "NotImplemented"), (405, "MethodNotAllowed"), (501, "")]
    )
    def test_a_setting_that_a_provider_has_not(self, store, canned, operation, read, status, code):
        canned.answers = [error(status, code)]
        with pytest.raises(errors.NotSupported) as caught:
            read(store.settings)
        assert caught.value.operation == operation

    @each_reader
    @pytest.mark.parametrize("body", [b"", b"<html>hello", b"{}", b"\xff\xfe", b"<a><b></a>"])
    def test_a_server_that_is_no_s3_is_no_crash(self, store, canned, operation, read, body):
        canned.answers = [answer(200, body)]
        with suppress(errors.ObjectStoreError):
            assert not getattr(read(store.settings), "mode", "")

    @each_reader
    def test_every_reader_names_the_expected_owner(
        self, location, policy, canned, operation, read
    ):  # S049
        canned.answers = [error(403, "AccessDenied")]
        owned = S3Store(replace(location, account_id="111122223333"), policy=policy)
        with pytest.raises(errors.AccessDenied):
            read(owned.settings)
        assert canned.headers()["x-amz-expected-bucket-owner"] == "111122223333"
        assert len(canned.requests) == 1
        owned.close()


class TestMemory:
    def test_a_new_bucket_is_as_amazon_makes_one(self):
        settings = MemoryStore().settings
        assert settings.ownership() == "BucketOwnerEnforced"
        assert settings.public_access_block().n_on == 4
        assert settings.encryption() == DefaultEncryption("AES256")
        assert settings.versioning() is False
        assert settings.object_lock() is None
        assert settings.unfinished_uploads_removed_after("a/") is None
        assert settings.location() == "us-east-1"

    def test_tells_what_a_test_has_set(self):
        store = MemoryStore()
        store.bucket.ownership = "ObjectWriter"
        store.bucket.public_access_block = PublicAccessBlock(block_public_acls=True)
        store.bucket.encryption = DefaultEncryption("aws:kms", "key")
        store.bucket.versioning = True
        store.bucket.object_lock = ObjectLock("GOVERNANCE", 30)
        store.bucket.unfinished_uploads_removed_after = {"a/": 3, "b/": 1}
        settings = store.settings
        assert settings.ownership() == "ObjectWriter"
        assert settings.public_access_block().n_on == 1
        assert settings.encryption() == DefaultEncryption("aws:kms", "key")
        assert settings.versioning() is True
        assert settings.object_lock() == ObjectLock("GOVERNANCE", 30)
        assert settings.unfinished_uploads_removed_after("a/b/") == 3

    @each_reader
    def test_each_reader_can_be_denied_alone(self, operation, read):
        store = MemoryStore()
        store.bucket.denied = {operation}
        for name, other in READERS.items():
            if name != operation:
                other(store.settings)
        with pytest.raises(errors.AccessDenied) as caught:
            read(store.settings)
        assert caught.value.operation == operation


class TestServers:
    """Two servers of others, so that we do not only believe ourselves."""

    @pytest.fixture
    def moto_settings(self):
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        _, port = server.get_host_and_port()
        url = f"http://127.0.0.1:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="eu-central-1",
            aws_access_key_id="AKIAMOTO",
            aws_secret_access_key="secret",
        )
        client.create_bucket(
            Bucket="settings",
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
            ObjectLockEnabledForBucket=True,
        )
        store = S3Store(
            Location("settings", "eu-central-1", "AKIAMOTO", "secret", url),
            policy=Policy(allowed_private=frozenset({("127.0.0.1", port)})),
        )
        yield client, store.settings
        store.close()
        client.close()
        server.stop()

    def test_moto(self, moto_settings):
        client, settings = moto_settings
        assert settings.location() == "eu-central-1"
        assert settings.ownership() == ""
        assert settings.public_access_block() == PublicAccessBlock()
        assert settings.versioning() is True  # which Object Lock turns on
        assert settings.object_lock() == ObjectLock()
        assert settings.unfinished_uploads_removed_after() is None
        client.put_bucket_ownership_controls(
            Bucket="settings",
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]},
        )
        client.put_public_access_block(
            Bucket="settings",
            PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True},
        )
        client.put_object_lock_configuration(
            Bucket="settings",
            ObjectLockConfiguration={
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Years": 1}},
            },
        )
        client.put_bucket_encryption(
            Bucket="settings",
            ServerSideEncryptionConfiguration={
                "Rules": [
                    {
                        "ApplyServerSideEncryptionByDefault": {
                            "SSEAlgorithm": "aws:kms",
                            "KMSMasterKeyID": "a-key",
                        }
                    }
                ]
            },
        )
        client.put_bucket_lifecycle_configuration(
            Bucket="settings",
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "one",
                        "Status": "Enabled",
                        "Filter": {"Prefix": "copies/"},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                    }
                ]
            },
        )
        assert settings.ownership() == "BucketOwnerPreferred"
        assert settings.public_access_block() == PublicAccessBlock(True, True, False, False)
        assert settings.object_lock() == ObjectLock("GOVERNANCE", 365)
        assert settings.encryption() == DefaultEncryption("aws:kms", "a-key")
        assert settings.unfinished_uploads_removed_after("copies/2026/") == 1
        assert settings.unfinished_uploads_removed_after("other/") is None

    @pytest.mark.real
    def test_seaweedfs(self, seaweed):
        store = S3Store(
            Location(
                seaweed.new_bucket(),
                seaweed.region,
                seaweed.access_key_id,
                seaweed.secret_access_key,
                seaweed.endpoint_url,
            ),
            policy=Policy(allowed_private=frozenset({seaweed.host_and_port})),
        )
        settings = store.settings
        assert settings.ownership() == "BucketOwnerEnforced"
        assert settings.encryption() == DefaultEncryption()
        assert settings.versioning() is False
        assert settings.object_lock() is None
        assert settings.unfinished_uploads_removed_after() is None
        assert settings.location() == ""
        with pytest.raises(errors.NotSupported):
            settings.public_access_block()
        store.close()
