"""Addresses for parts: ours, for a while, and good for nothing else (S054)."""

import uuid
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.utils import timezone

from storages_app.models import UploadSession
from storages_app.uploads.multipart_errors import PartUrlRefused
from storages_app.uploads.part_urls import part_url, require_valid
from ucdash.logs import redact

NOW = timezone.now()


@pytest.fixture
def signed():
    """What is said by the address of part 2, as the door reads it."""
    session = UploadSession(expires_at=NOW + timedelta(hours=24))
    query = dict(parse_qsl(urlsplit(part_url(session, 2)).query))
    return {
        "session_uuid": session.pk,
        "number": 2,
        "expires": query["expires"],
        "signature": query["signature"],
        "now": NOW,
    }


def test_is_good_for_a_day(signed):
    require_valid(**signed)
    require_valid(**signed | {"now": NOW + timedelta(hours=23, minutes=59)})
    with pytest.raises(PartUrlRefused):
        require_valid(**signed | {"now": NOW + timedelta(hours=24, seconds=2)})


@pytest.mark.parametrize(
    "other",
    [
        {"number": 3},
        {"session_uuid": uuid.uuid4()},
        {"expires": "99999999999"},
        {"expires": ""},
        {"expires": "never"},
        {"expires": "9" * 5_000},
        {"expires": "１"},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "é"},
    ],
)
def test_is_bound_to_all_that_it_says(signed, other):
    with pytest.raises(PartUrlRefused):
        require_valid(**signed | other)


def test_capitals_are_another_signature(signed):
    with pytest.raises(PartUrlRefused):
        require_valid(**signed | {"signature": signed["signature"].upper()})


def test_is_bound_to_the_key_of_the_installation(signed, settings):
    settings.SECRET_KEY = "another key of another installation, long enough"
    with pytest.raises(PartUrlRefused):
        require_valid(**signed)


def test_no_log_line_repeats_it(signed):
    """S054: should an address ever be in one."""
    session = UploadSession(expires_at=NOW + timedelta(hours=24))
    url = part_url(session, 1)
    signature = dict(parse_qsl(urlsplit(url).query))["signature"]
    assert signature not in redact(f"PUT {url} failed")
