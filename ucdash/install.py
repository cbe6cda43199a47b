"""Write `env` into the data folder once: random secrets, and what holds on one machine only.

Run as `python -m ucdash.install`, before Django is first loaded; knows no Django itself.
"""

import base64
import os
import secrets
import sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent


def write_env(data_dir: Path) -> Path:
    """Make `data_dir` and its `env` (mode 600); an `env` that is there is left alone."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data_dir / "env"
    if path.exists():
        return path
    data_key = base64.b64encode(secrets.token_bytes(32)).decode()
    lines = [
        "# Written once by `make run`. Whoever loses UCDASH_DATA_KEYS cannot open the stored",
        "# secrets of connected buckets any more: keep a copy apart from the database.",
        f"UCDASH_SECRET_KEY={secrets.token_urlsafe(50)}",
        f"UCDASH_DATA_KEYS=first:{data_key}",
        "UCDASH_SIMPLE_OVER_HTTP=loopback",
        "",
    ]
    with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write("\n".join(lines))
    return path


if __name__ == "__main__":
    folder = BASE_DIR / os.environ.get("UCDASH_DATA_DIR", "var")
    sys.stdout.write(f"{write_env(folder)}\n")
