"""One process, two hosts: what is asked of the wrong one, or under a forged name."""

from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.test import Client

from tests.factories import make_file, make_project, make_user

pytestmark = pytest.mark.django_db


def netloc(url):
    return urlsplit(url).netloc


@pytest.fixture(autouse=True)
def _plain_static_files(settings):
    """The manifest of static files is written by collectstatic, which tests do not run."""
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}


@pytest.fixture
def file():
    return make_file(make_project(), b"bytes")


class TestForgedHost:
    """S083."""

    @pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
    @pytest.mark.parametrize("path", ["/", "/accounts/login/", "/files/", "/base/", "/nothing"])
    def test_is_refused_and_not_echoed(self, host, path):
        response = Client(headers={"host": host}).get(path)
        assert response.status_code == 400
        assert b"evil" not in response.content

    def test_at_the_port_of_files_only_their_host_is_served(self, file):
        client = Client(headers={"host": "testserver"})
        for path in (f"/{file.uuid}/", "/accounts/login/"):
            response = client.get(path, SERVER_PORT=str(django_settings.FILES_PORT))
            assert response.status_code == 421
            assert response["Content-Type"].startswith("text/plain")

    @pytest.mark.parametrize("name", ["x-forwarded-host", "x-host", "forwarded"])
    def test_another_header_names_no_host(self, name):
        host = netloc(django_settings.DASHBOARD_URL)
        response = Client(headers={"host": host, name: "evil.example"}).get("/")
        assert response.status_code == 302
        assert "evil" not in response["Location"]


class TestApart:
    """S076: files and pages never share a host name."""

    @pytest.mark.parametrize("path", ["/", "/accounts/login/", "/admin/", "/files/", "/static/x"])
    def test_the_file_host_has_no_pages(self, path):
        client = Client(headers={"host": netloc(django_settings.CDN_URL)})
        client.force_login(make_user(is_staff=True, is_superuser=True))
        response = client.get(path)
        assert response.status_code == 404
        assert response.content == b"File not found\n"
        assert response["Content-Security-Policy"].endswith("sandbox")

    def test_the_dashboard_serves_no_files(self, file):
        client = Client(headers={"host": netloc(django_settings.DASHBOARD_URL)})
        assert client.get(f"/{file.uuid}/").status_code == 404

    def test_their_names_differ(self):
        files, pages = (
            urlsplit(url).hostname
            for url in (django_settings.CDN_URL, django_settings.DASHBOARD_URL)
        )
        assert files != pages
