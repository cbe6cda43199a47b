"""A whole comparison over HTTP, with the faults that real servers have."""

import pytest

from storages_app.copying import orders
from storages_app.copying import runner as copying
from storages_app.models import CopyJob
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.reconciliation import runner, services
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN
from tests.s3double import allow_all

pytestmark = pytest.mark.django_db
NAMES = ("plain.txt", "with space & more.txt", "ümlaut+%2F.txt", "日本.txt", "é.txt")


@pytest.fixture
def storage(s3double):
    user = s3double.add_user("somebody", policies=[allow_all()])
    s3double.add_bucket("a-bucket")
    storage = make_custom_storage(
        make_project(),
        endpoint_url=s3double.endpoint_url,
        bucket="a-bucket",
        prefix="in/",
        access_key_id=user.access_key_id,
        capabilities=PROVEN,
    )
    storage.seal_secret(user.secret_access_key)
    storage.save()
    return storage


@pytest.fixture
def copied(storage):
    """Copies that the engine itself has made and proved."""
    wanted = [
        orders.order_for(
            file=make_file(storage.project, name.encode(), name=name), custom_storage=storage
        )
        for name in NAMES
    ]
    jobs = orders.place(wanted, lane=CopyJob.Lane.BULK, asked_by="a test")
    copying.drain()
    for job in jobs:
        job.refresh_from_db()
        assert job.state == "done", (job.key, job.reason, job.detail)
    return jobs


def reconcile(storage):
    asked = services.request(custom_storage=storage, kind="full", asked_by="somebody")
    runner.drain()
    asked.refresh_from_db()
    return asked


def test_what_the_engine_wrote_is_as_the_comparison_expects_it(storage, copied):
    run = reconcile(storage)
    assert list(run.differences.values_list("kind", "key", "expected", "found")) == []
    assert (run.state, run.n_objects, run.n_copies) == ("clean", len(NAMES), len(NAMES))


def test_a_503_in_the_middle_of_pages_is_gone_on_from(storage, copied, s3double, monkeypatch):
    """F62."""
    monkeypatch.setattr(S3Store, "page_size", 2)
    monkeypatch.setattr("storages_app.reconciliation.inventory.sleep", lambda seconds: None)
    fault = s3double.faults.add(code="SlowDown", operation="ListObjectsV2", after=1)
    run = reconcile(storage)
    assert (fault.n_injected, run.state, run.n_objects) == (1, "clean", len(NAMES))


def test_what_was_deleted_is_found_and_copied_again(storage, copied, s3double):
    """F60."""
    lost = copied[2]
    del s3double.buckets["a-bucket"].versions[lost.key]
    run = reconcile(storage)
    assert list(run.differences.values_list("kind", "key")) == [("missing", lost.key)]
    copying.drain()
    lost.refresh_from_db()
    assert (lost.state, lost.key in s3double.buckets["a-bucket"].objects) == ("done", True)
