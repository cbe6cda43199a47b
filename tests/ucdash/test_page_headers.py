"""Headers that every page carries."""

import pytest
from django.test import Client

from tests.dashboard.conftest import new_client


@pytest.mark.parametrize("path", ["/accounts/login/", "/docs/", "/nothing-here"])
def test_pages_ask_nothing_of_a_device_but_the_camera_of_the_uploader(db, settings, path):
    """S078."""
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}
    client: Client = new_client()
    policy = client.get(path).headers["Permissions-Policy"]
    assert "geolocation=()" in policy
    assert "payment=()" in policy
    assert "camera=(self)" in policy
    assert "*" not in policy
