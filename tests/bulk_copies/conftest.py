"""A project with a connected storage in memory, and a worker that works when it is told to."""

import pytest

from storages_app.bulk_copies import runner, services
from storages_app.copying import runner as copying
from tests.factories import make_custom_storage, make_project
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]


@pytest.fixture(autouse=True)
def _no_breath(monkeypatch):
    monkeypatch.setattr(runner, "_BREATH_S", 0)


@pytest.fixture
def project(db):
    return make_project()


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="archive", capabilities=PROVEN)


@pytest.fixture
def order(project, storage):
    def order(**fields):
        values = {"project": project, "custom_storage": storage, "asked_by": "ann@example.com"}
        return services.request(**({"what": "all", "is_dry_run": False} | values | fields))

    return order


@pytest.fixture
def counted():
    """Let a worker go as far as it can without making copies."""

    def counted(job):
        runner.drain()
        job.refresh_from_db()
        return job

    return counted


@pytest.fixture
def worked(bucket, counted):
    """Let a worker do all there is to do."""

    def worked(job):
        before = None
        while before != (
            seen := (job.state, job.n_ended, job.items.filter(state="ordered").count())
        ):
            before = seen
            counted(job)
            copying.drain()
            counted(job)
        return job

    return worked
