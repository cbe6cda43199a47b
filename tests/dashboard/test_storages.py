"""Connecting, changing, testing and disconnecting a storage through the pages."""

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from storages_app.custom_storages import services
from storages_app.models import ConnectionTest, CustomStorage, Event
from tests.factories import make_connection_test, make_custom_storage

SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
TYPED = {
    "name": "photos",
    "provider": "other",
    "endpoint_url": "https://s3.example.com",
    "region": "",
    "bucket": "acme-photos",
    "prefix": "uploads",
    "access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret_access_key": SECRET,
    "public_mode": "private",
    "key_pattern": "${default}",
}


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


class TestConnect:
    def test_keeps_a_draft_and_starts_its_test(self, project, as_owner):
        response = as_owner.post(address("connect", project), TYPED | {"auto_copy": "on"})
        storage = CustomStorage.objects.get()
        test = ConnectionTest.objects.get(custom_storage=storage)
        assert response["Location"] == address("storage_test", project, storage.pk, test.pk)
        assert storage.is_draft
        assert storage.auto_copy
        assert (storage.prefix, storage.region) == ("uploads/", "us-east-1")
        assert storage.unseal_secret() == SECRET
        assert test.asked_by == "owner@example.com"

    @pytest.mark.parametrize(
        ("field", "value", "text"),
        [
            ("name", "with a space", "needs letters, digits, - and _"),
            ("bucket", "Acme_Photos", "has the capital letter A"),
            ("bucket", "ab", "has 2 characters"),
            ("prefix", "a/../b", "“.” or “..” as a folder"),
            ("endpoint_url", "https://s3.example.com/bucket", "The address has a path"),
            ("endpoint_url", "", "needs the address of its S3 service"),
            ("access_key_id", "two words", "is one word"),
            ("secret_access_key", "two words", "is one word"),
            ("secret_access_key", "", "This field is required"),
            ("key_pattern", "${nonsense}", "Invalid pattern provided"),
            ("public_mode", "everyone", "not one of the available choices"),
            ("provider", "floppy", "not one of the available choices"),
            ("bucket", "nul\x00", "Null characters"),
        ],
    )
    def test_keeps_what_was_typed_and_never_echoes_the_secret(
        self, field, value, text, project, as_owner
    ):
        page = as_owner.post(address("connect", project), TYPED | {field: value})
        assert page.status_code == 200
        assert text in page.text
        assert 'role="alert"' in page.text
        assert SECRET not in page.text
        assert (TYPED | {field: value})["access_key_id"] in page.text
        assert not CustomStorage.objects.exists()

    def test_puts_a_taken_name_beside_its_field(self, project, storage, as_owner):
        page = as_owner.post(address("connect", project), TYPED | {"name": storage.name})
        assert "This project already has a storage called photos." in page.text
        assert 'aria-describedby="id_name_helptext id_name_error"' in page.text

    def test_shows_the_policy_for_the_names_typed_so_far(self, project, as_owner):
        typed = TYPED | {"do": "preview", "public_mode": "policy"}
        page = as_owner.post(address("connect", project), typed)
        assert "arn:aws:s3:::acme-photos/uploads/*" in page.text
        assert "PublicRead" in page.text
        assert SECRET not in page.text
        assert "https://s3.example.com" in page.text
        assert 'role="alert"' not in page.text
        assert not CustomStorage.objects.exists()

    def test_gives_the_policy_alone_for_a_page_that_keeps_its_secret(self, project, as_owner):
        part = as_owner.post(
            address("connect_policy", project), {"bucket": "acme-photos", "prefix": "Ä"}
        )
        assert "arn:aws:s3:::acme-photos/*" in part.text
        assert "<html" not in part.text

    def test_uses_a_placeholder_for_a_bucket_that_cannot_be(self, project, as_owner):
        typed = {"bucket": "<script>alert()", "public_mode": "?"}
        part = as_owner.post(address("connect_policy", project), typed)
        assert "YOUR-BUCKET" in part.text
        assert "<script>" not in part.text

    def test_a_refusal_of_the_service_is_shown(self, project, as_owner, monkeypatch):
        def refuse(**kwargs):
            raise services.AddressRefused("No.")

        monkeypatch.setattr(services, "create_draft", refuse)
        page = as_owner.post(address("connect", project), TYPED)
        assert "No. Correct the field" in page.text


class TestSettings:
    def typed(self, storage, **changes):
        return {
            "name": storage.name,
            "provider": storage.provider,
            "endpoint_url": storage.endpoint_url,
            "region": storage.region,
            "bucket": storage.bucket,
            "prefix": storage.prefix,
            "access_key_id": storage.access_key_id,
            "secret_access_key": "",
            "public_mode": storage.public_mode,
            "key_pattern": storage.key_pattern,
        } | changes

    def test_an_empty_secret_keeps_the_one_in_use(self, project, storage, as_owner):
        old = storage.unseal_secret()
        response = as_owner.post(
            address("storage_settings", project, storage.pk),
            self.typed(storage, key_pattern="${uuid}"),
        )
        assert said(response) == ["Saved."]
        storage.refresh_from_db()
        assert storage.unseal_secret() == old
        assert storage.key_pattern == "${uuid}"
        assert not storage.is_draft

    def test_a_new_secret_is_tested_while_the_old_one_stays_in_use(
        self, project, storage, as_owner
    ):
        response = as_owner.post(
            address("storage_settings", project, storage.pk),
            self.typed(storage, secret_access_key="a-new-secret"),
        )
        test = ConnectionTest.objects.get()
        assert response["Location"] == address("storage_test", project, storage.pk, test.pk)
        old = storage.unseal_secret()
        storage.refresh_from_db()
        assert not storage.is_draft
        assert storage.unseal_secret() == old
        assert test.subject.unseal_secret() == "a-new-secret"

    def test_the_page_never_shows_the_secret(self, project, storage, as_owner):
        page = as_owner.get(address("storage_settings", project, storage.pk))
        assert "an s3 secret of the tests" not in page.text
        assert storage.sealed_secret not in page.text

    def test_a_taken_name_changes_nothing_and_is_shown_at_its_field(
        self, project, storage, as_owner
    ):
        make_custom_storage(project, name="other")
        page = as_owner.post(
            address("storage_settings", project, storage.pk), self.typed(storage, name="other")
        )
        assert "already has a storage called other" in page.text
        assert "<h1>photos</h1>" in page.text.replace("\n", "").replace("  ", "")
        storage.refresh_from_db()
        assert storage.name == "photos"


class TestSwitches:
    def test_pause_and_resume(self, project, storage, as_owner):
        as_owner.post(address("storage_pause", project, storage.pk))
        storage.refresh_from_db()
        assert storage.is_paused
        page = as_owner.get(address("storage", project, storage.pk)).text
        assert "Copies wait. Nothing is lost." in page
        as_owner.post(address("storage_resume", project, storage.pk))
        storage.refresh_from_db()
        assert not storage.is_paused

    def test_auto_copy_on_and_off(self, project, storage, as_owner):
        for on in ("1", "0"):
            as_owner.post(address("storage_auto_copy", project, storage.pk), {"on": on})
            storage.refresh_from_db()
            assert storage.auto_copy is (on == "1")

    def test_auto_copy_of_a_draft_is_refused_in_words(self, project, as_owner):
        draft = make_custom_storage(project, connected_at=None)
        response = as_owner.post(address("storage_auto_copy", project, draft.pk), {"on": "1"})
        assert "This storage is a draft" in said(response)[0]


class TestDisconnect:
    def test_needs_the_name(self, project, storage, as_owner):
        page = as_owner.post(
            address("storage_disconnect", project, storage.pk), {"name": "pictures"}
        )
        assert "That is not “photos”. Nothing was changed." in page.text
        storage.refresh_from_db()
        assert storage.removed_at is None

    def test_with_the_name_forgets_the_storage(self, project, storage, as_owner):
        response = as_owner.post(
            address("storage_disconnect", project, storage.pk), {"name": " photos "}
        )
        assert response["Location"] == address("storages", project)
        storage.refresh_from_db()
        assert storage.removed_at
        assert Event.objects.get(kind="storage.disconnected").actor == "owner@example.com"
        assert as_owner.get(address("storage", project, storage.pk)).status_code == 404


class TestTestPage:
    FAILED = (("Identity", "failed", "required"), ("Write", "skipped", "required"))

    def test_says_what_failed_why_and_what_to_do(self, project, storage, as_owner):
        test = make_connection_test(storage, state="failed", findings=self.FAILED)
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk)).text
        for text in (
            "Not connected yet. 1 required check failed. Start with “Identity”",
            "Identity was asked",
            "Paste the policy.",
            "AccessDenied",
            "403",
            "REQ-1",
            "12 ms",
        ):
            assert text in page
        assert "hx-get" not in page

    def test_polls_while_it_runs_and_says_how_without_a_script(self, project, storage, as_owner):
        test = make_connection_test(
            storage, state="running", findings=[("Identity", "running", "required")]
        )
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk)).text
        assert 'hx-trigger="every 1s"' in page
        assert "Reload to see the newest state" in page
        assert "Checking… 0 of 1 checks are over." in page

    def test_rows_answer_204_until_something_changes_and_286_at_the_end(
        self, project, storage, as_owner
    ):
        test = make_connection_test(
            storage, state="running", findings=[("Identity", "running", "required")]
        )
        rows = address("storage_test_rows", project, storage.pk, test.pk)
        first = as_owner.get(rows)
        assert first.status_code == 200
        seen = first.text.partition("?seen=")[2].partition('"')[0]
        assert as_owner.get(rows, {"seen": seen}).status_code == 204
        test.findings.update(state="passed")
        assert as_owner.get(rows, {"seen": seen}).status_code == 200
        ConnectionTest.objects.update(state="passed", finished_at=test.created_at)
        last = as_owner.get(rows, {"seen": seen})
        assert last.status_code == 286
        assert "hx-get" not in last.text
        assert "Connected. 1 of 1 checks passed." in last.text

    def test_a_test_with_limits_names_them(self, project, storage, as_owner):
        storage.capabilities = {"multipart": True, "verifies_checksum": True}
        storage.save()
        test = make_connection_test(
            storage, state="limited", findings=[("Read back", "failed", "advised")]
        )
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk)).text
        banner = "reading copies back, removing copies will not until you fix 1 check."
        assert f"Works, with limits. Copies go through; {banner}" in page

    def test_the_test_of_another_storage_is_not_found(self, project, storage, as_owner):
        test = make_connection_test(make_custom_storage(project))
        page = as_owner.get(address("storage_test", project, storage.pk, test.pk))
        assert page.status_code == 404


def test_the_bar_on_every_page_names_the_broken_storage(project, storage, as_owner):
    storage.circuit_opened_at = storage.connected_at
    storage.save()
    page = " ".join(as_owner.get(address("keys", project)).text.split())
    assert "Storage “photos” has failed its check since" in page
    assert "0 files are waiting." in page


def test_the_snippets_name_the_storage_and_no_secret(project, storage, as_owner):
    page = as_owner.get(address("storage_use", project, storage.pk)).text
    assert "&quot;target&quot;: &quot;photos&quot;" in page or '"target": "photos"' in page
    assert "YOUR_SECRET_KEY" in page
