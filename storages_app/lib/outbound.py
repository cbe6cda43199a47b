"""The one way out: every address that a tenant can influence is parsed, checked and dialled here.

What `parse` returns is what gets connected, so no second parser can disagree; a name is resolved
once and every answer is held against an explicit table, and the socket goes to the checked
address, so a name that changes its mind between check and connection gains nothing.
"""

import functools
import ipaddress
import os
import re
import socket
import ssl
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from time import monotonic
from typing import Any, ClassVar, Literal, cast
from urllib.parse import quote

import certifi
import idna
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from storages_app.lib.errors import UcdashError

IPAddress = IPv4Address | IPv6Address
Reason = Literal["private", "http", "port"]  # what is forbidden about an address


class OutboundError(UcdashError):
    """The address was not connected to."""


class UnparsableAddress(OutboundError):
    """This is not a plain http or https address."""

    code = "address_invalid"
    hint = "Write it like https://files.example.com, without user name, spaces or odd numbers."


class Forbidden(OutboundError):
    """This address is not one that this instance talks to."""

    code = "address_forbidden"
    hint = "Ask the operator to add it to UCDASH_ALLOWED_PRIVATE_HOSTS."

    def __init__(self, message: str = "", *, reason: Reason = "private") -> None:
        super().__init__(message)
        self.reason = reason


class NameNotFound(OutboundError):
    """The host name does not resolve."""

    code = "host_not_found"
    hint = "Check the spelling of the host name."


class LookupTimedOut(NameNotFound):
    """Nobody told in time where the host is."""

    hint = "The name server of this host name, or of this instance, does not answer."


# --- What may be talked to ---------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """A parsed URL. `host` is lower-case ASCII without brackets; `ip` is set if it is a number."""

    scheme: str
    host: str
    port: int
    target: str  # path and query, at least "/"; as written, but ASCII
    ip: IPAddress | None = None

    @property
    def netloc(self) -> str:
        """Host and port as the Host header wants them."""
        host = f"[{self.host}]" if isinstance(self.ip, IPv6Address) else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.netloc}"


@dataclass(frozen=True)
class Policy:
    """What the operator lets out. The default: https to any port of a public address."""

    allowed_private: frozenset[tuple[str, int]] = frozenset()  # from `allowed_hosts`
    allowed_ports: frozenset[int] | None = None  # None: any
    allow_http: bool = False
    own_hosts: frozenset[str] = frozenset()  # names of this service: it has nothing to ask itself
    is_anybodys: bool = False  # for addresses that need no more than a public key to be named

    def lets_in(self, address: Address) -> bool:
        """Whether the operator named exactly this host, as written, and this port."""
        return (address.host, address.port) in self.allowed_private


def allowed_hosts(entries: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Read `host:port` entries of the operator; an entry without a port is refused."""
    return frozenset(_allowed_host(entry) for entry in entries)


def hosts_of(urls: Iterable[str]) -> frozenset[str]:
    """The host names in these addresses, as `parse` writes them."""
    return frozenset(parse(url).host for url in urls)


def _allowed_host(entry: str) -> tuple[str, int]:
    if not re.search(r":\d+$", entry):
        raise UnparsableAddress(f"{entry!r} names no port: write host:port.")
    address = parse(f"http://{entry}")
    if address.target != "/":
        raise UnparsableAddress(f"{entry!r} is more than a host and a port.")
    return address.host, address.port


class _Current:
    policy: ClassVar[Policy] = Policy()


def configure(policy: Policy) -> None:
    """Set the policy of this process; called once, when the application is ready."""
    _Current.policy = policy


def current_policy() -> Policy:
    return _Current.policy


# --- One parser --------------------------------------------------------------------------------

_DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 2048
_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[^\x00-\x20\x7f\[\]:/?#@%\\]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:(?P<target>[/?][^#]*)(?:#.*)?)?",
    re.IGNORECASE,
)
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# The last label decides, as in the WHATWG URL standard: 127.1, 0x7f000001 and 2130706433 are all
# numbers to getaddrinfo. Only the plain dotted form is taken for one here.
_NUMERIC_END = re.compile(r"(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$")


def parse(url: str) -> Address:
    """Read an http or https URL strictly; anything two programs could read differently is refused.

    A fragment is dropped after a path and refused directly after the host (`http://good#@bad`).
    """
    if len(url) > MAX_LENGTH or _UNSAFE.search(url) or not (match := _URL.fullmatch(url)):
        raise UnparsableAddress
    scheme = match["scheme"].lower()
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        raise UnparsableAddress
    host, ip = _parse_host(match["host"])
    try:
        target = quote(match["target"] or "/", safe=_PRINTABLE)
    except UnicodeError as error:
        raise UnparsableAddress from error
    return Address(scheme, host, port, target if target[0] == "/" else f"/{target}", ip)


def _parse_host(text: str) -> tuple[str, IPAddress | None]:
    if text.startswith("["):
        try:
            ip: IPAddress = IPv6Address(text[1:-1])
        except ValueError as error:
            raise UnparsableAddress from error
        return str(ip), ip
    host = (text if text.isascii() else _to_ascii(text)).lower().removesuffix(".")
    if _NUMERIC_END.search(host):
        try:
            ip = IPv4Address(text)
        except ValueError as error:  # leading zeros, too few parts, hexadecimal, digits like ①
            raise UnparsableAddress from error
        return str(ip), ip
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise UnparsableAddress
    return host, None


def _to_ascii(host: str) -> str:
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise UnparsableAddress from error


# --- The deny table ----------------------------------------------------------------------------

# Written out instead of asking `ipaddress.is_private` or `is_global`, whose answers changed
# between Python releases and let CGNAT, NAT64, 6to4 and multicast pass.
_DENIED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network; 0.0.0.0 connects to this machine
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; metadata of Alibaba Cloud
        "127.0.0.0/8",  # this machine
        "168.63.129.16/32",  # Azure's host, reachable from every virtual machine
        "169.254.0.0/16",  # link-local; cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; metadata of Oracle Cloud
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Only 2000::/3 is in use on the internet; the first three lines are everything else, among it
# ::1, IPv4-compatible and translated forms, 64:ff9b:1::/48, 5f00::/16, fc00::/7, fe80::/10,
# fec0::/10 and ff00::/8. Mapped and NAT64 addresses are unwrapped before.
_DENIED_IPV6 = tuple(
    IPv6Network(network)
    for network in (
        "::/3",
        "4000::/2",
        "8000::/1",
        "2001::/23",  # protocol assignments, Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
# Names of this machine or of the network around it, whatever a resolver says today.
_DENIED_SUFFIXES = (".localhost", ".localdomain", ".local", ".internal", ".home.arpa")
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP_MARKS = {0x00005EFE, 0x02005EFE}


def is_denied(ip: IPAddress) -> bool:
    """Whether the table forbids the address, or the IPv4 address inside it."""
    if isinstance(ip, IPv4Address):
        return any(ip in network for network in _DENIED_IPV4)
    if ip in _MAPPED or ip in _NAT64:
        # How an IPv4 host looks on a dual-stack socket and behind DNS64: legitimate.
        return is_denied(_last_32_bits(ip))
    if (int(ip) >> 32) & 0xFFFFFFFF in _ISATAP_MARKS and is_denied(_last_32_bits(ip)):
        return True
    return ip.scope_id is not None or any(ip in network for network in _DENIED_IPV6)


def _last_32_bits(ip: IPv6Address) -> IPv4Address:
    return IPv4Address(int(ip) & 0xFFFFFFFF)


# --- Resolve and connect -----------------------------------------------------------------------

SocketAddress = tuple[int, tuple[Any, ...]]  # family, what `connect` takes
_MAX_ANSWERS = 4  # tried one after the other, each with the whole connect timeout
_LOOKUP_S = 5.0
_MAX_LOOKUPS = 64  # at once, among them those that nobody waits for any more
_free_lookups = threading.BoundedSemaphore(_MAX_LOOKUPS)
_free_lookups_of_anybody = threading.BoundedSemaphore(_MAX_LOOKUPS)  # so that buckets keep theirs


def check(address: Address, policy: Policy) -> None:
    """Refuse what needs no resolver to be refused: scheme, port, numbers, names of our network."""
    if policy.lets_in(address):
        return
    if address.ip is not None and is_denied(address.ip):
        raise Forbidden
    if f".{address.host}".endswith(_DENIED_SUFFIXES) or address.host in policy.own_hosts:
        raise Forbidden
    if address.scheme == "http" and not policy.allow_http:
        raise Forbidden("The address must begin with https://.", reason="http")
    if policy.allowed_ports is not None and address.port not in policy.allowed_ports:
        raise Forbidden(reason="port")


def resolve(
    address: Address, policy: Policy, *, wait_s: float | None = None
) -> list[SocketAddress]:
    """Ask the resolver once; every answer must be allowed, or none is used.

    Whoever holds up a person gives it less than the usual 5 s.
    """
    check(address, policy)
    try:
        free = _free_lookups_of_anybody if policy.is_anybodys else _free_lookups
        answers = _look_up(address, _LOOKUP_S if wait_s is None else wait_s, free)
    except TimeoutError as error:
        raise LookupTimedOut from error
    except (OSError, UnicodeError) as error:
        raise NameNotFound from error
    if not policy.lets_in(address) and any(is_denied(_ip_of(answer[4])) for answer in answers):
        raise Forbidden
    return [(int(family), sockaddr) for family, _, _, _, sockaddr in answers[:_MAX_ANSWERS]]


def _look_up(address: Address, wait_s: float, free: threading.BoundedSemaphore) -> list[Any]:
    """The resolver's answers; it has no time limit of its own, so a thread asks it.

    One that gets no answer is left behind until the resolver gives up; their number is bounded.
    """
    if address.ip is not None:
        return _ask_resolver(address)
    gives_up_at = monotonic() + wait_s
    if not free.acquire(timeout=wait_s):
        raise TimeoutError
    answer: Future[list[Any]] = Future()

    def ask() -> None:
        try:
            answer.set_result(_ask_resolver(address))
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            answer.set_exception(error)
        finally:
            free.release()

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    return answer.result(max(gives_up_at - monotonic(), 0))


def _ask_resolver(address: Address) -> list[Any]:
    return socket.getaddrinfo(address.host, address.port, allowed_gai_family(), socket.SOCK_STREAM)


def _forget_lookups() -> None:
    """In a forked child, where the threads that would release them are no more."""
    global _free_lookups, _free_lookups_of_anybody  # noqa: PLW0603
    _free_lookups = threading.BoundedSemaphore(_MAX_LOOKUPS)
    _free_lookups_of_anybody = threading.BoundedSemaphore(_MAX_LOOKUPS)


os.register_at_fork(after_in_child=_forget_lookups)


def _ip_of(sockaddr: tuple[Any, ...]) -> IPAddress:
    return ipaddress.ip_address(sockaddr[0])


def _connect(
    connection: "GuardedHTTPConnection | GuardedHTTPSConnection", scheme: str
) -> socket.socket:
    """A socket to a checked address of the connection's host, in the resolver's order."""
    host = connection.host
    address = parse(f"{scheme}://{f'[{host}]' if ':' in host else host}:{connection.port}")
    failure: OSError = OSError("no address")
    for family, sockaddr in resolve(address, connection.policy):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            sock.settimeout(connection.timeout)
            sock.connect(sockaddr)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "No answer in time") from failure
    raise NewConnectionError(connection, "No connection") from failure


class GuardedHTTPConnection(HTTPConnection):
    """A connection that dials only what its policy allows; Host stays the name."""

    def __init__(self, *args: Any, policy: Policy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.policy = policy

    def _new_conn(self) -> socket.socket:
        return _connect(self, "http")


class GuardedHTTPSConnection(HTTPSConnection):
    """The same over TLS; SNI and the certificate check keep the name."""

    def __init__(self, *args: Any, policy: Policy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.policy = policy

    tls_version = ""  # of the newest handshake, kept when the socket is gone

    def _new_conn(self) -> socket.socket:
        return _connect(self, "https")

    def connect(self) -> None:
        super().connect()
        self.tls_version = cast("ssl.SSLSocket", self.sock).version() or ""


class _GuardedHTTPPool(HTTPConnectionPool):
    ConnectionCls = GuardedHTTPConnection


class _GuardedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = GuardedHTTPSConnection


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Trust the system's authorities (and the operator's SSL_CERT_FILE) and Mozilla's list."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


_BLOCK = 256 * 1024  # read from a file and sent at once; http.client's 16 KiB cost twice the CPU


class GuardedPoolManager(urllib3.PoolManager):
    """urllib3 behind the guard: no redirects, no retries, no proxies, no cookies, no `.netrc`."""

    def __init__(
        self,
        policy: Policy,
        *,
        connect_timeout: float = 5,
        read_timeout: float = 60,
        maxsize: int = 32,
        num_pools: int = 8,
        **options: Any,
    ) -> None:
        super().__init__(
            num_pools,
            timeout=urllib3.Timeout(connect=connect_timeout, read=read_timeout),
            maxsize=maxsize,
            block=False,
            retries=False,
            blocksize=_BLOCK,
            ssl_context=tls_context(),
            **options,
        )
        self.policy = policy
        self.pool_classes_by_scheme = {"http": _GuardedHTTPPool, "https": _GuardedHTTPSPool}

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        pool.conn_kw["policy"] = self.policy
        return pool

    def clear(self) -> None:
        """Close what is pooled now; urllib3 would wait for the garbage collector."""
        for key in self.pools.keys():  # noqa: SIM118 - it has no other iteration
            if (pool := self.pools.get(key)) is not None:
                pool.close()
        super().clear()

    def send(
        self,
        method: str,
        address: Address,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> urllib3.BaseHTTPResponse:
        """One request to a parsed address. The answer is not read yet; a redirect is an answer.

        The target goes out as it is in the address, `..` and `//` included.
        """
        check(address, self.policy)
        pool = self.connection_from_host(address.host, address.port, address.scheme)
        return pool.urlopen(
            method,
            address.target,
            body=body,
            headers=headers,
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            **options,
        )

    def urlopen(  # type: ignore[override]
        self, method: str, url: str, redirect: bool = False, **kw: Any
    ) -> urllib3.BaseHTTPResponse:
        """urllib3's own door, through our parser and without redirects."""
        address = parse(url)
        check(address, self.policy)
        pool = self.connection_from_host(address.host, address.port, address.scheme)
        kw.update(retries=False, redirect=False, assert_same_host=False)
        return pool.urlopen(method, address.target, **kw)
