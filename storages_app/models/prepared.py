"""Queries on hot paths, whose SQL Django makes once and not at each call."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query import get_related_populators
from django.db.models.sql import InsertQuery


class Bound(models.Expression):
    """The place in a prepared query of a value that is named when it runs.

    `output_field` is the field that it is compared with: it knows how the database has its values.
    """

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        return "%s", (self,)

    def value(self, values: dict[str, Any], connection: BaseDatabaseWrapper) -> Any:
        return self.output_field.get_db_prep_value(values[self.name], connection)


@dataclass(frozen=True)
class _Statement:
    """A query as the database gets it, and what makes Python values of its columns."""

    sql: str
    parameters: tuple[Any, ...]
    converters: tuple[tuple[int, Any, Any], ...]  # position, function, expression
    model: type[models.Model]
    names: tuple[str, ...]  # of the model's own columns, which come first
    related: tuple[Any, ...]  # what makes the rows that `select_related` joined

    def read(
        self, values: dict[str, Any], connection: BaseDatabaseWrapper
    ) -> list[tuple[Any, ...]]:
        parameters = [
            one.value(values, connection) if isinstance(one, Bound) else one
            for one in self.parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            rows = cursor.fetchall()
        return [self._convert(row, connection) for row in rows] if self.converters else rows

    def instance(self, row: tuple[Any, ...]) -> models.Model:
        made = self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[: len(self.names)])
        for populator in self.related:
            populator.populate(row, made)
        return made

    def _convert(self, row: tuple[Any, ...], connection: BaseDatabaseWrapper) -> tuple[Any, ...]:
        """What Django's own fields make of a row's values, which SQLite keeps as text."""
        values = list(row)
        for position, function, expression in self.converters:
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
        connection = connections[DEFAULT_DB_ALIAS]
        return self._statement(shape, connection).read(values, connection)

    def instances(self, *shape: Hashable, **values: Any) -> list[Any]:
        """As `rows`, of a queryset that defers nothing; with what `select_related` names."""
        connection = connections[DEFAULT_DB_ALIAS]
        statement = self._statement(shape, connection)
        return [statement.instance(row) for row in statement.read(values, connection)]

    def _statement(
        self, shape: tuple[Hashable, ...], connection: BaseDatabaseWrapper
    ) -> _Statement:
        which = (connection.vendor, *shape)
        if which not in self._statements:
            self._statements[which] = self._compile(shape, connection)
        return self._statements[which]

    def _compile(self, shape: tuple[Hashable, ...], connection: BaseDatabaseWrapper) -> _Statement:
        queryset = self.build(*shape)
        compiler = queryset.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        return _Statement(
            sql=sql,
            parameters=tuple(parameters),
            converters=tuple(
                (position, function, expression)
                for position, (functions, expression) in converters.items()
                for function in functions
            ),
            model=queryset.model,
            names=tuple(field.attname for field in queryset.model._meta.concrete_fields),
            related=_populators(compiler),
        )


class PreparedInsert:
    """Writes rows of a model, all columns, where nothing that must be unique is there already."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        self._statements: dict[str, str] = {}

    def add(self, row: models.Model) -> bool:
        """Write `row`, whose key is chosen; False, and nothing is written, where it would clash.

        No signals are sent. Nothing else than a clash is passed over: the database's other refusals
        are raised, and end the transaction.
        """
        connection = connections[DEFAULT_DB_ALIAS]
        compiler = self._compiler(connection)
        fields = compiler.query.fields
        values = [
            compiler.prepare_value(field, compiler.pre_save_val(field, row)) for field in fields
        ]
        if connection.vendor not in self._statements:
            self._statements[connection.vendor] = self._compile(compiler, row)
        with connection.cursor() as cursor:
            cursor.execute(self._statements[connection.vendor], values)
            is_written = bool(cursor.rowcount)
        row._state.adding, row._state.db = not is_written, DEFAULT_DB_ALIAS
        return is_written

    def _compiler(self, connection: BaseDatabaseWrapper) -> Any:
        query = InsertQuery(self.model)
        query.insert_values(self.model._meta.concrete_fields, [])
        return query.get_compiler(connection=connection)

    def _compile(self, compiler: Any, row: models.Model) -> str:
        """Not `OR IGNORE` as Django writes for SQLite: that holds for what triggers write too."""
        compiler.query.objs = [row]
        [(sql, _)] = compiler.as_sql()
        return f"{sql} ON CONFLICT DO NOTHING"


def _populators(compiler: Any) -> tuple[Any, ...]:
    """None for a `values_list`."""
    if not compiler.klass_info:
        return ()
    return tuple(
        get_related_populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
    )
