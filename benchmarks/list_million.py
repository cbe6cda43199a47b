"""File info and pages of the lists in a project of 1,000,000 files, over HTTP.

The oldest fifth of the files is removed and the next fifth unstored, so that most lists begin
behind many rows that they do not show. One client asks one thing after the other through the
default server, with the signature of each request checked; what is told is what it waits, in
milliseconds. `DATABASE=sqlite` or `DATABASE=postgresql` measures only one, `FILES` changes the
number, `ROUNDS` how often each page is asked for. The worst of all p95 is compared with its limit.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from hmac import digest
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.common import main, memory_mb, percentile, report
from tests.rig.installation import ROOT, Installation, Project
from tests.rig.services import postgresql

FILES = int(os.environ.get("FILES", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "60"))
DATABASES = [os.environ["DATABASE"]] if "DATABASE" in os.environ else ["sqlite", "postgresql"]
INFO_MS, PAGE_MS, SEED_S = 50, 150, 300
_ACCEPT = "application/vnd.uploadcare-v0.7+json"


def run() -> None:
    rows: list[tuple[str, str]] = []
    facts: dict[str, Any] = {}
    worst, memory = 0.0, 0.0
    for database in DATABASES:
        with _installation(database) as installation:
            project, seeded_s = _seed(installation)
            rows.append((f"{database}: {FILES:,} files and copies", f"{seeded_s:.0f} s"))
            facts[f"{database}_seed_s"] = round(seeded_s)
            web = installation.start_web()
            measured = list(_measure(_Client(installation, project)))
            memory = max(memory, memory_mb(web.pid))
        for one in measured:
            rows.append((f"{database}: {one.name}", str(one)))
            worst = max(worst, one.p95 / one.limit_ms)
        facts[f"{database}_info_p95_ms"] = round(measured[0].p95, 1)
        facts[f"{database}_page_p95_ms"] = round(max(one.p95 for one in measured[1:]), 1)
    report(
        name="list_million",
        ours=worst,
        peer=1,
        peer_name=f"the limits: info {INFO_MS} ms, page {PAGE_MS} ms",
        unit="worst p95 / limit",
        more_is_better=False,
        memory=memory,
        rows=rows,
        files=FILES,
        **facts,
    )


@contextmanager
def _installation(database: str) -> Iterator[Installation]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ucdash-bench-")))
        folder.chmod(0o755)  # for the user that PostgreSQL runs as
        if database == "postgresql":
            os.environ["UCDASH_TEST_DATABASE_URL"] = stack.enter_context(postgresql(folder))
        installation = Installation(folder, on_services=database == "postgresql")
        stack.callback(installation.stop)
        installation.prepare()
        yield installation


def _seed(installation: Installation) -> tuple[Project, float]:
    began = time.monotonic()
    fifth = str(FILES // 5)
    command = ["seed", "--files", str(FILES), "--removed", fifth, "--unstored", fifth]
    subprocess.run(
        [sys.executable, "manage.py", *command, "--groups", str(FILES // 10)],
        cwd=ROOT,
        env=installation.env,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    seeded_s = time.monotonic() - began
    slug, public_key, secret_key = installation.shell_json(
        "from storages_app.models import Project\n"
        "from storages_app.projects import services\n"
        "project = Project.objects.latest('pk')\n"
        "key, secret = services.create_secret_key(project=project, label='b', actor='b')\n"
        "[project.slug, project.public_key, secret]"
    )
    return Project("seed", slug, public_key, secret_key), seeded_s


# --- Asking --------------------------------------------------------------------------------------


class _Client:
    """One connection, signed requests, as the official clients send them."""

    def __init__(self, installation: Installation, project: Project) -> None:
        self.host = urlsplit(installation.url).netloc
        self.connection = HTTPConnection(self.host, timeout=60)
        self.project = project

    def get(self, path: str) -> tuple[Any, float]:
        """The JSON of a 200, and how many milliseconds it took to have its last byte."""
        date = format_datetime(datetime.now(UTC), usegmt=True)
        text = "\n".join(["GET", md5(b"").hexdigest(), "", date, path])
        signature = digest(self.project.secret_key.encode(), text.encode(), "sha1").hex()
        headers = {
            "Accept": _ACCEPT,
            "Date": date,
            "Authorization": f"Uploadcare {self.project.public_key}:{signature}",
        }
        began = time.perf_counter()
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        took = 1000 * (time.perf_counter() - began)
        if answer.status != 200:
            raise AssertionError(f"{answer.status} for {path}: {body[:300]!r}")
        return json.loads(body), took


@dataclass(frozen=True)
class _Measured:
    name: str
    took_ms: list[float]
    limit_ms: float

    @property
    def p95(self) -> float:
        return percentile(self.took_ms, 0.95)

    def __str__(self) -> str:
        return (
            f"p50 {percentile(self.took_ms, 0.5):5.1f} ms, p95 {self.p95:5.1f} ms "
            f"(limit {self.limit_ms:.0f}), of {len(self.took_ms)}"
        )


def _measure(client: _Client) -> Iterator[_Measured]:
    uuids = [item["uuid"] for page in _pages_anywhere(client) for item in page["results"]]
    random.Random(6).shuffle(uuids)
    for _ in range(20):
        client.get(f"/files/{uuids[0]}/")  # every thread of the server has a connection
    yield _timed(client, "file info", [f"/files/{uuid}/" for uuid in uuids[:500]], INFO_MS)
    for name, queries in _lists(client).items():
        yield _timed(client, name, [next(queries) for _ in range(ROUNDS)], PAGE_MS)


def _timed(client: _Client, name: str, paths: list[str], limit_ms: float) -> _Measured:
    client.get(paths[0])
    return _Measured(name, [client.get(path)[1] for path in paths], limit_ms)


def _pages_anywhere(client: _Client) -> Iterator[Any]:
    for query in ("", "&removed=true", "&stored=false"):
        page, _ = client.get(f"/files/?limit=1000{query}")
        yield page


def _lists(client: _Client) -> dict[str, Iterator[str]]:
    """For each list and place in it, the addresses of its pages of 100."""
    found: dict[str, Iterator[str]] = {}
    for name, path, field in (
        ("all", "/files/?", "datetime_uploaded"),
        ("stored", "/files/?stored=true&", "datetime_uploaded"),
        ("unstored", "/files/?stored=false&", "datetime_uploaded"),
        ("removed", "/files/?removed=true&", "datetime_uploaded"),
        ("with appdata", "/files/?include=appdata&", "datetime_uploaded"),
        ("groups", "/groups/?", "datetime_created"),
    ):
        first, last = _ends(client, path, field)
        for order in ("", "-"):
            for place, query in _places(first, last).items():
                address = f"{path}limit=100&ordering={order}{field}"
                found[f"{name}, {order or '+'}, {place}"] = _addresses(address, query)
    return found


def _ends(client: _Client, path: str, field: str) -> tuple[datetime, datetime]:
    moments = []
    for order in ("", "-"):
        page, _ = client.get(f"{path}limit=1&ordering={order}{field}")
        moments.append(datetime.fromisoformat(page["results"][0][field]))
    return moments[0], moments[1]


def _places(first: datetime, last: datetime) -> dict[str, Callable[[float], str]]:
    def moment(share: float) -> str:
        return quote((first + share * (last - first)).isoformat(timespec="microseconds"))

    return {
        "first page": lambda share: "",
        "anywhere": lambda share: f"&from={moment(share)}",
        "before anywhere": lambda share: f"&to={moment(share)}",
        "near the newest": lambda share: f"&from={moment(1 - share / 5000)}",
        "near the oldest": lambda share: f"&from={moment(share / 5000)}",
        "offset": lambda share: f"&offset={round(10_000 * share)}",
    }


def _addresses(address: str, query: Callable[[float], str]) -> Iterator[str]:
    dice = random.Random(address)
    while True:
        yield address + query(dice.random())


if __name__ == "__main__":
    main(run)
