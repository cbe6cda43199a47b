"""Counts that processes share (S097)."""

import subprocess
import sys

import pytest

from storages_app.lib.shared_counts import SharedCounts

_COUNT = """
import sys
from pathlib import Path
from storages_app.lib.shared_counts import SharedCounts
counts = SharedCounts(Path(sys.argv[1]))
print(sum(counts.add("a", span=1) <= 100 for _ in range(60)))
"""


@pytest.fixture
def counts(tmp_path):
    return SharedCounts(tmp_path / "counts")


def test_each_name_and_span_begins_at_zero(counts):
    assert [counts.add("a", span=7), counts.add("a", span=7)] == [1, 2]
    assert counts.add("b", span=7) == 1
    assert counts.add("a", span=8) == 1
    assert counts.add("a", span=7) == 3  # a process whose clock is a little behind


def test_several_can_be_added_at_once(counts):
    assert [counts.add("a", span=1, n=20), counts.add("a", span=1)] == [20, 21]


def test_several_names_are_counted_in_one_step(counts):
    counts.add("b", span=1)
    assert counts.add_all({"a": 20, "b": 1}, span=1) == {"a": 20, "b": 2}


def test_only_what_may_be_asked_for_is_kept(counts):
    for span in range(10):
        counts.add("a", span=span)
    kept = counts._connected().execute("SELECT span FROM counts ORDER BY span").fetchall()
    assert kept == [(8,), (9,)]


def test_processes_share_them_exactly(tmp_path):
    """S097: 4 processes may make 100 of 240 requests, and none more."""
    command = [sys.executable, "-c", _COUNT, str(tmp_path / "counts")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sum(int(process.communicate(timeout=60)[0]) for process in processes) == 100
    assert SharedCounts(tmp_path / "counts").add("a", span=1) == 241


def test_a_file_that_is_unreadable_begins_anew(tmp_path, caplog):
    path = tmp_path / "counts"
    path.write_bytes(b"no database at all" * 1000)
    counts = SharedCounts(path)
    with pytest.raises(OSError, match="not a database"):
        counts.add("a", span=1)
    assert counts.add("a", span=1) == 1
    assert "begins anew" in caplog.text


def test_a_folder_that_is_not_there_is_told_as_what_it_is(tmp_path):
    with pytest.raises(OSError, match="unable to open"):
        SharedCounts(tmp_path / "none" / "counts").add("a", span=1)
