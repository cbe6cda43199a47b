"""Management commands of an installation from one process that has imported Django.

Each is run in a fork, with output and an exit code of its own, as `manage.py` would run it; to
import everything anew takes forty times as long. `python -m tests.rig.commands` is that process:
a line of JSON with `arguments` and `env` in, a line with what became of it out.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import django
from django.db import connections
from django.urls import get_resolver

import manage

_ENDS_WITHIN_S = 5


class Commands:
    """The process for one environment, started when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._made_for: object = None
        self._one_at_a_time = threading.Lock()

    def run(
        self, *arguments: str, root: Path, env: Mapping[str, str], **extra_env: str
    ) -> subprocess.CompletedProcess[str]:
        with self._one_at_a_time:
            process = self._process_for(root, env)
            assert process.stdin
            assert process.stdout
            process.stdin.write(json.dumps({"arguments": arguments, "env": extra_env}) + "\n")
            process.stdin.flush()
            told = process.stdout.readline()
        assert told, "the process for management commands is gone"
        facts = json.loads(told)
        return subprocess.CompletedProcess(
            ["manage.py", *arguments], facts["returncode"], facts["stdout"], facts["stderr"]
        )

    def stop(self) -> None:
        if not self._process:
            return
        process, self._process = self._process, None
        with process:  # its input is closed, which ends it
            try:
                process.communicate(timeout=_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def _process_for(self, root: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
        """Settings are read once, so another environment needs another process."""
        made_for = (root, dict(env), _seen(Path(env["UCDASH_DATA_DIR"]) / "env"))
        if self._process and (self._made_for != made_for or self._process.poll() is not None):
            self.stop()
        if not self._process:
            self._made_for = made_for
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.rig.commands"],
                cwd=root,
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        return self._process


def _seen(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(FileNotFoundError):
        found = path.stat()
        return found.st_mtime_ns, found.st_size
    return None


def _serve(orders: IO[str], answers: IO[str]) -> None:
    for line in orders:
        order = json.loads(line)
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            pid = os.fork()
            if pid == 0:
                _become(order, stdout, stderr)
            _, status = os.waitpid(pid, 0)
            facts: dict[str, Any] = {"returncode": os.waitstatus_to_exitcode(status)}
            for name, file in (("stdout", stdout), ("stderr", stderr)):
                file.seek(0)
                facts[name] = file.read()
        answers.write(json.dumps(facts) + "\n")
        answers.flush()


def _become(order: dict[str, Any], stdout: IO[str], stderr: IO[str]) -> None:
    """The fork is the command, and ends with it."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout.fileno(), 1)
        os.dup2(stderr.fileno(), 2)
        os.environ |= order["env"]
        random.seed()  # or all forks would have the same chances
        sys.argv = ["manage.py", *order["arguments"]]
        manage.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connections.close_all()
        os._exit(code)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an import says must not pass for an answer
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucdash.settings")
    django.setup()
    assert get_resolver().url_patterns  # what checks import
    _serve(sys.stdin, answers)


if __name__ == "__main__":
    main()
