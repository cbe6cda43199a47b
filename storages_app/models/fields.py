"""Column types and expressions that several tables share."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import DateTimeField, Func, TextField
from django.utils import timezone

from storages_app.lib.crypto import KeyRing


class DbNow(Func):
    """The database's own clock: leases, `run_after` and backoff are told by no other."""

    arity = 0
    output_field = DateTimeField()

    # As a subquery it is asked once a statement, and an index can serve a comparison with it.
    template = "(SELECT clock_timestamp())"

    def as_sqlite(self, compiler: Any, connection: BaseDatabaseWrapper, **kwargs: Any) -> Any:
        return super().as_sql(compiler, connection, template="(SELECT ucdash_now())", **kwargs)


def db_now() -> DbNow:
    return DbNow()


def read_db_now() -> datetime:
    """The database's clock as a value, for the few sums that Python has to do."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT ucdash_now()")
            return datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
        return moment


def _sqlite_now() -> str:
    return timezone.now().strftime("%Y-%m-%d %H:%M:%S.%f")


def _teach_sqlite_the_time(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_function("ucdash_now", 0, _sqlite_now)


connection_created.connect(_teach_sqlite_the_time, dispatch_uid="ucdash_now")


@cache
def key_ring() -> KeyRing:
    return KeyRing.parse(settings.DATA_KEYS)


class SealedField(TextField):  # type: ignore[type-arg]
    """A column that holds only sealed text; `seal` and `unseal` are the one way in and out."""


def _place(row: models.Model, field: str) -> str:
    return f"{row._meta.db_table}:{field}:{row.pk}"


def seal(row: models.Model, field: str, plaintext: str) -> None:
    """Put a secret into `row.<field>`, bound to its table, column and primary key."""
    setattr(row, field, key_ring().seal(plaintext, place=_place(row, field)))


def unseal(row: models.Model, field: str) -> str:
    """The secret in `row.<field>`; CannotUnseal where the key is missing or the place is wrong."""
    return key_ring().unseal(getattr(row, field), place=_place(row, field))
