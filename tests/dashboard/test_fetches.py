"""Files from the web on the upload page: the plain form, and what became of it."""

import pytest
from django.urls import reverse
from django.utils import timezone

from storages_app.models import UrlUpload
from tests.factories import make_file, make_project, make_url_upload

ADDRESS = "https://93.184.215.14/photo.jpg?signature=very-secret"


@pytest.fixture
def page(project):
    return reverse("dashboard:upload", args=[project.slug])


@pytest.fixture
def form(project):
    return reverse("dashboard:upload_fetch", args=[project.slug])


@pytest.fixture
def rows(project):
    return reverse("dashboard:upload_fetches", args=[project.slug])


def test_an_address_is_ordered_and_shown_below(form, project, as_owner):
    response = as_owner.post(form, {"source_url": ADDRESS}, follow=True)
    ordered = UrlUpload.objects.get()
    assert (ordered.project, ordered.unseal_url(), ordered.store) == (project, ADDRESS, "auto")
    assert "The file is being fetched." in response.text
    assert "Waiting" in response.text
    assert "93.184.215.14" in response.text
    assert "very-secret" not in response.text


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", "Enter an address."),
        ("ftp://example.com/a.jpg", "Invalid URL scheme."),
        ("http://127.0.0.1/a.jpg", "Only public IPs are allowed."),
        ("http://169.254.169.254/latest/", "Only public IPs are allowed."),
        ("https://", "No URL host supplied."),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_at_its_field(form, as_owner, address, sentence):
    response = as_owner.post(form, {"source_url": address})
    assert response.status_code == 400
    assert "Nothing is being fetched." in response.text
    assert sentence in response.text
    assert f'value="{address}"' in response.text or not address
    assert "uc-file-uploader-regular" in response.text
    assert not UrlUpload.objects.exists()


def test_only_post_orders(form, as_owner):
    assert as_owner.get(form).status_code == 405


def test_a_file_that_came_has_its_page_and_one_that_did_not_its_reason(page, project, as_owner):
    file = make_file(project, original_filename="came.jpg")
    make_url_upload(project, state="done", file=file, run_after=None)
    make_url_upload(project, state="failed", error="HTTP client error: 404.", run_after=None)
    text = as_owner.get(page).text
    assert reverse("dashboard:file", args=[project.slug, file.pk]) in text
    assert "came.jpg" in text
    assert "HTTP client error: 404." in text
    assert 'hx-trigger="every 2s"' not in text


def test_a_file_that_was_removed_has_no_link(page, project, as_owner):
    removed = {"removed_at": timezone.now(), "stored_at": None}
    file = make_file(project, original_filename="gone.jpg", **removed)
    make_url_upload(project, state="done", file=file, run_after=None)
    text = as_owner.get(page).text
    assert "gone.jpg" in text
    assert reverse("dashboard:file", args=[project.slug, file.pk]) not in text


def test_the_rows_keep_themselves_new_until_all_is_over(page, rows, project, as_owner):
    row = make_url_upload(project)
    text = as_owner.get(page).text
    assert 'hx-trigger="every 2s"' in text
    seen = text.partition(f"{rows}?seen=")[2].partition('"')[0]
    assert as_owner.get(rows, {"seen": seen}).status_code == 204
    UrlUpload.objects.filter(pk=row.pk).update(n_bytes_done=5_000_000, n_bytes_total=9_000_000)
    assert as_owner.get(rows, {"seen": seen}).status_code == 200
    UrlUpload.objects.filter(pk=row.pk).update(state="failed", run_after=None)
    assert as_owner.get(rows, {"seen": seen}).status_code == 286


def test_other_projects_fetches_are_not_shown(page, as_owner):
    make_url_upload(make_project("Other"), "https://other.example/a.jpg")
    assert "other.example" not in as_owner.get(page).text
