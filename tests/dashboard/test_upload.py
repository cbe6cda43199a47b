"""The upload page: the plain form, its limits, and the policy the widget needs."""

import pytest
from django.conf import settings as installation
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from storages_app.models import File
from tests.dashboard.conftest import new_client


@pytest.fixture
def page(project):
    return reverse("dashboard:upload", args=[project.slug])


def test_the_plain_form_makes_a_file(page, project, as_owner):
    response = as_owner.post(page, {"file": SimpleUploadedFile("cat.txt", b"meow")})
    file = File.objects.get()
    assert response["Location"] == reverse("dashboard:file", args=[project.slug, file.pk])
    assert (file.original_filename, file.size, file.is_ready) == ("cat.txt", 4, True)
    with file.open_bytes() as original:
        assert original.read() == b"meow"


def test_nothing_chosen_is_said_at_the_field(page, as_owner):
    response = as_owner.post(page, {})
    assert "This field is required." in response.text
    assert not File.objects.exists()


def test_an_empty_file_is_refused(page, as_owner):
    response = as_owner.post(page, {"file": SimpleUploadedFile("empty.txt", b"")})
    assert 'role="alert"' in response.text
    assert not File.objects.exists()


def test_a_file_over_the_projects_limit_is_refused_in_words(page, project, as_owner):
    project.max_upload_size = 10
    project.save()
    response = as_owner.post(page, {"file": SimpleUploadedFile("big.txt", b"x" * 11)})
    assert 'role="alert"' in response.text
    assert not File.objects.exists()


def test_a_body_over_the_instances_limit_is_refused_before_it_is_parsed(page, as_owner, settings):
    settings.MAX_DIRECT_UPLOAD = 1000
    response = as_owner.post(page, {"file": SimpleUploadedFile("big.txt", b"x" * 200_000)})
    assert response.status_code == 400
    assert "The file is too large: at most 1,000 bytes" in response.text
    assert not File.objects.exists()


def test_a_truncated_body_is_refused_and_nothing_is_kept(page, as_owner):
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhalf'
    response = as_owner.post(page, body, content_type="multipart/form-data; boundary=x")
    assert response.status_code in {200, 400}
    assert not File.objects.exists()


def test_the_form_needs_its_token(page, owner):
    client = new_client(enforce_csrf_checks=True)
    client.force_login(owner)
    upload = {"file": SimpleUploadedFile("cat.txt", b"meow")}
    assert client.post(page, upload).status_code == 403
    assert not File.objects.exists()
    client.get(page)
    token = client.cookies[installation.CSRF_COOKIE_NAME].value
    upload = {"file": SimpleUploadedFile("cat.txt", b"meow"), "csrfmiddlewaretoken": token}
    assert client.post(page, upload).status_code == 302


def test_no_temporary_file_is_left(page, as_owner, settings):
    from pathlib import Path

    before = set(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir())
    as_owner.post(page, {"file": SimpleUploadedFile("empty.txt", b"")})
    as_owner.post(page, {"file": SimpleUploadedFile("cat.txt", b"meow")})
    assert set(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()) == before


def test_only_this_page_lets_elements_carry_styles(page, project, as_owner):
    policy = as_owner.get(page)["Content-Security-Policy"]
    assert "style-src-attr 'unsafe-inline'" in policy
    assert installation.UPLOAD_URL in policy
    other = as_owner.get(reverse("dashboard:files", args=[project.slug]))
    for header in (policy, other["Content-Security-Policy"]):
        assert "unsafe-eval" not in header
        assert "script-src 'self'" in header
    assert "unsafe-inline" not in other["Content-Security-Policy"]


def test_the_widget_speaks_to_this_instance_only(page, project, as_owner):
    text = as_owner.get(page).text
    for attribute in (
        f'pubkey="{project.public_key}"',
        f'base-url="{installation.UPLOAD_URL}"',
        f'cdn-cname="{installation.CDN_URL}"',
        'source-list="local"',
        'quality-insights="false"',
        'use-cloud-image-editor="false"',
    ):
        assert attribute in text
