"""Connections to the database of threads that are no request's."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import close_old_connections, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


@contextmanager
def own_connection() -> Iterator[None]:
    """A thread's connection is a fresh one, and ends with it."""
    close_old_connections()
    try:
        yield
    finally:
        connection.close()


def end_sleeping_transactions(*, after: timedelta) -> None:
    """From now on PostgreSQL ends those of this process that wait so long for its next word.

    A machine that sleeps in the middle of one would keep the rows that it has locked, a storage's
    for example, from all others until it wakes.
    """

    def limit(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        if connection.vendor == "postgresql":
            milliseconds = str(int(after.total_seconds() * 1000))
            with connection.cursor() as cursor:
                name = "idle_in_transaction_session_timeout"
                cursor.execute("SELECT set_config(%s, %s, false)", [name, milliseconds])

    connection_created.connect(limit, weak=False, dispatch_uid="end_sleeping_transactions")
