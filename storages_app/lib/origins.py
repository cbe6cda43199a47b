"""Where the work under way comes from, for those who tell of it far below: request, source file."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_source: ContextVar[str | None] = ContextVar("source_file_uuid", default=None)


def request_id() -> str | None:
    """Of the request that is answered; None in a worker."""
    return _request_id.get()


def source_file_uuid() -> str | None:
    """Of the file that a new one is made from, if it is."""
    return _source.get()


@contextmanager
def in_request(name: str) -> Iterator[None]:
    token = _request_id.set(name)
    try:
        yield
    finally:
        _request_id.reset(token)


@contextmanager
def derived_from(file_uuid: object) -> Iterator[None]:
    """Files that arrive within are made from this one."""
    token = _source.set(str(file_uuid))
    try:
        yield
    finally:
        _source.reset(token)
