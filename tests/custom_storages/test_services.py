"""What is kept of an address that is typed in parts: provider, region, account id, endpoint."""

import pytest
from django.utils import timezone

from storages_app.custom_storages import services
from storages_app.custom_storages.errors import AddressRefused
from storages_app.models import ConnectionTest, CustomStorage
from tests.factories import make_project

pytestmark = pytest.mark.django_db

CLOUDFLARES_ID = "0123456789abcdef0123456789abcdef"
R2 = f"https://{CLOUDFLARES_ID}.r2.cloudflarestorage.com"


def draft(**fields) -> CustomStorage:
    values = {"name": "mine", "bucket": "bucket", "access_key_id": "AKIAKEY"} | fields
    return services.create_draft(project=make_project(), actor="a test", **values)


def change(row: CustomStorage, **fields) -> CustomStorage:
    services.change(custom_storage=row, actor="a test", **fields)
    row.refresh_from_db()
    return row


class TestAtCloudflare:
    def test_the_account_is_kept_in_the_address(self):
        row = draft(provider="r2", account_id=CLOUDFLARES_ID)
        assert (row.endpoint_url, row.account_id) == (R2, "")

    def test_an_address_stays_where_nothing_else_is_typed(self):
        of_the_eu = R2.replace(".r2.", ".eu.r2.")
        row = draft(provider="r2", endpoint_url=of_the_eu, region="auto")
        assert change(row, region="auto", account_id="", prefix="a").endpoint_url == of_the_eu

    def test_another_account_has_another_address(self):
        row = draft(provider="r2", account_id=CLOUDFLARES_ID)
        other = CLOUDFLARES_ID[::-1]
        assert change(row, account_id=other).endpoint_url == R2.replace(CLOUDFLARES_ID, other)

    def test_without_an_account_there_is_no_address(self):
        with pytest.raises(AddressRefused, match="needs an address"):
            draft(provider="r2")


class TestWhereTheRegionIsInTheAddress:
    def test_another_region_has_another_address(self):
        row = draft(provider="wasabi", region="eu-central-1")
        before = row.endpoint_url
        change(row, region="us-west-1")
        assert row.endpoint_url == before.replace("eu-central-1", "us-west-1") != before

    def test_another_provider_has_its_own(self):
        row = draft(provider="wasabi", region="eu-central-1")
        assert "backblazeb2.com" in change(row, provider="b2", region="eu-central-003").endpoint_url


class TestAtAmazon:
    def test_an_account_has_twelve_digits(self):
        assert draft(provider="aws", account_id="1111-2222-3333").account_id == "111122223333"
        with pytest.raises(AddressRefused, match="twelve digits"):
            draft(provider="aws", account_id=CLOUDFLARES_ID, name="other")


class TestATestOfAScript:
    def test_is_waited_for_where_a_worker_was_quicker(self, monkeypatch):
        """A poller may take the row in the moment in which it is made."""
        storage, pauses = draft(), []

        def end_it(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                ConnectionTest.objects.update(
                    state=ConnectionTest.State.PASSED, finished_at=timezone.now(), lease_until=None
                )

        monkeypatch.setattr(services.tasks, "run_now", lambda **_: None)
        monkeypatch.setattr(services, "sleep", end_it)
        test = services.run_test_now(custom_storage=storage, asked_by="a script")
        assert test.has_passed
        assert len(pauses) == 3
