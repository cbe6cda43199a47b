"""Write `env` into the data folder: random secrets, and what holds on one machine only.

Run as `python -m ucdash.install`, before Django's settings are first read.
"""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from storages_app.lib.crypto import new_data_key
from ucdash import env

_HEADER = """\
# Written by `make run`. Whoever loses UCDASH_DATA_KEYS cannot open the stored secrets of
# connected buckets any more: keep a copy apart from the database.
"""

_VALUES: dict[str, Callable[[], str]] = {
    "UCDASH_SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "UCDASH_DATA_KEYS": lambda: new_data_key("first"),
    "UCDASH_SIMPLE_OVER_HTTP": lambda: "loopback",
    "UCDASH_LOG_LEVEL": lambda: "WARNING",
    "UCDASH_EMAIL_BY": lambda: "console",
    "UCDASH_DEMO_S3_ACCESS_KEY_ID": lambda: "DEMO" + secrets.token_hex(8).upper(),
    "UCDASH_DEMO_S3_SECRET_ACCESS_KEY": lambda: secrets.token_urlsafe(30),
}


def write_env(data_dir: Path) -> Path:
    """Make `data_dir` and its `env` (mode 600); a value that is there is never changed."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data_dir / "env"
    known = env.read_env_file(path)
    missing = [f"{name}={make()}\n" for name, make in _VALUES.items() if name not in known]
    if missing:
        header = "" if known else _HEADER
        with open(path, "a", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(header + "".join(missing))
    return path


if __name__ == "__main__":
    write_env(env.folder("UCDASH_DATA_DIR", "var"))
    sys.exit(0)
