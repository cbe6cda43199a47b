"""Crash points: nothing without an order; with one, a death, once."""

import os
import subprocess
import sys
from pathlib import Path

from storages_app.lib.crashpoints import crashpoint

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "from storages_app.lib.crashpoints import crashpoint; crashpoint('upload_committed')"


def run(orders: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "UCDASH_CRASH_FILE": str(orders)},
        cwd=ROOT,
        check=False,
    )
    return done.returncode


def test_an_ordered_crash_point_kills_the_process_once(tmp_path):
    orders = tmp_path / "crash"
    orders.write_text("upload_committed")
    assert run(orders) == -9
    assert run(orders) == 0


def test_another_name_kills_nobody(tmp_path):
    orders = tmp_path / "crash"
    orders.write_text("copy_claimed")
    assert run(orders) == 0
    assert orders.exists()


def test_without_orders_nothing_happens():
    crashpoint("upload_committed")
