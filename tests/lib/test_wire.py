"""HTTP over the guard's connections: what is sent, what is taken for an answer, how waits end."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from io import BytesIO

import pytest

from storages_app.lib import outbound
from storages_app.lib.outbound import Address, Forbidden, Policy
from storages_app.lib.wire import BLOCK, BadAnswer, Response, Wire

Script = Callable[[socket.socket], None]


class Server:
    """Each connection is served by the next script; the last one serves all others."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.scripts: list[Script] = []
        self.heads: list[bytes] = []
        self.n_connections = 0
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.n_connections += 1
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            thread = threading.Thread(target=self._serve, args=(connection, script), daemon=True)
            self.threads.append(thread)  # before its client can look for it
            thread.start()

    def _serve(self, connection: socket.socket, script: Script) -> None:
        with connection, suppress(OSError):
            script(connection)

    def says(self, *answers: bytes) -> None:
        """Answer each request of a connection with the next of these, then close."""

        def script(connection: socket.socket) -> None:
            with connection.makefile("rb") as stream:
                for said in answers:
                    self.heads.append(self.request(stream))
                    connection.sendall(said)

        self.scripts.append(script)

    @staticmethod
    def request(stream: object) -> bytes:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()  # type: ignore[attr-defined]
            if not line:
                raise OSError("gone")
            head += line
        lengths = [line for line in head.split(b"\r\n") if line.startswith(b"content-length: ")]
        if lengths:
            head += stream.read(int(lengths[0][16:]))  # type: ignore[attr-defined]
        return head

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(2)


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(Server()) as found:
        yield found


@pytest.fixture
def address(server) -> Address:
    return outbound.parse(f"http://127.0.0.1:{server.port}/a/../b?c")


@pytest.fixture
def wire(server) -> Iterator[Wire]:
    policy = Policy(allowed_private=frozenset({("127.0.0.1", server.port)}))
    found = Wire(policy, read_timeout=0.2)
    yield found
    found.clear()


def asked(wire: Wire, address: Address, method: str = "GET", **more) -> bytes:
    with closing(wire.send(method, address, headers={"host": "h"}, **more)) as response:
        return whole(response)


def whole(response: Response) -> bytes:
    return b"".join(iter(lambda: response.read(3), b""))


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class TestRequest:
    def test_goes_out_as_written(self, wire, address, server):
        server.says(OK)
        assert asked(wire, address) == b"hello"
        assert server.heads == [b"GET /a/../b?c HTTP/1.1\r\nhost: h\r\n\r\n"]

    @pytest.mark.parametrize("size", [1, 64 * 1024, 64 * 1024 + 1, 600_000])
    @pytest.mark.parametrize("kind", [bytes, BytesIO])
    def test_has_its_body(self, wire, address, server, size, kind):
        server.says(OK)
        content = b"x" * size
        response = wire.send(
            "PUT", address, headers={"host": "h", "content-length": str(size)}, body=kind(content)
        )
        response.close()
        assert server.heads[0].partition(b"\r\n\r\n")[2] == content

    def test_says_that_it_has_none(self, wire, address, server):
        server.says(OK, OK)
        asked(wire, address, "POST")
        asked(wire, address, "DELETE")
        assert b"content-length: 0\r\n" in server.heads[0]
        assert b"content-length" not in server.heads[1]

    @pytest.mark.parametrize("text", ["a\r\nx: y", "a\nb", "a\rb", "a\0b"])
    def test_takes_no_line_breaks(self, wire, address, server, text):
        with pytest.raises(ValueError, match="line break"):
            wire.send("GET", address, headers={"host": "h", "x-amz-meta-a": text})
        assert server.n_connections == 0

    def test_is_checked_by_the_guard_each_time(self, address, server):
        server.says(OK, OK)
        strict = Wire(Policy())
        with pytest.raises(Forbidden):
            strict.send("GET", address, headers={})
        assert server.n_connections == 0


class TestConnection:
    def test_is_kept(self, wire, address, server):
        server.says(OK, OK, OK)
        assert [asked(wire, address) for _ in range(3)] == [b"hello"] * 3
        assert server.n_connections == 1

    @pytest.mark.parametrize(
        "said",
        [
            pytest.param(OK + b"HTTP/1.1 200 OK\r\n\r\n", id="bytes behind the answer"),
            pytest.param(OK.replace(b"\r\n\r\n", b"\r\nConnection: Close\r\n\r\n"), id="close"),
            pytest.param(OK.replace(b"1.1", b"1.0"), id="HTTP/1.0"),
        ],
    )
    def test_is_not_kept(self, wire, address, server, said):
        server.says(said, OK)  # this connection would go on
        server.says(OK)
        assert [asked(wire, address) for _ in range(2)] == [b"hello"] * 2
        assert server.n_connections == 2

    def test_is_not_kept_where_the_answer_was_left(self, wire, address, server):
        server.says(OK)
        server.says(OK)
        wire.send("GET", address, headers={"host": "h"}).close()
        assert asked(wire, address) == b"hello"
        assert server.n_connections == 2

    def test_that_was_closed_meanwhile_is_not_used(self, wire, address, server):
        server.says(OK)
        server.says(OK)
        asked(wire, address)
        server.threads[1].join(2)  # the server has closed it
        assert asked(wire, address) == b"hello"

    def test_is_closed_with_its_wire(self, wire, address, server):
        server.says(OK, OK)
        asked(wire, address)
        wire.clear()
        server.threads[1].join(2)
        assert not server.threads[1].is_alive()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"


class TestAnswer:
    @pytest.mark.parametrize(
        ("said", "content"),
        [
            (b"HTTP/1.1 204 No\r\n\r\n", b""),
            (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"hello"),
            (b"HTTP/1.1 200\r\n\r\nuntil the end", b"until the end"),
            (
                CHUNKED + b"5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n",
                b"hello!",
            ),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi", b"hi"),
        ],
    )
    def test_is_read(self, wire, address, server, said, content):
        server.says(said)
        assert asked(wire, address) == content

    def test_to_head_has_no_body(self, wire, address, server):
        server.says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", OK)
        assert asked(wire, address, "HEAD") == b""
        assert asked(wire, address) == b"hello"
        assert server.n_connections == 1

    def test_headers_are_joined_by_their_names(self, wire, address, server):
        server.says(OK.replace(b"\r\n\r\n", b"\r\nETag:  a \r\nX: 1\r\nx: 2\r\n\r\n"))
        response = wire.send("GET", address, headers={"host": "h"})
        assert response.headers == {"content-length": "5", "etag": "a", "x": "1, 2"}
        assert (response.status, response.read_all(4)) == (200, b"hell")
        response.close()

    @pytest.mark.parametrize(
        "said",
        [
            b"",
            b"SSH-2.0-OpenSSH\r\n",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 99 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n folded: b\r\n\r\n",
            b'HTTP/1.1 200 OK\r\nETag: "a\0b"\r\n\r\n',
            b"HTTP/1.1 200 OK\r\nLate: ",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nA: " + b"b" * 20_000 + b"\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 9,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nhi",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello there",
        ],
    )
    def test_that_is_none_is_said(self, wire, address, server, said):
        server.says(said)
        with pytest.raises(BadAnswer):
            asked(wire, address)

    def test_that_comes_early_is_an_answer(self, wire, address, server):
        """Somebody who refuses a large body says so and closes."""

        def refuse(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 20):
                pass

        server.scripts.append(refuse)
        response = wire.send(
            "PUT", address, headers={"content-length": "4000000"}, body=BytesIO(b"x" * 4_000_000)
        )
        assert response.status == 403
        response.close()

    def test_of_success_before_all_was_sent_is_none(self, wire, address, server, monkeypatch):
        """Nobody can have written what was never sent."""

        def lie(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(OK)
            connection.recv(1)

        def break_down(sock: socket.socket, said: bytes) -> None:
            if len(said) == BLOCK:
                raise BrokenPipeError
            sock.send(said)

        server.scripts.append(lie)
        monkeypatch.setattr(socket.socket, "sendall", break_down)
        headers = {"host": "h", "content-length": str(BLOCK)}
        with pytest.raises(BadAnswer, match="before all was sent"):
            wire.send("PUT", address, headers=headers, body=BytesIO(b"x" * BLOCK))


class TestWaits:
    """F33: a server that hangs or trickles holds nobody for long."""

    def silence(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        while connection.recv(1 << 20):
            pass

    def trickle(self, said: bytes, *, head: bytes = b"") -> Script:
        def script(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(head)
            for number in range(len(said)):
                connection.sendall(said[number : number + 1])
                time.sleep(0.02)

        return script

    def test_for_a_head_end(self, wire, address, server):
        server.scripts.append(self.silence)
        with pytest.raises(TimeoutError):
            asked(wire, address)

    def test_for_a_head_that_trickles_end(self, wire, address, server):
        server.scripts.append(self.trickle(OK))
        with pytest.raises(TimeoutError):
            asked(wire, address)

    def test_for_a_body_that_trickles_end(self, wire, address, server):
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        server.scripts.append(self.trickle(b"x" * 100, head=head))
        response = wire.send("GET", address, headers={"host": "h"})
        with closing(response), pytest.raises(TimeoutError):
            response.read(100)

    def test_of_an_answer_that_takes_long_may_be_filled_with_blanks(self, wire, address, server):
        """CompleteMultipartUpload sends a blank now and then so that nobody gives up."""
        body = b" " * 20 + b"done"

        head = b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n"
        server.scripts.append(self.trickle(body, head=head))
        with closing(wire.send("POST", address, headers={"host": "h"})) as response:
            assert response.read_all(100) == body

    def test_for_a_reader_that_takes_nothing_end(self, wire, address, server):
        def script(connection: socket.socket) -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            time.sleep(0.6)

        server.scripts.append(script)
        with pytest.raises(TimeoutError):
            asked(wire, address, "PUT", body=b"x" * 30_000_000)


class TestEnd:
    """A server that was asked to close tells by it that its length was right."""

    @pytest.mark.parametrize(
        ("said", "ends"),
        [
            (OK, True),
            (OK + b"!", False),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nhello", False),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore", False),
            (b"HTTP/1.1 200 OK\r\n\r\nhello", True),
        ],
    )
    def test_is_where_nothing_comes_any_more(self, wire, address, server, said, ends):
        server.says(said)
        with closing(wire.send("GET", address, headers={"host": "h"})) as response:
            whole(response)
            assert response.ends_here(wait_s=5) is ends

    def test_is_believed_of_a_server_that_stays_open(self, wire, address, server):
        server.says(OK, OK)
        with closing(wire.send("GET", address, headers={"host": "h"})) as response:
            whole(response)
            assert response.ends_here(wait_s=0.05)
