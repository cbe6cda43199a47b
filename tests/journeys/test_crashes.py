"""A process dies at every step of its work; each time the right bytes arrive, once (G2, F30).

Deaths are SIGKILLs of real processes at the crash points that the source names.
"""

import os
from collections.abc import Iterator

import pytest
import requests

from tests.journeys import crashing
from tests.journeys.crashing import MIB, Crashes
from tests.rig.installation import Project
from tests.rig.processes import wait_until

SMALL, BIG = 20_000, 6 * MIB  # BIG goes in two parts


def test_every_crash_point_has_a_scenario():
    """There are 25 at least (G2)."""
    assert crashing.registered() == sorted(crashing.ALL)
    assert len(crashing.ALL) >= 25


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crashes]:
    running = Crashes(tmp_path_factory.mktemp("crashes"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def project(crashes: Crashes) -> Project:
    """Every file of it is copied."""
    return crashes.connect("--auto-copy")


@pytest.mark.real
@pytest.mark.timeout(180)
class TestCopies:
    @pytest.mark.parametrize("step", [*crashing.COPY_WHOLE, *crashing.COPY_PARTS])
    def test_a_worker_that_dies_loses_and_doubles_nothing(self, crashes, project, step):
        content = os.urandom(BIG if step in crashing.COPY_PARTS else SMALL)
        crashes.die_at(step)
        uuid = crashes.upload(project, content)
        crashes.wait_for_death(step)
        crashes.require_copied(uuid, content, takeovers=step != "copy_outcomes_committed")

    def test_nor_where_the_copy_was_still_to_be_proved(self, crashes):
        """The bucket's own word proves nothing, so the copy is read back: written, not done."""
        project = crashes.connect("--auto-copy", prefix=f"{crashing.PREFIX}unproved/")
        crashes.shell(_TRUST_NOTHING, public_key=project.public_key)
        (step,), content = crashing.COPY_UNPROVED, os.urandom(SMALL)
        crashes.die_at(step)
        uuid = crashes.upload(project, content)
        crashes.wait_for_death(step)
        crashes.require_copied(uuid, content, takeovers=1)
        assert crashes.copy_of(uuid)["evidence"] == "read_back"


@pytest.mark.real
@pytest.mark.timeout(180)
class TestUploads:
    @pytest.mark.parametrize("step", crashing.UPLOAD[:-1])
    def test_a_web_process_that_dies_before_the_rows_leaves_bytes_that_are_swept(
        self, crashes, project, step
    ):
        """F03: never a row without bytes, and bytes without a row go; here of two files."""
        before = crashes.machine.count("storages_app_file")
        self._die_at(step, crashes, project, n_files=2)
        assert crashes.machine.count("storages_app_file") == before
        assert crashes.shell(_SWEEP_AN_HOUR_LATER) == 2
        assert crashes.shell(_SWEEP_AN_HOUR_LATER) == 0

    @pytest.mark.parametrize("step", crashing.UPLOAD)
    def test_what_is_sent_again_with_its_idempotency_key_is_one_file(self, crashes, project, step):
        """F04"""
        before = crashes.machine.count("storages_app_file")
        content = self._die_at(step, crashes, project, key=step)
        uuid = self._send([content], crashes, project, key=step).json()["file0"]
        assert self._send([content], crashes, project, key=step).json()["file0"] == uuid
        assert crashes.machine.count("storages_app_file") == before + 1
        crashes.require_copied(uuid, content, takeovers=0)

    def test_a_file_whose_answer_was_lost_is_copied_all_the_same(self, crashes, project):
        """F04, F21: the row and its copy were committed together, and nobody was woken."""
        before = crashes.machine.count("storages_app_file")
        content = self._die_at("upload_committed", crashes, project)
        assert crashes.machine.count("storages_app_file") == before + 1
        ((uuid,),) = crashes.machine.query(
            "SELECT uuid FROM storages_app_file ORDER BY uploaded_at DESC LIMIT 1"
        )
        crashes.require_copied(str(uuid), content, takeovers=0)

    def _die_at(
        self, step: str, crashes: Crashes, project: Project, *, n_files: int = 1, key: str = ""
    ) -> bytes:
        contents = [os.urandom(SMALL) for _ in range(n_files)]
        crashes.die_at(step)
        with pytest.raises(requests.ConnectionError):
            self._send(contents, crashes, project, key=key)
        crashes.wait_for_death(step)
        wait_until(crashes.machine.web_answers, within=30, what="web again")
        return contents[0]

    def _send(
        self, contents: list[bytes], crashes: Crashes, project: Project, *, key: str
    ) -> requests.Response:
        answer = requests.post(
            f"{crashes.machine.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={f"file{n}": ("crash.bin", content) for n, content in enumerate(contents)},
            headers={"Idempotency-Key": key},
            timeout=30,
        )
        answer.raise_for_status()
        return answer


@pytest.mark.real
@pytest.mark.timeout(240)
class TestRuns:
    """Work on many files goes on where it was, however often its worker dies."""

    def test_a_backup_run_survives_a_death_at_each_of_its_steps(self, crashes):
        project = crashes.connect(prefix=f"{crashing.PREFIX}backup/")
        contents = {name: os.urandom(SMALL) for name in ("a.bin", "b.bin")}
        uuids = {name: crashes.upload(project, content, name) for name, content in contents.items()}
        crashes.die_at(crashing.BACKUP[0])
        crashes.shell(_CONNECT_BACKUP, public_key=project.public_key)
        self._die_on(crashes, crashing.BACKUP, "storages_app_backuprun")
        wait_until(lambda: _is_idle(crashes, "backuprun"), within=60, what="the run")
        found = crashes.shell(_LAST_MANIFEST, public_key=project.public_key)
        assert found["state"] == "done", found
        assert sorted(found["uuids"]) == sorted(uuids.values())
        for name, uuid in uuids.items():
            crashes.require_copied(uuid, contents[name])

    def test_a_bulk_job_survives_a_death_at_each_of_its_steps(self, crashes):
        project = crashes.connect(prefix=f"{crashing.PREFIX}bulk/")
        contents = [os.urandom(SMALL) for _ in range(3)]
        uuids = [crashes.upload(project, content) for content in contents]
        crashes.die_at(crashing.BULK[0])
        crashes.shell(_COPY_ALL, public_key=project.public_key)
        self._die_on(crashes, crashing.BULK, "storages_app_bulkjob")
        wait_until(lambda: _is_idle(crashes, "bulkjob"), within=60, what="the job")
        for uuid, content in zip(uuids, contents, strict=True):
            crashes.require_copied(uuid, content)

    def test_a_restore_survives_a_death_at_each_of_its_steps(self, crashes):
        project = crashes.connect("--backup", prefix=f"{crashing.PREFIX}restore/")
        content = os.urandom(SMALL)
        uuid = crashes.upload(project, content)
        crashes.require_copied(uuid, content)
        crashes.shell(_RUN_BACKUP, public_key=project.public_key)
        wait_until(lambda: _is_idle(crashes, "backuprun"), within=60, what="the backup")
        other = crashes.machine.create_project()
        crashes.die_at(crashing.RESTORE[0])
        names = {"public_key": project.public_key, "into": other.public_key}
        run = crashes.shell(_ASK_FOR_RESTORE, **names)
        self._die_on(crashes, crashing.RESTORE[:1], "storages_app_restorerun")
        wait_until(lambda: _restore_state(crashes, run) == "counted", within=60, what="the plan")
        crashes.die_at(crashing.RESTORE[1])
        crashes.shell(_START_RESTORE, run=str(run))
        self._die_on(crashes, crashing.RESTORE[1:], "storages_app_restorerun")
        wait_until(lambda: _restore_state(crashes, run) == "done", within=60, what="the restore")
        files = crashes.shell(_FILES_OF, public_key=other.public_key)
        assert [file["size"] for file in files] == [SMALL]

    def _die_on(self, crashes: Crashes, steps: tuple[str, ...], table: str) -> None:
        """The first is ordered already."""
        for step, following in zip(steps, (*steps[1:], ""), strict=True):
            crashes.wait_for_death(step)
            if following:
                crashes.die_at(following)
            crashes.lapse(table)


@pytest.mark.real
class TestAfterwards:
    def test_the_doctor_finds_nothing_wrong(self, crashes, project):
        assert crashes.violations() == []


def _is_idle(crashes: Crashes, table: str) -> bool:
    return crashes.machine.count(f"storages_app_{table} WHERE finished_at IS NULL") == 0


def _restore_state(crashes: Crashes, run: object) -> str:
    ((state,),) = crashes.machine.query(
        f"SELECT state FROM storages_app_restorerun WHERE id = {run}"
    )
    return str(state)


_TRUST_NOTHING = """
from storages_app.models import CustomStorage
storage = CustomStorage.objects.get(project__public_key=public_key)
storage.capabilities["verifies_checksum"] = False
storage.save()
True
"""
_SWEEP_AN_HOUR_LATER = """
from datetime import timedelta
from django.utils import timezone
from storages_app.uploads.runner import sweep
sweep(now=timezone.now() + timedelta(hours=2))
"""
_CONNECT_BACKUP = """
from storages_app.backups import services
from storages_app.models import CustomStorage
storage = CustomStorage.objects.get(project__public_key=public_key)
services.connect(project=storage.project, custom_storage=storage, actor="test").pk
"""
_RUN_BACKUP = """
from storages_app.backups import services
from storages_app.models import BackupPlan
plan = BackupPlan.objects.get(project__public_key=public_key)
services.request_run(plan=plan, asked_by="test").pk
"""
_LAST_MANIFEST = """
from storages_app.backups import manifest
from storages_app.custom_storages.connect import open_store
from storages_app.models import BackupRun
run = BackupRun.objects.filter(plan__project__public_key=public_key).latest("pk")
store = open_store(run.plan.custom_storage)
opened = manifest.open_manifest(store, run.manifest_key)
uuids = [line["uuid"] for line in manifest.iter_lines(store, opened)]
dict(state=run.state, gaps=run.gaps, uuids=uuids)
"""
_COPY_ALL = """
from storages_app.bulk_copies import services
from storages_app.models import CustomStorage
storage = CustomStorage.objects.get(project__public_key=public_key)
services.request(project=storage.project, custom_storage=storage, asked_by="test", what="all").pk
"""
_ASK_FOR_RESTORE = """
from storages_app.restores import services
from storages_app.models import CustomStorage, Project
storage = CustomStorage.objects.get(project__public_key=public_key)
found = services.manifests_in(custom_storage=storage)[0].info.key
project = Project.objects.get(public_key=into)
asked = dict(manifest_key=found, asked_by="test", on_taken="new_uuid")
services.request(project=project, custom_storage=storage, **asked).pk
"""
_START_RESTORE = """
from storages_app.restores import services
from storages_app.models import RestoreRun
services.start(run=RestoreRun.objects.get(pk=int(run)), actor="test").pk
"""
_FILES_OF = """
from storages_app.models import File
list(File.objects.filter(project__public_key=public_key).values("size", "sha256"))
"""
