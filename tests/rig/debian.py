"""Packages of Debian, for what no wheel carries."""

import os
import subprocess
import sys

from tests.rig.processes import say


def install(*packages: str) -> None:
    """As root, or by sudo without a password; else the run ends and says what to install."""
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    say(f"Installing {' '.join(packages)} …")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends"]):
        extra = list(packages) if words[0] == "install" else []
        command = [*as_root, "apt-get", *words, *extra]
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(
                f"{' '.join(command)} failed:\n{done.stderr[-2000:]}\n"
                f"The suite on services needs {', '.join(packages)}: install them yourself."
            )
