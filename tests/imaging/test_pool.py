import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import ImagingBusy, ProcessingFailed
from storages_app.imaging.pool import Pool
from tests import pictures

# Speaks as the real child does, and does what the request says.
_CHILD = """
import json, os, sys, time
def send(answer):
    body = json.dumps(answer).encode()
    sys.stdout.buffer.write(len(body).to_bytes(4, "big") + body)
    sys.stdout.buffer.flush()
send({"ready": True})
while head := sys.stdin.buffer.read(4):
    request = json.loads(sys.stdin.buffer.read(int.from_bytes(head, "big")))
    if request["do"] == "crash":
        os.abort()
    if request["do"] == "hang":
        time.sleep(60)
    if request["do"] == "babble":
        sys.stdout.buffer.write((5).to_bytes(4, "big") + b"no js"); sys.stdout.buffer.flush()
    if request["do"] == "wait":
        while not os.path.exists(request["for"]):
            time.sleep(0.005)
    send({"pid": os.getpid(), "names": sorted(os.environ)})
"""


@contextmanager
def all_at_work(pool: Pool, gate: Path) -> Iterator[None]:
    """Both children are busy until the end of the block."""
    threads = [
        threading.Thread(target=ask, args=(pool, "wait"), kwargs={"for": str(gate)})
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    while len(pool.pids) < 2:
        time.sleep(0.005)
    yield
    gate.touch()
    for thread in threads:
        thread.join()


@pytest.fixture
def pool():
    made = Pool(command=[sys.executable, "-c", _CHILD])
    yield made
    made.close()


def ask(pool: Pool, what: str, *, seconds: float = 20, wait_s: float = 20, **more) -> dict:
    return pool.ask({"do": what, **more}, seconds=seconds, wait_s=wait_s)


class TestPool:
    def test_uses_a_child_again(self, pool):
        assert ask(pool, "answer")["pid"] == ask(pool, "answer")["pid"]
        assert len(pool.pids) == 1

    @pytest.mark.parametrize("fault", ["crash", "babble"])
    def test_a_crash_costs_one_request(self, pool, fault):
        before = ask(pool, "answer")["pid"]
        with pytest.raises(ProcessingFailed):
            ask(pool, fault)
        assert ask(pool, "answer")["pid"] != before

    def test_a_child_that_hangs_is_killed_in_time(self, pool):
        before = ask(pool, "answer")["pid"]
        with pytest.raises(ProcessingFailed, match="too long"):
            ask(pool, "hang", seconds=0.05)
        with pytest.raises(ProcessLookupError):
            os.kill(before, 0)
        assert ask(pool, "answer")["pid"] != before

    def test_a_child_that_died_between_requests_costs_none(self, pool):
        before = ask(pool, "answer")["pid"]
        os.kill(before, signal.SIGKILL)
        os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
        assert ask(pool, "answer")["pid"] != before

    def test_says_busy_where_no_child_is_free_in_time(self, pool, tmp_path):
        with all_at_work(pool, tmp_path / "gate"):
            with pytest.raises(ImagingBusy) as refusal:
                ask(pool, "answer", wait_s=0.02)
            assert refusal.value.code == "imaging_busy"
        assert ask(pool, "answer")["pid"] in pool.pids

    def test_says_so_where_no_child_starts(self):
        pool = Pool(command=[sys.executable, "-c", "raise SystemExit(3)"])
        for _ in range(3):  # and no place in the pool is lost by it
            with pytest.raises(ImagingBusy, match="does not start"):
                ask(pool, "answer")

    def test_serves_many_threads_with_two_children(self, pool):
        seen: list[int] = []
        threads = [
            threading.Thread(target=lambda: seen.append(ask(pool, "answer")["pid"]))
            for _ in range(24)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 24
        assert len(set(seen)) <= 2

    def test_a_child_knows_no_secret_of_ours(self, pool, monkeypatch):
        monkeypatch.setenv("UCDASH_SECRET_KEY", "something")
        assert not [name for name in ask(pool, "answer")["names"] if name.startswith("UCDASH")]

    def test_a_forked_process_has_children_of_its_own(self, pool, tmp_path):
        with all_at_work(pool, tmp_path / "gate"):
            ours = set(pool.pids)
            reader, writer = os.pipe()
            forked = os.fork()
            if not forked:
                try:
                    os.write(writer, str(ask(pool, "answer", wait_s=0.1)["pid"]).encode())
                    pool.close()
                finally:
                    os._exit(0)
            os.close(writer)
            theirs = os.read(reader, 20)
            os.close(reader)
            os.waitpid(forked, 0)
        assert theirs, "The forked process got no answer."
        assert int(theirs) not in ours
        assert ask(pool, "answer")["pid"] in ours


class TestRealChild:
    def test_ends_with_the_process_that_started_it(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(pictures.jpeg())
        program = f"""
            import os
            from pathlib import Path
            from storages_app.imaging import pipeline
            from storages_app.imaging.pool import POOL
            assert pipeline.inspect(Path({str(tmp_path / "a.jpg")!r})).width == 400
            print(POOL.pids[0], flush=True)
            os.kill(os.getpid(), 9)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            check=False,
            cwd=Path(__file__).resolve().parents[2],
        )
        child = int(done.stdout)
        for _ in range(1_000):
            with suppress(FileNotFoundError):
                if ") Z " not in Path(f"/proc/{child}/stat").read_text():
                    time.sleep(0.005)
                    continue
            return
        raise AssertionError("The child outlived its parent.")

    def test_is_cut_off_from_the_network_where_the_kernel_allows_it(self, tmp_path):
        namespaces = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
        if subprocess.run([sys.executable, "-c", namespaces], check=False).returncode:
            pytest.skip("This kernel gives unprivileged processes no namespaces.")
        (tmp_path / "a.jpg").write_bytes(pictures.jpeg())
        pool = Pool()
        pipeline.inspect(tmp_path / "a.jpg", pool=pool)
        (child,) = pool.pids
        network = Path(f"/proc/{child}/ns/net").readlink()
        assert network != Path("/proc/self/ns/net").readlink()
        pool.close()

    def test_dies_and_the_next_picture_is_made(self, tmp_path):
        (tmp_path / "a.jpg").write_bytes(pictures.jpeg())
        pool = Pool()
        pipeline.inspect(tmp_path / "a.jpg", pool=pool)
        os.kill(pool.pids[0], signal.SIGSTOP)
        stopped = pool.pids[0]
        killer = threading.Timer(0.05, os.kill, (stopped, signal.SIGKILL))
        killer.start()
        with pytest.raises(ProcessingFailed):
            pipeline.render(tmp_path / "a.jpg", parse("-/preview/"), tmp_path, pool=pool)
        killer.join()
        made = pipeline.render(tmp_path / "a.jpg", parse("-/preview/"), tmp_path, pool=pool)
        assert made.width == 400
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a.jpg", made.path.name])
        pool.close()
