"""The chaos run in its CI form (G1): what customers were promised is true at the end."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.rig.installation import ROOT

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

ON_SERVICES = "UCDASH_TEST_DATABASE_URL" in os.environ
SEED = 1
_ENDED_WITHIN_S = 60


def chaos(*options: str) -> dict[str, Any]:
    """What `make chaos` prints last; a run that is not green shows all it printed."""
    run = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos", "--seed", str(SEED), *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told, _ = run.communicate(timeout=380)
    except BaseException:
        run.terminate()  # it ends all that it has started
        run.wait(_ENDED_WITHIN_S)
        raise
    assert run.returncode == 0, told
    facts: dict[str, Any] = json.loads(told.splitlines()[-1])
    return facts


def require_green(facts: dict[str, Any]) -> None:
    for name in ("lost", "wrong", "duplicates", "orphaned_uploads", "invisible_failures"):
        assert facts[name] == 0, facts
    assert facts["undrained"] == facts["violations"] == 0, facts
    assert (facts["files"], facts["kills"], facts["wipes"]) == (500, 10, 2)
    assert facts["full_disks"] == 1
    assert facts["faults_injected"] >= 0.15 * facts["calls"]


@pytest.mark.skipif(not ON_SERVICES, reason="asks PostgreSQL and Redis: make test-services")
def test_nothing_is_lost_where_workers_die_and_services_forget_and_restart():
    facts = chaos("--on", "services")
    require_green(facts)
    assert facts["restarts"] == 1
    assert facts["seconds"] <= 180


@pytest.mark.skipif(ON_SERVICES, reason="make test has asked it")
def test_nothing_is_lost_on_one_machine_where_workers_die():
    """SQLite and the embedded broker: the installation of `make run`."""
    facts = chaos("--on", "default")
    require_green(facts)
