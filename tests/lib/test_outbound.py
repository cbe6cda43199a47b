"""The guard, against spec/RELIABILITY 4.1; the S numbers are its ids."""

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from storages_app.lib import outbound
from storages_app.lib.outbound import (
    Forbidden,
    GuardedPoolManager,
    LookupTimedOut,
    NameNotFound,
    Policy,
    UnparsableAddress,
    allowed_hosts,
    hosts_of,
    parse,
)
from tests import name_server
from tests.hostile_addresses import (
    EDGES,
    EDGES_IPV6,
    INNER_NAMES,
    LITERALS,
    ODD_NUMBERS,
    PUBLIC,
    as_host,
)

OPEN = Policy(allow_http=True)


@pytest.fixture
def no_sockets(monkeypatch):
    """Any attempt to dial is an error of the guard."""

    def dialled(self, address):
        pytest.fail(f"a socket was opened to {address}")

    monkeypatch.setattr(socket.socket, "connect", dialled)


@pytest.fixture
def resolver(monkeypatch):
    return name_server.install(monkeypatch)


class Answer(BaseHTTPRequestHandler):
    """Says what it was asked; `/to/<n>` is a redirect."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        redirect = self.path.startswith("/to/")
        body = f"{self.path} {self.headers['Host']}".encode()
        self.send_response(int(self.path[4:7]) if redirect else 200)
        if redirect:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def listener():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


class TestParse:
    def test_reads_a_plain_address(self):
        address = parse("HTTPS://Files.Example.com./a/../b//c?x=%2F#part")
        assert (address.scheme, address.host, address.port) == ("https", "files.example.com", 443)
        assert address.target == "/a/../b//c?x=%2F"
        assert address.origin == "https://files.example.com"

    def test_reads_addresses_in_brackets(self):
        address = parse("http://[2606:4700:0::1111]:8080")
        assert (address.host, address.netloc) == ("2606:4700::1111", "[2606:4700::1111]:8080")

    def test_encodes_names_and_paths_in_other_scripts(self):
        address = parse("https://bücher.example/ü?é")
        assert address.host == "xn--bcher-kva.example"
        assert address.target == "/%C3%BC?%C3%A9"

    @pytest.mark.parametrize("host", ODD_NUMBERS)
    def test_refuses_odd_numbers(self, host):  # S002, S003
        with pytest.raises(UnparsableAddress):
            parse(f"http://{host}/")

    @pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "dict", "data", "ldap", "unix"])
    def test_refuses_other_schemes(self, scheme):  # S012
        with pytest.raises(UnparsableAddress):
            parse(f"{scheme}://example.com/x")

    @pytest.mark.parametrize(
        "url",
        [
            "http://good@127.0.0.1",
            "http://good:pass@127.0.0.1/",
            "http://127.0.0.1\\@good",
            "http://good#@127.0.0.1",
            "http://good\t.example/",
            "http://good\r\n.example/",
            "http://good.example/a b",
            "http://good.example/\x00",
            "http://good%2f.example/",
            "http://127.0.0.1%00.example/",
            "http:///127.0.0.1",
            "http:/127.0.0.1",
            "http://",
            "//127.0.0.1",
            "127.0.0.1",
            "",
            "http://[::1",
            "http://[fe80::1%25lo]/",
            "http://[1.2.3.4]/",
            "http://a..b/",
            "http://-a.example/",
            "http://" + "a" * 64 + ".example/",
            "http://example.com/" + "a" * 2100,
            "http://example.com/\udc80",
        ],
    )
    def test_refuses_tricks(self, url):  # S013
        with pytest.raises(UnparsableAddress):
            parse(url)

    @pytest.mark.parametrize("port", ["0", "65536", "99999", "080000", "-1", "８０", "", " 80"])
    def test_refuses_impossible_ports(self, port):  # S014
        with pytest.raises(UnparsableAddress):
            parse(f"http://example.com:{port}/")


class TestTable:
    @pytest.mark.parametrize("ip", LITERALS)
    def test_hostile_addresses_are_refused_before_a_socket(self, ip, no_sockets):
        with pytest.raises(Forbidden):
            GuardedPoolManager(OPEN).urlopen("GET", f"http://{as_host(ip)}/")

    @pytest.mark.parametrize("ip", PUBLIC)
    def test_public_addresses_pass(self, ip):
        assert not outbound.is_denied(ipaddress.ip_address(ip))

    @pytest.mark.parametrize(("first", "last", "below", "above"), EDGES)
    def test_ranges_end_where_they_end(self, first, last, below, above):  # S005
        for inside in (first, last):
            assert outbound.is_denied(ipaddress.ip_address(inside))
            assert outbound.is_denied(ipaddress.ip_address(f"::ffff:{inside}"))
            assert outbound.is_denied(ipaddress.ip_address(f"64:ff9b::{inside}"))
        for outside in filter(None, (below, above)):
            assert not outbound.is_denied(ipaddress.ip_address(outside))

    @pytest.mark.parametrize(("first", "last", "below", "above"), EDGES_IPV6)
    def test_ranges_of_ipv6_end_where_they_end(self, first, last, below, above):  # S008
        for inside in (first, last):
            assert outbound.is_denied(ipaddress.ip_address(inside))
        for outside in filter(None, (below, above)):
            assert not outbound.is_denied(ipaddress.ip_address(outside))

    def test_an_answer_with_a_scope_is_refused(self):
        assert outbound.is_denied(ipaddress.ip_address("fe80::1%1"))
        assert outbound.is_denied(ipaddress.ip_address("2606:4700::1111%1"))

    def test_the_standard_library_alone_would_not_do(self):  # S022
        missed = [ip for ip in LITERALS if not ipaddress.ip_address(ip).is_private]
        assert missed, "is_private would pass the table: it proves nothing"
        assert {"100.64.0.1", "64:ff9b::7f00:1"} <= set(missed)

    @pytest.mark.parametrize("host", INNER_NAMES)
    def test_names_of_the_own_network_are_refused_unasked(self, host, resolver):  # S001, S004
        resolver[host.lower().rstrip(".")] = [["8.8.8.8"]]
        with pytest.raises(Forbidden):
            outbound.resolve(parse(f"https://{host}/"), OPEN)

    def test_the_service_talks_to_none_of_its_own_names(self, resolver):  # S015
        own = hosts_of(["https://Dash.Example.com", "https://files.example.com:8001"])
        for host in ("dash.example.com", "FILES.example.com."):
            resolver[host.lower().rstrip(".")] = [["8.8.8.8"]]
            with pytest.raises(Forbidden):
                outbound.resolve(parse(f"https://{host}/"), Policy(own_hosts=own))
        resolver["other.example.com"] = [["8.8.8.8"]]
        assert outbound.resolve(parse("https://other.example.com/"), Policy(own_hosts=own))

    def test_the_policy_of_the_process_names_the_hosts_of_the_service(self, settings):  # S015
        assert hosts_of(settings.BASE_URLS) <= outbound.current_policy().own_hosts


class TestResolve:
    def test_every_answer_must_be_public(self, resolver):  # S009
        resolver["mixed.example"] = [["8.8.8.8", "127.0.0.1"]]
        with pytest.raises(Forbidden):
            outbound.resolve(parse("https://mixed.example/"), Policy())

    def test_answers_keep_their_order_and_are_few(self, resolver):
        ips = ["2606:4700::1111", *(f"8.8.8.{n}" for n in range(8))]
        resolver["many.example"] = [ips]
        found = outbound.resolve(parse("https://many.example/"), Policy())
        assert [sockaddr[0] for _, sockaddr in found] == ips[:4]

    def test_a_name_that_is_not_there_is_said(self):
        with pytest.raises(NameNotFound):
            outbound.resolve(parse("https://nowhere.invalid/"), Policy())

    @pytest.mark.parametrize("port", [22, 25, 5432, 6379, 8080])
    def test_only_listed_ports_where_there_is_a_list(self, port, no_sockets):  # S014
        policy = Policy(allowed_ports=frozenset({80, 443}), allow_http=True)
        with pytest.raises(Forbidden):
            GuardedPoolManager(policy).urlopen("GET", f"http://8.8.8.8:{port}/")

    def test_any_port_where_there_is_none(self, resolver):
        resolver["s3.example"] = [["8.8.8.8"]]
        assert outbound.resolve(parse("https://s3.example:9000/"), Policy())

    def test_http_needs_the_operator(self, resolver):
        resolver["s3.example"] = [["8.8.8.8"]]
        with pytest.raises(Forbidden, match="https"):
            outbound.resolve(parse("http://s3.example/"), Policy())
        assert outbound.resolve(parse("http://s3.example/"), OPEN)


class TestReasons:
    """Whoever is refused is told why, since two different people can mend it."""

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("https://10.0.0.1/", "private"),
            ("http://10.0.0.1/", "private"),  # https alone would not help
            ("https://db.internal/", "private"),
            ("https://inner.example/", "private"),
            ("http://s3.example/", "http"),
        ],
    )
    def test_tell_private_from_plain(self, resolver, url, reason):
        resolver["inner.example"] = [["10.0.0.1"]]
        with pytest.raises(Forbidden) as caught:
            outbound.resolve(parse(url), Policy())
        assert caught.value.reason == reason

    def test_tell_ports(self):
        with pytest.raises(Forbidden) as caught:
            outbound.check(parse("https://s3.example:22/"), Policy(allowed_ports=frozenset({443})))
        assert caught.value.reason == "port"


class TestLookups:
    @pytest.fixture
    def stuck(self, monkeypatch):
        """A resolver that answers when the test says so, and counts who asks."""
        answers = threading.Event()
        asked = []

        def getaddrinfo(*args):
            asked.append(args)
            answers.wait(5)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(outbound, "_LOOKUP_S", 0.02)
        yield asked
        answers.set()
        for thread in threading.enumerate():
            if thread.name == "look-up":
                thread.join(2)

    def test_a_resolver_that_is_silent_is_left(self, stuck):
        with pytest.raises(LookupTimedOut):
            outbound.resolve(parse("https://slow.example/"), Policy())
        assert len(stuck) == 1

    def test_who_is_in_a_hurry_waits_less(self, stuck, monkeypatch):
        monkeypatch.setattr(outbound, "_LOOKUP_S", 60)
        with pytest.raises(LookupTimedOut):
            outbound.resolve(parse("https://slow.example/"), Policy(), wait_s=0.02)

    def test_those_that_are_left_are_bounded(self, stuck, monkeypatch):
        monkeypatch.setattr(outbound, "_free_lookups", threading.BoundedSemaphore(2))
        for _ in range(4):
            with pytest.raises(LookupTimedOut):
                outbound.resolve(parse("https://slow.example/"), Policy())
        assert len(stuck) == 2

    def test_those_of_anybody_take_none_of_the_others(self, stuck, monkeypatch):
        monkeypatch.setattr(outbound, "_free_lookups_of_anybody", threading.BoundedSemaphore(1))
        for _ in range(3):
            with pytest.raises(LookupTimedOut):
                outbound.resolve(parse("https://slow.example/"), Policy(is_anybodys=True))
        assert len(stuck) == 1
        with pytest.raises(LookupTimedOut):
            outbound.resolve(parse("https://bucket.example/"), Policy())
        assert len(stuck) == 2

    def test_one_that_was_answered_makes_room(self, resolver, monkeypatch):
        monkeypatch.setattr(outbound, "_free_lookups", threading.BoundedSemaphore(1))
        resolver["s3.example"] = [["8.8.8.8"]]
        for _ in range(3):
            assert outbound.resolve(parse("https://s3.example/"), Policy())
        with pytest.raises(NameNotFound):
            outbound.resolve(parse("https://nowhere.invalid/"), Policy())
        assert outbound.resolve(parse("https://s3.example/"), Policy())

    def test_a_number_is_not_looked_up(self, stuck, monkeypatch):
        monkeypatch.setattr(outbound, "_free_lookups", threading.BoundedSemaphore(1))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args: [(2, 1, 6, "", ("8.8.8.8", 443))])
        outbound._free_lookups.acquire()
        assert outbound.resolve(parse("https://8.8.8.8/"), Policy())

    def test_a_forked_child_begins_anew(self, monkeypatch):
        monkeypatch.setattr(outbound, "_free_lookups", threading.BoundedSemaphore(1))
        outbound._free_lookups.acquire()
        outbound._forget_lookups()
        assert outbound._free_lookups.acquire(blocking=False)


class TestAllowedHosts:
    def test_lets_exactly_this_host_and_port_in(self, resolver):  # S018
        policy = Policy(allowed_private=allowed_hosts(["MinIO.internal:9000", "[::1]:9000"]))
        resolver["minio.internal"] = [["10.0.0.5"]]
        assert outbound.resolve(parse("http://minio.internal:9000/b"), policy)
        assert outbound.resolve(parse("http://[0:0::1]:9000/b"), policy)
        for other in ["http://minio.internal:9001", "http://10.0.0.5:9000", "http://[::1]:9001"]:
            with pytest.raises(Forbidden):
                outbound.resolve(parse(other), policy)

    @pytest.mark.parametrize("entry", ["minio", "http://minio:1", "minio:1/x", "a b:1", "127.1:80"])
    def test_refuses_other_entries(self, entry):
        with pytest.raises(UnparsableAddress):
            allowed_hosts([entry])

    def test_the_policy_of_the_process_is_set_once(self):
        before = outbound.current_policy()
        try:
            outbound.configure(OPEN)
            assert outbound.current_policy() is OPEN
        finally:
            outbound.configure(before)


class TestConnect:
    def test_the_checked_address_is_dialled_and_host_is_the_name(self, listener, resolver):
        resolver["minio.example"] = [["127.0.0.1"]]
        policy = Policy(allowed_private=frozenset({("minio.example", listener)}))
        with GuardedPoolManager(policy) as pool:
            answer = pool.request("GET", f"http://minio.example:{listener}/a/../b?x=1")
        assert answer.data == f"/a/../b?x=1 minio.example:{listener}".encode()

    def test_a_name_that_changes_its_mind_reaches_nothing(self, monkeypatch, resolver):  # S010
        dialled = []

        def connect(self, address):
            dialled.append(address[0])
            raise ConnectionRefusedError

        monkeypatch.setattr(socket.socket, "connect", connect)
        for _ in range(1000):
            resolver["rebind.example"] = [["8.8.8.8"], ["127.0.0.1"]]
            with pytest.raises(urllib3.exceptions.NewConnectionError):
                GuardedPoolManager(OPEN).urlopen("GET", "http://rebind.example/")
        assert dialled == ["8.8.8.8"] * 1000

    def test_the_next_address_is_tried(self, listener, resolver):
        resolver["two.example"] = [["127.0.0.2", "127.0.0.1"]]
        policy = Policy(allowed_private=frozenset({("two.example", listener)}))
        with GuardedPoolManager(policy) as pool:
            assert pool.request("GET", f"http://two.example:{listener}/").status == 200

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_an_answer_and_not_followed(self, listener, status):  # S011
        policy = Policy(allowed_private=frozenset({("127.0.0.1", listener)}))
        with GuardedPoolManager(policy) as pool:
            url = f"http://127.0.0.1:{listener}/to/{status}"
            assert pool.request("GET", url, redirect=True, retries=3).status == status
            answer = pool.send("GET", parse(url))
            assert answer.status == status
            answer.drain_conn()

    def test_proxies_of_the_environment_are_ignored(self, listener, monkeypatch):  # S016
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        policy = Policy(allowed_private=frozenset({("127.0.0.1", listener)}))
        with GuardedPoolManager(policy) as pool:
            assert pool.request("GET", f"http://127.0.0.1:{listener}/").status == 200


def certificate(host: str) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return signed.public_bytes(Encoding.PEM), key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


@pytest.fixture(scope="module")
def pem_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    public, private = certificate("minio.example")
    (folder / "public.pem").write_bytes(public)
    (folder / "both.pem").write_bytes(public + private)
    return folder


class TestTls:
    @pytest.fixture
    def tls_port(self, pem_files):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        server.handle_error = lambda *args: None  # refused handshakes are what is tested
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem_files / "both.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()
        server.server_close()

    @pytest.fixture
    def trusting(self, pem_files, monkeypatch):
        """The operator's private CA."""
        context = ssl.create_default_context(cafile=pem_files / "public.pem")
        monkeypatch.setattr(outbound, "tls_context", lambda: context)

    def ask(self, host, port, resolver):
        resolver[host] = [["127.0.0.1"]]
        policy = Policy(allowed_private=frozenset({(host, port)}))
        with GuardedPoolManager(policy) as pool:
            return pool.request("GET", f"https://{host}:{port}/x").data

    def test_the_name_is_asked_for_though_a_number_is_dialled(self, tls_port, resolver, trusting):
        said = self.ask("minio.example", tls_port, resolver)
        assert said == f"/x minio.example:{tls_port}".encode()

    def test_another_name_is_refused(self, tls_port, resolver, trusting):
        with pytest.raises(urllib3.exceptions.SSLError, match="certificate"):
            self.ask("other.example", tls_port, resolver)

    def test_a_certificate_that_nobody_signed_is_refused(self, tls_port, resolver):  # S053
        with pytest.raises(urllib3.exceptions.SSLError, match="certificate"):
            self.ask("minio.example", tls_port, resolver)

    def test_old_versions_are_not_spoken(self):
        context = outbound.tls_context()
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.check_hostname
        assert context.verify_mode == ssl.CERT_REQUIRED
