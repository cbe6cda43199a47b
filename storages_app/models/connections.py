"""Connections to the database of threads that are no request's."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import close_old_connections, connection


@contextmanager
def own_connection() -> Iterator[None]:
    """A thread's connection is a fresh one, and ends with it."""
    close_old_connections()
    try:
        yield
    finally:
        connection.close()
