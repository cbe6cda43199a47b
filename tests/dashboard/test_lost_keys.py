"""S115: the key ring is lost. Pages are there, or say so; what was sealed can be made anew."""

import base64
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.urls import reverse

from storages_app.lib.crypto import CannotUnseal
from storages_app.models.fields import key_ring
from storages_app.oversight.key_check import secrets_can_be_opened
from storages_app.projects.api_keys import check_secret
from storages_app.projects.services import create_secret_key
from tests.dashboard.conftest import client_of
from tests.dashboard.test_who_sees_what import (
    MANAGERS,
    PAGES,
    POLLED,
    SEEN_BY_ALL,
    address_of,
)

LOOKED_AT = [name for name, (_, kind) in PAGES.items() if kind in {MANAGERS, SEEN_BY_ALL}]
ASKS_FOR_A_SECRET = {"upload_signature"}


@pytest.fixture
def lost(everything, settings):
    """Everything was sealed with a key that is not here any more."""
    settings.DATA_KEYS = ["another:" + base64.b64encode(b"x" * 32).decode()]
    key_ring.cache_clear()
    yield everything
    key_ring.cache_clear()


@pytest.fixture
def reader(owner):
    """Sees the page that people get where a view fails."""
    client = client_of(owner)
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("name", [name for name in LOOKED_AT if name not in ASKS_FOR_A_SECRET])
def test_every_page_is_there(name, lost, as_owner):
    response = as_owner.get(address_of(name, lost))
    assert response.status_code == (286 if name in POLLED else 200)


@pytest.mark.parametrize("name", sorted(ASKS_FOR_A_SECRET))
def test_what_needs_the_secret_says_why_it_is_not_done(name, lost, reader):
    address = address_of(name, lost)
    page = reader.get(address, headers={"accept": "text/html"})
    assert page.status_code == 500
    assert "A secret cannot be opened" in page.text
    way = reverse("dashboard:docs_page", args=["upgrading"]) + "#when-the-keys-are-lost"
    assert f'href="{way}"' in page.text
    told = reader.get(address, headers={"accept": "application/json"})
    assert told.json()["detail"].startswith("A stored secret could not be opened")


def test_the_docs_that_it_leads_to_have_that_part(as_owner):
    page = as_owner.get(reverse("dashboard:docs_page", args=["upgrading"]))
    assert 'id="when-the-keys-are-lost"' in page.text


def test_a_new_secret_key_works_beside_those_that_cannot_be_opened(lost):
    old = lost.project.secret_keys.active().count()
    assert old
    key, secret = create_secret_key(project=lost.project, label="After", actor="a test")
    found = lost.project.secret_keys.active()
    assert check_secret(keys=[*found], secret=secret) == key
    with pytest.raises(CannotUnseal):  # not "wrong": nobody can know that
        check_secret(keys=[*found], secret="another secret")


def test_a_check_of_the_database_counts_what_cannot_be_opened(everything, settings):
    assert secrets_can_be_opened(None, databases=["default"]) == []
    settings.DATA_KEYS = ["another:" + base64.b64encode(b"x" * 32).decode()]
    key_ring.cache_clear()
    found = secrets_can_be_opened(None, databases=["default"])
    key_ring.cache_clear()
    assert {message.id for message in found} == {"ucdash.W001"}
    assert "storages_app_secretkey.sealed_secret" in " ".join(message.msg for message in found)
    assert not any(message.is_serious() for message in found), "or `migrate` would not run"


def test_a_new_access_key_opens_a_bucket_again(lost):
    assert not lost.storage.has_secret
    lost.storage.seal_secret("entered again")
    assert lost.storage.has_secret


def test_a_file_is_sent_as_before(lost, client):
    answer = client.get(f"/{lost.file.uuid}/", headers={"host": urlsplit(settings.CDN_URL).netloc})
    assert b"".join(answer.streaming_content)
    answer.close()
