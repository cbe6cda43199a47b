"""Which new files a storage wants, when, and what is to be made of images besides.

The rule is JSON in `CustomStorage.auto_copy_rule`; only what says something is kept in it, so that
an empty one means: every file, when it is uploaded, as it is.
"""

import re
from dataclasses import dataclass
from typing import Any, Self

from django.db.models import Q

from storages_app.custom_storages.errors import BadRule
from storages_app.custom_storages.processed import read_effects
from storages_app.imaging.errors import BadEffects
from storages_app.models import CustomStorage, File

UPLOAD, STORE = "upload", "store"
MAX_TYPES = 50
MAX_RENDITIONS = 10
_MAX_BYTES = 10**15
_NAMES = ("when", "types", "min_size", "max_size", "renditions")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/(\*|[a-z0-9][a-z0-9!#$&^_.+-]{0,126})")
# Where the bytes tell no more than this, the type that the upload declared counts as well.
_TELLS_LITTLE = ("application/octet-stream", "text/plain")


@dataclass(frozen=True)
class Rule:
    """A rule that was checked; sizes are bytes, inclusive, and renditions canonical effects."""

    when: str = UPLOAD
    types: tuple[str, ...] = ()
    min_size: int | None = None
    max_size: int | None = None
    renditions: tuple[str, ...] = ()

    @classmethod
    def of(cls, custom_storage: CustomStorage) -> Self:
        """The rule that is kept in the row, which was checked when it was put there."""
        kept = custom_storage.auto_copy_rule
        lists = {name: tuple(kept.get(name, ())) for name in ("types", "renditions")}
        return cls(**(kept | lists))

    @property
    def as_json(self) -> dict[str, Any]:
        """The whole rule, as REST shows it."""
        lists = {"types": [*self.types], "renditions": [*self.renditions]}
        return {name: getattr(self, name) for name in _NAMES} | lists

    @property
    def on_store(self) -> bool:
        return self.when == STORE

    def takes(self, file: File) -> bool:
        """Whether a file is of the types and sizes; `files` asks the same of the database."""
        if self.min_size is not None and file.size < self.min_size:
            return False
        if self.max_size is not None and file.size > self.max_size:
            return False
        types = [file.detected_type]
        if file.detected_type in _TELLS_LITTLE:
            types.append(file.mime_type)
        return not self.types or any(
            type_ == wanted or (wanted.endswith("/*") and type_.startswith(wanted[:-1]))
            for wanted in self.types
            for type_ in types
        )

    @property
    def files(self) -> Q:
        """The files that the rule takes, as a condition."""
        wanted = Q()
        for type_ in self.types:
            wanted |= _is_of(type_)
        if self.min_size is not None:
            wanted &= Q(size__gte=self.min_size)
        if self.max_size is not None:
            wanted &= Q(size__lte=self.max_size)
        return wanted


def _is_of(wanted: str) -> Q:
    lookup, text = ("__startswith", wanted[:-1]) if wanted.endswith("/*") else ("", wanted)
    declared = Q(**{f"mime_type{lookup}": text}, detected_type__in=_TELLS_LITTLE)
    return Q(**{f"detected_type{lookup}": text}) | declared


def clean_rule(value: object) -> dict[str, Any]:
    """What is kept of a rule from outside; BadRule names the part that is wrong."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRule("", "The rule should be an object.")
    unknown = sorted(str(name) for name in value if name not in _NAMES)
    if unknown:
        name = ascii(unknown[0][:40])[1:-1]
        raise BadRule("", f"A rule has no `{name}`; it has {', '.join(_NAMES)}.")
    cleaned: dict[str, Any] = {
        "when": _when(value.get("when")),
        "types": _types(value.get("types")),
        "min_size": _size("min_size", value.get("min_size")),
        "max_size": _size("max_size", value.get("max_size")),
        "renditions": _renditions(value.get("renditions")),
    }
    low, high = cleaned["min_size"], cleaned["max_size"]
    if low is not None and high is not None and low > high:
        raise BadRule("max_size", "`max_size` is smaller than `min_size`: no file would fit.")
    return {name: said for name, said in cleaned.items() if said}


def _when(value: object) -> str | None:
    if value not in (None, UPLOAD, STORE):
        raise BadRule("when", f"`when` should be `{UPLOAD}` or `{STORE}`.")
    return STORE if value == STORE else None


def _types(value: object) -> list[str]:
    types = [text.strip().lower() for text in _texts("types", value, at_most=MAX_TYPES)]
    for type_ in types:
        if not _TYPE.fullmatch(type_):
            raise BadRule(
                "types",
                f"`{ascii(type_[:60])[1:-1]}` is no type. Types are like `image/*` or "
                "`application/pdf`; none at all means every file.",
            )
    return list(dict.fromkeys(types))


def _size(name: str, value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_BYTES:
        raise BadRule(name, f"`{name}` should be a whole number of bytes.")
    if name == "max_size" and value == 0:
        raise BadRule(name, "`max_size` should be at least 1 byte; without it there is no limit.")
    return value


def _renditions(value: object) -> list[str]:
    texts = _texts("renditions", value, at_most=MAX_RENDITIONS)
    return list(dict.fromkeys(_canonical(text.strip()) for text in texts))


def _canonical(text: str) -> str:
    shown = ascii(text[:60])[1:-1]
    try:
        parsed = read_effects(text)
    except BadEffects as error:
        raise BadRule("renditions", f"`{shown}`: {error.message}") from error
    if parsed.is_empty:
        raise BadRule("renditions", f"`{shown}` changes nothing: it would be the original again.")
    return parsed.canonical


def _texts(name: str, value: object, *, at_most: int) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise BadRule(name, f"`{name}` should be a list of texts.")
    if len(value) > at_most:
        raise BadRule(name, f"`{name}` has {len(value):,} entries; at most {at_most} are taken.")
    return value
