"""Named places between two durable facts where a test may let the process die."""

import os
import signal
from pathlib import Path

# Tests name a file; a process that reaches the name written in it removes the file and dies.
_ORDERS = os.environ.get("UCDASH_CRASH_FILE", "")


def crashpoint(name: str) -> None:
    """Do nothing; only where a test has ordered this name, the process gets SIGKILL, once."""
    if not _ORDERS:
        return
    orders = Path(_ORDERS)
    try:
        if orders.read_text() != name:
            return
        orders.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
