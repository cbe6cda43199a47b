"""Many at once on the same row, the same key and the same settings: the database decides."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.rig.installation import ROOT, Installation

ROUNDS = int(os.environ.get("RACE_ROUNDS", "20"))

pytestmark = [pytest.mark.real, pytest.mark.timeout(15 * ROUNDS)]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The database of an installation in which nothing runs."""
    there = Installation(tmp_path_factory.mktemp("races"))
    try:
        there.prepare()
        yield there
    finally:
        there.stop()


def race(tables: Installation, name: str, *, rounds: int, workers: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.rig.races", name, str(rounds), str(workers)],
        env=tables.env | {"DJANGO_SETTINGS_MODULE": "ucdash.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_g8_32_workers_on_one_job_make_one_object_and_one_row_is_done(tables):
    """F23: called 32 times at once, for a job that is done and for one that does not exist."""
    found = race(tables, "one_job", rounds=ROUNDS, workers=32)
    assert found["objects"] == found["writes"] == found["attempts"] == ROUNDS
    assert found["states"] == {"done": ROUNDS}
    assert found["failures"] == 0
    assert found["duplicates"] > 0


def test_f50_of_two_files_with_one_key_the_first_wins_and_the_second_says_so(tables):
    found = race(tables, "one_key", rounds=ROUNDS, workers=4)
    assert found["objects"] == found["writes"] == ROUNDS
    assert found["states"] == {"done": ROUNDS, "failed key_conflict": ROUNDS}
    assert found["failures"] == ROUNDS


def test_f49_a_file_that_is_deleted_while_it_is_copied_is_copied_or_cancelled(tables):
    found = race(tables, "deleted_file", rounds=5 * ROUNDS, workers=2)
    n_done = found["states"].get("done", 0)
    assert found["states"].keys() <= {"done", "cancelled file_deleted"}
    assert sum(found["states"].values()) == 5 * ROUNDS
    assert found["objects"] == n_done


@pytest.mark.parametrize("gone", ["deleted_storage", "deleted_project"])
def test_f10_a_file_that_comes_while_its_storage_or_project_goes_is_whole_or_not_there(
    tables, gone
):
    assert race(tables, gone, rounds=ROUNDS, workers=4)["rounds"] == ROUNDS


def test_a_file_that_is_stored_in_the_moment_in_which_it_expires_is_kept_or_gone(tables):
    found = race(tables, "expiring_file", rounds=2 * ROUNDS, workers=3)
    assert found["states"].keys() <= {"done", "cancelled file_deleted"}
    assert sum(found["states"].values()) == found["files"] == 2 * ROUNDS


def test_f49_a_waiting_copy_keeps_its_key_when_the_pattern_changes(tables):
    found = race(tables, "edited_storage", rounds=5 * ROUNDS, workers=2)
    assert found["states"] == {"done": 5 * ROUNDS}
    assert found["objects"] == found["writes"] == 5 * ROUNDS
