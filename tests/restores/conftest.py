"""A project whose files are in a backup, and a bucket that outlives it."""

import pytest

from storages_app.backups import services as backups
from storages_app.backups import tasks as backup_tasks
from storages_app.copying import runner as copying
from storages_app.models import BackupRun
from storages_app.restores import runner, services
from tests.factories import make_custom_storage, make_project
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]


@pytest.fixture(autouse=True)
def _restores_read_it_too(monkeypatch, bucket):
    for module in (runner, services):
        monkeypatch.setattr(module, "open_store", lambda custom_storage: bucket)


@pytest.fixture
def project():
    return make_project("Shop")


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="vault", prefix="b/", capabilities=PROVEN)


@pytest.fixture
def back_up(project, storage, bucket):
    """Run the backup to its end; its run."""

    def backed_up() -> BackupRun:
        plan = getattr(project, "backup_plan", None)
        if plan is None:
            plan = backups.connect(project=project, custom_storage=storage, actor="a test")
        else:
            backups.request_run(plan=plan, asked_by="a test")
        for _ in range(4):
            BackupRun.objects.update(lease_until=None)
            backup_tasks.drain()
            copying.drain()
        run = plan.runs.latest("pk")
        assert run.state in {"done", "gaps"}, run.reason
        return run

    return backed_up
