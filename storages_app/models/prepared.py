"""Queries on hot paths, whose SQL Django makes once and not at each call."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper


class Bound(models.Expression):
    """The place in a prepared query of a value that is named when it runs.

    `output_field` is the field that it is compared with: it knows how the database has its values.
    """

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        return "%s", (self,)

    def value(self, values: dict[str, Any]) -> Any:
        return self.output_field.get_db_prep_value(values[self.name], connection)


@dataclass(frozen=True)
class _Statement:
    """A query as the database gets it, and what makes Python values of its columns."""

    sql: str
    parameters: tuple[Any, ...]
    converters: dict[int, Any]
    model: type[models.Model]

    def bind(self, values: dict[str, Any]) -> list[Any]:
        return [one.value(values) if isinstance(one, Bound) else one for one in self.parameters]

    def convert(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """What Django's own fields make of a row's values, which SQLite keeps as text."""
        if not self.converters:
            return row
        values = list(row)
        for position, (functions, expression) in self.converters.items():
            for function in functions:
                values[position] = function(values[position], expression, connection)
        return tuple(values)


class Prepared:
    """Asks the same again and again; making the SQL of a query takes up to milliseconds.

    `build` makes the queryset, with `Bound` where each call has a value of its own. What shapes the
    SQL itself, a limit for example, are the arguments of `build`: each shape is compiled once.
    """

    def __init__(self, build: Callable[..., "models.QuerySet[Any, Any]"]) -> None:
        self.build = build
        self._statements: dict[Hashable, _Statement] = {}

    def rows(self, *shape: Hashable, **values: Any) -> list[tuple[Any, ...]]:
        """The rows now of a `values_list`, with the `Bound` places filled by `values`."""
        return self._read(self._statement(shape), values)

    def instances(self, *shape: Hashable, **values: Any) -> list[Any]:
        """As `rows`, of a plain queryset: one that defers and joins nothing."""
        statement = self._statement(shape)
        names = [field.attname for field in statement.model._meta.concrete_fields]
        return [
            statement.model.from_db(connection.alias, names, row)
            for row in self._read(statement, values)
        ]

    def _read(self, statement: _Statement, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.bind(values))
            return [statement.convert(row) for row in cursor.fetchall()]

    def _statement(self, shape: tuple[Hashable, ...]) -> _Statement:
        which = (connection.vendor, *shape)
        if which not in self._statements:
            self._statements[which] = self._compile(shape)
        return self._statements[which]

    def _compile(self, shape: tuple[Hashable, ...]) -> _Statement:
        queryset = self.build(*shape)
        compiler = queryset.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        return _Statement(sql, tuple(parameters), converters, queryset.model)
