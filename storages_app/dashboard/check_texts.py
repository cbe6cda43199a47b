"""What the product itself says in a check and in a refusal, for the pages of the docs.

The prose of those pages is written by hand; the texts, levels and codes come from where the product
takes them, so that the two cannot drift apart.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import getdoc

from storages_app.custom_storages.grants import ALL_USES
from storages_app.custom_storages.probe import Advice, Check, registry
from storages_app.lib.errors import UcdashError
from storages_app.models import CustomStorage, Finding
from storages_app.objectstores.backends.s3.translation import PROVIDER_CODES
from storages_app.objectstores.errors import ObjectStoreError

Mode, Identity = CustomStorage.PublicMode, CustomStorage.Identity


@dataclass(frozen=True)
class CheckFacts:
    """The head of a check's page."""

    name: str
    levels: list[str]
    waits_for: list[tuple[str, str]]  # (address of its page, name)


@dataclass(frozen=True)
class Refusal:
    """An error of the API under one code: what it says, and what to do."""

    what: str
    fix: str


class _Names(dict[str, str]):
    """Fills each place of a text with its own name."""

    def __missing__(self, name: str) -> str:
        return f"‹{name.replace('_', ' ')}›"


def is_check(check_id: str) -> bool:
    return check_id in registry


def facts(check_id: str) -> CheckFacts:
    found = registry[check_id]
    return CheckFacts(
        found.name,
        _levels(found),
        [(f"checks/{name}", registry[name].name) for name in found.requires],
    )


def texts(check_id: str, codes: Collection[str]) -> list[Advice]:
    """What the row of a check says under one of these codes."""
    found = registry[check_id]
    own = (found.notes, found.refusals)
    said = [texts_of[code] for texts_of in own for code in codes if code in texts_of]
    said += [found.failures[kind] for kind in _failures(found, codes)]
    return [named(advice) for n, advice in enumerate(said) if advice not in said[:n]]


def named(advice: Advice) -> Advice:
    """The same with the names of what is filled in."""
    return advice.filled(_Names())


def aliases(check_id: str, codes: Collection[str]) -> list[str]:
    """Other codes under which the same texts are shown."""
    found = registry[check_id]
    kinds = _failures(found, codes)
    shown = [code for code, kind in PROVIDER_CODES.items() if _nearest(found, kind) in kinds]
    every = dict.fromkeys([*shown, *(kind.code for kind in kinds)])
    return [code for code in every if code not in codes]


def codes_of(found: Check) -> Iterator[str]:
    """Every code that the row of a check can show with a text of its own."""
    yield from found.notes
    yield from found.refusals
    for kind in found.failures:
        yield kind.code
    for code, kind in PROVIDER_CODES.items():
        if _nearest(found, kind):
            yield code


@cache
def refusals() -> Mapping[str, list[Refusal]]:
    """The errors of the product by their code, each text once."""
    found: dict[str, list[Refusal]] = defaultdict(list)
    for kind in _kinds(UcdashError):
        said = Refusal((getdoc(kind) or "").splitlines()[0], kind.hint)
        if said not in found[kind.code]:
            found[kind.code].append(said)
    return found


def _kinds(base: type[UcdashError]) -> Iterator[type[UcdashError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _failures(found: Check, codes: Collection[str]) -> list[type[ObjectStoreError]]:
    """The errors that a section is about: those of our own codes in it, else of the provider's."""
    own = {*codes} & {*found.notes, *found.refusals}
    ours = [kind for kind in found.failures if kind.code in {*codes} - own]
    if ours or own:
        return ours
    named = {_nearest(found, PROVIDER_CODES[code]) for code in codes if code in PROVIDER_CODES}
    return [kind for kind in found.failures if kind in named]


def _nearest(found: Check, kind: type[ObjectStoreError]) -> type[UcdashError] | None:
    return next((known for known in kind.__mro__ if known in found.failures), None)


def _levels(found: Check) -> list[str]:
    """The levels that the check can have, by what a storage is used for."""
    levels = {found.level(row) for row in _samples()}
    return [level.label.lower() for level in Finding.Level if level in levels]


def _samples() -> Iterator[CustomStorage]:
    """Storages, in memory only, that between them have every question asked."""
    plain = {"provider": "aws", "bucket": "bucket", "uses": []}
    every_use = [use.slug for use in ALL_USES]
    for mode in Mode.values:
        yield CustomStorage(**plain, public_mode=mode)
    for identity in Identity.values:
        yield CustomStorage(**plain | {"uses": every_use}, identity=identity)
    full = CustomStorage(
        **plain,
        account_id="111122223333",
        storage_class="STANDARD_IA",
        encryption={"mode": "aws:kms", "kms_key_id": "key"},
    )
    full.copies_to_find = [("key", 1)]
    yield full
