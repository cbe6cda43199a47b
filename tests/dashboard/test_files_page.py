"""The page of one file: what it is, where it is, what others were told of it."""

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.library import services as library
from storages_app.reconciliation import by_hand
from storages_app.reconciliation.errors import BucketDidNotTell
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_webhook,
    make_webhook_delivery,
)


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def told(response):
    return " ".join(response.text.split())


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


class TestFacts:
    @pytest.mark.parametrize(
        ("name", "is_odd"),
        [
            ("cat.exe", True),
            ("cat.txt", False),
            ("cat.log", False),
            ("cat", False),
            ("x.zzz", False),
        ],
    )
    def test_says_when_name_and_bytes_disagree(self, name, is_odd, project, as_owner):
        file = make_file(project, name=name, detected_type="text/plain")
        page = told(as_owner.get(address("file", project, file.pk)))
        assert ("the name says" in page) == is_odd

    def test_tells_what_webhooks_were_told(self, project, file, as_owner):
        webhook = make_webhook(project)
        make_webhook_delivery(webhook, state="delivered", status=200, subject_id=str(file.pk))
        make_webhook_delivery(webhook, subject_id="another")
        page = as_owner.get(address("file", project, file.pk))
        assert [row.subject_id for row in page.context["deliveries"]] == [str(file.pk)]
        assert "Delivered" in told(page)

    def test_never_tells_of_another_projects_webhook(self, project, file, as_owner):
        theirs = make_webhook(make_project())
        make_webhook_delivery(theirs, state="delivered", status=200, subject_id=str(file.pk))
        page = as_owner.get(address("file", project, file.pk))
        assert page.context["deliveries"] == []
        assert "No webhook was told of this file." in page.text

    def test_a_file_that_leaves_says_so_and_can_be_kept(self, project, file, as_owner):
        library.remove_later(project=project, files=[file], actor="somebody")
        library.remove_later(project=project, files=[make_file(project)], actor="somebody")
        page = told(as_owner.get(address("file", project, file.pk)))
        assert page.count("1 file leaves this project in 10 minutes.") == 1
        assert "Undo" in page


class TestMetadata:
    def post(self, client, project, file, **typed):
        return client.post(address("file_metadata", project, file.pk), typed)

    def test_is_set_changed_and_removed(self, project, file, as_owner):
        assert said(self.post(as_owner, project, file, key="a.b", value="1")) == ["Value added."]
        changed = self.post(as_owner, project, file, key="a.b", value="two\nlines")
        assert said(changed)[-1] == "Value changed."
        page = told(as_owner.get(address("file", project, file.pk)))
        assert "two<br>lines" in page
        self.post(as_owner, project, file, key="a.b", do="remove")
        file.refresh_from_db()
        assert file.metadata == {}

    @pytest.mark.parametrize(
        ("key", "value", "why"),
        [
            ("a b", "1", "contains symbols not allowed"),
            ("", "1", "Enter a key."),
            ("a", "", "Enter a value."),
            ("a", "x" * 513, "at most 512 characters"),
            ("a", "x\x07", "contains symbols not allowed"),
        ],
    )
    def test_that_breaks_a_rule_is_said_and_kept(self, key, value, why, project, file, as_owner):
        page = self.post(as_owner, project, file, key=key, value=value)
        assert page.status_code == 200
        assert "Nothing was changed." in page.text
        assert why in page.text
        assert page.context["metadata_form"]["key"].value() == key
        file.refresh_from_db()
        assert file.metadata == {}

    def test_is_not_changed_by_a_viewer(self, project, file, as_viewer):
        assert self.post(as_viewer, project, file, key="a", value="1").status_code == 403
        assert "Set the value" not in as_viewer.get(address("file", project, file.pk)).text


class TestWhere:
    def test_a_copy_tells_its_addresses_and_that_its_bytes_are_the_same(
        self, project, storage, file, as_owner
    ):
        make_copy_job(file, storage, key="up/a b.txt")
        page = told(as_owner.get(address("file", project, file.pk)))
        assert "s3://acme-photos/up/a b.txt" in page
        assert "/up/a%20b.txt" in page
        assert "SHA-256 as the original" in page
        assert "Private" in page
        for action in ("Copy again", "Verify", "Get a link for 1 hour", "Remove from the bucket…"):
            assert action in page

    def test_a_public_copy_is_a_link_already(self, project, file, as_owner):
        make_copy_job(file, make_custom_storage(project, public_mode="policy"))
        page = told(as_owner.get(address("file", project, file.pk)))
        assert "Public" in page
        assert "Get a link for 1 hour" not in page

    def test_the_backups_copy_names_its_manifest_and_is_not_removed(
        self, project, storage, file, as_owner
    ):
        run = make_backup_run(
            make_backup_plan(storage), manifest_key="m", manifest_sha256="0" * 64, state="done"
        )
        make_copy_job(file, storage, is_backup=True)
        page = told(as_owner.get(address("file", project, file.pk)))
        assert "The next backup run writes it into the records." in page
        assert "Remove from the bucket…" not in page
        assert run.pk

    def test_without_a_copy_leads_to_copying(self, project, file, as_owner):
        page = told(as_owner.get(address("file", project, file.pk)))
        assert 'No copies yet. <a href="#copy-to">Copy to…</a>' in page

    def test_a_viewer_does_nothing(self, project, storage, file, as_viewer):
        make_copy_job(file, storage)
        page = as_viewer.get(address("file", project, file.pk)).text
        for action in ("Copy again", "Verify", "Get a link", "Remove from the bucket"):
            assert action not in page


class TestActions:
    @pytest.fixture
    def job(self, file, storage):
        return make_copy_job(file, storage)

    def test_a_link_is_shown_once_and_kept_nowhere(self, project, job, as_owner, monkeypatch):
        monkeypatch.setattr(by_hand, "link", lambda copy_job: "https://bucket/x?X-Signature=s3cr3t")
        page = as_owner.post(address("file_copy_link", project, job.file_id, job.pk))
        assert "https://bucket/x?X-Signature=s3cr3t" in page.text
        assert "no-store" in page["Cache-Control"]
        assert "s3cr3t" not in as_owner.get(address("file", project, job.file_id)).text

    def test_verifying_tells_what_was_found(self, project, job, as_owner, monkeypatch):
        for found, words in (
            (by_hand.Found.SAME, "photos has the same bytes."),
            (by_hand.Found.WRONG, "The copy in photos is not what was copied. Look below."),
        ):
            monkeypatch.setattr(by_hand, "verify", lambda found=found, **kwargs: found)
            done = as_owner.post(address("file_copy_verify", project, job.file_id, job.pk))
            assert said(done)[-1] == words

    def test_removing_asks_first(self, project, job, as_owner, monkeypatch):
        removed = []
        monkeypatch.setattr(by_hand, "remove", lambda copy_job, actor: removed.append(copy_job))
        where = address("file_copy_remove", project, job.file_id, job.pk)
        assert "Remove the copy from photos?" in as_owner.get(where).text
        assert removed == []
        assert said(as_owner.post(where)) == ["Removed from photos."]
        assert removed == [job]

    @pytest.mark.parametrize("action", ["link", "verify", "remove"])
    def test_what_the_bucket_refuses_is_said(self, action, project, job, as_owner, monkeypatch):
        def refuse(**kwargs):
            raise BucketDidNotTell("The bucket refused these credentials.")

        monkeypatch.setattr(by_hand, action, refuse)
        done = as_owner.post(address(f"file_copy_{action}", project, job.file_id, job.pk))
        assert said(done)[-1].startswith("The bucket refused these credentials.")

    @pytest.mark.parametrize("action", ["link", "verify", "remove"])
    def test_of_another_files_copy_is_not_found(self, action, project, job, as_owner):
        other = make_file(project)
        where = address(f"file_copy_{action}", project, other.pk, job.pk)
        assert as_owner.post(where).status_code == 404


def test_takes_as_many_queries_for_thirty_copies_as_for_three(project, file, as_owner):
    make_webhook_delivery(make_webhook(project), subject_id=str(file.pk))

    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            assert as_owner.get(address("file", project, file.pk)).status_code == 200
        return len(queries)

    def add(n):
        for _ in range(n):
            make_copy_job(
                file, make_custom_storage(project), finished_at=timezone.now(), is_backup=True
            )

    add(3)
    for_three = n_queries()
    add(27)
    assert n_queries() == for_three
