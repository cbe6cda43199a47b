"""Queries on hot paths, whose SQL Django makes once and not at each call."""

from collections.abc import Callable, Hashable
from typing import Any

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper


class Bound(models.Expression):
    """The place in a prepared query of a value that is named when it runs."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        return "%s", (self,)

    def value(self, values: dict[str, Any]) -> Any:
        return self.output_field.get_db_prep_value(values[self.name], connection)


class Prepared:
    """Reads the rows of a `values_list` again and again; making such SQL takes milliseconds.

    `build` makes the queryset, with `Bound` where each call has a value of its own. What shapes the
    SQL itself, a limit for example, are the arguments of `build`: each shape is compiled once.
    """

    def __init__(self, build: Callable[..., "models.QuerySet[Any, Any]"]) -> None:
        self.build = build
        self._compiled: dict[Hashable, tuple[str, tuple[Any, ...], dict[int, Any]]] = {}

    def rows(self, *shape: Hashable, **values: Any) -> list[tuple[Any, ...]]:
        """The rows now, with the `Bound` places filled by `values`."""
        which = (connection.vendor, *shape)
        if which not in self._compiled:
            self._compiled[which] = self._compile(shape)
        sql, parameters, converters = self._compiled[which]
        with connection.cursor() as cursor:
            cursor.execute(
                sql, [one.value(values) if isinstance(one, Bound) else one for one in parameters]
            )
            found = cursor.fetchall()
        return [_converted(row, converters) for row in found] if converters else found

    def _compile(self, shape: tuple[Hashable, ...]) -> tuple[str, tuple[Any, ...], dict[int, Any]]:
        compiler = self.build(*shape).query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns = [column for column, _, _ in compiler.select]
        return sql, tuple(parameters), compiler.get_converters(columns)


def _converted(row: tuple[Any, ...], converters: dict[int, Any]) -> tuple[Any, ...]:
    """What Django's own fields make of a row's values, which SQLite keeps as text."""
    values = list(row)
    for position, (functions, expression) in converters.items():
        for function in functions:
            values[position] = function(values[position], expression, connection)
    return tuple(values)
