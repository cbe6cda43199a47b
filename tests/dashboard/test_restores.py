"""The pages of restores: one to ask, one to watch."""

import re
import uuid
from dataclasses import replace

import pytest
from django.urls import reverse

from storages_app.backups import services as backups
from storages_app.backups import tasks as backup_tasks
from storages_app.copying import runner as copying
from storages_app.models import BackupRun, CopyJob, File, Membership, Project, RestoreRun
from storages_app.objectstores.errors import AccessDenied
from storages_app.restores import runner, services, tasks
from tests.dashboard.conftest import client_of
from tests.factories import make_custom_storage, make_file, make_project, make_user
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _restores_read_it_too(monkeypatch, bucket):
    for module in (runner, services):
        monkeypatch.setattr(module, "open_store", lambda custom_storage: bucket)


@pytest.fixture
def vault(project):
    return make_custom_storage(project, name="vault", prefix="b/", capabilities=PROVEN)


@pytest.fixture
def backed_up(project, vault, bucket):
    """Two files in a backup; the key of its manifest."""
    for n in range(2):
        make_file(project, bytes([n]) * 10, name=f"<b>{n}.bin")
    plan = backups.connect(project=project, custom_storage=vault, actor="a test")
    for _ in range(3):
        BackupRun.objects.update(lease_until=None)
        backup_tasks.drain()
        copying.drain()
    return plan.runs.get().manifest_key


@pytest.fixture
def lost(backed_up):
    CopyJob.objects.all().delete()
    File.objects.all().delete()
    return backed_up


def address(project, name="restore_new", *more):
    return reverse(f"dashboard:{name}", args=[project.slug, *more])


def work():
    RestoreRun.objects.filter(finished_at=None).update(lease_until=None)
    tasks.drain()


def order(client, project, storage, key, **fields):
    values = {"storage": storage.pk, "manifest": key, "into": "here", "on_taken": "skip"}
    return client.post(address(project), values | {"do": "restore"} | fields)


def text_of(client, run):
    return client.get(address(run.project, "restore_run", run.pk)).content.decode()


class TestAsking:
    def test_the_backups_manifests_are_there_at_once(self, as_owner, project, backed_up):
        page = as_owner.get(address(project)).content.decode()
        assert f'value="{backed_up}"' in page
        assert "2 files · done" in page
        assert "in an earlier one" in page
        assert re.search(r"Name of the new project\s*</label>", page)  # where shown, a must

    def test_a_project_without_storages_is_told_what_to_do(self, as_owner, project):
        page = as_owner.get(address(project)).content.decode()
        assert "No backup to restore from" in page
        assert "Connect one, or read a manifest from a bucket." in page

    def test_a_draft_can_be_read_from(self, as_owner, project, backed_up):
        draft = make_custom_storage(project, name="seen", prefix="b/", connected_at=None)
        page = as_owner.get(address(project), {"storage": draft.pk}).content.decode()
        assert f'value="{backed_up}"' in page

    def test_a_bucket_that_refuses_is_told_with_its_code(
        self, as_owner, project, backed_up, bucket
    ):
        bucket.fail("list_objects", AccessDenied())
        answer = as_owner.get(address(project))
        assert answer.status_code == 200
        assert "auth_denied" in answer.content.decode()

    def test_it_goes_to_the_page_of_the_run(self, as_owner, project, vault, lost):
        answer = order(as_owner, project, vault, lost)
        run = RestoreRun.objects.get()
        assert answer["Location"] == address(project, "restore_run", run.pk)
        assert (run.asked_by, run.is_drill) == ("owner@example.com", False)
        assert "Reading the manifest…" in text_of(as_owner, run)

    def test_a_form_that_is_sent_again_begins_no_second_one(  # S121
        self, as_owner, project, owner, vault, lost
    ):
        fields = {"into": "new", "new_name": "Harbour", "once": uuid.uuid4()}
        order(as_owner, project, vault, lost, **fields)
        answer = order(as_owner, project, vault, lost, **fields)
        assert answer["Location"] == address(project, "jobs")
        assert RestoreRun.objects.count() == 1
        assert Project.objects.for_user(owner).filter(name="Harbour").count() == 1

    def test_a_choice_of_files_goes_with_it(self, as_owner, project, vault, lost):
        order(as_owner, project, vault, lost, name="1", after="2025-01-02", before="2027-01-02")
        assert RestoreRun.objects.get().filter == {
            "name": "1",
            "after": "2025-01-02T00:00:00+00:00",
            "before": "2027-01-03T00:00:00+00:00",
        }

    def test_into_a_new_project(self, as_owner, project, owner, vault, lost):
        order(as_owner, project, vault, lost, into="new", new_name="Rescued")
        run = RestoreRun.objects.get()
        assert run.project.name == "Rescued"
        assert run.project.memberships.get(user=owner).role == Membership.Role.OWNER

    def test_the_name_of_a_new_project_belongs_to_that_choice(self, as_owner, project, vault, lost):
        """The style sheet hides it otherwise; so what is left in it refuses nothing."""
        page = as_owner.get(address(project)).content.decode()
        before, _, inside = page.partition('<div class="for-new-project">')
        assert 'name="new_name"' not in before
        assert 'name="new_name"' in inside
        assert '<option value="new">' in before
        order(as_owner, project, vault, lost, into="new", new_name="x" * 101)
        assert not RestoreRun.objects.exists()
        order(as_owner, project, vault, lost, into="here", new_name="x" * 101)
        assert RestoreRun.objects.get().project == project

    @pytest.mark.parametrize(
        "wrong",
        [
            {"manifest": "b/another.jsonl"},
            {"into": "new"},
            {"into": "somewhere"},
            {"on_taken": "burn"},
            {"uuids": "not-a-uuid"},
            {"after": "yesterday"},
            {"name": "x\0y"},
        ],
    )
    def test_what_makes_no_sense_begins_nothing(self, as_owner, project, vault, lost, wrong):
        answer = order(as_owner, project, vault, lost, **wrong)
        assert answer.status_code == 200
        assert "Nothing was begun." in answer.content.decode()
        assert not RestoreRun.objects.exists()
        assert Project.objects.count() == 1

    @pytest.mark.parametrize(
        ("role", "may_choose"),
        [("owner", True), ("admin", True), ("member", False), ("viewer", False)],
    )
    def test_other_projects_only_by_who_manages_them(
        self, as_owner, owner, project, vault, lost, role, may_choose
    ):
        other = make_project("Other")
        Membership.objects.create(project=other, user=owner, role=role)
        order(as_owner, project, vault, lost, into=other.slug)
        assert RestoreRun.objects.filter(project=other).exists() is may_choose

    def test_a_storage_of_another_project_is_not_read(self, as_owner, project, vault, lost):
        theirs = make_custom_storage(make_project("Theirs"), prefix="b/")
        order(as_owner, project, theirs, lost)
        assert RestoreRun.objects.get().custom_storage == vault  # as if none had been asked for


class TestTheRun:
    @pytest.fixture
    def run(self, as_owner, project, vault, lost):
        order(as_owner, project, vault, lost)
        work()
        return RestoreRun.objects.get()

    def test_the_dry_run_is_shown_before_anything_is_written(self, as_owner, run):
        page = text_of(as_owner, run)
        assert "Nothing was written yet. This is what would happen." in page
        assert "Will be restored" in page
        assert "Restore" in page
        assert not File.objects.exists()

    def test_starting_it_restores(self, as_owner, run):
        as_owner.post(address(run.project, "restore_start", run.pk))
        work()
        assert "2 files restored, all match." in text_of(as_owner, run)
        assert File.objects.count() == 2

    def test_a_viewer_sees_it_and_may_not_start_it(self, as_viewer, run):
        page = as_viewer.get(address(run.project, "restore_run", run.pk)).content.decode()
        assert "restore_start" not in page
        assert "do-start" not in page
        assert as_viewer.post(address(run.project, "restore_start", run.pk)).status_code == 403

    def test_it_is_not_found_in_another_project(self, run):
        stranger = make_user("stranger@example.com")
        other = make_project("Theirs", owner=stranger)
        client = client_of(stranger)
        assert client.get(address(other, "restore_run", run.pk)).status_code == 404
        assert client.post(address(other, "restore_start", run.pk)).status_code == 404

    def test_cancelling_leaves_all_as_it_is(self, as_owner, run):
        as_owner.post(address(run.project, "restore_cancel", run.pk))
        assert "Cancelled by owner@example.com" in text_of(as_owner, run)
        as_owner.post(address(run.project, "restore_start", run.pk))
        work()
        assert not File.objects.exists()

    def test_the_list_is_a_csv(self, as_owner, run):
        answer = as_owner.get(address(run.project, "restore_csv", run.pk))
        lines = b"".join(answer.streaming_content).decode().splitlines()
        assert lines[0] == "uuid,new_uuid,name,size,key,plan,state,reason"
        assert len(lines) == 3

    def test_names_are_escaped_and_gaps_are_named(
        self, as_owner, project, vault, backed_up, bucket
    ):
        del bucket.inner.objects[next(key for key in bucket.inner.objects if "/b0.bin" in key)]
        File.objects.all().update(removed_at=project.created_at, stored_at=None)
        order(as_owner, project, vault, backed_up)
        work()
        page = text_of(as_owner, RestoreRun.objects.get())
        assert "&lt;b&gt;0.bin" in page
        assert "<b>0" not in page
        assert "Not in the bucket" in page

    def test_polling_ends_with_the_run(self, as_owner, run):
        status = address(run.project, "restore_status", run.pk)
        assert as_owner.get(status).status_code == 286
        RestoreRun.objects.update(state="restoring")
        assert as_owner.get(status).status_code == 200


class TestReplacing:
    @pytest.fixture
    def run(self, as_owner, project, vault, lost):
        order(as_owner, project, vault, lost, on_taken="replace")
        work()
        run = RestoreRun.objects.get()
        item = run.items.first()
        make_file(project, b"other bytes", uuid=item.uuid)
        services.cancel(run=run, actor="a test")
        order(as_owner, project, vault, lost, on_taken="replace")
        work()
        return RestoreRun.objects.latest("pk")

    def test_it_asks_for_the_name_of_the_project(self, as_owner, run):
        assert "Type “Shop”" in text_of(as_owner, run)
        answer = as_owner.post(address(run.project, "restore_start", run.pk), {"typed_name": "x"})
        assert "Type the name of the project, exactly as it is written." in answer.content.decode()
        empty = as_owner.post(address(run.project, "restore_start", run.pk)).content.decode()
        assert "Type “Shop”." in empty
        run.refresh_from_db()
        assert run.state == "counted"

    def test_and_then_replaces(self, as_owner, run):
        as_owner.post(address(run.project, "restore_start", run.pk), {"typed_name": "Shop"})
        work()
        run.refresh_from_db()
        assert (run.state, run.n_done) == ("done", 2)


def test_a_drill_begins_by_itself_and_writes_nothing(as_owner, project, vault, lost):
    order(as_owner, project, vault, lost, do="drill")
    work()
    page = text_of(as_owner, RestoreRun.objects.get())
    assert "Drill passed: 2 files read, all match the manifest. Nothing was written." in page
    assert not File.objects.exists()


def test_what_is_in_glacier_can_be_thawed(as_owner, project, vault, lost, bucket):
    vault.provider = "aws"
    vault.endpoint_url = ""
    vault.save()
    for key, found in list(bucket.inner.objects.items()):
        if key.endswith(".bin"):
            cold = replace(found, info=replace(found.info, storage_class="GLACIER"))
            bucket.inner.objects[key] = cold
    order(as_owner, project, vault, lost)
    work()
    run = RestoreRun.objects.get()
    page = text_of(as_owner, run)
    assert "2 files are in Glacier and must be thawed first." in page
    assert "That takes hours and costs less than $0.01." in page
    as_owner.post(address(project, "restore_thaw", run.pk))
    work()
    assert len(bucket.inner.bucket.thaw_asked) == 2
    assert "Look again" in text_of(as_owner, run)
    bucket.inner.bucket.thawed |= bucket.inner.bucket.thaw_asked
    as_owner.post(address(project, "restore_look_again", run.pk))
    work()
    as_owner.post(address(project, "restore_start", run.pk))
    work()
    run.refresh_from_db()
    assert (run.state, run.n_done) == ("done", 2)
