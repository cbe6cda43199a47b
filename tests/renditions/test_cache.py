import os
import threading
import time
from pathlib import Path

import pytest

from storages_app.imaging.errors import ImagingBusy, ProcessingFailed
from storages_app.imaging.pipeline import Rendered
from storages_app.renditions.cache import RenditionCache


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
