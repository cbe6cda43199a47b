"""Secrets under a new data key, so that the old one can be taken away (S116).

Rows are the note of how far it has come: each names the key that it is sealed with. So it may be
stopped and begun again at any time, and run beside an installation at work.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db.models import Model, QuerySet

from storages_app.lib.crypto import CannotUnseal
from storages_app.models import Event
from storages_app.models.fields import SealedField, key_ring, seal, unseal
from storages_app.models.paging import in_pages
from storages_app.projects.accounts import FACTOR_SECRET


@dataclass
class Resealed:
    """What became of the sealed values; `closed` names those that no key here opens."""

    key: str
    n_resealed: int = 0
    n_changed_meanwhile: int = 0
    old_keys: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Nothing is sealed with an older key any more."""
        return not self.closed and not self.n_changed_meanwhile


def reseal(
    *, actor: str, is_dry_run: bool = False, tell: Callable[[Resealed], object] = lambda _: None
) -> Resealed:
    """Seal everything with the newest key that is not yet; `tell` hears after each page."""
    newest, *older = [key_id for key_id, _ in key_ring().keys]
    outcome = Resealed(key=newest, old_keys=older)
    for rows, column in _columns():
        left = rows.exclude(**{column: ""}).exclude(**{f"{column}__startswith": f"{newest}:"})
        for page in in_pages(left.only("pk", column), size=200):
            for row in page:
                _reseal_row(row, column, outcome, is_dry_run=is_dry_run)
            tell(outcome)
    for factors in in_pages(Authenticator.objects.all(), size=200):
        for row in factors:
            _reseal_factor(row, outcome, is_dry_run=is_dry_run)
        tell(outcome)
    if outcome.n_resealed and not is_dry_run:
        Event.objects.record(
            "secrets.resealed",
            actor=actor,
            subject=f"{outcome.n_resealed} secrets",
            data={"key": newest, "count": outcome.n_resealed, "closed": len(outcome.closed)},
        )
    return outcome


def _reseal_row(row: Model, column: str, outcome: Resealed, *, is_dry_run: bool) -> None:
    """Only over what was read: a secret that somebody has replaced meanwhile is left alone."""
    before = getattr(row, column)
    try:
        plaintext = unseal(row, column)
    except CannotUnseal:
        outcome.closed.append(f"{row._meta.verbose_name} {row.pk}: {column}")
        return
    if is_dry_run:
        outcome.n_resealed += 1
        return
    seal(row, column, plaintext)
    rows = type(row)._default_manager.filter(pk=row.pk, **{column: before})
    if rows.update(**{column: getattr(row, column)}):
        outcome.n_resealed += 1
    else:
        outcome.n_changed_meanwhile += 1


def _reseal_factor(row: Authenticator, outcome: Resealed, *, is_dry_run: bool) -> None:
    """What is secret of a second factor stands in a column of allauth's."""
    try:
        after = {name: _resealed(name, row.data[name], outcome) for name in row.data}
    except CannotUnseal:
        outcome.closed.append(f"second factor {row.pk}")
        return
    if after == row.data:
        return
    rows = Authenticator.objects.filter(pk=row.pk, data=row.data)
    if is_dry_run or rows.update(data=after):
        outcome.n_resealed += 1
    else:
        outcome.n_changed_meanwhile += 1


def _resealed(name: str, value: Any, outcome: Resealed) -> Any:
    """Keys of authenticators, seeds of recovery codes, and the list of their hashes."""
    if name == "migrated_codes":
        return [_resealed("seed", hashed, outcome) for hashed in value]
    if name not in {"secret", "seed"} or value.startswith(f"{outcome.key}:"):
        return value
    ring = key_ring()
    return ring.seal(ring.unseal(value, place=FACTOR_SECRET), place=FACTOR_SECRET)


def _columns() -> Iterator[tuple[QuerySet[Model], str]]:
    for model in apps.get_app_config("storages_app").get_models():
        for found in model._meta.get_fields():
            if isinstance(found, SealedField):
                yield model._default_manager.all(), found.name
