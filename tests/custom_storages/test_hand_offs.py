"""The page for a colleague: one link, seven days, no way into what is connected."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.custom_storages import hand_offs, services
from storages_app.custom_storages.errors import (
    AddressRefused,
    AlreadyConnected,
    HandOffGone,
    StorageGone,
)
from storages_app.models import CustomStorage, Event, HandOff
from tests.factories import make_custom_storage, make_project

pytestmark = pytest.mark.django_db

ROLE = "arn:aws:iam::111122223333:role/ucdash"


@pytest.fixture
def draft():
    return make_custom_storage(
        make_project(),
        provider="aws",
        endpoint_url="",
        region="eu-central-1",
        identity=CustomStorage.Identity.ROLE,
        connected_at=None,
    )


@pytest.fixture
def token(draft):
    return hand_offs.make(custom_storage=draft, actor="owner@example.com")[1]


def test_the_link_opens_the_page_and_its_token_is_kept_nowhere(draft, token):
    hand_off = hand_offs.opened(token=token)
    assert hand_off.custom_storage == draft
    assert hand_off.opened_at
    kept = [str(value) for row in HandOff.objects.values() for value in row.values()]
    assert not any(token in value for value in kept)


def test_it_lasts_seven_days(draft, token):
    late = timezone.now() - timedelta(seconds=1)
    assert HandOff.objects.get().expires_at - timezone.now() < timedelta(days=7)
    HandOff.objects.update(expires_at=late)
    with pytest.raises(HandOffGone):
        hand_offs.opened(token=token)


def test_a_new_link_ends_the_old_one(draft, token):
    hand_offs.make(custom_storage=draft, actor="owner@example.com")
    with pytest.raises(HandOffGone):
        hand_offs.opened(token=token)


@pytest.mark.parametrize("guess", ["", "a", "../../etc/passwd", "ü" * 200, "\x00"])
def test_a_guess_opens_nothing(draft, token, guess):
    with pytest.raises(HandOffGone):
        hand_offs.opened(token=guess)


def test_reports_the_role_back(draft, token):
    before = draft.access_changed_at
    hand_off = hand_offs.report(token=token, role_arn=f"  {ROLE}\n")
    draft.refresh_from_db()
    assert (draft.role_arn, hand_off.report) == (ROLE, "Role ARN received")
    assert draft.access_changed_at > before
    assert Event.objects.filter(kind="storage.hand_off_reported").count() == 1


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "role"),
        ("arn:aws:iam::111122223333:user/me", "user"),
        ("arn:aws-cn:iam::111122223333:role/x", "This role is in aws-cn; the bucket is in aws."),
    ],
)
def test_refuses_what_is_no_role_of_this_bucket(draft, token, typed, why):
    with pytest.raises(AddressRefused, match=why):
        hand_offs.report(token=token, role_arn=typed)
    draft.refresh_from_db()
    assert draft.role_arn == ""


def test_without_a_role_to_report_says_that_it_is_done(draft, token):
    CustomStorage.objects.update(identity=CustomStorage.Identity.ACCESS_KEY)
    assert hand_offs.report(token=token, role_arn=ROLE).report == "Reported as done"
    draft.refresh_from_db()
    assert draft.role_arn == ""


def test_changes_nothing_on_a_connected_storage(draft, token):
    CustomStorage.objects.update(connected_at=timezone.now())
    with pytest.raises(AlreadyConnected):
        hand_offs.report(token=token, role_arn=ROLE)


def test_ends_with_its_storage(draft, token):
    services.disconnect(custom_storage=draft, actor="owner@example.com")
    with pytest.raises(HandOffGone):
        hand_offs.opened(token=token)
    with pytest.raises(StorageGone):
        hand_offs.make(custom_storage=draft, actor="owner@example.com")
