"""S115: `migrate` and `check --database default` tell of secrets that no key here can open.

Each sealed value names its key, so counting is one question a column and opens nothing. It is no
error, or the tables of an installation whose keys are lost could not be brought up to date.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 - Django's name
from django.db import connection
from django.db.models import Model, Q

from storages_app.models.fields import SealedField, key_ring


@register(Tags.database)
def secrets_can_be_opened(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """A warning for each column with values that were sealed with a key that is not here."""
    if "default" not in (databases or ()):
        return []
    return [
        Warning(
            f"{n_closed} values of {model._meta.db_table}.{column} are sealed with a key that is "
            "not in UCDASH_DATA_KEYS.",
            hint="Put that key back behind the newest one, or enter these secrets again: "
            "docs/upgrading.md, When the keys are lost.",
            id="ucdash.W001",
        )
        for model, column in _columns()
        if (n_closed := model._base_manager.exclude(_opened_by_ours(column)).count())
    ]


def _columns() -> Iterator[tuple[type[Model], str]]:
    """The sealed ones that the tables have; `migrate` may be about to add others."""
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in apps.get_app_config("storages_app").get_models():
            sealed = [each for each in model._meta.get_fields() if isinstance(each, SealedField)]
            if not sealed or model._meta.db_table not in tables:
                continue
            described = connection.introspection.get_table_description(cursor, model._meta.db_table)
            there = {column.name for column in described}
            yield from ((model, each.name) for each in sealed if each.column in there)


def _opened_by_ours(column: str) -> Q:
    found = Q(**{column: ""})
    for key_id, _key in key_ring().keys:
        found |= Q(**{f"{column}__startswith": f"{key_id}:"})
    return found
