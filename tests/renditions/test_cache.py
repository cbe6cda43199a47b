import errno
import hashlib
import os
import random
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from storages_app.imaging.errors import ImagingBusy, NoRoom, ProcessingFailed
from storages_app.imaging.pipeline import Rendered
from storages_app.renditions.cache import RenditionCache
from tests.rig.together import at_once

DEATHS = 8

_PROGRAM = """
import hashlib, itertools, os, secrets, sys, time
from pathlib import Path
from storages_app.imaging.pipeline import Rendered
from storages_app.renditions.cache import RenditionCache
cache = RenditionCache(Path(sys.argv[1]), 10**9)
"""
# Entries of 200 kB, one after the other; where one process has died, the next one goes on.
WRITER = f"""{_PROGRAM}
def make(folder):
    body = os.urandom(200_000)
    path = folder / secrets.token_hex(16)
    path.write_bytes(body)
    print("made", flush=True)
    sha256 = hashlib.sha256(body).hexdigest()
    return Rendered(path, "image/png", 30, 20, len(body), sha256, "cd" * 16)
for number in itertools.count():
    cache.get_or_make(f"key {{number}}", make)
"""
HANGER = f"""{_PROGRAM}
def make(folder):
    (folder / "half").write_bytes(b"half")
    print("begun", flush=True)
    time.sleep(60)
cache.get_or_make("key", make)
"""


@pytest.fixture
def cache(tmp_path) -> RenditionCache:
    return RenditionCache(tmp_path / "cache", max_bytes=10_000)


class Maker:
    """Makes entries of `size` bytes, and counts."""

    def __init__(self, size: int = 1_000, error: Exception | None = None) -> None:
        self.size = size
        self.error = error
        self.n_made = 0

    def __call__(self, folder: Path) -> Rendered:
        self.n_made += 1
        if self.error:
            raise self.error
        path = folder / f"made-{id(self)}-{self.n_made}"
        path.write_bytes(b"x" * self.size)
        return Rendered(path, "image/png", 30, 20, self.size, "ab" * 32, "cd" * 16)


def entries(cache: RenditionCache) -> list[Path]:
    return sorted(path for path in (cache.folder / "made").glob("*/*") if not path.suffix)


def age(path: Path, seconds: float) -> None:
    moment = time.time() - seconds
    for file in (path, path.with_name(f"{path.name}.json")):
        if file.exists():
            os.utime(file, (moment, moment))


class TestGetOrMake:
    def test_makes_an_entry_once(self, cache):
        maker = Maker()
        first = cache.get_or_make("key", maker)
        assert cache.get_or_make("key", maker) == first
        assert maker.n_made == 1
        assert first.path.read_bytes() == b"x" * 1_000
        assert (first.content_type, first.width, first.height) == ("image/png", 30, 20)

    def test_another_process_finds_it(self, cache):
        first = cache.get_or_make("key", Maker())
        again = RenditionCache(cache.folder, 10_000).get_or_make("key", Maker(error=OSError()))
        assert again == first

    def test_other_keys_are_other_entries(self, cache):
        maker = Maker()
        cache.get_or_make("key", maker)
        cache.get_or_make("other key", maker)
        assert maker.n_made == 2

    def test_a_key_names_no_path(self, cache, tmp_path):
        made = cache.get_or_make("../../../outside", Maker())
        assert made.path.resolve().is_relative_to(cache.folder.resolve())

    def test_equal_requests_at_the_same_time_make_it_once(self, cache):
        maker, together, seen = Maker(), threading.Barrier(8), []

        def ask() -> None:
            # Its own cache object, as another process has: the lock is a file.
            mine = RenditionCache(cache.folder, 10_000)
            together.wait()
            seen.append(mine.get_or_make("key", maker))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert maker.n_made == 1
        assert len(set(seen)) == 1

    @pytest.mark.parametrize("damage", ["cut", "gone", "facts"])
    def test_a_damaged_entry_is_made_anew(self, cache, damage):
        maker = Maker()
        path = cache.get_or_make("key", maker).path
        if damage == "cut":
            path.write_bytes(b"x")
        elif damage == "gone":
            path.unlink()
        else:
            path.with_name(f"{path.name}.json").write_text('{"size": 1000')
        assert cache.get_or_make("key", maker).path.stat().st_size == 1_000
        assert maker.n_made == 2

    def test_a_failure_is_remembered_for_a_while(self, cache, monkeypatch):
        maker = Maker(error=ProcessingFailed("It broke the decoder."))
        for _ in range(3):
            with pytest.raises(ProcessingFailed, match="broke the decoder"):
                cache.get_or_make("key", maker)
        assert maker.n_made == 1
        monkeypatch.setattr("storages_app.renditions.cache._FAILURE_S", -1)
        with pytest.raises(ProcessingFailed):
            cache.get_or_make("key", maker)
        assert maker.n_made == 2

    def test_being_busy_is_not_remembered(self, cache):
        with pytest.raises(ImagingBusy):
            cache.get_or_make("key", Maker(error=ImagingBusy()))
        assert cache.get_or_make("key", Maker()).size == 1_000


class TestFullDisk:
    """F05, of the disk that holds the images."""

    @pytest.fixture
    def full_above(self, cache, monkeypatch):
        """A disk on which no new entry finds room beside this many."""

        def set_limit(n_entries: int) -> None:
            keep = RenditionCache._keep

            def keep_if_there_is_room(self, name, rendered):
                if len(entries(self)) >= n_entries:
                    rendered.path.unlink()
                    raise OSError(errno.ENOSPC, "No space left on device")
                return keep(self, name, rendered)

            monkeypatch.setattr(RenditionCache, "_keep", keep_if_there_is_room)

        return set_limit

    def test_what_was_longest_unused_makes_room(self, cache, full_above):
        paths = [cache.get_or_make(f"key {n}", Maker()).path for n in range(4)]
        for n, path in enumerate(paths):
            age(path, 1_000 - n)
        full_above(4)
        made = cache.get_or_make("another", Maker())
        assert entries(cache) == sorted([*paths[2:], made.path])

    def test_says_so_where_nothing_may_go(self, cache, full_above):
        first = cache.get_or_make("key", Maker())  # somebody was just given it
        full_above(1)
        with pytest.raises(NoRoom):
            cache.get_or_make("another", Maker())
        assert cache.get_or_make("key", Maker(error=OSError())) == first
        assert [path.name for path in (cache.folder / "making").iterdir()] == []

    def test_is_not_remembered_as_a_failure_of_the_picture(self, cache):
        with pytest.raises(NoRoom):
            cache.get_or_make("key", Maker(error=NoRoom()))
        assert cache.get_or_make("key", Maker()).size == 1_000

    def test_half_an_entry_is_not_left(self, cache, monkeypatch):
        def write_nothing(*_):
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

        monkeypatch.setattr(Path, "write_text", write_nothing)
        with pytest.raises(NoRoom):
            cache.get_or_make("key", Maker())
        assert not entries(cache)
        assert not list((cache.folder / "making").iterdir())

    def test_another_fault_of_the_disk_is_not_taken_for_it(self, cache):
        with pytest.raises(OSError, match="Input/output"):
            cache.get_or_make("key", Maker(error=OSError(errno.EIO, "Input/output error")))


class TestPrune:
    def test_removes_what_was_longest_unused_down_to_the_bound(self, cache):
        paths = [cache.get_or_make(f"key {n}", Maker()).path for n in range(15)]
        for n, path in enumerate(paths):
            age(path, 1_000 - n)
        assert cache.prune() == 6
        assert entries(cache) == sorted(paths[6:])
        assert sum(path.stat().st_size for path in entries(cache)) <= 10_000
        left = {path.name.removesuffix(".json") for path in (cache.folder / "made").glob("*/*")}
        assert left == {path.name for path in paths[6:]}

    def test_does_nothing_within_the_bound(self, cache):
        paths = [cache.get_or_make(f"key {n}", Maker()).path for n in range(10)]
        for path in paths:
            age(path, 1_000)
        assert cache.prune() == 0
        assert len(entries(cache)) == 10

    def test_keeps_what_was_asked_for_within_the_last_minute(self, cache):
        paths = [cache.get_or_make(f"key {n}", Maker(5_000)).path for n in range(4)]
        for path in paths:
            age(path, 1_000)
        cache.get_or_make("key 0", Maker())
        assert cache.prune() == 3
        assert entries(cache) == [paths[0]]

    def test_removes_bytes_whose_facts_were_never_written(self, cache):
        path = cache.get_or_make("key", Maker(11_000)).path
        path.with_name(f"{path.name}.json").unlink()
        age(path, 1_000)
        assert cache.prune() == 1
        assert not entries(cache)

    def test_removes_left_overs_of_killed_processes_and_no_work_of_living_ones(self, cache):
        cache.get_or_make("key", Maker())
        making = cache.folder / "making"
        (making / "old").write_bytes(b"x")
        (making / "young").write_bytes(b"x")
        os.utime(making / "old", (1, 1))
        cache.prune()
        assert [path.name for path in making.iterdir()] == ["young"]

    def test_happens_by_itself(self, cache):
        for path in [cache.get_or_make(f"key {n}", Maker(6_000)).path for n in range(3)]:
            age(path, 1_000)
        RenditionCache(cache.folder, 10_000).get_or_make("another", Maker(10))
        assert sum(path.stat().st_size for path in entries(cache)) <= 10_000

    def test_keeps_what_is_asked_for_while_it_looks(self, cache, monkeypatch):
        """Somebody was given it a moment ago, and has not opened it yet."""
        paths = [cache.get_or_make(f"key {n}", Maker(6_000)).path for n in range(2)]
        for path in paths:
            age(path, 1_000)
        listed = list(cache._entries())
        cache.get_or_make("key 0", Maker())
        monkeypatch.setattr(cache, "_entries", lambda: iter(listed))
        assert cache.prune() == 1
        assert cache.get_or_make("key 0", Maker(error=OSError())).path.read_bytes()
        assert entries(cache) == [paths[0]]

    def test_keeps_what_is_made_anew_while_it_looks(self, cache):
        paths = [cache.get_or_make(f"key {n}", Maker(6_000)).path for n in range(2)]
        for path in paths:
            age(path, 1_000)
        paths[0].with_name(f"{paths[0].name}.json").unlink()
        age(paths[0], 2_000)

        def make(folder: Path) -> Rendered:
            cache.prune()
            return Maker(6_000)(folder)

        assert cache.get_or_make("key 0", make).path.read_bytes()


class TestUnderLoad:
    def test_stays_within_its_bound_and_what_it_gives_can_be_opened(self, cache, monkeypatch):
        """Eight at once, each as another process, and every request makes room."""
        monkeypatch.setattr("storages_app.renditions.cache._PRUNE_EVERY_S", 0)
        make = Maker()

        def work(seed: int) -> list[int]:
            mine = RenditionCache(cache.folder, cache.max_bytes)
            chance = random.Random(seed)
            keys = [f"key {chance.randrange(40)}" for _ in range(8)]
            return [len(mine.get_or_make(key, make).path.read_bytes()) for key in keys]

        for number in range(4):
            for path in entries(cache):
                age(path, 1_000)
            seen = at_once(*[partial(work, 8 * number + n) for n in range(8)])
            assert [size for sizes in seen for size in sizes] == [1_000] * 64
        for path in entries(cache):
            age(path, 1_000)
        cache.prune()
        assert 0 < sum(path.stat().st_size for path in entries(cache)) <= cache.max_bytes
        assert len(list((cache.folder / "made").glob("*/*.json"))) == len(entries(cache))
        assert not list((cache.folder / "making").iterdir())


class TestDeath:
    def test_at_any_moment_leaves_no_half_entry(self, cache):
        """SIGKILL for processes that make one after the other: what is found is whole."""
        for n in range(DEATHS):
            writer = subprocess.Popen(
                [sys.executable, "-c", WRITER, str(cache.folder)],
                stdout=subprocess.PIPE,
                cwd=Path(__file__).resolve().parents[2],
            )
            assert writer.stdout
            assert writer.stdout.readline() == b"made\n"
            threading.Event().wait(0.003 * n)
            writer.kill()
            writer.communicate()
        n_whole = len(list((cache.folder / "made").glob("*/*.json")))
        assert n_whole > DEATHS
        for number in range(n_whole):
            found = cache.get_or_make(f"key {number}", Maker(error=AssertionError("It is there.")))
            assert hashlib.sha256(found.path.read_bytes()).hexdigest() == found.sha256

    def test_between_the_bytes_and_the_facts_makes_it_once_more(self, cache):
        maker = Maker()
        path = cache.get_or_make("key", maker).path
        path.with_name(f"{path.name}.json").unlink()
        assert cache.get_or_make("key", maker).path == path
        assert maker.n_made == 2

    def test_of_who_makes_it_lets_another_one_make_it(self, cache):
        """The lock of a process goes with it."""
        dying = subprocess.Popen(
            [sys.executable, "-c", HANGER, str(cache.folder)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[2],
        )
        assert dying.stdout
        assert dying.stdout.readline() == b"begun\n"
        maker, seen = Maker(), []
        waiting = threading.Thread(target=lambda: seen.append(cache.get_or_make("key", maker)))
        waiting.start()
        dying.kill()
        dying.communicate()
        waiting.join(10)
        assert maker.n_made == 1
        assert seen[0].path.read_bytes() == b"x" * 1_000
