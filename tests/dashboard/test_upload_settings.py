"""The page of upload settings: rules for new uploads."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from storages_app.dashboard.forms.upload_settings import UploadSettingsForm
from storages_app.lib.errors import UcdashError
from storages_app.models import Event
from storages_app.projects import services as projects
from tests.factories import (
    make_file,
    make_project,
    make_secret_key,
    make_upload_session,
    make_url_upload,
)


def text_of(response):
    return " ".join(response.text.split())


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


class TestUploadSettings:
    def test_are_saved_with_an_event(self, project, as_owner):
        as_owner.post(
            address("upload_settings", project),
            {
                "max_upload_mb": "25",
                "accepted_types": "Image/*\n application/pdf,image/*",
                "requires_signed_uploads": "on",
                "accepts_legacy_signatures": "on",
            },
        )
        project.refresh_from_db()
        assert (project.stores_by_default, project.max_upload_size) == (False, 25_000_000)
        assert project.accepted_types == "image/*, application/pdf"
        assert project.requires_signed_uploads
        assert project.accepts_legacy_signatures
        event = Event.objects.get(kind="project.upload_settings_changed")
        assert event.data["changes"]["accepted_types"] == {
            "before": "",
            "after": "image/*, application/pdf",
        }
        assert event.address == "127.0.0.1"
        page = as_owner.get(address("upload_settings", project)).text
        assert "image/*, application/pdf</textarea>" in page

    def test_all_types_are_taken_where_none_are_named(self, project, as_owner):
        for text in ("", "image/png, */*"):
            as_owner.post(address("upload_settings", project), {"accepted_types": text})
            project.refresh_from_db()
            assert project.accepted_types == ""

    @pytest.mark.parametrize(
        "types",
        [
            *("jpg", "image/", "/png", "image/p*", "*/png", "image/png/x", "a/b, <b>", "image/é"),
            ", ".join(f"a/{n}" for n in range(101)),
        ],
    )
    def test_what_is_no_type_is_refused(self, types, project, as_owner):
        page = as_owner.post(address("upload_settings", project), {"accepted_types": types})
        assert 'role="alert" tabindex' in page.text
        project.refresh_from_db()
        assert project.accepted_types == ""
        assert not Event.objects.exists()

    @pytest.mark.parametrize("limit", ["0", "-1", "x", "9" * 30])
    def test_a_limit_that_cannot_be_is_refused(self, limit, project, as_owner):
        page = as_owner.post(address("upload_settings", project), {"max_upload_mb": limit})
        assert 'role="alert" tabindex' in page.text
        project.refresh_from_db()
        assert project.max_upload_size is None

    def test_have_the_card_that_connects_a_backup_bucket(self, project, as_owner):
        assert "Connect backup bucket" in as_owner.get(address("upload_settings", project)).text

    def test_a_refusal_of_the_service_is_shown(self, project, as_owner, monkeypatch):
        def refuse(**kwargs):
            raise UcdashError("Not now.")

        monkeypatch.setattr(projects, "change_upload_settings", refuse)
        assert "Not now." in as_owner.post(address("upload_settings", project), {}).text

    def test_saved_once_more_without_a_change_they_are_no_event(self, project, as_owner):
        sent = {"max_upload_mb": "25", "allowed_origins": "https://shop.example"}
        as_owner.post(address("upload_settings", project), sent)
        as_owner.post(address("upload_settings", project), sent)
        assert Event.objects.filter(kind="project.upload_settings_changed").count() == 1

    def test_a_preset_is_a_list_of_types_and_is_shown_as_that_preset(self, project, as_owner):
        for preset, kept in (("images", "image/*"), ("all", "")):
            sent = {"types": preset, "accepted_types": "nonsense"}
            as_owner.post(address("upload_settings", project), sent)
            project.refresh_from_db()
            assert project.accepted_types == kept
            assert UploadSettingsForm.of(project)["types"].value() == preset

    def test_every_preset_can_be_kept_as_it_is(self, project, as_owner):
        for preset in ("media", "documents"):
            as_owner.post(address("upload_settings", project), {"types": preset})
            project.refresh_from_db()
            assert projects.parse_accepted_types(project.accepted_types) == project.accepted_types
            assert UploadSettingsForm.of(project)["types"].value() == preset

    def test_warn_before_unsigned_uploads_are_refused(self, project, as_owner):
        warning = "Unsigned uploads will be refused from now on."
        none = "In the last 24 hours there were no uploads."
        assert f"{warning} {none}" in text_of(as_owner.get(address("upload_settings", project)))
        now = timezone.now()
        for hours, is_signed in ((1, False), (2, True), (25, False), (3, None)):
            make_file(project, uploaded_at=now - timedelta(hours=hours), is_signed=is_signed)
        make_upload_session(project, is_signed=False)
        make_url_upload(project, is_signed=True)
        make_file(make_project(), uploaded_at=now, is_signed=False)
        page = text_of(as_owner.get(address("upload_settings", project)))
        assert f"{warning} In the last 24 hours 2 of 4 uploads were unsigned." in page
        project.requires_signed_uploads = True
        project.save()
        assert warning not in as_owner.get(address("upload_settings", project)).text

    def test_changes_that_were_refused_are_told_as_not_saved(self, project, as_owner):
        bar = "You have changes that are not saved."
        assert bar in as_owner.get(address("upload_settings", project)).text
        page = as_owner.post(address("upload_settings", project), {"max_upload_mb": "0"}).text
        assert bar in page
        assert "hidden" not in page.partition('id="unsaved"')[2].partition(">")[0]

    def test_a_viewer_has_no_bar_and_no_button(self, project, as_viewer):
        page = as_viewer.get(address("upload_settings", project)).text
        assert "data-unsaved" not in page
        assert "Discard" not in page


class TestOrigins:
    @pytest.mark.parametrize(
        ("typed", "kept"),
        [
            (
                "https://Shop.example/ http://localhost:3000",
                "https://shop.example, http://localhost:3000",
            ),
            ("https://shop.example:443;https://shop.example", "https://shop.example"),
            ("http://[2001:db8::1]:80", "http://[2001:db8::1]"),
            ("https://b\u00fccher.example", "https://xn--bcher-kva.example"),
            (" , ", ""),
        ],
    )
    def test_are_kept_as_browsers_send_them(self, typed, kept, project, as_owner):
        as_owner.post(address("upload_settings", project), {"allowed_origins": typed})
        project.refresh_from_db()
        assert project.allowed_origins == kept

    @pytest.mark.parametrize(
        "typed",
        [
            *("shop.example", "ftp://shop.example", "https://", "https://*.example", "null", "*"),
            *("https://shop.example/path", "https://shop.example?x", "https://a@shop.example"),
            *("https://shop.example:port", "https://[::1", "https://" + "x" * 64 + ".example"),
            " ".join(f"https://shop{n}.example" for n in range(51)),
        ],
    )
    def test_what_is_none_is_refused_and_stays_in_the_field(self, typed, project, as_owner):
        page = as_owner.post(address("upload_settings", project), {"allowed_origins": typed})
        assert 'role="alert" tabindex' in page.text
        assert page.context["form"]["allowed_origins"].value() == typed
        project.refresh_from_db()
        assert project.allowed_origins == ""


@pytest.fixture
def send(project):
    """A request of the Upload API, from a page or from none."""

    def post(path, origin=None, **fields):
        headers = {"origin": origin} if origin else {}
        return Client().post(path, {"pub_key": project.public_key} | fields, headers=headers)

    return post


class TestWhatIsSetHolds:
    def test_other_pages_may_not_upload(self, project, send, settings):
        project.allowed_origins = "https://shop.example, http://localhost:3000"
        project.save()
        refused = send("/group/", "https://evil.example", **{"files[0]": "x"})
        assert refused.status_code == 403
        assert refused.text == "Uploads from this page are not allowed."
        assert refused["Access-Control-Allow-Origin"] == "*"  # so that the page can read it
        assert send("/group/", "null").status_code == 403
        for origin in (None, "https://shop.example", settings.DASHBOARD_URL):
            assert send("/group/", origin).status_code == 400  # it went on: no files are named

    def test_every_page_may_where_none_are_named(self, send):
        assert send("/group/", "https://evil.example").status_code == 400

    def test_an_address_is_not_fetched_where_that_is_switched_off(self, project, as_owner, send):
        as_owner.post(address("upload_settings", project), {})
        refused = send("/from_url/", source_url="https://files.example/a.jpg")
        assert refused.status_code == 403
        assert refused.text == "Uploads from addresses are switched off in this project."
        make_secret_key(project)
        page = as_owner.get(address("upload", project)).text
        assert "From the web" not in page
        assert 'source-list="local, camera"' in page
        fetched = as_owner.post(
            address("upload_fetch", project), {"source_url": "https://files.example/a.jpg"}
        )
        assert "switched off" in fetched.text
