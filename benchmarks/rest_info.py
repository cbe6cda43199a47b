"""`GET /files/<uuid>/` a second, beside a bare DRF view that returns the same JSON to everybody.

Both are views of one server, the product's default one (`benchmarks/rest_info_settings.py` adds the
bare one), and asked by `wrk` in turn. The bare view passes all middleware, as any view of the
server would; `ratio_short` compares with the same view led past what is for pages, as ours is. Ours
checks the signature of each request, counts it for its limits, and reads one of `FILES` (200) files
from the database; the bare view has its answer ready.
Medians of `ROUNDS` (15) of `SECONDS` (2) are compared: the kernel deals the connections of a round
to the web processes by chance, and a round in which one of them has most is a slow one.
"""

import hashlib
import hmac
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

from benchmarks.common import main, memory_mb, random_files, report, upload
from tests.rig import debian
from tests.rig.installation import Installation, Project

FILES = int(os.environ.get("FILES", "200"))
SECONDS = int(os.environ.get("SECONDS", "2"))
ROUNDS = int(os.environ.get("ROUNDS", "15"))
CONNECTIONS = 8
_ACCEPT = "application/vnd.uploadcare-v0.7+json"
_NO_LIMIT_IS_MET = "1000000000"
_SCRIPT = """
local asked = {{}}
for line in io.lines("{asked}") do
  local path, authorization = line:match("([^\\t]*)\\t(.*)")
  local headers = {{ Host = "{host}", Accept = "{accept}" }}
  if authorization ~= "" then
    headers["Date"] = "{date}"
    headers["Authorization"] = authorization
  end
  asked[#asked + 1] = wrk.format("GET", path, headers)
end
local position = 0
request = function()
  position = position % #asked + 1
  return asked[position]
end
"""


def run() -> None:
    if not shutil.which("wrk"):
        debian.install("wrk")
    with tempfile.TemporaryDirectory(prefix="ucdash-bench-") as folder:
        installation = Installation(
            Path(folder),
            on_services=False,
            DJANGO_SETTINGS_MODULE="benchmarks.rest_info_settings",
            UCDASH_UPLOADS_PER_MINUTE_OF_ADDRESS=_NO_LIMIT_IS_MET,
            UCDASH_REST_PER_MINUTE_OF_ADDRESS=_NO_LIMIT_IS_MET,
            UCDASH_REST_PER_MINUTE_OF_KEY=_NO_LIMIT_IS_MET,
        )
        try:
            installation.prepare()
            web = installation.start_web()
            rates = _measure(installation)
            memory = memory_mb(web.pid)
        finally:
            installation.stop()
    ours, bare, short = (statistics.median(rates[name]) for name in ("ours", "bare", "short"))
    report(
        name="rest_info",
        ours=ours,
        peer=bare,
        peer_name="a bare DRF view behind the same server",
        unit="requests a second",
        more_is_better=True,
        memory=memory,
        rows=[
            ("file info", f"{ours:.0f} a second"),
            ("bare view", f"{bare:.0f} a second"),
            ("bare view past the pages' middleware", f"{short:.0f} a second"),
            ("web memory", f"{memory:.0f} MB"),
        ],
        ratio_short=round(ours / short, 3),
    )


def _measure(installation: Installation) -> dict[str, list[float]]:
    project = installation.create_project("Benchmark")
    paths = random_files(installation.folder / "files", count=FILES, size=1024)
    uuids = upload(installation, project, paths)
    date = formatdate(usegmt=True)
    lines = [f"{path}\t{_authorization(project, date, path)}" for path in map(_address, uuids)]
    sides: dict[str, Callable[[], float]] = {
        "ours": _asker(installation, "ours", lines, date),
        "bare": _asker(installation, "bare", ["/bare/\t"], date),
        "short": _asker(installation, "short", ["/bare/short/\t"], date),
    }
    for ask in sides.values():
        ask()  # every thread has its connection to the database, every query its SQL
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(ROUNDS):
        for name in sorted(sides, reverse=number % 2 == 0):
            rates[name].append(sides[name]())
    return rates


def _address(file_uuid: str) -> str:
    return f"/files/{file_uuid}/"


def _authorization(project: Project, date: str, path: str) -> str:
    empty = hashlib.md5(b"", usedforsecurity=False).hexdigest()
    message = "\n".join(["GET", empty, "", date, path]).encode()
    signature = hmac.new(project.secret_key.encode(), message, hashlib.sha1).hexdigest()
    return f"Uploadcare {project.public_key}:{signature}"


def _asker(
    installation: Installation, name: str, lines: list[str], date: str
) -> Callable[[], float]:
    """What asks for the addresses of `lines` in turn and tells how many came back a second."""
    asked, script = (installation.folder / f"{name}.{ending}" for ending in ("txt", "lua"))
    asked.write_text("\n".join(lines))
    host = installation.url.removeprefix("http://")
    accept = _ACCEPT if name == "ours" else "application/json"
    script.write_text(_SCRIPT.format(asked=asked, host=host, accept=accept, date=date))
    words = ["-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), installation.url]

    def ask() -> float:
        done = subprocess.run(["wrk", *words], capture_output=True, text=True, check=True)
        assert "Non-2xx" not in done.stdout, done.stdout
        assert "Socket errors" not in done.stdout, done.stdout
        rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        assert rate, done.stdout
        return float(rate[1])

    return ask


if __name__ == "__main__":
    main(run)
