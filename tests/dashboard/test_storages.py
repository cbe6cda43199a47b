"""The list of storages, and the pages of one: health, copies, settings, rights, use."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.custom_storages import circuit, services
from storages_app.dashboard.forms.storages import StorageSettingsForm
from storages_app.dashboard.frame import Frame
from storages_app.models import AccessChange, ConnectionTest, CustomStorage, Event, Membership
from storages_app.objectstores.providers import all_providers
from tests.dashboard.conftest import client_of
from tests.factories import (
    make_backup_plan,
    make_connection_test,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_user,
)


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def words(page):
    """The page with every run of white space as one space."""
    return " ".join((page if isinstance(page, str) else page.text).split())


def text_of(page):
    """What is read of a page."""
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))


class TestList:
    def test_a_row_tells_where_how_and_what_waits(self, project, storage, as_owner):
        make_connection_test(storage)
        make_copy_job(make_file(project), storage)
        make_copy_job(make_file(project), storage, state="pending")
        page = words(as_owner.get(address("storages", project)))
        for text in (
            "s3://acme-photos/up/",
            "Other S3",
            "1 copy",
            "1 waiting, the oldest for",
            "auto-copy off",
            "tested",
            "Connected",
            "Test now",
            "Pause",
            "Open",
        ):
            assert text in page

    def test_a_paused_storage_can_be_resumed_and_says_since_when(self, project, storage, as_owner):
        services.pause(custom_storage=storage, actor="somebody")
        page = words(as_owner.get(address("storages", project)))
        assert "Paused since" in text_of(page)
        assert "Resume" in page

    def test_a_draft_has_its_own_row(self, project, as_owner):
        draft = make_custom_storage(project, connected_at=None, setup_step=3)
        page = text_of(words(as_owner.get(address("storages", project))))
        assert "Draft, step 3 of 5. Continue" in page
        assert draft.name in page
        assert "Test now" not in page

    def test_without_storages_it_says_what_they_are_for(self, project, as_owner):
        page = words(as_owner.get(address("storages", project)))
        assert "No storage connected" in page
        assert "Connect a bucket to copy them to your own S3, by REST or on each upload." in page
        assert "How it works" in page

    def test_a_viewer_finds_no_buttons(self, project, storage, as_viewer):
        page = words(as_viewer.get(address("storages", project)))
        assert "Open" in page
        assert "Test now" not in page
        assert "Connect S3 bucket" not in page

    def test_more_storages_cost_no_more_queries(self, project, as_owner):
        def count():
            with CaptureQueriesContext(connection) as queries:
                as_owner.get(address("storages", project))
            return len(queries)

        def add(n_storages):
            for _ in range(n_storages):
                storage = make_custom_storage(project)
                make_connection_test(storage)
                make_connection_test(storage, state="running")

        add(3)
        before = count()
        add(27)
        assert count() == before


class TestState:
    """How a storage stands stays on the page while it is looked at anew."""

    def ask(self, client, project, storage, **query):
        return client.get(address("storage_state", project, storage.pk), query)

    @pytest.mark.parametrize("page", ["storages", "storage_copies"])
    def test_the_last_word_stays_while_a_test_runs(self, page, project, storage, as_owner):
        make_connection_test(storage, state="running")
        args = [] if page == "storages" else [storage.pk]
        found = as_owner.get(address(page, project, *args)).text
        part = found.partition(f'id="state-{storage.pk}"')[2].partition("</time>")[0]
        assert "Connected checking…" in text_of(part)
        assert 'hx-trigger="every 2s"' in part

    def test_what_is_not_under_way_is_not_asked_for(self, project, storage, as_owner):
        make_connection_test(storage)
        page = as_owner.get(address("storages", project)).text
        assert "hx-trigger" not in page
        assert "checking…" not in page

    def test_it_asks_until_the_test_is_over(self, project, storage, as_owner):
        test = make_connection_test(storage, state="waiting")
        first = self.ask(as_owner, project, storage)
        assert first.status_code == 200
        seen = first.text.partition("?seen=")[2].partition('"')[0]
        assert self.ask(as_owner, project, storage, seen=seen).status_code == 204
        circuit.open_(storage, reason="AccessDenied")
        broken = self.ask(as_owner, project, storage, seen=seen)
        assert broken.status_code == 200
        assert "Needs attention checking…" in text_of(broken.text)
        ConnectionTest.objects.filter(pk=test.pk).update(finished_at=timezone.now())
        last = self.ask(as_owner, project, storage, seen=seen)
        assert last.status_code == 286
        assert "hx-get" not in last.text

    def test_a_state_that_nobody_comes_to_read_is_told_with_the_last_one(
        self, project, storage, as_owner
    ):
        CustomStorage.objects.update(access_changed_at=timezone.now() - timedelta(hours=1))
        make_connection_test(storage)
        ConnectionTest.objects.update(finished_at=timezone.now() - timedelta(minutes=7))
        make_connection_test(storage, state="waiting")
        late = timezone.now() - timedelta(minutes=3)
        ConnectionTest.objects.filter(finished_at=None).update(created_at=late)
        told = "Could not read the state. Last known: Connected, 7\u00a0min ago"
        for page in (
            as_owner.get(address("storages", project)),
            self.ask(as_owner, project, storage),
        ):
            assert told.replace("\u00a0", " ") in text_of(page.text)

    def test_a_test_of_older_settings_is_no_look_at_the_storage(self, project, storage, as_owner):
        make_connection_test(storage, state="running")
        CustomStorage.objects.update(access_changed_at=timezone.now() + timedelta(seconds=1))
        assert "checking…" not in as_owner.get(address("storages", project)).text

    def test_a_change_that_is_tried_is_no_look_at_the_storage(self, project, storage, as_owner):
        test = make_connection_test(storage, state="running")
        test.access_change = AccessChange.objects.create(custom_storage=storage, asked_by="x")
        test.save()
        assert "checking…" not in as_owner.get(address("storages", project)).text


class TestHealth:
    def test_a_broken_storage_says_since_when_and_what_waits(self, project, storage, as_owner):
        make_copy_job(make_file(project), storage, state="blocked")
        circuit.open_(storage, reason="AccessDenied")
        page = words(as_owner.get(address("storage", project, storage.pk)))
        assert "1 file waits." in page
        assert "It goes out by itself when “photos” passes its check." in page

    def test_the_history_tells_what_changed(self, project, storage, as_owner):
        for state in ("passed", "failed"):
            make_connection_test(storage, state=state, findings=[("Write", state, "required")])
        page = text_of(words(as_owner.get(address("storage", project, storage.pk))))
        history = page.partition("Test history")[2]
        assert "Failed By somebody. Failed Write AccessDenied" in history

    def test_a_test_of_settings_that_were_not_kept_says_nothing_of_the_storage(
        self, project, storage, as_owner
    ):
        make_connection_test(storage)
        change = AccessChange.objects.create(
            custom_storage=storage, state="refused", asked_by="somebody"
        )
        refused = make_connection_test(storage, state="failed")
        refused.access_change = change
        refused.save()
        page = words(as_owner.get(address("storage", project, storage.pk)))
        assert "Connected. 1 of 1 checks passed." in page
        assert "New settings were tried and not kept." in page

    def test_more_tests_cost_no_more_queries(self, project, storage, as_owner):
        def count():
            with CaptureQueriesContext(connection) as queries:
                as_owner.get(address("storage", project, storage.pk))
            return len(queries)

        def add(n_tests):
            for n in range(n_tests):
                findings = [(f"Row {row}", ("passed", "failed")[n % 2], "info") for row in range(5)]
                make_connection_test(storage, findings=findings)

        add(3)
        before = count()
        add(27)
        assert count() == before

    def test_repeats_are_not_in_the_history(self, project, storage, as_owner):
        make_connection_test(storage)
        repeat = make_connection_test(storage)
        ConnectionTest.objects.filter(pk=repeat.pk).update(is_repeat=True)
        page = as_owner.get(address("storage", project, storage.pk)).text
        assert page.partition("Test history")[2].count('class="episode"') == 1

    def test_a_draft_has_no_copies_yet(self, project, as_owner):
        draft = make_custom_storage(project, connected_at=None, setup_step=2)
        page = words(as_owner.get(address("storage", project, draft.pk)))
        assert "Continue, step 2 of 5" in page
        assert "Not run yet. Run the test" in page


class TestCopies:
    def test_each_copy_tells_its_key_its_state_and_its_evidence(
        self, project, storage, file, as_owner
    ):
        job = make_copy_job(file, storage)
        page = text_of(words(as_owner.get(address("storage_copies", project, storage.pk))))
        for text in ("cat.txt", job.key, "Done", "10 B", "The ETag is the MD5 of the bytes"):
            assert text in page.replace("\xa0", " ")

    def test_a_failed_copy_says_why(self, project, storage, file, as_owner):
        make_copy_job(file, storage, state="failed", reason="key_conflict", evidence="")
        page = words(as_owner.get(address("storage_copies", project, storage.pk)))
        assert "Another file has this name in the bucket already" in page

    def test_copies_of_other_storages_are_not_among_them(self, project, storage, file, as_owner):
        make_copy_job(file, make_custom_storage(project))
        page = words(as_owner.get(address("storage_copies", project, storage.pk)))
        assert "No files in it yet" in page

    def test_long_lists_have_pages(self, project, storage, file, as_owner, monkeypatch):
        monkeypatch.setattr("storages_app.dashboard.views.storages._N_COPIES_ON_A_PAGE", 2)
        jobs = [make_copy_job(file, storage) for _ in range(3)]
        first = as_owner.get(address("storage_copies", project, storage.pk)).text
        assert jobs[2].key in first
        assert jobs[0].key not in first
        second = as_owner.get(
            address("storage_copies", project, storage.pk), {"before": jobs[1].pk}
        ).text
        assert jobs[0].key in second
        assert (
            as_owner.get(
                address("storage_copies", project, storage.pk), {"before": "x", "after": "9" * 30}
            ).status_code
            == 200
        )

    def test_more_copies_cost_no_more_queries(self, project, storage, as_owner):
        def count():
            with CaptureQueriesContext(connection) as queries:
                as_owner.get(address("storage_copies", project, storage.pk))
            return len(queries)

        make_copy_job(make_file(project), storage)
        before = count()
        for _ in range(3):
            make_copy_job(make_file(project), storage, state="blocked")
        assert count() == before


class TestSettings:
    def typed(self, storage, **changes):
        form = StorageSettingsForm(storage=storage)
        typed = {name: form.initial.get(name, "") for name in form.fields}
        return typed | changes

    def post(self, client, project, storage, **changes):
        where = address("storage_settings", project, storage.pk)
        return client.post(where, self.typed(storage, **changes))

    @pytest.mark.parametrize("encryption", [{}, {"mode": "", "kms_key_id": ""}, {"mode": "AES256"}])
    def test_saving_what_is_there_changes_and_tests_nothing(
        self, encryption, project, storage, as_owner
    ):
        storage.encryption = encryption
        storage.save()
        response = self.post(as_owner, project, storage)
        assert said(response) == ["Saved."]
        assert not ConnectionTest.objects.exists()
        assert not Event.objects.exists()

    def test_names_and_options_are_kept_at_once(self, project, storage, as_owner):
        old = storage.unseal_secret()
        response = self.post(
            as_owner,
            project,
            storage,
            name="pictures",
            key_pattern="${uuid}",
            on_clash="keep_both",
        )
        assert said(response) == ["Saved."]
        storage.refresh_from_db()
        assert storage.unseal_secret() == old
        assert (storage.name, storage.key_pattern) == ("pictures", "${uuid}")
        assert storage.on_clash == "keep_both"
        assert not ConnectionTest.objects.exists()

    @pytest.mark.parametrize(
        ("typed", "tried"),
        [
            ({"bucket": "another"}, {"bucket": "another", "proved_at": None}),
            ({"access_key_id": "AKIAOTHER"}, {"access_key_id": "AKIAOTHER"}),
            ({"public_mode": "acl"}, {"public_mode": "acl"}),
            ({"uses": ["verify"]}, {"uses": ["verify"]}),
            (
                {"encryption": "aws:kms", "kms_key_id": "alias/ours"},
                {"encryption": {"mode": "aws:kms", "kms_key_id": "alias/ours"}},
            ),
        ],
    )
    def test_what_touches_access_is_tried_while_the_old_settings_stay(
        self, typed, tried, project, storage, as_owner
    ):
        response = self.post(as_owner, project, storage, **typed)
        test = ConnectionTest.objects.get()
        assert response["Location"] == address("storage_test", project, storage.pk, test.pk)
        assert test.access_change.settings == tried
        before = {name: getattr(storage, name) for name in tried}
        storage.refresh_from_db()
        assert {name: getattr(storage, name) for name in tried} == before
        page = words(as_owner.get(address("storage_settings", project, storage.pk)))
        assert "New settings are being tested. The old ones stay in use" in page

    def test_a_new_secret_is_tested_and_never_shown(self, project, storage, as_owner):
        old = storage.unseal_secret()
        response = self.post(as_owner, project, storage, secret_access_key="a-new-secret")
        test = ConnectionTest.objects.get()
        storage.refresh_from_db()
        assert not storage.is_draft
        assert storage.unseal_secret() == old
        assert test.subject.unseal_secret() == "a-new-secret"
        page = as_owner.get(response["Location"]).text
        assert "Tried with new: secret access key." in words(page)
        assert "a-new-secret" not in page
        assert test.access_change.sealed_secret not in page

    @pytest.mark.parametrize(
        ("state", "sentence"),
        [
            ("kept", "The new keys passed. Swapped 2026-01-01 00:00 UTC."),
            ("refused", "The new keys failed “Write”. The old ones are still in use."),
        ],
    )
    def test_the_outcome_of_new_keys_is_told(self, state, sentence, project, storage, as_owner):
        self.post(as_owner, project, storage, secret_access_key="a-new-secret")
        outcome = "passed" if state == "kept" else "failed"
        test = make_connection_test(
            storage, state=outcome, findings=[("Write", outcome, "required")]
        )
        change = AccessChange.objects.get()
        change.state, change.decided_at = state, datetime(2026, 1, 1, tzinfo=UTC)
        change.save()
        change.tests.all().delete()
        test.access_change = change
        test.save()
        page = words(as_owner.get(address("storage_test", project, storage.pk, test.pk)))
        assert sentence in page
        assert "Run again" not in page
        assert "Checking again" not in page
        AccessChange.objects.update(decided_at=timezone.now())
        page = words(as_owner.get(address("storage_settings", project, storage.pk)))
        assert sentence.partition(" Swapped")[0] in page
        AccessChange.objects.update(decided_at=timezone.now() - timedelta(days=2))
        page = words(as_owner.get(address("storage_settings", project, storage.pk)))
        assert "The new keys" not in page

    @pytest.mark.parametrize(
        ("field", "value", "text"),
        [
            ("name", "with a space", "needs letters, digits, - and _"),
            ("bucket", "Acme_Photos", "has the capital letter A"),
            ("prefix", "a/../b", "“.” or “..” as a folder"),
            ("endpoint_url", "https://s3.example.com/bucket", "The address has a path"),
            ("access_key_id", "two words", "is one word"),
            ("secret_access_key", "two words", "is one word"),
            ("key_pattern", "${foo}", "Did you mean <code>${ext}</code>?"),
            ("public_mode", "everyone", "is not in the list"),
            ("on_clash", "explode", "is not in the list"),
            ("encryption", "rot13", "is not in the list"),
            ("uses", ["spying"], "is not in the list"),
            ("kms_key_id", "alias/ours", "Choose encryption by a KMS key"),
            ("kms_key_id", "two words", "is one word"),
            ("bucket", "nul\x00", "null characters"),
        ],
    )
    def test_what_cannot_be_is_refused_beside_its_field(
        self, field, value, text, project, storage, as_owner
    ):
        before = CustomStorage.objects.values().get()
        page = self.post(as_owner, project, storage, **{field: value})
        assert page.status_code == 200
        assert text in html.unescape(page.text)
        assert 'role="alert" tabindex' in page.text
        assert CustomStorage.objects.values().get() == before
        assert not AccessChange.objects.exists()

    def test_the_page_never_shows_the_secret(self, project, storage, as_owner):
        page = as_owner.get(address("storage_settings", project, storage.pk))
        assert "an s3 secret of the tests" not in page.text
        assert storage.sealed_secret not in page.text

    def test_a_taken_name_changes_nothing_and_is_shown_at_its_field(
        self, project, storage, as_owner
    ):
        make_custom_storage(project, name="other")
        page = self.post(as_owner, project, storage, name="other")
        assert "already has a storage called other" in page.text
        assert "<h1>photos</h1>" in page.text.replace("\n", "").replace("  ", "")
        storage.refresh_from_db()
        assert storage.name == "photos"

    def test_a_role_shows_its_external_id_which_cannot_be_changed(self, project, as_owner):
        role = make_custom_storage(
            project,
            provider="aws",
            endpoint_url="",
            identity="role",
            access_key_id="",
            role_arn="arn:aws:iam::111122223333:role/copies",
        )
        page = as_owner.get(address("storage_settings", project, role.pk)).text
        assert role.external_id in page
        assert 'name="external_id"' not in page
        assert 'name="role_arn"' in page
        assert 'name="access_key_id"' not in page
        assert 'name="secret_access_key"' not in page
        assert 'name="endpoint_url"' not in page
        as_owner.post(
            address("storage_settings", project, role.pk),
            self.typed(role, external_id="mine", access_key_id="AKIA", provider="other"),
        )
        old = role.external_id
        role.refresh_from_db()
        assert (role.external_id, role.access_key_id, role.provider) == (old, "", "aws")

    def test_our_principal_needs_neither_key_nor_role(self, project, as_owner):
        trusted = make_custom_storage(
            project, provider="aws", endpoint_url="", identity="principal", access_key_id=""
        )
        page = as_owner.get(address("storage_settings", project, trusted.pk)).text
        assert ".ucdash-proof" in page
        assert 'name="access_key_id"' not in page
        assert 'name="role_arn"' not in page

    def test_another_bucket_of_our_principal_is_proved_with_a_nonce_from_the_page(
        self, project, as_owner, settings
    ):
        trusted = make_custom_storage(
            project, provider="aws", endpoint_url="", identity="principal", access_key_id=""
        )
        where = address("storage_settings", project, trusted.pk)
        page = as_owner.post(where, self.typed(trusted, do="nonce", prefix="moved/")).text
        trusted.refresh_from_db()
        assert trusted.proof_nonce in page
        assert 'value="moved/"' in page
        assert trusted.prefix == ""
        assert not ConnectionTest.objects.exists()
        assert trusted.proof_nonce in as_owner.get(where).text

    def test_a_page_that_is_older_than_the_settings_asks_before_it_saves(
        self, project, storage, as_owner
    ):
        old = self.typed(storage, on_clash="skip")
        storage.bucket, storage.access_changed_at = "moved-meanwhile", timezone.now()
        storage.save()
        where = address("storage_settings", project, storage.pk)
        page = as_owner.post(where, old)
        assert "The settings were changed since this page was opened." in page.text
        assert not ConnectionTest.objects.exists()
        storage.refresh_from_db()
        assert storage.on_clash == "error"
        again = self.typed(storage, on_clash="skip")
        assert again["as_of"] in page.text.replace("&#x2B;", "+")
        assert said(as_owner.post(where, again)) == ["Saved."]

    def test_a_preview_saves_nothing_and_keeps_what_was_typed(self, project, storage, as_owner):
        typed = {
            "do": "preview",
            "key_pattern": "${yyyy}/${uuid}",
            "name": "typed",
            "uses": ["verify", "browse"],
            "secret_access_key": "a-new-secret",
        }
        page = self.post(as_owner, project, storage, **typed)
        assert "/2026/" in page.text or "up/20" in page.text
        assert 'value="typed"' in page.text
        assert page.text.count("checked") >= 2
        assert "a-new-secret" not in page.text
        assert 'role="alert" tabindex' not in page.text
        storage.refresh_from_db()
        assert storage.name == "photos"

    @pytest.mark.parametrize(
        ("slug", "modes"), [("aws", ["private", "policy", "acl"]), ("r2", ["private"])]
    )
    def test_only_readers_that_the_service_can_have_are_offered(self, slug, modes, project):
        form = StorageSettingsForm(storage=make_custom_storage(project, provider=slug))
        assert [mode for mode, _label in form.fields["public_mode"].choices] == modes

    def test_readers_that_are_set_can_be_kept(self, project):
        storage = make_custom_storage(project, provider="r2", public_mode="acl")
        form = StorageSettingsForm(storage=storage)
        assert "acl" in dict(form.fields["public_mode"].choices)

    def test_one_form_fits_every_provider(self, project, as_owner):
        for slug in [one.slug for one in all_providers()]:
            row = make_custom_storage(project, provider=slug)
            page = as_owner.get(address("storage_settings", project, row.pk))
            assert page.status_code == 200


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

    def test_a_draft_cannot_be_paused_and_says_so(self, project, draft, as_owner):
        response = as_owner.post(address("storage_pause", project, draft.pk))
        assert response.status_code == 302
        assert said(response)[0].startswith("This storage is a draft")
        draft.refresh_from_db()
        assert not draft.is_paused


@pytest.mark.parametrize("role", ["member", "viewer"])
@pytest.mark.parametrize("mode", ["acl", "policy"])
def test_s055_who_may_copy_files_may_not_make_them_public(project, storage, role, mode):
    user = make_user()
    Membership.objects.create(project=project, user=user, role=role)
    where = address("storage_settings", project, storage.pk)
    assert client_of(user).post(where, {"public_mode": mode}).status_code == 403
    storage.refresh_from_db()
    assert storage.public_mode == "private"
    assert not storage.access_changes.exists()


class TestDisconnect:
    def test_names_what_stops(self, project, storage, file, as_owner):
        storage.auto_copy = True
        storage.save()
        make_backup_plan(storage)
        make_copy_job(file, storage)
        make_copy_job(file, storage, state="pending")
        page = words(as_owner.get(address("storage_disconnect", project, storage.pk)))
        for text in (
            "Auto-copy of new files stops.",
            "1 waiting copy is dropped.",
            "1 copy stays in the bucket.",
            "REST calls with target “photos” answer 400.",
            "The backup that uses this storage stops too.",
        ):
            assert text in page

    def test_a_draft_is_deleted_without_typing_its_name(self, project, draft, as_owner):
        where = address("storage_disconnect", project, draft.pk)
        page = text_of(as_owner.get(where).text)
        assert f"Delete the draft “{draft.name}”?" in page
        assert "Nothing in the bucket changes." in page
        for other in ("Disconnect", "answer 400", "Type the name"):
            assert other not in page
        response = as_owner.post(where)
        assert said(response) == [f"The draft “{draft.name}” is deleted."]
        draft.refresh_from_db()
        assert draft.removed_at

    def test_names_nothing_that_does_not_stop(self, project, storage, as_owner):
        page = words(as_owner.get(address("storage_disconnect", project, storage.pk)))
        assert "in the bucket." not in page
        assert "Auto-copy of new files stops" not in page
        assert "The backup" not in page
        assert "dropped" not in page

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


class TestRights:
    def test_shows_what_was_for_setting_up_only_and_the_smaller_policy(
        self, project, storage, as_owner
    ):
        page = as_owner.get(address("storage_rights", project, storage.pk)).text
        assert "Rights you can take away now" in page
        assert "s3:GetBucketOwnershipControls" in page
        smaller = page.partition("The smaller policy")[2]
        assert "s3:PutObject" in smaller
        assert "s3:GetBucketOwnershipControls" not in smaller

    def test_names_what_the_storage_is_used_for(self, project, storage, as_owner):
        storage.uses = ["restore"]
        storage.save()
        page = words(as_owner.get(address("storage_rights", project, storage.pk)))
        assert "for: Copies, Restore." in page

    def test_there_is_a_page_for_every_provider(self, project, as_owner):
        for slug in [one.slug for one in all_providers()]:
            row = make_custom_storage(project, provider=slug)
            assert as_owner.get(address("storage_rights", project, row.pk)).status_code == 200


def test_the_bar_on_every_page_names_the_broken_storage(project, storage, as_owner):
    storage.circuit_opened_at = storage.connected_at
    storage.save()
    page = " ".join(as_owner.get(address("keys", project)).text.split())
    assert "Storage “photos” has failed its check since" in page
    assert "No file is waiting." in page


@pytest.mark.parametrize(("n_broken", "has_more"), [(3, False), (4, True)])
def test_the_bar_names_three_and_says_that_there_are_more(n_broken, has_more, project, as_owner):
    for _ in range(n_broken):
        circuit.open_(make_custom_storage(project), reason="AccessDenied")
    page = as_owner.get(address("jobs", project)).text
    assert page.count("has failed its check since") == 3
    assert ("More storages have failed their check" in page) is has_more


def test_the_snippets_name_the_storage_and_no_secret(project, storage, as_owner):
    page = as_owner.get(address("storage_use", project, storage.pk)).text
    assert "&quot;target&quot;: &quot;photos&quot;" in page or '"target": "photos"' in page
    assert "YOUR_SECRET_KEY" in page
    for client in ("copy-curl", "copy-python", "copy-javascript"):
        assert client in page


def test_the_bar_counts_files_and_not_what_is_made_of_them(
    project, storage, file, as_viewer, monkeypatch
):
    storage.circuit_opened_at = timezone.now()
    storage.save()
    for effects in ("", "-/preview/"):
        make_copy_job(file, storage, state="blocked", effects=effects)
    assert "1 file is waiting." in words(as_viewer.get(address("overview", project)))
    for _ in range(3):
        make_copy_job(make_file(project), storage, state="blocked")
    assert "4 files are waiting." in words(as_viewer.get(address("overview", project)))
    monkeypatch.setattr(Frame, "most_counted", 2)
    assert "Over 2 files are waiting." in words(as_viewer.get(address("overview", project)))
