"""The file host: files of 100 KB and ranges of 10 KB a second, beside nginx on the same folder.

Three servers in turn: ours alone, ours with nginx in front that sends the files (X-Accel-Redirect),
and nginx alone, which asks nobody. `wrk` asks; it and nginx are Debian's, installed when missing.
"""

import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import main, memory_mb, random_files, report, running_web, upload
from tests.rig import debian, nginx
from tests.rig.installation import Installation

COUNT = int(os.environ.get("FILES", "500"))
SECONDS = int(os.environ.get("SECONDS", "5"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
CONNECTIONS = 16
SIZE = 100 * 1024
RANGE = 10 * 1024

_SCRIPT = """
local paths = {{}}
for line in io.lines("{paths}") do paths[#paths + 1] = line end
local is_range = {is_range}
request = function()
  local headers = {{ Host = "{host}" }}
  if is_range then
    local first = math.random(0, {size} - {range})
    headers["Range"] = string.format("bytes=%d-%d", first, first + {range} - 1)
  end
  return wrk.format("GET", paths[math.random(#paths)], headers)
end
"""


def run() -> None:
    _install_missing()
    with running_web() as installation:
        project = installation.create_project("Benchmark")
        paths = random_files(installation.folder / "files", count=COUNT, size=SIZE)
        uuids = upload(installation, project, paths)
        alone = f"location / {{ alias {installation.data_dir}/uploads/; }}"
        with (
            _front(installation) as behind,
            nginx.running_nginx(installation.folder / "alone", alone) as peer,
        ):
            ours = [f"/{uuid}/" for uuid in uuids]
            servers = {
                "ucdash": (installation.files_url, ours),
                "ucdash behind nginx": (behind, ours),
                "nginx": (peer, [f"/{uuid[:2]}/{uuid}" for uuid in uuids]),
            }
            _report(_measure(installation, servers), installation)


@contextmanager
def _front(installation: Installation) -> Iterator[str]:
    """nginx in front of a second web process, which hands the files over to it."""
    second = _beside(installation)
    try:
        second.start_web()
        server = nginx.in_front_of_file_host(second)
        with nginx.running_nginx(installation.folder / "front", server) as address:
            yield address
    finally:
        second.stop()


def _beside(installation: Installation) -> Installation:
    """The same data under ports of its own."""
    second = Installation(installation.folder / "second", UCDASH_FILES_SENT_BY="x-accel")
    second.data_dir = installation.data_dir
    return second


def _measure(
    installation: Installation, servers: dict[str, tuple[str, list[str]]]
) -> dict[tuple[str, bool], float]:
    """Requests a second of each server, whole and in ranges: the median of rounds in turn."""
    found: dict[tuple[str, bool], list[float]] = {}
    for _ in range(ROUNDS):
        for is_range in (False, True):
            for name, (address, paths) in servers.items():
                rate = _ask(installation.folder, address, paths, is_range=is_range)
                found.setdefault((name, is_range), []).append(rate)
    return {key: statistics.median(rates) for key, rates in found.items()}


def _ask(folder: Path, address: str, paths: list[str], *, is_range: bool) -> float:
    listed, script = folder / "paths.txt", folder / "requests.lua"
    listed.write_text("\n".join(paths))
    script.write_text(
        _SCRIPT.format(
            paths=listed,
            host=address.removeprefix("http://"),
            is_range=str(is_range).lower(),
            size=SIZE,
            range=RANGE,
        )
    )
    words = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), address]
    done = subprocess.run(["wrk", *words], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout, done.stdout
    assert "Socket errors" not in done.stdout, done.stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    moved = re.search(r"([\d.]+)([KMG]?)B read", done.stdout)
    assert rate, done.stdout
    assert moved, done.stdout
    _check_amount(float(rate[1]), moved, RANGE if is_range else SIZE)
    return float(rate[1])


def _check_amount(rate: float, moved: re.Match[str], size: int) -> None:
    """A fast answer that holds nothing would be worthless."""
    n_bytes = float(moved[1]) * 1024 ** "KMG".index(moved[2] or "K") * 1024
    assert n_bytes > 0.9 * rate * SECONDS * size, "Less came than was asked for."


def _report(rates: dict[tuple[str, bool], float], installation: Installation) -> None:
    web = next(process for process in installation.processes if process.name == "web")
    memory = memory_mb(web.pid)
    words = {False: f"{SIZE // 1024} KB", True: f"range of {RANGE // 1024} KB"}
    report(
        name="delivery",
        ours=rates["ucdash", False],
        peer=rates["nginx", False],
        peer_name="nginx alone",
        unit="files of 100 KB a second",
        more_is_better=True,
        memory=memory,
        rows=[
            *(
                (f"{name}, {words[is_range]}", f"{rate:.0f} a second")
                for (name, is_range), rate in rates.items()
            ),
            ("web memory", f"{memory:.0f} MB"),
        ],
        ratio_behind_nginx=round(rates["ucdash behind nginx", False] / rates["nginx", False], 3),
        ranges_ours=round(rates["ucdash", True], 1),
        ranges_peer=round(rates["nginx", True], 1),
        ratio_ranges=round(rates["ucdash", True] / rates["nginx", True], 3),
    )


def _install_missing() -> None:
    missing = [] if nginx.binary() else [nginx.PACKAGE]
    if not shutil.which("wrk"):
        missing.append("wrk")
    if missing:
        debian.install(*missing)


if __name__ == "__main__":
    main(run)
