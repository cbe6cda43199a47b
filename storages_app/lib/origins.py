"""Where the work under way comes from, for those who tell of it far below: request, source file."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_address: ContextVar[str | None] = ContextVar("request_address", default=None)
_source: ContextVar[str | None] = ContextVar("source_file_uuid", default=None)


def request_id() -> str | None:
    """Of the request that is answered; None in a worker."""
    return _request_id.get()


def request_address() -> str | None:
    """Of who sent the request that is answered; None in a worker, and where it is no address."""
    return _address.get()


def source_file_uuid() -> str | None:
    """Of the file that a new one is made from, if it is."""
    return _source.get()


@contextmanager
def in_request(name: str, address: str = "") -> Iterator[None]:
    token, address_token = _request_id.set(name), _address.set(_read_address(address))
    try:
        yield
    finally:
        _request_id.reset(token)
        _address.reset(address_token)


def _read_address(text: str) -> str | None:
    """A proxy may tell a name or a port; a socket tells nothing."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


@contextmanager
def derived_from(file_uuid: object) -> Iterator[None]:
    """Files that arrive within are made from this one."""
    token = _source.set(str(file_uuid))
    try:
        yield
    finally:
        _source.reset(token)
