"""Programs are led past what is for pages only."""

import pytest
from django.http import JsonResponse
from django.test import Client

from storages_app.api import urls
from tests.api.conftest import ACCEPT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static_files_as_they_are(settings):
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}


@pytest.mark.parametrize("path", ["/files/", "/api/v1/restores/", "/info/", "/base/"])
def test_the_apis_answer_without_what_is_for_pages(path):
    client = Client()
    response = client.get(path, HTTP_ACCEPT=ACCEPT)
    assert response.status_code in {401, 403, 405}
    assert response["Content-Length"] == str(len(response.content))
    assert response["x-uploadcare-request-id"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "Content-Security-Policy" not in response
    assert not client.cookies


def test_pages_have_all_of_it():
    response = Client(headers={"host": "localhost:8000"}).get("/accounts/login/")
    assert response.status_code == 200
    assert response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert response.cookies["ucdash_csrf"]


@pytest.mark.parametrize(("accept", "kind"), [(ACCEPT, "application/json"), ("*/*", "text/html")])
def test_an_address_that_nobody_has_is_told_to_programs_and_people(accept, kind):
    response = Client().get("/filesystem/", HTTP_ACCEPT=accept)
    assert response.status_code == 404
    assert response["Content-Type"].startswith(kind)


def test_a_fault_in_an_api_is_answered_like_one_in_a_page(monkeypatch):
    def fail(request):
        raise RuntimeError("secret words")

    project = next(pattern for pattern in urls.urlpatterns if pattern.name == "project")
    monkeypatch.setattr(project, "callback", fail)
    client = Client(raise_request_exception=False)
    response = client.get("/project/", HTTP_ACCEPT=ACCEPT)
    assert isinstance(response, JsonResponse)
    assert response.status_code == 500
    assert response["x-uploadcare-request-id"] in response.json()["detail"]
