"""Fetching a file, from servers that behave and from those that do not."""

import socket
import tracemalloc

import pytest

from storages_app.lib import fetching, outbound
from storages_app.lib.fetching import (
    FetchFailed,
    Limits,
    NotFetched,
    OutOfTime,
    RefusedByServer,
    TooLarge,
    TooManyRedirects,
    open_source,
)
from storages_app.lib.outbound import Forbidden, NameNotFound, Policy, UnparsableAddress, parse
from tests import hostile_server, name_server
from tests.hostile_addresses import LITERALS, as_host
from tests.hostile_server import CONTENT, MODES, ODD_MODES, hangs

LIMITS = Limits(size=1_000_000, whole_s=20, idle_s=10)
IMPATIENT = Limits(size=1_000_000, whole_s=20, idle_s=0.2)


@pytest.fixture(scope="module")
def server():
    with hostile_server.running() as found:
        yield found


@pytest.fixture(autouse=True)
def _forgotten(server, monkeypatch):
    server.paths.clear()
    server.requests.clear()
    server.redirects.clear()
    monkeypatch.setattr(fetching, "_CLOSES_WITHIN_S", 0.05)


@pytest.fixture
def resolver(monkeypatch):
    return name_server.install(monkeypatch)


@pytest.fixture
def policy(server):
    """What an operator allows who has this server in the own network."""
    return Policy(allowed_private=frozenset({("127.0.0.1", server.port)}), allow_http=True)


@pytest.fixture
def fetch(server, policy):
    def fetch(path, limits=None):
        limits = limits or (IMPATIENT if hangs(path) else LIMITS)
        with open_source(parse(server.url(path)), policy=policy, limits=limits) as source:
            return source, b"".join(source.blocks())

    return fetch


class TestOpenSource:
    @pytest.mark.parametrize("path", ["good", "chunked", "until-close", "keeps-open", "gzip"])
    def test_brings_the_whole_file(self, fetch, path):
        _, content = fetch(path)
        assert content == CONTENT

    def test_asks_for_the_bytes_as_they_are(self, fetch, server):
        fetch("good?a=1")
        (request,) = server.requests
        assert request.startswith(b"GET /good?a=1 HTTP/1.1\r\n")
        assert f"\r\nhost: 127.0.0.1:{server.port}\r\n".encode() in request
        assert b"accept-encoding: identity" in request
        assert b"cookie" not in request.lower()
        assert b"authorization" not in request.lower()

    @pytest.mark.parametrize(
        ("path", "size"),
        [("good", len(CONTENT)), ("chunked", None), ("until-close", None), ("gzip", None)],
    )
    def test_tells_a_size_that_can_be_relied_on(self, fetch, path, size):
        assert fetch(path)[0].size == size

    @pytest.mark.parametrize("path", [*MODES, *ODD_MODES])
    def test_gets_no_file_from_a_server_that_does_wrong(self, fetch, path):  # F08
        with pytest.raises(FetchFailed) as caught:
            fetch(path)
        assert "10.0.0.1" not in caught.value.message  # S019: nothing of the answer
        assert "127.0.0.1" not in caught.value.message

    @pytest.mark.parametrize(
        ("path", "error"),
        [
            ("status/500", RefusedByServer),
            ("status/404", RefusedByServer),
            ("reset-before-headers", NotFetched),
            ("reset-in-body", NotFetched),
            ("hang-before-headers", NotFetched),
            ("hang-in-body", NotFetched),
            ("trickle", NotFetched),
            ("length-too-short", NotFetched),
            ("length-too-long", NotFetched),
            ("endless-chunks", TooLarge),
            ("gzip-bomb", TooLarge),
            ("redirect-loop", TooManyRedirects),
        ],
    )
    def test_says_what_was_wrong(self, fetch, path, error):  # F08
        with pytest.raises(error):
            fetch(path)

    def test_nobody_listens(self, fetch):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        policy = Policy(allowed_private=frozenset({("127.0.0.1", port)}))
        with (
            pytest.raises(NotFetched, match="no connection"),
            open_source(parse(f"http://127.0.0.1:{port}/"), policy=policy, limits=LIMITS),
        ):
            pass

    def test_a_server_that_speaks_no_tls_is_told_so(self, server, policy):
        address = parse(server.url("good").replace("http:", "https:"))
        with (
            pytest.raises(NotFetched, match="no secure connection"),
            open_source(address, policy=policy, limits=LIMITS),
        ):
            pass


class TestLimits:
    def test_a_server_that_is_never_idle_and_never_done_is_left(self, fetch):  # F08
        limits = Limits(size=10**9, whole_s=0.2, idle_s=5)
        with pytest.raises(OutOfTime):
            fetch("steady", limits)

    def test_a_file_may_have_exactly_the_limit(self, fetch):
        assert fetch("chunked", Limits(len(CONTENT), 20, 10))[1] == CONTENT
        for path in ("chunked", "good", "gzip"):
            with pytest.raises(TooLarge):
                fetch(path, Limits(len(CONTENT) - 1, 20, 10))

    def test_an_announced_size_is_refused_before_its_first_byte(self, server, policy):
        with open_source(
            parse(server.url("good")), policy=policy, limits=Limits(10, 20, 10)
        ) as source:
            blocks = source.blocks()
            with pytest.raises(TooLarge) as caught:
                next(blocks)
        assert (caught.value.size, caught.value.limit) == (len(CONTENT), 10)

    @pytest.mark.parametrize("path", ["gzip-bomb", "endless-chunks", "endless-close"])
    def test_what_has_no_end_costs_no_memory(self, server, policy, path):  # S098, F08
        """The bytes are unpacked no further than they are taken."""
        limits = Limits(size=20_000_000, whole_s=60, idle_s=20)
        with open_source(parse(server.url(path)), policy=policy, limits=limits) as source:
            blocks = source.blocks()
            next(blocks)
            tracemalloc.start()
            try:
                with pytest.raises(TooLarge) as caught:
                    all(len(block) <= fetching.BLOCK for block in blocks)
                assert caught.value.size > 20_000_000
                assert tracemalloc.get_traced_memory()[1] < 2_000_000
            finally:
                tracemalloc.stop()


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_are_followed_three_times(self, fetch, server, status):  # S011
        way = f"to/{status}/"
        source, content = fetch(f"{way * 3}good")
        assert content == CONTENT
        assert source.address.target == "/good"
        assert len(server.paths) == 4
        with pytest.raises(TooManyRedirects):
            fetch(f"{way * 4}good")

    @pytest.mark.parametrize(
        ("location", "target"),
        [
            ("good", "/a/b/good"),
            ("../good", "/a/good"),
            ("?x=1", "/a/b/c?x=1"),
            ("/good#part", "/good"),
            ("/a b", "/a%20b"),
            ("/\u00c3\u00a9t\u00c3\u00a9", "/%C3%A9t%C3%A9"),  # UTF-8, as many servers send it
        ],
    )
    def test_may_be_relative(self, location, target):  # S011
        address = fetching._next(parse("http://files.example/a/b/c"), location)
        assert (address.origin, address.target) == ("http://files.example", target)

    @pytest.mark.parametrize(
        "location",
        [
            "file:///etc/passwd",
            "ftp://files.example/x",
            "gopher://127.0.0.1:6379/x",
            "javascript:alert(1)",
            "http://good@127.0.0.1/",
            "http://127.0.0.1\\@files.example/",
            "http://good#@127.0.0.1/",
            "http://2130706433/",
            "http://[::1",
            "http://127.1/",
            "http:///127.0.0.1",
        ],
    )
    def test_to_what_is_no_plain_address_are_refused(self, fetch, server, location):  # S011, S013
        server.redirects["/r"] = location
        with pytest.raises((UnparsableAddress, Forbidden)):
            fetch("r")
        assert server.paths == ["/r"]

    @pytest.mark.parametrize("ip", LITERALS)
    def test_into_other_networks_are_refused_unasked(self, fetch, server, monkeypatch, ip):  # S011
        dialled = []
        connect = socket.socket.connect

        def watched(self, address):
            dialled.append(address)
            return connect(self, address)

        monkeypatch.setattr(socket.socket, "connect", watched)
        server.redirects["/r"] = f"http://{as_host(ip)}/"
        with pytest.raises(Forbidden):
            fetch("r")
        assert dialled == [("127.0.0.1", server.port)]

    def test_to_another_port_of_an_allowed_host_are_refused(self, fetch, server):  # S011, S018
        server.redirects["/r"] = f"http://127.0.0.1:{server.port + 1}/"
        with pytest.raises(Forbidden):
            fetch("r")

    def test_to_a_name_that_leads_inside_are_refused(self, fetch, server, resolver):
        resolver["inside.example"] = [["10.0.0.7"]]
        server.redirects["/r"] = "http://inside.example/"
        with pytest.raises(Forbidden):
            fetch("r")

    def test_to_a_name_that_there_is_not_are_told(self, fetch, server, resolver):
        server.redirects["/r"] = "http://nowhere.example/"
        with pytest.raises(NameNotFound):
            fetch("r")


class TestRebinding:
    def test_a_name_that_changes_its_mind_never_reaches_loopback(
        self, server, resolver, monkeypatch
    ):  # S010
        """The other server stands for the public one; a socket to loopback would get through."""
        connect = socket.socket.connect
        dialled = []

        def public_is_away(self, address):
            dialled.append(address[0])
            if address[0] == "8.8.8.8":
                raise ConnectionRefusedError
            return connect(self, address)

        monkeypatch.setattr(socket.socket, "connect", public_is_away)
        policy = Policy(allow_http=True, allowed_ports=frozenset({80, server.port}))
        address = parse(f"http://rebind.example:{server.port}/good")
        for turn in range(1000):
            public, inside = ["8.8.8.8"], ["127.0.0.1"]
            resolver["rebind.example"] = [public, inside] if turn % 2 else [inside, public]
            with (
                pytest.raises((NotFetched, Forbidden)),
                open_source(address, policy=policy, limits=LIMITS),
            ):
                pass
        assert dialled == ["8.8.8.8"] * 500
        assert server.paths == []

    def test_the_address_that_was_checked_is_dialled(self, server, resolver):  # S010
        resolver["files.example"] = [["127.0.0.1"]]
        policy = Policy(allowed_private=frozenset({("files.example", server.port)}))
        address = parse(server.url("good", host="files.example"))
        with open_source(address, policy=policy, limits=LIMITS) as source:
            assert b"".join(source.blocks()) == CONTENT
        assert f"host: files.example:{server.port}".encode() in server.requests[0]


class TestGuard:
    def test_is_the_only_way_out(self, fetch, monkeypatch):  # S020
        monkeypatch.setattr(outbound, "_connect", lambda *args: pytest.fail("asked the guard"))
        with pytest.raises(pytest.fail.Exception, match="asked the guard"):
            fetch("good")

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
    def test_proxies_of_the_environment_are_ignored(self, fetch, monkeypatch, name):  # S016
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert fetch("good")[1] == CONTENT


class TestTidy:
    @pytest.mark.parametrize(
        ("pasted", "read"),
        [
            (" https://a.example/b c.jpg\n", "https://a.example/b%20c.jpg"),
            ("https://a.example/b", "https://a.example/b"),
        ],
    )
    def test_makes_an_address_of_what_people_paste(self, pasted, read):
        assert fetching.tidy(pasted) == read
