"""A web server that means harm, or is broken: each path is one way in which answers go wrong."""

import socket
import socketserver
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

CONTENT = bytes(range(256)) * 400  # 100 KB
_BLOCK = b"x" * 65_536
_OK = "HTTP/1.1 200 OK\r\nContent-Type: image/x-odd\r\n"
# Modes that never come to a file, whatever is waited for (spec/RELIABILITY F08).
MODES = [
    "status/500",
    "status/404",
    "reset-before-headers",
    "reset-in-body",
    "hang-before-headers",
    "hang-in-body",
    "trickle",
    "length-too-short",
    "length-too-long",
    "endless-chunks",
    "gzip-bomb",
    "redirect-loop",
]
# More of the same kind.
ODD_MODES = [
    "no-http",
    "endless-headers",
    "endless-header",
    "endless-interim",
    "endless-close",
    "two-lengths",
    "negative-length",
    "bad-chunk",
    "cut-chunk",
    "cut-gzip",
    "broken-gzip",
    "gzip-with-tail",
    "brotli",
    "status/204",
    "status/206",
    "status/304",
    "redirect-nowhere",
    "trickled-headers",
]


def hangs(path: str) -> bool:
    """Whether only a limit of time ends it."""
    return "hang" in path or "trickle" in path


class HostileServer(socketserver.ThreadingTCPServer):
    """Counts who came; `paths` are the request targets in their order."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []
        self.requests: list[bytes] = []
        self.is_over = threading.Event()
        self.redirects: dict[str, str] = {}
        _bomb()  # before anybody waits for it

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up on it: that is what is tested."""


@contextmanager
def running() -> Iterator[HostileServer]:
    with HostileServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join()


class _Handler(socketserver.BaseRequestHandler):
    server: HostileServer
    request: socket.socket

    def handle(self) -> None:
        request = self._read_request()
        if not request:
            return
        target = request.split(b" ", 2)[1].decode()
        self.server.paths.append(target)
        self.server.requests.append(request)
        path = target.lstrip("/").partition("?")[0]
        if target in self.server.redirects:
            self.redirect(302, self.server.redirects[target])
        elif path.startswith("status/"):
            self.status(int(path[7:]))
        elif path.startswith("to/"):  # to/<status>/<location>
            _, status, location = path.split("/", 2)
            self.redirect(int(status), f"/{location}")
        else:
            getattr(self, path.partition("/")[0].replace("-", "_"))()

    def _read_request(self) -> bytes:
        request = b""
        while b"\r\n\r\n" not in request:
            chunk = self.request.recv(65_536)
            if not chunk:
                return b""
            request += chunk
            if request[:1] == b"\x16":  # a handshake of TLS
                self.no_http()
                return b""
        return request

    def say(self, head: str, body: bytes = b"") -> None:
        self.request.sendall(head.encode("latin-1") + b"\r\n" + body)

    def hang(self) -> None:
        self.server.is_over.wait()

    def reset(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()

    # --- what is as it should be ------------------------------------------------------------

    def good(self) -> None:
        self.say(f"{_OK}Content-Length: {len(CONTENT)}\r\n", CONTENT)

    def named(self) -> None:
        name = "filename=\"plain.bin\"; filename*=UTF-8''na%C3%AFve%20.bin"
        self.say(f"{_OK}Content-Disposition: attachment; {name}\r\nContent-Length: 1\r\n", b"x")

    def keeps_open(self) -> None:
        self.say(f"{_OK}Content-Length: {len(CONTENT)}\r\n", CONTENT)
        self.hang()

    def chunked(self) -> None:
        body = b"".join(
            b"%x\r\n%b\r\n" % (len(piece), piece)
            for piece in (CONTENT[:10], CONTENT[10:50_000], CONTENT[50_000:])
        )
        self.say(f"{_OK}Transfer-Encoding: chunked\r\n", body + b"0\r\n\r\n")

    def until_close(self) -> None:
        self.say(_OK, CONTENT)

    def gzip(self) -> None:
        self._say_gzip(_gzipped(CONTENT))

    def steady(self) -> None:
        """A block now and then, for ever: never idle, never done."""
        self.say(_OK)
        while not self.server.is_over.wait(0.01):
            self.request.sendall(_BLOCK)

    # --- F08 --------------------------------------------------------------------------------

    def status(self, status: int) -> None:
        text = b"a page that tells of http://10.0.0.1/ and its secrets"
        self.say(f"HTTP/1.1 {status} Odd\r\nContent-Length: {len(text)}\r\n", text)

    def reset_before_headers(self) -> None:
        self.reset()

    def reset_in_body(self) -> None:
        self.say(f"{_OK}Content-Length: 1000000\r\n", CONTENT)
        self.reset()

    def hang_before_headers(self) -> None:
        self.hang()

    def hang_in_body(self) -> None:
        self.say(f"{_OK}Content-Length: 1000000\r\n", CONTENT)
        self.hang()

    def trickle(self) -> None:
        self.say(f"{_OK}Content-Length: 1000000\r\n")
        while not self.server.is_over.wait(0.01):
            self.request.sendall(b"x")

    def length_too_short(self) -> None:
        self.say(f"{_OK}Content-Length: 1000\r\n", CONTENT)

    def length_too_long(self) -> None:
        self.say(f"{_OK}Content-Length: {len(CONTENT) + 1}\r\n", CONTENT)

    def endless_chunks(self) -> None:
        self.say(f"{_OK}Transfer-Encoding: chunked\r\n")
        while not self.server.is_over.is_set():
            self.request.sendall(b"10000\r\n" + _BLOCK + b"\r\n")

    def gzip_bomb(self) -> None:
        self._say_gzip(_bomb())

    def redirect_loop(self) -> None:
        self.redirect(302, "/redirect-loop")

    # --- and more ---------------------------------------------------------------------------

    def redirect(self, status: int, location: str) -> None:
        self.say(f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n")

    def redirect_nowhere(self) -> None:
        self.say("HTTP/1.1 302 Elsewhere\r\nContent-Length: 0\r\n")

    def no_http(self) -> None:
        self.request.sendall(b"220 mail.example ESMTP\r\n")

    def endless_headers(self) -> None:
        self.request.sendall(_OK.encode())
        while not self.server.is_over.is_set():
            self.request.sendall(b"X-More: yes\r\n" * 100)

    def endless_header(self) -> None:
        self.request.sendall(_OK.encode() + b"X-More: ")
        while not self.server.is_over.is_set():
            self.request.sendall(_BLOCK)

    def endless_interim(self) -> None:
        while not self.server.is_over.is_set():
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def endless_close(self) -> None:
        self.say(_OK)
        while not self.server.is_over.is_set():
            self.request.sendall(_BLOCK)

    def trickled_headers(self) -> None:
        while not self.server.is_over.wait(0.01):
            self.request.sendall(b"H")

    def two_lengths(self) -> None:
        self.say(f"{_OK}Content-Length: 10\r\nContent-Length: 20\r\n", CONTENT)

    def negative_length(self) -> None:
        self.say(f"{_OK}Content-Length: -1\r\n", CONTENT)

    def bad_chunk(self) -> None:
        self.say(f"{_OK}Transfer-Encoding: chunked\r\n", b"zz\r\n" + CONTENT)

    def cut_chunk(self) -> None:
        self.say(f"{_OK}Transfer-Encoding: chunked\r\n", b"fffff\r\n" + CONTENT)

    def cut_gzip(self) -> None:
        self._say_gzip(_gzipped(CONTENT)[:-20])

    def broken_gzip(self) -> None:
        self._say_gzip(b"\x1f\x8b\x08\0" + b"no gzip at all" * 9)

    def gzip_with_tail(self) -> None:
        self._say_gzip(_gzipped(CONTENT) + _gzipped(CONTENT))

    def brotli(self) -> None:
        self.say(f"{_OK}Content-Encoding: br\r\nContent-Length: 1\r\n", b"x")

    def _say_gzip(self, body: bytes) -> None:
        self.say(f"{_OK}Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n", body)


def _gzipped(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(content) + packer.flush()


@cache
def _bomb() -> bytes:
    """32 MB of nothing in 32 KB."""
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(bytes(1024 * 1024)) for _ in range(32)]
    return b"".join([*pieces, packer.flush()])
