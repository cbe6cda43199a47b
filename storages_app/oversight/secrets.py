"""I10: secrets are sealed, and stand in no other row. Log files are the operator's to search."""

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.apps import apps
from django.db.models import Model, QuerySet

from storages_app.lib.crypto import CannotUnseal
from storages_app.models import (
    BackupRun,
    BulkJob,
    CopyJob,
    Event,
    Finding,
    Incident,
    NotificationDelivery,
    Reconciliation,
)
from storages_app.models.fields import SealedField, unseal
from storages_app.models.paging import in_pages
from storages_app.oversight.violations import Remark, Violation

_SHORTEST = 8  # what is shorter stands in a text by chance
# What is told to people and copied into tickets: each with the columns that hold free text.
_TOLD: tuple[tuple[type[Model], tuple[str, ...]], ...] = (
    (CopyJob, ("detail", "asked_by")),
    (Event, ("subject", "data")),
    (Finding, ("title", "why", "said", "fix")),
    (Incident, ("subject", "title", "outcome")),
    (NotificationDelivery, ("message", "error")),
    (BackupRun, ("reason",)),
    (BulkJob, ("reason",)),
    (Reconciliation, ("reason",)),
)


def are_sealed(grace: timedelta) -> Iterator[Remark]:
    """Every sealed column holds what only this installation's keys open, in this very place."""
    for row, column in _sealed():
        try:
            unseal(row, column)
        except CannotUnseal:
            yield Violation(
                "I10",
                f"{column} is not sealed with a key of this installation.",
                f"{row._meta.verbose_name} {row.pk}",
                "Put the key it was sealed with into UCDASH_DATA_KEYS, or enter the secret again.",
            )


def are_nowhere_in_rows(grace: timedelta) -> Iterator[Remark]:
    """No secret stands in what is told to people."""
    secrets = _opened()
    if not secrets:
        return
    for model, columns in _TOLD:
        for row, column in _texts(model._default_manager.all(), columns):
            text = getattr(row, column)
            text = text if isinstance(text, str) else json.dumps(text)
            if any(secret in text for secret in secrets):
                yield Violation(
                    "I10",
                    f"A secret stands in {column}.",
                    f"{row._meta.verbose_name} {row.pk}",
                    "Revoke this secret, make a new one and tell the makers of ucdash.",
                )


def _sealed() -> Iterator[tuple[Model, str]]:
    for model in apps.get_app_config("storages_app").get_models():
        for field in model._meta.get_fields():
            if isinstance(field, SealedField):
                rows = model._default_manager.exclude(**{field.name: ""}).only("pk", field.name)
                yield from ((row, field.name) for page in in_pages(rows) for row in page)


def _opened() -> set[str]:
    found = set()
    for row, column in _sealed():
        try:
            secret = unseal(row, column)
        except CannotUnseal:
            continue  # told by `are_sealed`
        if len(secret) >= _SHORTEST:
            found.add(secret)
    return found


def _texts(rows: QuerySet[Model], columns: Iterable[str]) -> Iterator[tuple[Model, str]]:
    for page in in_pages(rows.only("pk", *columns)):
        for row in page:
            for column in columns:
                yield row, column
