"""Typed readers for the environment; a bad value stops the start.

Three places are asked in turn: the process environment, the file named by
``UCDASH_ENV_FILE`` (default: ``.env`` beside manage.py), and ``env`` in the
data folder, which `make run` writes once. The first that has the name wins.
"""

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from storages_app.lib.crypto import BadKeyRing, KeyRing

BASE_DIR = Path(__file__).resolve().parent.parent

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_FEWEST_CHARACTERS = 8  # that differ; hexadecimal ones are sixteen
_SAMPLES = ("django-insecure", "changeme", "change-me")  # what examples of others hold


def read_env_file(path: Path) -> dict[str, str]:
    """Read KEY=VALUE lines; `#` starts a comment line, quotes around a value are dropped."""
    if not path.is_file():
        return {}
    values = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            values[name.strip()] = value.strip().strip("\"'")
    return values


def _load_files() -> dict[str, str]:
    named = os.environ.get("UCDASH_ENV_FILE")
    if named == "none":
        return {}
    chosen = read_env_file(Path(named) if named else BASE_DIR / ".env")
    data_dir = os.environ.get("UCDASH_DATA_DIR") or chosen.get("UCDASH_DATA_DIR") or "var"
    return read_env_file(BASE_DIR / data_dir / "env") | chosen


_FILES = _load_files()


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, _FILES.get(name, default))


def flag(name: str, default: bool = False) -> bool:
    value = text(name, str(default)).strip().lower()
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}: write 1 or 0.")


def number(name: str, default: int, *, at_least: int = 0) -> int:
    value = text(name, str(default)).strip()
    if not value.lstrip("-").isdigit() or int(value) < at_least:
        raise ImproperlyConfigured(f"{name} is {value!r}: write a whole number from {at_least}.")
    return int(value)


def factor(name: str, default: float) -> float:
    """A number over zero that something is multiplied with."""
    value = text(name, str(default)).strip()
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise ImproperlyConfigured(f"{name} is {value!r}: write a number over 0, such as 0.1.")
    return number


def listing(name: str, default: str = "") -> list[str]:
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def ports(name: str, default: str) -> list[int]:
    """Port numbers, separated by commas."""
    found = listing(name, default)
    if not all(entry.isascii() and entry.isdigit() and 0 < int(entry) < 65536 for entry in found):
        raise ImproperlyConfigured(f"{name} is {text(name)!r}: write ports, such as 80,443.")
    return [int(entry) for entry in found]


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Addresses and networks such as 10.0.0.0/8, separated by commas."""
    try:
        return [ip_network(entry) for entry in listing(name)]
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} must be addresses or networks such as 203.0.113.7, 10.0.0.0/8: {error}."
        ) from error


def choice(name: str, default: str, allowed: set[str]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(
            f"{name} is {value!r}: write one of {', '.join(sorted(allowed))}."
        )
    return value


def url(name: str, default: str) -> str:
    """A base address without a path and without a trailing slash."""
    value = text(name, default).rstrip("/")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path:
        raise ImproperlyConfigured(
            f"{name} is {value!r}: write an address like https://files.example.com. A path is not "
            "possible, because official clients drop or sign it."
        )
    return value


def folder(name: str, default: str) -> Path:
    return BASE_DIR / text(name, default)


def secret(name: str, *, at_least: int) -> str:
    value = text(name)
    is_sample = any(sample in value.lower() for sample in _SAMPLES)
    if len(value) < at_least or len(set(value)) < _FEWEST_CHARACTERS or is_sample:
        raise ImproperlyConfigured(
            f"{name} is missing, shorter than {at_least} characters, the same few over and over, "
            f"or a sample. `make run` writes one into var/env; in production set it: "
            f"python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    return value


def data_keys(name: str) -> list[str]:
    """The key ring for stored secrets; without a whole one nothing may start."""
    entries = listing(name)
    try:
        KeyRing.parse(entries)
    except BadKeyRing as error:
        raise ImproperlyConfigured(
            f"{name} has no usable key: write `id:base64 of 32 bytes`, newest first. `make run` "
            "writes one into var/env; whoever loses it cannot open stored secrets any more."
        ) from error
    return entries


def database(name: str, default: str, *, synchronous: str) -> dict[str, object]:
    """``sqlite:///path`` or ``postgres://user:password@host:port/name`` as Django wants it.

    `synchronous` is SQLite's (https://www.sqlite.org/pragma.html#pragma_synchronous): with normal a
    power cut may take the rows of the last moments.
    """
    value = text(name, default)
    parts = urlsplit(value)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(BASE_DIR / parts.path.removeprefix("/")),
            # Without IMMEDIATE nearly every read-then-write fails as soon as two processes
            # write; a writer then waits up to `timeout` seconds instead of failing.
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};",
            },
            # The last connection that closes writes the log back, and waits for the disk.
            "CONN_MAX_AGE": 60,
        }
    if parts.scheme in {"postgres", "postgresql"}:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.removeprefix("/"),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
        }
    raise ImproperlyConfigured(
        f"{name} begins with {parts.scheme!r}: write sqlite:///var/db.sqlite3 or "
        "postgres://user:password@host:5432/name."
    )
