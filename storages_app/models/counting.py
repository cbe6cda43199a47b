"""The triggers that keep `Tally` right, whoever writes: a service, a command, an operator's SQL.

They are laid after each migration and not by one of them: on SQLite Django alters a table by making
it anew, and its triggers are lost. What was counted before they were there is counted then.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from storages_app.models.files import File
from storages_app.models.groups import Group
from storages_app.models.tallies import COLUMNS, Tally

_TALLY = Tally._meta.db_table
_LIST = ", ".join(COLUMNS)


@dataclass(frozen=True)
class _Counted:
    """A table whose rows are counted: which of them, in which column of the tally, and as what."""

    table: str
    conditions: dict[str, str]
    watched: str  # the columns that the conditions and amounts read
    amounts: dict[str, str] = field(default_factory=dict)  # other than 1

    def trigger(self, operation: str) -> str:
        return f"{self.table}_counted_{operation}"

    @property
    def triggers(self) -> list[str]:
        return [self.trigger(operation) for operation in ("insert", "update", "delete")]

    def numbers(self, row: str) -> list[str]:
        """For each of COLUMNS an expression over a row: what it counts there."""
        return [self._number(name, row) for name in COLUMNS]

    def _number(self, column: str, row: str) -> str:
        condition = self.conditions.get(column)
        if not condition:
            return "0"
        amount = self.amounts.get(column, "1").format(row=row)
        return f"CASE WHEN {condition.format(row=row)} THEN {amount} ELSE 0 END"

    def changes(self) -> list[str]:
        pairs = zip(self.numbers("NEW"), self.numbers("OLD"), strict=True)
        return [f"({new}) - ({old})" for new, old in pairs]

    def has_changed(self) -> str:
        return " OR ".join(f"({change}) <> 0" for change in self.changes())


_COUNTED = (
    _Counted(
        File._meta.db_table,
        {
            "n_stored": "{row}.removed_at IS NULL AND {row}.stored_at IS NOT NULL",
            "n_unstored": "{row}.removed_at IS NULL AND {row}.stored_at IS NULL",
            "n_removed": "{row}.removed_at IS NOT NULL",
            "n_bytes": "{row}.removed_at IS NULL",
        },
        watched="stored_at, removed_at, size",
        amounts={"n_bytes": "{row}.size"},
    ),
    _Counted(Group._meta.db_table, {"n_groups": "{row}.removed_at IS NULL"}, watched="removed_at"),
)


def lay_triggers(using: str = "default", **kwargs: Any) -> None:
    """After a migration: what is not there is laid, and then everything is counted."""
    connection = connections[using]
    if _TALLY not in connection.introspection.table_names():
        return  # on the way to an older version
    wanted = {name for counted in _COUNTED for name in counted.triggers}
    if wanted <= _laid_triggers(connection):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for statement in (*_removals(connection), *_definitions(connection)):
            cursor.execute(statement)
        _count(connection)


def remove_triggers(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for statement in _removals(connection):
            cursor.execute(statement)


def recount(using: str = "default") -> None:
    """Count everything anew; who writes files or groups waits for it."""
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            tables = ", ".join(counted.table for counted in _COUNTED)
            cursor.execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE")
        _count(connection)


def _count(connection: BaseDatabaseWrapper) -> None:
    """No writer is between the two statements: they hold a lock, or SQLite's only place."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {_TALLY}")  # noqa: S608 - all ours
        for counted in _COUNTED:
            sums = ", ".join(f"sum({number})" for number in counted.numbers(counted.table))
            cursor.execute(
                f"INSERT INTO {_TALLY} (project_id, {_LIST}) "  # noqa: S608 - all ours
                f"SELECT project_id, {sums} FROM {counted.table} GROUP BY project_id"
            )


def _laid_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    catalogue = {
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid::regclass::text = ANY(%s)",
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    }[connection.vendor]
    tables = [counted.table for counted in _COUNTED]
    with connection.cursor() as cursor:
        cursor.execute(catalogue, [tables] if connection.vendor == "postgresql" else [])
        return {name for (name,) in cursor.fetchall()}


def _removals(connection: BaseDatabaseWrapper) -> Iterator[str]:
    on_table = " ON {}" if connection.vendor == "postgresql" else ""
    for counted in _COUNTED:
        for trigger in counted.triggers:
            yield f"DROP TRIGGER IF EXISTS {trigger}{on_table.format(counted.table)}"


def _definitions(connection: BaseDatabaseWrapper) -> Iterator[str]:
    define = {"postgresql": _for_postgresql, "sqlite": _for_sqlite}[connection.vendor]
    for counted in _COUNTED:
        yield from define(counted)


def _for_sqlite(counted: _Counted) -> Iterator[str]:
    """One row a project; a row that goes away is taken from what is there, or from nothing."""
    for operation, event, numbers in (
        ("insert", "INSERT", counted.numbers("NEW")),
        ("update", f"UPDATE OF {counted.watched}", counted.changes()),
        ("delete", "DELETE", [f"-({number})" for number in counted.numbers("OLD")]),
    ):
        row = "OLD" if operation == "delete" else "NEW"
        begin = (
            f"INSERT INTO {_TALLY} (project_id, {_LIST}) "  # noqa: S608 - all ours
            f"SELECT NEW.project_id{', 0' * len(COLUMNS)} "
            f"WHERE NOT EXISTS (SELECT 1 FROM {_TALLY} WHERE project_id = NEW.project_id);"
        )
        sums = ", ".join(f"{c} = {c} + {n}" for c, n in zip(COLUMNS, numbers, strict=True))
        yield (
            f"CREATE TRIGGER {counted.trigger(operation)} AFTER {event} ON {counted.table} "  # noqa: S608 - all ours
            f"{'WHEN ' + counted.has_changed() if operation == 'update' else ''} BEGIN "
            f"{begin if operation == 'insert' else ''} "
            f"UPDATE {_TALLY} SET {sums} WHERE id = "
            f"(SELECT min(id) FROM {_TALLY} WHERE project_id = {row}.project_id); END"
        )


def _for_postgresql(counted: _Counted) -> Iterator[str]:
    """A statement that writes a million rows adds one row here; a change of one row adds one."""
    for operation, rows, sign in (("insert", "NEW", ""), ("delete", "OLD", "-")):
        sums = ", ".join(f"{sign}sum({number})" for number in counted.numbers("touched"))
        yield _function(
            counted.trigger(operation),
            f"SELECT project_id, {sums} FROM touched GROUP BY project_id",  # noqa: S608 - all ours
        )
        yield (
            f"CREATE TRIGGER {counted.trigger(operation)} AFTER {operation} ON {counted.table} "
            f"REFERENCING {rows} TABLE AS touched FOR EACH STATEMENT "
            f"EXECUTE FUNCTION {counted.trigger(operation)}()"
        )
    trigger = counted.trigger("update")
    yield _function(trigger, f"VALUES (NEW.project_id, {', '.join(counted.changes())})")
    yield (
        f"CREATE TRIGGER {trigger} AFTER UPDATE OF {counted.watched} ON {counted.table} "
        f"FOR EACH ROW WHEN ({counted.has_changed()}) EXECUTE FUNCTION {trigger}()"
    )


def _function(name: str, rows: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"INSERT INTO {_TALLY} (project_id, {_LIST}) {rows}; RETURN NULL; END $$"
    )
