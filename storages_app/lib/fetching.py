"""One file from an address that somebody wrote down, whatever the server there does.

Redirects are few, and each is parsed and held against the guard like the first address. Every
block has its time, and so have all of them; the size is counted behind the decompression; an
answer that is shorter or longer than it says is refused. For a thread: it knows no database.
"""

import re
import ssl
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final
from urllib.parse import urljoin

from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from storages_app.lib import outbound
from storages_app.lib.errors import UcdashError
from storages_app.lib.outbound import Address, Policy, UnparsableAddress
from storages_app.lib.wire import Response, Wire

MAX_REDIRECTS: Final = 3
# The smallest amount that has to come within the idle time: a byte now and then is no progress.
BLOCK: Final = 32 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_FOUND = {200, 203}
_CLOSES_WITHIN_S = 0.5
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)


class FetchFailed(UcdashError):
    """The file could not be fetched."""

    code = "fetch_failed"
    hint = "Open the address in a browser, and try again."


class TooManyRedirects(FetchFailed):
    """Too many redirects."""


class RefusedByServer(FetchFailed):
    """The server has another answer than a file."""

    def __init__(self, status: int) -> None:
        super().__init__(f"The server answered {status}.")
        self.status = status


class NotFetched(FetchFailed):
    """The network, or the server, brought no whole answer."""


class TooLarge(FetchFailed):
    """The file is larger than it may be."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"The file has {size} bytes or more; {limit} are taken.")
        self.size, self.limit = size, limit


class OutOfTime(FetchFailed):
    """The whole took too long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The file did not come within {seconds:g} seconds.")
        self.seconds = seconds


@dataclass(frozen=True)
class Limits:
    """What one fetch may cost."""

    size: int  # bytes, as they are written
    whole_s: float  # from the first look-up to the last byte
    idle_s: float  # for the head of an answer, and for each block


class Source:
    """An answer that is a file: `blocks` are its bytes."""

    def __init__(
        self, address: Address, response: Response, limits: Limits, ends_at: float
    ) -> None:
        self.address = address  # where the redirects ended
        self.headers = response.headers
        self._response = response
        self._limits = limits
        self._ends_at = ends_at
        self._decoder = _decoder_for(response.headers.get("content-encoding", ""))

    @property
    def size(self) -> int | None:
        """What the server announces; None if nothing, or only the size of what is compressed."""
        announced = self.headers.get("content-length", "").partition(",")[0]
        if self._decoder or "transfer-encoding" in self.headers or not announced.isdigit():
            return None
        return int(announced[:18])

    def blocks(self) -> Iterator[bytes]:
        """The bytes, decompressed; raises FetchFailed as soon as there is something wrong."""
        limit = self._limits.size
        if self.size is not None and self.size > limit:
            raise TooLarge(self.size, limit)
        n_bytes = 0
        for block in self._decoded():
            n_bytes += len(block)
            if n_bytes > limit:
                raise TooLarge(n_bytes, limit)
            yield block

    def _decoded(self) -> Iterator[bytes]:
        while raw := self._read():
            if self._decoder is None:
                yield raw
                continue
            for block in self._decoder.feed(raw):
                self._check_time()
                yield block
        if self._decoder and not self._decoder.is_whole:
            raise NotFetched("the compressed body ended too early")
        if not self._response.ends_here(wait_s=_CLOSES_WITHIN_S):
            raise NotFetched("the body is longer than its Content-Length")

    def _read(self) -> bytes:
        self._check_time()
        with _named():
            return self._response.read(BLOCK)

    def _check_time(self) -> None:
        if monotonic() > self._ends_at:
            raise OutOfTime(self._limits.whole_s)


class _Decoder:
    """gzip, a bounded piece at a time."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)

    @property
    def is_whole(self) -> bool:
        return self._engine.eof

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """What `raw` becomes, in blocks; a bomb is unpacked no further than the caller asks."""
        while raw:
            if self.is_whole:
                raise NotFetched("the compressed body goes on after its end")
            try:
                block = self._engine.decompress(raw, BLOCK)
            except zlib.error as error:
                raise NotFetched("the compressed body is damaged") from error
            raw = self._engine.unused_data if self.is_whole else self._engine.unconsumed_tail
            if block:
                yield block


def _decoder_for(encoding: str) -> _Decoder | None:
    """We ask for no encoding; the one that servers send all the same is understood."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return None
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return _Decoder()
    raise NotFetched("the content encoding is unknown")


@contextmanager
def open_source(address: Address, *, policy: Policy, limits: Limits) -> Iterator[Source]:
    """Ask for the file at `address`, over at most three redirects.

    Raises FetchFailed, or the guard's OutboundError for the address or one it was sent on to.
    """
    ends_at = monotonic() + limits.whole_s
    wire = Wire(policy, connect_timeout=5, read_timeout=limits.idle_s, keeps=0)
    address, response = _follow(wire, address, ends_at, limits)
    try:
        if response.status not in _FOUND:
            raise RefusedByServer(response.status)
        yield Source(address, response, limits, ends_at)
    finally:
        response.close()


def _follow(
    wire: Wire, address: Address, ends_at: float, limits: Limits
) -> tuple[Address, Response]:
    for _ in range(MAX_REDIRECTS + 1):
        response = _ask(wire, address)
        location = response.headers.get("location", "")
        if response.status not in _REDIRECTS or not location:
            return address, response
        response.close()
        if monotonic() > ends_at:
            raise OutOfTime(limits.whole_s)
        address = _next(address, location)
    raise TooManyRedirects


def _ask(wire: Wire, address: Address) -> Response:
    headers = {
        "host": address.netloc,
        "user-agent": "ucdash",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
    }
    with _named():
        return wire.send("GET", address, headers=headers)


def _next(address: Address, location: str) -> Address:
    """Where a redirect leads. Whatever `urljoin` makes of it, what `parse` reads is dialled."""
    location = tidy(as_text(location))
    if not _SCHEME.match(location):  # for urljoin, http:///host would be a path
        try:
            location = urljoin(f"{address.origin}{address.target}", location)
        except ValueError as error:
            raise UnparsableAddress from error
    return outbound.parse(location)


def as_text(header: str) -> str:
    """A header as it was meant: many servers send UTF-8, which HTTP reads as Latin-1."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def tidy(url: str) -> str:
    """As people paste addresses: without spaces around, and with spaces in the path encoded."""
    return url.strip(" \t\r\n").replace(" ", "%20")


@contextmanager
def _named() -> Iterator[None]:
    """Faults of the way, in words that tell nothing of addresses."""
    try:
        yield
    except NewConnectionError as error:  # a timeout to urllib3, though nothing was waited for
        raise NotFetched("no connection") from error
    except (ConnectTimeoutError, TimeoutError) as error:
        raise NotFetched("no answer in time") from error
    except ssl.SSLError as error:
        raise NotFetched("no secure connection") from error
    except (HTTPError, OSError) as error:
        raise NotFetched("the connection broke or gave no whole answer") from error
