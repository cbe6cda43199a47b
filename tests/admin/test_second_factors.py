"""What operators end for people who have lost a device."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.urls import reverse

from storages_app.models import Event
from tests.admin.conftest import client_of
from tests.factories import make_user


@pytest.fixture
def person(db):
    return make_user("ada@example.com")


def test_a_second_factor_is_shown_without_its_secret_and_removed(as_operator, person):
    row = TOTP.activate(person, generate_totp_secret()).instance
    page = as_operator.get(reverse("admin:mfa_authenticator_change", args=[row.pk])).text
    assert "ada@example.com" in page
    assert row.data["secret"] not in page
    address = reverse("admin:mfa_authenticator_delete", args=[row.pk])
    as_operator.post(address, {"post": "yes"})
    assert not Authenticator.objects.exists()
    event = Event.objects.get(kind="second_factor.removed")
    assert (event.actor, event.subject) == ("operator@example.com", "ada@example.com")


def test_a_session_is_ended_for_good(as_operator, person):
    store = SessionStore()
    store.create()
    row = UserSession.objects.create(
        user=person, session_key=store.session_key, ip="192.0.2.7", user_agent="Firefox/140"
    )
    assert as_operator.get(reverse("admin:usersessions_usersession_changelist")).status_code == 200
    address = reverse("admin:usersessions_usersession_delete", args=[row.pk])
    as_operator.post(address, {"post": "yes"})
    assert not SessionStore().exists(store.session_key)


@pytest.mark.parametrize("model", ["mfa_authenticator", "usersessions_usersession"])
def test_staff_without_all_rights_ends_nothing(model, person):
    """S110."""
    TOTP.activate(person, generate_totp_secret())
    staff = client_of(make_user("staff@example.com", is_staff=True))
    row = Authenticator.objects.get()
    assert (
        staff.post(reverse(f"admin:{model}_delete", args=[row.pk]), {"post": "yes"}).status_code
        == 403
    )
    assert Authenticator.objects.exists()
