"""Walking through a whole table without holding it."""

from collections.abc import Iterator
from typing import TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def in_pages(rows: QuerySet[Row], *, size: int = 1000) -> Iterator[list[Row]]:
    """All rows in the order of their primary key, a list at a time.

    Between two pages no cursor is open: whoever asks a bucket about each row keeps neither
    SQLite's log from being folded nor a transaction of PostgreSQL alive.
    """
    last = None
    while page := list((rows.filter(pk__gt=last) if last else rows).order_by("pk")[:size]):
        yield page
        last = page[-1].pk
