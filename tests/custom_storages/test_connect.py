"""The ways in: a key, a role that is assumed, our own principal (spec/DASHBOARD 1.11, step 3)."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest

from storages_app.custom_storages import connect
from storages_app.custom_storages.errors import OwnershipUnproved
from storages_app.models import CustomStorage
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import AccessDenied, AddressInvalid
from tests.factories import make_custom_storage, make_project
from tests.s3double import S3Double, allow_all

pytestmark = pytest.mark.django_db
Identity = CustomStorage.Identity


@pytest.fixture
def operator(s3double: S3Double, settings):
    """This installation's own identity, in an account of its own."""
    s3double.add_account("999988887777")
    user = s3double.add_user("ucdash", account="999988887777", policies=[allow_all()])
    settings.AWS_PRINCIPAL_ARN = user.arn
    settings.AWS_ACCESS_KEY_ID = user.access_key_id
    settings.AWS_SECRET_ACCESS_KEY = user.secret_access_key
    settings.AWS_S3_URL = s3double.endpoint_url
    settings.AWS_STS_URL = s3double.sts_url
    return user


@pytest.fixture
def owner(s3double: S3Double):
    s3double.add_account("111122223333")
    return s3double.add_bucket("photos", account="111122223333", region="eu-central-1")


def storage_of(**fields) -> CustomStorage:
    return make_custom_storage(
        make_project(),
        provider="aws",
        endpoint_url="",
        region="eu-central-1",
        bucket="photos",
        access_key_id="",
        **fields,
    )


def role_for(s3double, operator, storage, *, name="writer"):
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": operator.arn},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": storage.external_id}},
            }
        ],
    }
    return s3double.add_role(name, account="111122223333", trust=trust, policies=[allow_all()])


def put(store) -> None:
    store.put(
        "k",
        BytesIO(b"x"),
        size=1,
        sha256="2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        options=PutOptions(),
    )


class TestRole:
    def test_writes_with_what_the_role_may(self, s3double, operator, owner):
        storage = storage_of(identity=Identity.ROLE)
        storage.role_arn = role_for(s3double, operator, storage).arn
        put(connect.open_store(storage))
        assert owner.objects["k"]
        call = [call for call in s3double.log if call.operation == "PutObject"][-1]
        assert ":assumed-role/writer/" in call.principal_arn

    def test_is_assumed_once_and_anew_before_its_credentials_run_out(
        self, s3double, operator, owner, monkeypatch
    ):
        storage = storage_of(identity=Identity.ROLE)
        storage.role_arn = role_for(s3double, operator, storage, name="often").arn

        def n_assumed():
            return [call.operation for call in s3double.log].count("AssumeRole")

        assert connect.open_store(storage) is connect.open_store(storage)
        assert n_assumed() == 1
        monkeypatch.setattr(connect, "_RENEW_BEFORE", timedelta(hours=2))
        connect.open_store(storage)
        assert n_assumed() == 2
        monkeypatch.undo()
        connect.forget_role(storage)
        connect.open_store(storage)
        assert n_assumed() == 3

    def test_of_another_storage_is_refused_to_this_one(self, s3double, operator, owner):
        """The confused deputy: who learns the ARN has not learned the External ID (S048)."""
        theirs, mine = storage_of(identity=Identity.ROLE), storage_of(identity=Identity.ROLE)
        mine.role_arn = role_for(s3double, operator, theirs, name="theirs").arn
        assert mine.external_id != theirs.external_id
        with pytest.raises(AccessDenied) as refusal:
            connect.open_store(mine)
        assert refusal.value.operation == "AssumeRole"

    def test_needs_an_identity_of_this_installation(self, settings):
        storage = storage_of(
            identity=Identity.ROLE, role_arn="arn:aws:iam::111122223333:role/writer"
        )
        settings.AWS_SECRET_ACCESS_KEY = ""
        with pytest.raises(AddressInvalid, match="no AWS identity"):
            connect.open_store(storage)


class TestPrincipal:
    def test_writes_only_once_the_owner_has_proved_to_be_it(self, s3double, operator, owner):
        """S047: a bucket that trusts our principal trusts none of our tenants for it."""
        owner.policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": operator.arn},
                    "Action": ["s3:PutObject", "s3:GetObject"],
                    "Resource": "arn:aws:s3:::photos/*",
                }
            ],
        }
        storage = storage_of(identity=Identity.PRINCIPAL)
        with pytest.raises(OwnershipUnproved):
            connect.open_store(storage)
        storage.proved_at = datetime(2026, 1, 1, tzinfo=UTC)
        put(connect.open_store(storage))
        assert owner.objects["k"]


def test_only_amazons_buckets_can_be_reached_by_role_or_principal(operator):
    assert connect.identities_offered("aws") == list(Identity)
    assert connect.identities_offered("r2") == [Identity.ACCESS_KEY]


@pytest.mark.parametrize(
    "missing", ["AWS_PRINCIPAL_ARN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
)
def test_without_an_identity_only_keys_are_offered(operator, settings, missing):
    setattr(settings, missing, "")
    assert connect.identities_offered("aws") == [Identity.ACCESS_KEY]


def test_nothing_of_the_operator_shows_in_a_repr(operator):
    assert operator.secret_access_key not in repr(connect.operator_identity())
