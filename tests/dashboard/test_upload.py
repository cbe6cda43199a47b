"""The upload page: the plain form, its limits, what the widget needs, and its signatures."""

import time
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as installation
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from storages_app.groups import services as groups
from storages_app.models import File, Group
from storages_app.projects import api_keys, signed_urls, upload_signatures
from storages_app.projects.errors import SignatureExpired
from tests.dashboard.conftest import new_client
from tests.factories import make_file, make_group, make_project, make_secret_key


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


def two_files():
    return [SimpleUploadedFile(f"{n}.txt", f"content {n}".encode()) for n in range(2)]


def test_several_files_come_with_one_form(page, project, as_owner):
    response = as_owner.post(page, {"file": two_files()}, follow=True)
    assert "Uploaded 2 files." in response.text
    assert {file.original_filename for file in File.objects.all()} == {"0.txt", "1.txt"}
    assert not Group.objects.exists()


def test_files_are_put_together_where_that_is_ticked(page, as_owner):
    response = as_owner.post(page, {"file": two_files(), "as_group": "on"}, follow=True)
    group = Group.objects.get()
    names = [member.file.original_filename for member in group.members.order_by("position")]
    assert names == ["0.txt", "1.txt"]
    assert f"{installation.CDN_URL}/{group.wire_id}/" in unescape(response.text)


def test_of_several_files_none_is_kept_when_one_is_refused(page, as_owner):
    files = [*two_files(), SimpleUploadedFile("empty.txt", b"")]
    response = as_owner.post(page, {"file": files, "as_group": "on"})
    assert "This file is empty. Choose another one." in response.text
    assert not File.objects.exists()
    assert not Group.objects.exists()


def test_nothing_chosen_is_said_at_the_field(page, as_owner):
    response = as_owner.post(page, {})
    assert "Choose a file." in response.text
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


def test_the_widget_may_send_parts_to_the_upload_storage(page, as_owner, monkeypatch):
    """Where that is an S3, parts go there and not through this instance."""
    origin = "https://originals.s3.eu-central-1.amazonaws.com"
    monkeypatch.setattr("storages_app.dashboard.views.upload.origin_of_parts", lambda: origin)
    policy = as_owner.get(page)["Content-Security-Policy"]
    connect = next(part for part in policy.split(";") if "connect-src" in part)
    assert connect.split() == ["connect-src", "'self'", installation.UPLOAD_URL, origin]


def test_the_widget_speaks_to_this_instance_only(page, project, as_owner):
    text = as_owner.get(page).text
    for attribute in (
        f'pubkey="{project.public_key}"',
        f'base-url="{installation.UPLOAD_URL}"',
        f'cdn-cname="{installation.CDN_URL}"',
        'source-list="local, url, camera"',
        'quality-insights="false"',
        'use-cloud-image-editor="false"',
        'data-signature=""',
    ):
        assert attribute in text


def test_the_widget_knows_the_projects_limits(page, project, as_owner):
    project.accepted_types = "image/png, audio/*"
    project.max_upload_size = 12_345
    project.save()
    text = as_owner.get(page).text
    assert 'accept="image/png, audio/*"' in text
    assert 'max-local-file-size-bytes="12345"' in text
    assert ", up to 12" in text


def test_without_a_limit_there_is_none(page, as_owner):
    text = as_owner.get(page).text
    assert 'max-local-file-size-bytes="0"' in text
    assert "up to" not in text


class TestGroups:
    """The page leads to a group on the file host, whether or not that asks for a token."""

    def test_to_its_address(self, project, as_owner):
        made = make_group(project, make_file(project), make_file(project))
        page = reverse("dashboard:upload_group", args=[project.slug, made.wire_id])
        assert as_owner.get(page)["Location"] == f"{installation.CDN_URL}/{made.wire_id}/"

    def test_with_a_token_where_one_is_needed(self, project, as_owner):
        signed_urls.make_secret(project=project, actor="owner")
        signed_urls.require(project=project, is_required=True, actor="owner")
        made = make_group(project, make_file(project))
        page = reverse("dashboard:upload_group", args=[project.slug, made.wire_id])
        address = as_owner.get(page)["Location"]
        parts = urlsplit(address)
        asked = signed_urls.Asked(path=parts.path, address="127.0.0.1", now=time.time())
        token = parse_qs(parts.query)["token"][0]
        assert signed_urls.check(project=project, token=token, asked=asked)

    @pytest.mark.parametrize("kind", ["unknown", "foreign", "deleted"])
    def test_not_to_one_that_is_not_there(self, project, as_owner, kind):
        other = make_project("Other") if kind == "foreign" else project
        made = make_group(other, make_file(other))
        if kind == "deleted":
            groups.delete(group=made, actor="owner")
        group_id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301~1" if kind == "unknown" else made.wire_id
        page = reverse("dashboard:upload_group", args=[project.slug, group_id])
        assert as_owner.get(page).status_code == 404


class TestSignatures:
    """Only the page knows them, so that the widget can upload where signatures are required."""

    @pytest.fixture
    def project(self, project):
        project.requires_signed_uploads = True
        project.save()
        return project

    @pytest.fixture
    def address(self, project):
        return reverse("dashboard:upload_signature", args=[project.slug])

    def test_the_widget_asks_for_them(self, page, project, address, as_owner):
        make_secret_key(project)
        assert f'data-signature="{address}"' in as_owner.get(page).text

    def test_one_is_good_for_an_upload_and_for_an_hour_only(self, project, address, as_owner):
        key = make_secret_key(project)
        signed = as_owner.get(address).json()
        now = datetime.now(UTC)
        said = {"signature": signed["secureSignature"], "expire": signed["secureExpire"]}
        assert api_keys.check_upload_signature(project=project, now=now, **said) == key
        too_late = now + upload_signatures.LIFE + timedelta(seconds=2)
        with pytest.raises(SignatureExpired):
            api_keys.check_upload_signature(project=project, now=too_late, **said)

    def test_the_key_itself_is_not_told(self, page, project, address, as_owner):
        make_secret_key(project, "a very secret key")
        for answer in (as_owner.get(address), as_owner.get(page)):
            assert "a very secret key" not in answer.text
            assert "no-store" in answer["Cache-Control"]

    @pytest.mark.parametrize("why", ["there is none", "revoked", "read only"])
    def test_without_a_key_the_page_says_so(self, page, project, address, as_owner, why):
        if why != "there is none":
            key = make_secret_key(project)
            key.revoked_at = datetime.now(UTC) if why == "revoked" else None
            key.scope = "read" if why == "read only" else key.scope
            key.save()
        assert as_owner.get(address).status_code == 409
        text = as_owner.get(page).text
        assert "it has no secret key that could sign them" in text
        assert "<uc-config" not in text
        assert 'type="file"' in text

    def test_the_plain_form_needs_none(self, page, as_owner):
        """Who is signed in and may upload has shown more than a signature does."""
        as_owner.post(page, {"file": SimpleUploadedFile("cat.txt", b"meow")})
        assert File.objects.get().original_filename == "cat.txt"
