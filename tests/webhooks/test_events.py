"""What happens is told, in the transaction in which it happens, and as it was recorded."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

from storages_app.backups import orders
from storages_app.copying import services as copying
from storages_app.copying.evidence import Evidence, Expected
from storages_app.copying.making import Assignment, Outcome
from storages_app.copying.settling import Finished, settle
from storages_app.custom_storages import circuit
from storages_app.library import runner as library_runner
from storages_app.library import services as library
from storages_app.models import BackupRun, CopyJob, Webhook, WebhookDelivery
from storages_app.models.copy_jobs import State
from storages_app.uploads import local_copies, metadata
from storages_app.webhooks.announcing import announce
from storages_app.webhooks.registry import by_name
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
    make_webhook,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


def told():
    return [json.loads(body) for body in WebhookDelivery.objects.values_list("body", flat=True)]


def listen_to_all(project):
    return {name: make_webhook(project, name) for name in by_name()}


def upload(project, **fields):
    form = {"UPLOADCARE_PUB_KEY": project.public_key, **fields}
    form["file"] = SimpleUploadedFile("cat one.txt", b"meow")
    answer = Client().post("/base/", form)
    assert answer.status_code == 200
    return answer


class TestUploads:
    def test_an_upload_is_told_as_recorded(self, project):
        webhook = make_webhook(project, secret="12345X")
        answer = upload(project, UPLOADCARE_STORE="0")
        (payload,) = told()
        file = project.files.get()
        assert list(payload) == ["initiator", "hook", "data", "file"]
        assert payload["initiator"] == {
            "type": "api",
            "detail": {"request_id": answer["x-uploadcare-request-id"], "addon_name": None},
        }
        created = payload["hook"].pop("created_at")
        assert created.endswith("Z")
        assert payload["hook"].pop("updated_at")
        assert payload["hook"] == {
            "id": webhook.pk,
            "project_id": project.pk,
            "project_pub_key": project.public_key,
            "target": webhook.target_url,
            "event": "file.uploaded",
            "is_active": True,
            "version": "0.7",
        }
        assert payload["data"]["uuid"] == str(file.pk)
        assert payload["data"]["is_ready"] is True
        assert payload["data"]["datetime_stored"] is None
        assert payload["file"] == payload["data"]["original_file_url"]
        assert payload["file"].endswith(f"/{file.pk}/catone.txt")
        assert "12345X" not in json.dumps(payload)  # S069

    def test_one_that_is_stored_is_told_of_twice(self, project):
        listen_to_all(project)
        upload(project, UPLOADCARE_STORE="1")
        assert sorted(one["hook"]["event"] for one in told()) == ["file.stored", "file.uploaded"]

    def test_a_webhook_that_is_off_or_deleted_hears_nothing(self, project):
        make_webhook(project, is_active=False)
        make_webhook(project, removed_at=project.created_at)
        upload(project)
        assert not WebhookDelivery.objects.exists()

    def test_another_project_hears_nothing(self, project):
        listen_to_all(make_project())
        upload(project)
        assert not WebhookDelivery.objects.exists()

    def test_what_is_undone_is_told_to_nobody(self, project):
        make_webhook(project)
        file = make_file(project)

        @transaction.atomic
        def fail():
            announce("file.uploaded", [file], project_id=project.pk)
            assert WebhookDelivery.objects.exists()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert not WebhookDelivery.objects.exists()


class TestFiles:
    def test_storing_is_told_once(self, project):
        listen_to_all(project)
        file = make_file(project, stored_at=None)
        library.store(file=file, actor="a test")
        library.store(file=file, actor="a test")
        (payload,) = told()
        assert payload["hook"]["event"] == "file.stored"
        assert payload["data"]["datetime_stored"]
        assert payload["initiator"]["type"] == "system"

    def test_deleting_is_told_once_with_the_file_as_it_is_then(self, project):
        listen_to_all(project)
        file = make_file(project)
        library.delete(file=file, actor="a test")
        library.delete(file=file, actor="a test")
        (payload,) = told()
        assert payload["hook"]["event"] == "file.deleted"
        assert payload["data"]["datetime_removed"]
        assert payload["data"]["original_file_url"] is None

    def test_a_file_that_expires_is_told_as_deleted(self, project):
        listen_to_all(project)
        file = make_file(project, stored_at=None, expires_at=project.created_at)
        assert library_runner.expire_files(now=project.created_at) == 1
        (payload,) = told()
        assert (payload["hook"]["event"], payload["data"]["uuid"]) == ("file.deleted", str(file.pk))

    def test_a_change_of_metadata_is_told_with_the_values_before_it(self, project):
        listen_to_all(project)
        file = make_file(project, metadata={"pet": "cat"})
        metadata.put(file=file, key="pet", value="dog")
        metadata.put(file=file, key="pet", value="dog")
        (payload,) = told()
        assert payload["hook"]["event"] == "file.info_updated"
        assert payload["previous_values"] == {"metadata": {"pet": "cat"}}
        assert payload["data"]["metadata"] == {"pet": "dog"}

    def test_a_local_copy_is_told_with_its_source(self, project, upload_storage, incoming):
        make_webhook(project)
        file = make_file(project)
        copy = local_copies.make(file=file, effects="", is_stored=False, metadata={})
        (payload,) = told()
        assert payload["data"]["uuid"] == str(copy.pk)
        assert payload["initiator"]["detail"]["source_file_uuid"] == str(file.pk)


class TestCopies:
    @pytest.fixture
    def leased(self, project):
        job = make_copy_job(
            make_file(project), make_custom_storage(project), state="leased", evidence="", fence=1
        )
        return Assignment(job, None, 0, 0)

    def test_a_failed_copy_is_told_with_its_reason(self, project, leased):
        listen_to_all(project)
        settle([Finished(leased, Outcome(State.FAILED, "key_conflict", "Other bytes."))])
        (payload,) = told()
        job = CopyJob.objects.get()
        assert payload["hook"]["event"] == "copy.failed"
        assert payload["data"]["reason"] == "key_conflict"
        assert payload["data"]["state"] == "failed"
        assert payload["data"]["url"] == job.url
        assert payload["data"]["evidence"] is None

    def test_a_proved_copy_is_told_with_its_evidence(self, project, leased):
        listen_to_all(project)
        expected = Expected(4, "s", "m")
        proof = Evidence("etag", checksum="c", etag="e")
        done = Outcome(State.DONE, evidence=proof, expected=expected, content_type="text/plain")
        settle([Finished(leased, done)])
        (payload,) = told()
        assert payload["hook"]["event"] == "copy.done"
        assert (payload["data"]["evidence"], payload["data"]["sha256"]) == ("etag", "s")
        assert payload["data"]["custom_storage"]["name"] == leased.storage.name

    def test_a_copy_whose_lease_was_lost_is_not_told(self, project, leased):
        listen_to_all(project)
        CopyJob.objects.update(fence=2)
        settle([Finished(leased, Outcome(State.FAILED, "key_conflict", "Other bytes."))])
        assert not WebhookDelivery.objects.exists()

    def test_remote_copies_have_no_event_of_files(self, project):
        listen_to_all(project)
        storage, file = make_custom_storage(project, auto_copy=True), make_file(project)
        copying.order_copies_of_new_file(file=file)
        assert CopyJob.objects.filter(custom_storage=storage).exists()
        assert not WebhookDelivery.objects.exists()


class TestStorages:
    def test_breaking_and_recovering_are_told_once_each(self, project):
        listen_to_all(project)
        storage = make_custom_storage(project)
        for _ in range(2):
            circuit.open_(storage, reason="auth_denied")
        storage.refresh_from_db()
        for _ in range(2):
            circuit.close(storage, why="a test")
        broken, recovered = sorted(told(), key=lambda one: one["hook"]["event"])
        assert broken["hook"]["event"] == "storage.broken"
        assert broken["data"]["reason"] == "auth_denied"
        assert (broken["data"]["name"], broken["file"]) == (storage.name, None)
        assert recovered["hook"]["event"] == "storage.recovered"
        assert recovered["data"]["state"] == "connected"


class TestBackups:
    def test_the_end_of_a_run_is_told(self, project):

        listen_to_all(project)
        run = make_backup_run(make_backup_plan(make_custom_storage(project)), n_files=3)
        orders.end(run, held=BackupRun.objects.filter(pk=run.pk), values={})
        (payload,) = told()
        assert payload["hook"]["event"] == "backup.finished"
        assert (payload["data"]["id"], payload["data"]["files"]) == (run.pk, 3)


def test_each_event_has_a_meaning_for_owners():
    for kind in by_name().values():
        assert kind.meaning.endswith("."), kind.name
    assert list(by_name())[:5] == sorted(name for name in by_name() if name.startswith("file."))
    assert Webhook._meta.get_field("event").max_length >= max(map(len, by_name()))
