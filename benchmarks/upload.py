"""One upload of 500 MB and 1,000 of 20 KB through the default server, beside a bare WSGI program.

Both are served by gunicorn with 32 threads in a process, and get the same bodies of `POST /base/`
by the same client in one run; ours in the processes of the default (`UCDASH_WEB_PROCESSES`), the
bare program in one, which is what a bare program is. It (`benchmarks/bare_upload.py`) receives,
hashes by SHA-256 and MD5, writes to a file and calls fsync: the same bytes as ours, which are those
of the form's file, and in a third turn the body as it came, whose form nobody reads. When ours
answers, the bytes are in the upload storage and their rows are committed. They take turns in
`ROUNDS` (5) and in who begins, each after the disk has written what was left of the other's;
medians are compared. Memory is the growth of the server's peak over what it was after a few
uploads.

`MB`, `FILES`, `KB`, `CLIENTS` change the sizes and how many connections send at once.
"""

import os
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from benchmarks.common import main, memory_mb, report, running_installation
from tests.rig.installation import ROOT, Installation
from tests.rig.processes import Process, free_port

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MEGABYTES = int(os.environ.get("MB", "500"))
FILES = int(os.environ.get("FILES", "1000"))
KILOBYTES = int(os.environ.get("KB", "20"))
CLIENTS = int(os.environ.get("CLIENTS", "8"))
_TYPE = "multipart/form-data; boundary=frontier"
_PART = (
    b'--frontier\r\nContent-Disposition: form-data; name="UPLOADCARE_PUB_KEY"\r\n\r\n%s\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="UPLOADCARE_STORE"\r\n\r\n1\r\n'
    b'--frontier\r\nContent-Disposition: form-data; name="file"; filename="bench.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n"
)
_END = b"\r\n--frontier--\r\n"


def run() -> None:
    with running_installation(UCDASH_MAX_DIRECT_UPLOAD=str((MEGABYTES + 1) * 10**6)) as ours:
        project = ours.create_project("Benchmark")
        head = _PART % project.public_key.encode()
        with _bare_server(ours.folder) as (bare, bare_port):
            web = next(process for process in ours.processes if process.name == "web")
            sides = {
                "ours": (ours.port, "/base/", web),
                "bare": (bare_port, "/base/", bare),
                "raw": (bare_port, "/raw/", bare),
            }
            large = _measure_large(sides, head, ours.folder)
            small = _measure_small(sides, head)
            _check_rows(ours)
    _report(large, small)


@contextmanager
def _bare_server(folder: Path) -> Iterator[tuple[Process, int]]:
    """The bare program under gunicorn's settings of ours."""
    port, place = free_port(), folder / "bare"
    place.mkdir()
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    command = [
        *(sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1"),
        *("--threads", "32", "--keep-alive", "5", "--timeout", "60", "--no-control-socket"),
        *("--bind", f"127.0.0.1:{port}", "--chdir", str(ROOT), "benchmarks.bare_upload"),
    ]
    log = folder / "bare.log"
    process = Process("bare", command, env=environment | {"BARE_UPLOADS": str(place)}, log=log)
    try:
        process.wait_until(lambda: _answers(port), within=30, what="bare server")
        yield process, port
    finally:
        process.stop()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


Sides = dict[str, tuple[int, str, Process]]  # port, path
Send = Callable[[int, str], None]
Result = dict[str, tuple[float, float]]  # side: median seconds, MB of memory grown


def _measure_large(sides: Sides, head: bytes, folder: Path) -> Result:
    """One file that lies on the disk, sent by sendfile so that the client costs little."""
    path = folder / "large.bin"
    with path.open("wb") as file:
        for _ in range(MEGABYTES):
            file.write(os.urandom(1_000_000))

    def send(port: int, url_path: str) -> None:
        size = path.stat().st_size
        _request_head = _head(port, url_path, len(head) + size + len(_END))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=300) as connected,
            path.open("rb") as file,
        ):
            connected.sendall(_request_head + head)
            connected.sendfile(file)
            connected.sendall(_END)
            _require_ok(connected.recv(65_536))

    return _in_turns(sides, send, warm_up=_small_sender(head, 20))


def _measure_small(sides: Sides, head: bytes) -> Result:
    return _in_turns(sides, _small_sender(head, FILES), warm_up=_small_sender(head, 20))


def _small_sender(head: bytes, n_files: int) -> Send:
    bodies = [head + os.urandom(KILOBYTES * 1_000) + _END for _ in range(n_files)]

    def send_some(port: int, path: str, mine: list[bytes]) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        for body in mine:
            connection.request("POST", path, body, _headers(port))
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
        connection.close()

    def send(port: int, path: str) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            shares = [bodies[number::CLIENTS] for number in range(CLIENTS)]
            for future in [pool.submit(send_some, port, path, share) for share in shares]:
                future.result()

    return send


def _in_turns(sides: Sides, send: Send, *, warm_up: Send) -> Result:
    before = {}
    for name, (port, path, process) in sides.items():
        warm_up(port, path)
        before[name] = memory_mb(process.pid)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            os.sync()
            began = time.monotonic()
            send(*sides[name][:2])
            seconds[name].append(time.monotonic() - began)
    return {
        name: (statistics.median(seconds[name]), memory_mb(process.pid) - before[name])
        for name, (*_, process) in sides.items()
    }


def _headers(port: int) -> dict[str, str]:
    return {"Host": f"localhost:{port}", "Content-Type": _TYPE}


def _head(port: int, path: str, length: int) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in _headers(port).items()),
        f"Content-Length: {length}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _require_ok(answer: bytes) -> None:
    assert answer.startswith(b"HTTP/1.1 200 "), answer


def _check_rows(ours: Installation) -> None:
    """Everything that was answered is there, whole."""
    n_large = ours.count(f"storages_app_file WHERE size = {MEGABYTES * 10**6}")
    n_small = ours.count(f"storages_app_file WHERE size = {KILOBYTES * 1_000}")
    assert (n_large, n_small) == (ROUNDS, ROUNDS * FILES + 40), (n_large, n_small)


def _report(large: Result, small: Result) -> None:
    rows = [("", "ucdash · bare WSGI · its body as it came · ratios · memory grown (ucdash, bare)")]
    ratios = {}
    for label, result, amount, unit in (
        (f"1 file of {MEGABYTES} MB", large, MEGABYTES, "MB/s"),
        (f"{FILES:,} files of {KILOBYTES} KB", small, FILES, "files/s"),
    ):
        (ours, grown), (bare, bare_grown), (raw, _) = (result[side] for side in result)
        ratios[unit] = bare / ours, raw / ours
        speeds = (
            f"{amount / ours:,.0f} · {amount / bare:,.0f} · {amount / raw:,.0f} {unit}"
            f" · {bare / ours:.2f}, {raw / ours:.2f}"
        )
        rows.append((label, f"{speeds} · {grown:.0f} MB, {bare_grown:.0f} MB"))
    report(
        name="upload",
        ours=MEGABYTES / large["ours"][0],
        peer=MEGABYTES / large["bare"][0],
        peer_name="bare WSGI program",
        unit="MB/s",
        more_is_better=True,
        memory=max(large["ours"][1], small["ours"][1]),
        rows=rows,
        large_ratio_raw=round(ratios["MB/s"][1], 3),
        small_ratio=round(ratios["files/s"][0], 3),
        small_ratio_raw=round(ratios["files/s"][1], 3),
        small_files_per_s=round(FILES / small["ours"][0]),
        large_memory_growth_mb=round(large["ours"][1], 1),
        small_memory_growth_mb=round(small["ours"][1], 1),
    )


if __name__ == "__main__":
    main(run)
