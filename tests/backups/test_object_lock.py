"""F72: a backup into a bucket with Object Lock, on a server that is as strict as Amazon's."""

import hashlib
from datetime import timedelta
from io import BytesIO

import pytest
from django.utils import timezone

from storages_app.backups import manifest, services
from storages_app.custom_storages.connect import open_store
from storages_app.library import orders as library
from storages_app.models import BackupPlan, BackupRun, BackupSegment, CopyJob
from storages_app.objectstores.base import PutOptions
from tests.backups.test_records import go_on, run_again
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN
from tests.s3double import ObjectLock
from tests.s3double.accounts import allow_all
from tests.s3double.fixtures import s3double

__all__ = ["s3double"]
pytestmark = pytest.mark.django_db
WITHOUT_DELETE = ["s3:PutObject", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]


@pytest.fixture
def locked(s3double):
    return s3double.add_bucket("vault", object_lock=ObjectLock("COMPLIANCE", days=30))


@pytest.fixture
def plan(s3double, locked):
    user = s3double.add_user("backup", policies=[allow_all(WITHOUT_DELETE)])
    project = make_project()
    storage = make_custom_storage(
        project,
        bucket="vault",
        prefix="b/",
        endpoint_url=s3double.endpoint_url,
        access_key_id=user.access_key_id,
        capabilities=PROVEN | {"delete": False},
    )
    storage.seal_secret(user.secret_access_key)
    storage.save()
    yield services.connect(project=project, custom_storage=storage, actor="a test")
    open_store(storage).close()


def names_in(plan, run) -> set[str]:
    store = open_store(plan.custom_storage)
    lines = manifest.iter_lines(store, manifest.open_manifest(store, run.manifest_key))
    return {line["original_filename"] for line in lines}


def test_runs_write_once_and_overwrite_and_delete_nothing(s3double, locked, plan):
    files = [make_file(plan.project, name.encode(), name=name) for name in "abc"]
    first = go_on(plan)
    assert (first.state, first.n_new, first.n_sample_matches) == ("done", 3, 3)
    library.remove(files[0])
    make_file(plan.project, name="d")
    second = run_again(plan)
    assert (second.state, second.n_new, second.n_changed) == ("done", 1, 1)
    assert names_in(plan, first) == set("abc")  # absorbed, but there as long as it is locked
    assert names_in(plan, second) == set("bcd")
    assert not s3double.calls("DeleteObject")
    assert all(len(versions) == 1 for versions in locked.versions.values())
    assert all(versions[0].locked_until for versions in locked.versions.values())
    assert CopyJob.objects.exclude(version_id="").count() == 4
    assert BackupSegment.objects.exclude(version_id="").count() == 2


def test_retention_that_the_bucket_refuses_is_told_and_the_run_is_done(locked, plan):
    make_file(plan.project, name="a")
    go_on(plan)
    BackupRun.objects.update(finished_at=timezone.now() - timedelta(days=40))
    BackupPlan.objects.update(keep_days=30)
    run = run_again(plan)
    assert run.state == "done"
    assert "does not let us delete them (auth_denied)" in run.note


def test_records_come_from_the_version_that_was_written(plan):
    make_file(plan.project, name="a")
    run = go_on(plan)
    store = open_store(plan.custom_storage)
    key = BackupSegment.objects.get().key
    body = b"somebody else's"
    digest = hashlib.sha256(body).hexdigest()
    store.put(key, BytesIO(body), size=len(body), sha256=digest, options=PutOptions())
    assert store.head(key).size == len(body)
    assert names_in(plan, run) == {"a"}
