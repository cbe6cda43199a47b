"""The first view of every page with 100,000 files and 1,000,000 copies in the ledger.

A real installation with everything in every state, whose pages without an object of their own are
looked at in a project of `FILES` files; other projects fill the ledger up to `COPIES`. Chromium
opens each page with an empty cache, signed in, and tells when it was there and how many bytes came
over the wire; the queries are counted by Django. `DATABASE=postgresql` measures there, `ONLY=files`
takes the pages whose names begin so. The slowest page is compared with a second.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.common import main, percentile, report
from tests.journeys import every_page
from tests.journeys.every_page import Found, World
from tests.rig.fixtures import CHROMIUM, CHROMIUM_FLAGS
from tests.rig.installation import OPERATOR_EMAIL, ROOT
from tests.rig.services import postgresql

FILES = int(os.environ.get("FILES", "100000"))
COPIES = int(os.environ.get("COPIES", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
ONLY = tuple(os.environ.get("ONLY", "").split(","))
MOST_MS, MOST_KB = 1_000, 150
_SEEN = """() => {
  const [navigation] = performance.getEntriesByType("navigation");
  const paints = performance.getEntriesByType("paint").map((paint) => paint.startTime);
  return Math.max(navigation.loadEventEnd, ...paints);
}"""


@dataclass(frozen=True)
class Measured:
    name: str
    ms: float
    kb: float
    n_queries: int | None

    def __str__(self) -> str:
        queries = "–" if self.n_queries is None else self.n_queries
        return f"{self.ms:6.0f} ms  {self.kb:6.1f} kB  {queries:>3} queries"


def run() -> None:
    with _world() as world, sync_playwright() as playwright:
        _make_large(world)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        measured = list(_measure(browser, world))
        browser.close()
    slowest = sorted(measured, key=lambda one: -one.ms)
    heavy = [one for one in measured if one.kb > MOST_KB]
    report(
        name="pages",
        ours=slowest[0].ms,
        peer=MOST_MS,
        peer_name="the limit of a first view",
        unit="ms of the slowest page",
        more_is_better=False,
        memory=0,
        rows=[(one.name, str(one)) for one in slowest],
        files=FILES,
        copies=COPIES,
        n_pages=len(measured),
        p50_ms=round(percentile([one.ms for one in measured], 0.5)),
        over_150_kb=[one.name for one in heavy],
        over_a_second=[one.name for one in measured if one.ms > MOST_MS],
    )


@contextmanager
def _world() -> Iterator[World]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ucdash-bench-")))
        folder.chmod(0o755)  # for the user that PostgreSQL runs as
        if os.environ.get("DATABASE") == "postgresql":
            os.environ["UCDASH_TEST_DATABASE_URL"] = stack.enter_context(postgresql(folder))
        yield stack.enter_context(every_page.seeded(folder / "installation"))


def _make_large(world: World) -> None:
    """Pages that were looked at in an empty project are looked at in the large one."""
    large = _seed(world, FILES)
    if COPIES > FILES:
        _seed(world, COPIES - FILES)
    empty = world.addresses["overview-empty"]
    world.addresses = {
        name.replace("-empty", "-large"): path.replace(empty, f"/projects/{large}/")
        for name, path in world.addresses.items()
    }


def _seed(world: World, n_files: int) -> str:
    told = subprocess.run(
        [sys.executable, "manage.py", "seed", "--files", str(n_files)],
        cwd=ROOT,
        env=world.installation.env,
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.split()[1]


def _measure(browser: Browser, world: World) -> Iterator[Measured]:
    visitors = every_page.visitors(browser, world)
    pages = [
        page
        for page in every_page.pages_of(world, visitors)
        if page.status == 200 and page.name.startswith(ONLY)
    ]
    queries = _queries(world, pages)
    for page in pages:
        context = visitors[page.visitor]
        seen = [_view(context, world.installation.url + page.path) for _ in range(ROUNDS)]
        yield Measured(
            page.name,
            ms=median(ms for ms, _ in seen),
            kb=max(n_bytes for _, n_bytes in seen) / 1000,
            n_queries=queries.get(page.name),
        )


def _view(context: BrowserContext, address: str) -> tuple[float, int]:
    """Milliseconds until all of it was there, and the bytes of all answers with their heads."""
    tab = context.new_page()
    wire = context.new_cdp_session(tab)
    sizes: list[int] = []
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    wire.on("Network.loadingFinished", lambda end: sizes.append(int(end["encodedDataLength"])))
    tab.goto(address, wait_until="load")
    seen_ms = float(tab.evaluate(_SEEN))
    tab.close()
    return seen_ms, sum(sizes)


def _queries(world: World, pages: list[Found]) -> dict[str, int]:
    """Counted in a process of its own; a page that asks to confirm a sign-in tells nothing."""
    paths = {page.name: page.path for page in pages if page.visitor == "operator"}
    host = world.installation.url.partition("//")[2]
    counted: dict[str, int | None] = world.installation.shell_json(
        "from django.db import connection\n"
        "from django.test import Client\n"
        "from django.test.utils import CaptureQueriesContext\n"
        "from storages_app.models import User\n"
        f"client = Client(headers={{'host': {host!r}}}, raise_request_exception=False)\n"
        f"client.force_login(User.objects.get(email={OPERATOR_EMAIL!r}))\n"
        "def n_queries(path):\n"
        "    with CaptureQueriesContext(connection) as asked:\n"
        "        answer = client.get(path)\n"
        "    return len(asked) if answer.status_code == 200 else None\n"
        "import json\n"
        f"paths = json.loads({json.dumps(paths)!r})\n"
        "{name: n_queries(path) for name, path in paths.items()}"
    )
    return {name: n for name, n in counted.items() if n is not None}


if __name__ == "__main__":
    main(run)
