"""Every way out of the product is one that somebody has thought about (S016, S020)."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_OPENS_CONNECTIONS = {
    *("aiohttp", "boto3", "botocore", "ftplib", "http.client", "httpx", "imaplib", "obstore"),
    *("poplib", "pycurl", "redis", "requests", "smtplib", "socket", "telnetlib", "urllib.request"),
    *("urllib3", "websockets", "xmlrpc.client"),
}
# Who imports one of them, and why that does not go around the guard.
KNOWN = {
    "storages_app/lib/outbound.py": "the guard itself",
    "storages_app/lib/wire.py": "reads and writes on sockets that the guard has opened",
    "storages_app/lib/fetching.py": "names the errors of the guard's connections",
    "storages_app/webhooks/sending.py": "names the errors of the guard's connections",
    "storages_app/oversight/instance.py": "names the errors of the guard's connections",
    "storages_app/backups/pings.py": "sends through the guard's pool",
    "storages_app/api/throttles.py": "names the errors of the operator's cache",
    "storages_app/projects/sign_in_tries.py": "names the errors of the operator's cache",
    "storages_app/notifications/sending.py": "names the errors of the operator's mail server",
    "storages_app/copying/runner.py": "asks for the name of this machine",
    "storages_app/models/heartbeats.py": "asks for the name of this machine",
    "storages_app/management/commands/announce.py": "`make run` waits for its own servers",
    "ucdash/healthy.py": "asks the web server of its own container",
    "ucdash/ports.py": "asks whether a port of this machine is free",
}
# Folders that speak to what the operator has configured, or hand all to the guard.
KNOWN_FOLDERS = {
    "storages_app/objectstores/backends/s3": "botocore signs; the guard's connections carry",
    "storages_app/uploads/parts": "the operator's own upload storage",
}


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _opens(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in _OPENS_CONNECTIONS)


def _importers() -> dict[str, set[str]]:
    found = {}
    for folder in ("storages_app", "ucdash"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if modules := {module for module in _imported(path) if _opens(module)}:
                found[path.relative_to(ROOT).as_posix()] = modules
    return found


def test_who_can_open_a_connection_is_listed_with_a_reason():
    importers = _importers()
    strangers = {
        name: modules
        for name, modules in importers.items()
        if name not in KNOWN and Path(name).parent.as_posix() not in KNOWN_FOLDERS
    }
    assert not strangers, "Send it through lib/outbound.py, or say here why it need not (S020)"
    assert set(KNOWN) <= set(importers), "the list names a file that opens nothing"


def test_nothing_that_a_tenant_reaches_trusts_the_environment_for_a_way_out():
    """Proxies and `.netrc` are read by `requests` and `urllib.request` (S016)."""
    trusting = {
        name
        for name, modules in _importers().items()
        if any(module.startswith(("requests", "urllib.request")) for module in modules)
    }
    assert trusting == {"storages_app/management/commands/announce.py"}
