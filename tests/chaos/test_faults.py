"""Faults of real processes, one at a time: nothing is lost, and how soon it goes on.

On services: PostgreSQL, Redis and two workers. Else SQLite, the embedded broker and one worker
with two processes.
"""

import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.chaos.oracle import broken, judge
from tests.chaos.plan import CI
from tests.chaos.run import remains_of
from tests.chaos.stage import LEASE_S, MAIN, Stage, descendants
from tests.rig.installation import Project
from tests.rig.processes import wait_until

ON_SERVICES = "UCDASH_TEST_DATABASE_URL" in os.environ
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]
needs_services = pytest.mark.skipif(not ON_SERVICES, reason="make test-services asks it")

N_FILES = 30
SLOW = {"delay_s": 0.4}  # before each answer of the bucket, so that work is under way


class Faults:
    """The stage, with a project whose files are copied."""

    def __init__(self, folder: Path) -> None:
        self.stage = Stage(folder, seed=1, form=CI, on_services=ON_SERVICES)
        self.project: Project

    def start(self) -> None:
        self.stage.start()
        self.project = self.stage.create_project(MAIN)

    def stop(self) -> None:
        self.stage.stop()

    def upload(self, n_files: int = N_FILES) -> list[str]:
        """By several customers at once; each has to hear a yes at the first try."""
        with ThreadPoolExecutor(6) as pool:
            return list(pool.map(self._upload_one, range(n_files)))

    def _upload_one(self, number: int) -> str:
        answer = requests.post(
            f"{self.stage.installation.url}/base/",
            data={"UPLOADCARE_PUB_KEY": self.project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": (f"fault-{number}.bin", os.urandom(20_000))},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["file"])

    def wait_until_copied(self, *, within: float) -> float:
        """Until nothing waits; the seconds that it took."""
        began = time.monotonic()
        wait_until(self._is_drained, within=within, what="all copies")
        return time.monotonic() - began

    def _is_drained(self) -> bool:
        try:
            return not self.stage.n_waiting()
        except Exception:  # noqa: BLE001 - the database may be restarting
            return False

    @contextmanager
    def slow_bucket(self) -> Iterator[None]:
        self.stage.bucket.set_quirks(**SLOW)
        try:
            yield
        finally:
            self.stage.bucket.set_quirks(delay_s=0.0)

    def busy(self) -> int:
        """A process that holds copies."""
        pid = self.stage.wait_for_busy_process(within=20)
        assert pid, "Nobody is at work."
        return pid

    def require_everything_right(self) -> None:
        """The judge of the chaos run finds nothing, of this test and those before."""
        remains = remains_of(self.stage)
        assert {"web.log", "table storages_app_copyjob"} <= remains.texts.keys()
        verdict = judge(remains)
        assert not broken(verdict.counts), verdict.cases

    def n_blamed(self) -> int:
        """Copies that are thought to have killed somebody."""
        return self.stage.installation.count("storages_app_copyjob WHERE crashes > 0")

    def n_held(self) -> int:
        return self.stage.installation.count(
            "storages_app_copyjob WHERE state IN ('leased', 'written')"
        )

    def each_worker(self) -> list[int]:
        return list(range(len(self.stage.workers)))

    def start_workers(self) -> None:
        for number in self.each_worker():
            self.stage.start_worker(number)
        self.stage.wait_for_workers()


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    with tempfile.TemporaryDirectory(prefix="ucdash-faults-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        running = Faults(folder)
        try:
            running.start()
            yield running
        finally:
            running.stop()


class TestWorkers:
    def test_work_of_a_killed_process_is_taken_over_when_its_lease_is_over(self, faults):
        """F30, G3: ten times slower leases make it 45 s at the most; `make soak` measures that."""
        with faults.slow_bucket():
            faults.upload()
            os.kill(faults.busy(), signal.SIGKILL)
        assert faults.wait_until_copied(within=30) < LEASE_S + 12
        faults.require_everything_right()

    def test_a_process_that_slept_cannot_write_what_it_has_lost(self, faults):
        """F30: SIGSTOP for longer than a lease, then SIGCONT.

        Also in the middle of a transaction: PostgreSQL frees what it had locked after 10 s.
        """
        with faults.slow_bucket():
            faults.upload()
            pid = faults.busy()
            os.kill(pid, signal.SIGSTOP)
        try:
            held = faults.stage.held_by(pid)
            assert held
            wait_until(lambda: faults.stage.have_ended(held), within=30, what="a takeover of all")
        finally:
            os.kill(pid, signal.SIGCONT)
        faults.wait_until_copied(within=30)
        time.sleep(1)  # what it still wants to write
        faults.require_everything_right()

    def test_a_deployment_in_the_middle_loses_nothing_and_blames_nobody(self, faults):
        """F30, F54: SIGTERM; what runs is finished or given back, and the new code goes on."""
        with faults.slow_bucket():
            faults.upload()
            faults.busy()
            n_blamed = faults.n_blamed()
            for number in faults.each_worker():
                faults.stage.end_worker(number)
            n_held = faults.n_held()
        faults.start_workers()
        assert n_held == 0
        faults.wait_until_copied(within=30)
        assert faults.n_blamed() == n_blamed
        faults.require_everything_right()

    @pytest.mark.parametrize(
        ("which", "limit"),
        [(resource.RLIMIT_NOFILE, 24), (resource.RLIMIT_AS, 300 * 2**20)],
        ids=["files", "memory"],
    )
    def test_a_process_at_its_limit_recovers(self, faults, which, limit):
        """F53: no more files and sockets, or no more memory, for a while.

        Without memory a thread may die while it is born, and whoever starts it waits for ever:
        such a process has to end by itself.
        """
        pids = [p for one in faults.stage.workers for p in descendants(one.pid)]
        before = {pid: resource.prlimit(pid, which) for pid in pids}
        for pid, (_, hard) in before.items():
            resource.prlimit(pid, which, (limit, hard))
        faults.upload()
        time.sleep(2)
        for pid in pids:
            with suppress(ProcessLookupError):  # its parent has replaced it
                resource.prlimit(pid, which, before[pid])
        faults.wait_until_copied(within=60)
        faults.require_everything_right()


class TestDatabase:
    @needs_services
    @pytest.mark.parametrize("how", ["restart", "sessions"])
    def test_copies_under_way_survive_it(self, faults, how):
        """F51: an immediate restart of PostgreSQL, and all connections killed."""
        with faults.slow_bucket():
            faults.upload()
            faults.busy()
            _FAULTS_OF_A_DATABASE[how](faults)
        faults.wait_until_copied(within=45)
        faults.require_everything_right()


class TestUploads:
    def test_succeed_while_broker_bucket_and_workers_are_down(self, faults):
        """G12, F20: none of 30 fails, and all are copied when things are well again."""
        stage = faults.stage
        stage.bucket.faults_on(rate=1, codes=["reset"])
        faults.upload(5)
        for number in faults.each_worker():
            stage.stop_worker(number)
        with stage.broker.down():
            faults.upload()
            assert stage.n_waiting() >= N_FILES
        stage.bucket.faults_off()
        faults.start_workers()
        faults.wait_until_copied(within=60)
        faults.require_everything_right()


def _kill_sessions(faults: Faults) -> None:
    faults.stage.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )


_FAULTS_OF_A_DATABASE: dict[str, Callable[[Faults], None]] = {
    "restart": lambda faults: faults.stage.database.restart_immediately(),
    "sessions": _kill_sessions,
}
