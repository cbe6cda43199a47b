"""A name server of the test's: what a name resolves to, the next answers at each question."""

import ipaddress
import socket
from typing import Any

import pytest

Names = dict[str, list[list[str]]]


def install(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Names → lists of answers; the last list stays. A number is its own answer."""
    names: Names = {}

    def getaddrinfo(host: str, port: int, family: int = 0, kind: int = 0, *rest: Any) -> list[Any]:
        found = []
        for ip in _answers(names, host):
            v6 = ":" in ip
            sockaddr = (ip, port, 0, 0) if v6 else (ip, port)
            found.append((socket.AF_INET6 if v6 else socket.AF_INET, kind, 6, "", sockaddr))
        return found

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def _answers(names: Names, host: str) -> list[str]:
    if host in names:
        return names[host].pop(0) if len(names[host]) > 1 else names[host][0]
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError as error:
        raise socket.gaierror from error
