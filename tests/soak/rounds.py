"""The goals of the reliability document that take minutes, each a function that measures one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import requests

from tests.chaos.oracle import broken, judge
from tests.chaos.plan import CI
from tests.chaos.run import remains_of
from tests.chaos.stage import MAIN, Stage
from tests.journeys import crashing
from tests.journeys.crashing import MIB, Crashes
from tests.rig.installation import ROOT, Project
from tests.rig.processes import say, wait_until
from tests.soak import first_attempts, large_upload


@dataclass(frozen=True)
class Result:
    """One figure against its goal."""

    goal: str
    what: str
    figure: float
    limit: float
    unit: str

    @property
    def is_met(self) -> bool:
        return self.figure <= self.limit


class Rounds:
    """Measures in `folder`; `share` from 0 to 1 makes the rounds shorter, to try them."""

    def __init__(self, folder: Path, *, on_services: bool, share: float = 1.0) -> None:
        self._folder, self._on_services, self._share = folder, on_services, share
        self._n_stages = 0
        self.all: dict[str, Callable[[], Iterator[Result]]] = {
            "G2": self.crash_points,
            "G3": self.dead_worker,
            "G4": self.wiped_broker,
            "G5": self.freshness,
            "G7": self.corruptions,
            "G8": self.races,
            "G9": self.webhooks,
            "G10": self.reconciliation,
            "G12": self.uploads_while_all_is_down,
            "B": self.large_upload,
            "S090": self.damaged_pictures,
        }

    def _many(self, number: int) -> int:
        return max(1, round(number * self._share))

    @contextmanager
    def _stage(self, **settings: str) -> Iterator[tuple[Stage, Project]]:
        """With the settings that operators get."""
        self._n_stages += 1
        folder = self._folder / f"stage-{self._n_stages}"
        folder.mkdir(mode=0o755)
        stage = Stage(
            folder,
            seed=1,
            form=CI,
            on_services=self._on_services,
            UCDASH_LEASE_S="30",
            UCDASH_POLL_S="5",
            UCDASH_TIME_SCALE="1",
            **settings,
        )
        try:
            stage.start()
            yield stage, stage.create_project(MAIN)
        finally:
            stage.stop()

    # --- G3, G4, G5, G12: time ------------------------------------------------------------------

    def dead_worker(self) -> Iterator[Result]:
        """From SIGKILL until everything that was held has ended, at real leases."""
        slowest = 0.0
        with self._stage() as (stage, project):
            for _ in range(self._many(3)):
                stage.bucket.set_quirks(delay_s=1.0)
                upload(stage, project, 60)
                pid = stage.wait_for_busy_process(within=30)
                os.kill(pid, signal.SIGKILL)
                began, held = time.monotonic(), stage.held_by(pid)
                stage.bucket.set_quirks(delay_s=0.0)
                wait_until(lambda held=held: stage.have_ended(held), within=180, what="takeovers")
                slowest = max(slowest, time.monotonic() - began)
                drained(stage)
            yield Result("G3", "worker killed, its copies are made", slowest, 45, "s")
            yield from _right("G3", stage)

    def wiped_broker(self) -> Iterator[Result]:
        """Nobody was at work, and all wake-ups are forgotten; from the start of the workers."""
        slowest = 0.0
        with self._stage() as (stage, project):
            for _ in range(self._many(5)):
                for number in range(len(stage.workers)):
                    stage.stop_worker(number)
                upload(stage, project, self._many(1000))
                n_left = stage.n_waiting()
                stage.broker.wipe()
                for number in range(len(stage.workers)):
                    stage.start_worker(number)
                stage.wait_for_workers()
                began = time.monotonic()
                wait_until(
                    lambda n=n_left: stage.n_waiting() < n, within=120, what="the first copy"
                )
                slowest = max(slowest, time.monotonic() - began)
                drained(stage, within=600)
            yield Result("G4", "broker wiped, work resumes", slowest, 30, "s")
            yield from _right("G4", stage)

    def freshness(self) -> Iterator[Result]:
        """Five files a second for ten minutes; from the row of a file to the proof of its copy."""
        with self._stage() as (stage, project):
            ends_at, number = time.monotonic() + self._many(600), 0
            with ThreadPoolExecutor(8) as pool:
                while time.monotonic() < ends_at:
                    pool.submit(_send, stage, project, number, 100_000)
                    number += 1
                    time.sleep(0.2)
            drained(stage)
            rows = stage.query(
                "SELECT f.uploaded_at, j.verified_at FROM storages_app_copyjob j "
                "JOIN storages_app_file f ON f.uuid = j.file_id WHERE j.state = 'done'"
            )
            took = sorted((_time(end) - _time(start)).total_seconds() for start, end in rows)
            p95 = took[round(0.95 * (len(took) - 1))]
            late = sum(seconds > 900 for seconds in took)
            yield Result("G5", f"auto-copy of {len(took)} files, p95", p95, 10, "s")
            yield Result("G5", "copies later than 15 minutes", late, 0, "copies")
            yield from _right("G5", stage)

    def uploads_while_all_is_down(self) -> Iterator[Result]:
        """Broker, bucket and workers; uploads must not notice."""
        n_files = self._many(1000)
        with self._stage() as (stage, project):
            stage.bucket.faults_on(rate=1, codes=["reset"])
            for number in range(len(stage.workers)):
                stage.stop_worker(number)
            with stage.broker.down():
                n_failed = upload(stage, project, n_files)
            yield Result("G12", f"of {n_files} uploads failed", n_failed, 0, "uploads")
            stage.bucket.faults_off()
            for number in range(len(stage.workers)):
                stage.start_worker(number)
            drained(stage, within=900)
            yield from _right("G12", stage)

    # --- G2: crash points -----------------------------------------------------------------------

    def crash_points(self) -> Iterator[Result]:
        """Every point of a copy × {0 B, 1 MB, 20 MB in parts} × {auto-copy, backup}."""
        folder = self._folder / "crashes"
        folder.mkdir()
        crashes = Crashes(folder)
        n_wrong = n_tried = 0
        try:
            crashes.start()
            for option in ("--auto-copy", "--backup"):
                project = crashes.connect(option, prefix=f"{crashing.PREFIX}{option[2:]}/")
                for size in (0, 1 * MIB, 20 * MIB):
                    is_large = size > 5 * MIB
                    steps = crashing.COPY_PARTS if is_large else crashing.COPY_WHOLE
                    for step in steps[: self._many(len(steps))]:
                        n_tried += 1
                        n_wrong += not _converges(crashes, project, step, os.urandom(size))
            n_wrong += len(crashes.violations())
        finally:
            crashes.stop()
        yield Result("G2", f"of {n_tried} deaths did not converge", n_wrong, 0, "deaths")

    # --- B: five gigabytes ----------------------------------------------------------------------

    def large_upload(self) -> Iterator[Result]:
        """As out of the box: SQLite, the local disk, one web process, one worker."""
        folder = self._folder / "large"
        folder.mkdir()
        for what, figure, limit, unit in large_upload.results(folder, self._share):
            yield Result("B", what, figure, limit, unit)

    # --- What other programs measure ------------------------------------------------------------

    def corruptions(self) -> Iterator[Result]:
        """1,000 spoilt copies, 1,000 found."""
        yield self._tests("G7", "tests/copying/test_corruptions.py", "CORRUPTIONS", 1000)

    def races(self) -> Iterator[Result]:
        """32 workers on one job, 1,000 rounds; two requests for one copy."""
        yield self._tests("G8", "tests/copying/test_races.py", "RACE_ROUNDS", 1000)
        yield self._tests("G8", "tests/journeys/test_remote_copy_races.py", "RACE_ROUNDS", 100)

    def webhooks(self) -> Iterator[Result]:
        """10,000 events for a receiver that fails three times in ten and is slow once in ten."""
        yield self._tests("G9", "tests/webhooks/test_rounds.py", "WEBHOOK_EVENTS", 10_000)
        folder = self._folder / "webhooks"
        folder.mkdir(mode=0o755)
        waited = first_attempts.measure(
            folder, on_services=self._on_services, seconds=self._many(60)
        )
        p95 = waited[round(0.95 * (len(waited) - 1))]
        yield Result("G9", f"first attempts of {len(waited)} events, p95", p95, 5, "s")

    def damaged_pictures(self) -> Iterator[Result]:
        """1,000 damaged pictures of every kind, asked of a real server."""
        yield self._tests("S090", "tests/journeys/test_image_faults.py", "MUTANTS", 1000)

    def _tests(self, goal: str, path: str, variable: str, count: int) -> Result:
        environment = os.environ | {variable: str(self._many(count))}
        command = [sys.executable, "-m", "pytest", path, "-q", "-o", "timeout=3600"]
        run = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        return Result(goal, f"{path}, {variable}={self._many(count)}", run.returncode, 0, "exit")

    def reconciliation(self) -> Iterator[Result]:
        """100,000 objects and 1,000 planted differences."""
        command = [sys.executable, "-m", "benchmarks.reconcile"]
        environment = os.environ | {"OBJECTS": str(self._many(100_000))}
        run = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        say(run.stdout)
        facts = json.loads(run.stdout.splitlines()[-1])
        yield Result("G10", "reconciliation of 100,000 objects", facts["ours"], 300, facts["unit"])


def _converges(crashes: Crashes, project: Project, step: str, content: bytes) -> bool:
    crashes.die_at(step)
    try:
        uuid = crashes.upload(project, content)
        crashes.wait_for_death(step)
        crashes.require_copied(uuid, content)
    except AssertionError as error:
        say(f"{step}, {len(content)} bytes: {error}")
        return False
    return True


def upload(stage: Stage, project: Project, n_files: int, size: int = 20_000) -> int:
    """By eight customers; how many were not taken."""
    with ThreadPoolExecutor(8) as pool:
        taken = pool.map(lambda number: _send(stage, project, number, size), range(n_files))
        return n_files - sum(taken)


def _send(stage: Stage, project: Project, number: int, size: int) -> bool:
    answer = requests.post(
        f"{stage.installation.url}/base/",
        data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
        files={"file": (f"soak-{number}.bin", os.urandom(size))},
        timeout=60,
    )
    return answer.ok


def drained(stage: Stage, *, within: float = 300) -> None:
    wait_until(lambda: not stage.n_waiting(), within=within, what="all copies", every=0.2)


def _right(goal: str, stage: Stage) -> Iterator[Result]:
    verdict = judge(remains_of(stage))
    for name in broken(verdict.counts):
        yield Result(goal, f"{name}: {verdict.cases[0]}", verdict.counts[name], 0, "cases")


def _time(moment: object) -> datetime:
    return datetime.fromisoformat(str(moment).replace("+00:00", ""))
