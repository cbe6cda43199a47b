from subprocess import TimeoutExpired

import pytest

from storages_app.copying import suspects
from tests.memory_bucket import bucket

__all__ = ["bucket"]


@pytest.fixture(autouse=True)
def started_apart(monkeypatch):
    """What would be started for suspects; a process of its own would not see a test's rows."""
    started: list[tuple[str, ...]] = []

    class Process:
        def __init__(self, command, **options):
            started.append(command)

        def poll(self):
            return None

        def terminate(self):
            started.append(("terminate",))

        def wait(self, timeout):
            started.append(("wait",))
            raise TimeoutExpired("make_suspects", timeout)

    monkeypatch.setattr(suspects, "_running", [])
    monkeypatch.setattr(suspects, "Popen", Process)
    return started
