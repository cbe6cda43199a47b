"""A browser at the file host, files for it, and what every answer has to have."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.test import Client

from storages_app.models import File
from tests import pictures
from tests.factories import make_file, make_project

CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
NEVER = ["Set-Cookie", "X-Frame-Options"]


class Browser(Client):
    """Speaks to the file host."""

    def request(self, **request):
        request.setdefault("HTTP_HOST", urlsplit(django_settings.CDN_URL).netloc)
        return super().request(**request)


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, settings):
    settings.RENDITION_CACHE_DIR = tmp_path / "renditions"


@pytest.fixture
def photo() -> File:
    return make_file(
        make_project(),
        pictures.camera_jpeg(),
        name="Haus (1).jpg",
        detected_type="image/jpeg",
        content_info={"image": {"format": "JPEG", "width": 400, "height": 300}},
    )


@pytest.fixture
def text_file() -> File:
    return make_file(make_project(), b"0123456789", name="digits.txt")


def body_of(response) -> bytes:
    return response.getvalue() if response.streaming else response.content


def assert_harmless(response) -> None:
    """What every answer of this host has, and never has."""
    assert response["Content-Security-Policy"] == CSP
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response
    assert not [name for name in NEVER if name in response]
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")
