"""A server that says what it is told to, byte for byte."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from storages_app.lib.outbound import Policy
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.base import Location

HANG = b"hang"
CLOSE = b"close"


def answer(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer; `content_length` may lie."""
    sent = {"content-length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error(status: int, code: str, message: str = "", more: str = "", **headers: str) -> bytes:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{more}"
    return answer(status, f"{body}</Error>".encode(), **headers)


@dataclass
class Canned:
    """Gives its answers in turn, the last one for ever, and keeps what it was asked."""

    port: int
    answers: list[bytes] = field(default_factory=lambda: [answer()])
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    n_connections: int = 0

    def headers(self, n: int = -1) -> dict[str, str]:
        return self.requests[n][1]

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                headers = {}
                while (text := stream.readline().strip()) and b":" in text:
                    name, _, value = text.decode().partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                self.requests.append((line.decode().strip(), headers, body))
                said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if said == CLOSE:
                    return
                if said == HANG:
                    stream.read(1)  # until the client gives up
                    return
                connection.sendall(said)
                if b"connection: close" in said:
                    return


@pytest.fixture
def canned() -> Iterator[Canned]:
    listener = socket.create_server(("127.0.0.1", 0))
    found = Canned(listener.getsockname()[1])
    threads = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):  # the client went away, which some tests want
            found.serve(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            found.n_connections += 1
            thread = threading.Thread(target=serve, args=(connection,), daemon=True)
            thread.start()
            threads.append(thread)

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    yield found
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    acceptor.join(2)
    for thread in threads:
        thread.join(2)


@pytest.fixture
def location(canned) -> Location:
    return Location(
        "a-bucket",
        "us-east-1",
        "AKIATEST",
        "a-secret-of-the-tests",
        endpoint_url=f"http://127.0.0.1:{canned.port}",
    )


@pytest.fixture
def policy(canned) -> Policy:
    return Policy(allowed_private=frozenset({("127.0.0.1", canned.port)}))


@pytest.fixture
def store(location, policy) -> Iterator[S3Store]:
    found = S3Store(location, policy=policy)
    yield found
    found.close()
