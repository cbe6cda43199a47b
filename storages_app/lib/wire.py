"""HTTP/1.1 over the guard's connections, for whoever sends many small requests to one host.

A request is one write, and the head of an answer is a plain dict: urllib3 and http.client, which
read it as mail, cost three times the CPU of all the rest of a small copy. Who is dialled, and that
it is the checked address, is the guard's alone; there are no redirects, retries, proxies, cookies.

Every wait ends. A block of up to 256 KiB, sent or received, has the read timeout as a whole, so
that a server which takes or gives a byte a second holds nobody for long.
"""

import io
import re
import socket
import threading
import weakref
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import Final, Protocol, cast

from urllib3.util.wait import wait_for_read

from storages_app.lib import outbound
from storages_app.lib.outbound import (
    Address,
    GuardedHTTPConnection,
    GuardedHTTPSConnection,
    Policy,
    check,
)

BLOCK: Final = 256 * 1024
_JOINED = 64 * 1024  # a smaller body travels in one write with its head
_MAX_LINE = 16 * 1024
_MAX_HEADERS = 100
_MAX_INTERIM = 8  # answers like 100 Continue before the real one
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])[ \r\n]")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[^\r\n]*)?\r?\n")
_NO_BODY = {204, 304}


class BadAnswer(OSError):
    """What came is no answer of HTTP, or not the whole of one."""


class Body(Protocol):
    """What is read from while it is sent; "" at its end."""

    def read(self, amount: int, /) -> bytes: ...


class Wire:
    """Kept connections of one policy, shared by threads."""

    def __init__(
        self,
        policy: Policy,
        *,
        connect_timeout: float = 5,
        read_timeout: float = 60,
        keeps: int = 64,
    ) -> None:
        self.policy = policy
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self._keeps = keeps  # idle connections to one host
        self._idle: dict[str, list[_Connection]] = defaultdict(list)
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._idle)  # of one that nobody uses any more

    def send(
        self,
        method: str,
        address: Address,
        *,
        headers: Mapping[str, str],
        body: bytes | Body = b"",
        patience: float = 1,
    ) -> "Response":
        """One request, to the head of its answer. `headers` has `host`, and with a body that is
        no bytes `content-length`; close the response in any case.

        A refusal that comes before all was sent is an answer. `patience` times the read timeout
        is waited for it.
        """
        check(address, self.policy)
        head = _request_head(method, address.target, headers, body)
        connection = self._take(address)
        try:
            is_whole = connection.send(head, body)
            response = Response(self, connection, method, patience)
            if not is_whole and response.status < 300:
                raise BadAnswer("Success came before all was sent.")
            return response
        except BaseException:
            connection.close()
            raise

    def clear(self) -> None:
        """Close what is idle now; what is in use is closed when it comes back."""
        with self._lock:
            self._keeps = 0
            _close_all(self._idle)

    def _take(self, address: Address) -> "_Connection":
        while True:
            with self._lock:
                kept = self._idle[address.origin]
                connection = kept.pop() if kept else None
            if connection is None:
                return _Connection(address, self)
            if connection.is_alive():
                return connection
            connection.close()

    def give_back(self, connection: "_Connection") -> None:
        """Keep a connection whose last answer was read to its end, and had one there."""
        if not connection.has_more():
            with self._lock:
                kept = self._idle[connection.origin]
                if len(kept) < self._keeps:
                    kept.append(connection)
                    return
        connection.close()


def _close_all(idle: "dict[str, list[_Connection]]") -> None:
    for kept in idle.values():
        while kept:
            kept.pop().close()


def _request_head(
    method: str, target: str, headers: Mapping[str, str], body: bytes | Body
) -> bytes:
    if isinstance(body, bytes) and (body or method in {"PUT", "POST"}):
        headers = {"content-length": str(len(body)), **headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    head = "\r\n".join(lines) + "\r\n\r\n"
    if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1 or "\0" in head:
        raise ValueError("A header has a line break in it.")
    return head.encode("latin-1")


class _Connection:
    """One socket that the guard opened."""

    def __init__(self, address: Address, wire: Wire) -> None:
        self.origin = address.origin
        self.read_timeout = wire.read_timeout
        dialled: GuardedHTTPConnection | GuardedHTTPSConnection
        if address.scheme == "https":
            dialled = GuardedHTTPSConnection(
                address.host,
                address.port,
                policy=wire.policy,
                timeout=wire.connect_timeout,
                ssl_context=outbound.tls_context(),
            )
        else:
            dialled = GuardedHTTPConnection(
                address.host, address.port, policy=wire.policy, timeout=wire.connect_timeout
            )
        try:
            dialled.connect()
        except BaseException:
            dialled.close()
            raise
        self.tls_version = getattr(dialled, "tls_version", "")
        self.sock = cast("socket.socket", dialled.sock)
        self._dialled = dialled
        self._incoming = _Incoming(self.sock)
        self.reader = io.BufferedReader(self._incoming, _JOINED)

    def is_alive(self) -> bool:
        """Not closed by the other side while it was idle, and nothing came unasked."""
        return not wait_for_read(self.sock, timeout=0.0)

    def has_more(self) -> bool:
        """Whether bytes came behind the answer: they would be taken for the next one."""
        self._incoming.is_shut = True
        found = bool(self.reader.peek(1))
        self._incoming.is_shut = False
        return found

    def close(self) -> None:
        self._dialled.close()

    def send(self, head: bytes, body: bytes | Body) -> bool:
        """Whether all of it went out."""
        self.sock.settimeout(self.read_timeout)
        if isinstance(body, bytes) and len(body) <= _JOINED:
            self.sock.sendall(head + body)
            return True
        self.sock.sendall(head)
        return self._send_rest(io.BytesIO(body) if isinstance(body, bytes) else body)

    def _send_rest(self, body: Body) -> bool:
        # Whoever refuses early closes its end; what it said about it is still there to be read.
        while block := body.read(BLOCK):
            try:
                self.sock.sendall(block)
            except (BrokenPipeError, ConnectionResetError):
                return False
        return True

    def allow(self, seconds: float, *, is_patient: bool = False) -> None:
        """What is read from now on has to come in so many seconds together."""
        self._incoming.idle_s = seconds if is_patient else self.read_timeout
        self._incoming.ends_at = monotonic() + seconds


class _Incoming(io.RawIOBase):
    """The bytes that come from a socket, until a moment."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.ends_at = 0.0
        self.idle_s = 0.0
        self.is_shut = False  # only what is here already may be looked at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int | None:  # type: ignore[override]
        if self.is_shut:
            return None
        left = self.ends_at - monotonic()
        if left <= 0:
            raise TimeoutError("The answer takes too long.")
        self._sock.settimeout(min(left, self.idle_s))
        return self._sock.recv_into(buffer)


class Response:
    """An answer: its head was read, its body is read by the caller."""

    def __init__(self, wire: Wire, connection: _Connection, method: str, patience: float) -> None:
        self._wire = wire
        self._connection: _Connection | None = connection
        self._reader = connection.reader
        self.tls_version = connection.tls_version
        connection.allow(connection.read_timeout * patience, is_patient=patience > 1)
        self.status, self.headers, is_1_1 = self._read_head()
        self._is_chunked = False
        self._left: int | None = 0  # of the body or of a chunk; None: until the connection ends
        self._is_over = method == "HEAD" or self.status in _NO_BODY
        if not self._is_over:
            self._read_framing()
        self._keeps_alive = is_1_1 and "close" not in self.headers.get("connection", "").lower()

    def _read_head(self) -> tuple[int, dict[str, str], bool]:
        for _ in range(_MAX_INTERIM):
            match = _STATUS.match(self._reader.readline(_MAX_LINE))
            if not match:
                raise BadAnswer("No status came.")
            status, headers = int(match[2]), self._read_headers()
            if status >= 200:
                return status, headers, match[1] == b"1"
        raise BadAnswer("There was no end to interim answers.")

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(_MAX_HEADERS):
            line = self._reader.readline(_MAX_LINE)
            if line in {b"\r\n", b"\n"}:
                return headers
            name, colon, text = line.decode("latin-1").partition(":")
            if not colon or not line.endswith(b"\n") or name != name.strip() or b"\0" in line:
                raise BadAnswer("A header is none.")  # a NUL is no text for PostgreSQL either
            name, text = name.lower(), text.strip()
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        raise BadAnswer("There are too many headers.")

    def _read_framing(self) -> None:
        coding = self.headers.get("transfer-encoding")
        length = self.headers.get("content-length")
        if coding is not None:
            if coding.lower() != "chunked":
                raise BadAnswer("The transfer coding is unknown.")
            self._is_chunked = True
        elif length is None:
            self._left = None
        elif len(told := set(length.split(", "))) == 1 and length.isascii():
            only = told.pop()
            if not only.isdigit():
                raise BadAnswer("The length is none.")
            self._left = int(only[:18])
            self._is_over = self._left == 0
        else:
            raise BadAnswer("The length is none.")

    def read(self, amount: int) -> bytes:
        """The next bytes, at most `amount` and at most a block; none at the end."""
        connection = self._connection
        if self._is_over or connection is None:
            return b""
        connection.allow(connection.read_timeout)
        return self._read_some(min(amount, BLOCK))

    def read_all(self, limit: int) -> bytes:
        """The body, or its first `limit` bytes.

        A server that works for long may send a blank now and then so that nobody gives up
        (CompleteMultipartUpload), hence the tenfold time as a whole.
        """
        connection = self._connection
        if self._is_over or connection is None:
            return b""
        connection.allow(connection.read_timeout * 10)
        pieces: list[bytes] = []
        left = limit
        while left > 0 and (piece := self._read_some(min(left, BLOCK))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _read_some(self, amount: int) -> bytes:
        if self._is_over:
            return b""
        if self._is_chunked and not self._left and not self._begin_chunk():
            return b""
        if self._left is None:
            piece = self._reader.read(amount)
            self._is_over = not piece
            return piece
        piece = self._reader.read(min(amount, self._left))
        self._left -= len(piece)
        if not piece:
            raise BadAnswer(f"The answer ended {self._left} bytes early.")
        if not self._left:
            self._end_piece()
        return piece

    def _begin_chunk(self) -> bool:
        match = _CHUNK_SIZE.fullmatch(self._reader.readline(_MAX_LINE))
        if not match:
            raise BadAnswer("A chunk has no size.")
        self._left = int(match[1], 16)
        if self._left:
            return True
        self._read_headers()  # the trailers
        self._is_over = True
        return False

    def _end_piece(self) -> None:
        if not self._is_chunked:
            self._is_over = True
        elif self._reader.readline(_MAX_LINE) not in {b"\r\n", b"\n"}:
            raise BadAnswer("A chunk is longer than it said.")

    def ends_here(self, *, wait_s: float) -> bool:
        """Whether nothing comes behind the body that was read: more would mean a wrong length.

        The server was asked to close; one that does not is believed after `wait_s`.
        """
        connection = self._connection
        if connection is None or not self._is_over or self._left is None:
            return True
        connection.allow(wait_s)
        try:
            return not self._reader.read(1)
        except OSError:  # silence, or a connection that ends roughly
            return True

    def close(self) -> None:
        """Keep the connection if the whole answer was read; harmless when done twice."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._is_over and self._keeps_alive and self._left is not None:
            self._wire.give_back(connection)
        else:
            with suppress(OSError):
                connection.close()
