"""The text of image operations in a URL, read and written: `-/resize/200x/-/format/webp/`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, unquote
from uuid import UUID

from storages_app.imaging.errors import BadEffects, OperationNotAvailable
from storages_app.imaging.limits import MAX_OPERATIONS, MAX_TEXT
from storages_app.imaging.registry import Operation, all_operations

_PARAM_SAFE = ".,-~:%"  # in keys of buckets, besides letters, digits and _
_NOT_HERE = {"detect_faces", "gif2video", "remove_bg", "zoom_objects"}
_FACTS = frozenset(("json", "jsonp", "main_colors"))
_T = TypeVar("_T", bound=Operation)


@dataclass(frozen=True)
class Effects:
    """What a URL asks for, in its order.

    `steps` has everything that was written; `operations` only what shapes the picture, and the
    texts tell only of that: two URLs that differ in `-/inline/…/` have the same bytes.
    """

    steps: tuple[Operation, ...] = ()

    @property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(step for step in self.steps if step.shapes_picture)

    @property
    def is_empty(self) -> bool:
        """The original, byte for byte."""
        return not self.operations

    @property
    def canonical(self) -> str:
        """`-/resize/200x/`, or nothing; parsing it gives the same operations."""
        return "".join(
            "-/" + "".join(f"{quote(word, safe=',:~@')}/" for word in (step.name, *step.params()))
            for step in self.operations
        )

    @property
    def key_text(self) -> str:
        """The `${effects}` of key patterns: `.-resize_200x`. The one place that knows its form."""
        return "".join(
            ".-" + quote("_".join((step.name, *step.params())), safe=_PARAM_SAFE)
            for step in self.operations
        )

    def last(self, kind: type[_T]) -> _T | None:
        """The last step of a kind: where one is written twice, the later one counts."""
        found = [step for step in self.steps if isinstance(step, kind)]
        return found[-1] if found else None

    @property
    def files(self) -> frozenset[UUID]:
        """Other files that the picture is made with."""
        return frozenset(uuid for step in self.operations for uuid in step.files)

    @property
    def depends_on_accept(self) -> bool:
        return any(step.depends_on_accept for step in self.steps)


def parse(text: str, *, is_encoded: bool = True) -> Effects:
    """Read effects; BadEffects names the operation that is wrong, and why.

    `is_encoded` is False for text that a web server has percent-decoded already. Each part is
    decoded after the cut at slashes: an encoded slash never makes a new part.
    """
    if len(text) > MAX_TEXT:
        raise BadEffects(operation="", reason=f"Over {MAX_TEXT} characters of operations.")
    words = [word for word in text.split("/") if word]
    if is_encoded:
        words = [unquote(word) for word in words]
    _check_characters(words)
    written = list(_cut(words))
    if len(written) > MAX_OPERATIONS:
        raise BadEffects(operation="", reason=f"Over {MAX_OPERATIONS} operations.")
    effects = Effects(tuple(_read(name, params) for name, *params in written))
    if len(effects.canonical) > MAX_TEXT:  # a letter that is no ASCII becomes up to twelve
        raise BadEffects(operation="", reason=f"Over {MAX_TEXT} characters when they are encoded.")
    return effects


def split_path(rest: str) -> tuple[str, str]:
    """Cut what follows `<uuid>/` in a URL into effects and file name; either may be empty.

    A name is whatever follows the last slash.
    """
    effects, slash, filename = rest.rpartition("/")
    return effects + slash, filename


def _check_characters(words: list[str]) -> None:
    """A JSON text can hold what neither databases nor URLs have a place for."""
    for word in words:
        if "\0" in word or any("\ud800" <= character <= "\udfff" for character in word):
            raise BadEffects(operation="", reason="There are characters in it that no URL has.")


def _cut(words: list[str]) -> Iterator[list[str]]:
    """Cut at each `-`: name and parameters of one operation after the other."""
    current: list[str] | None = None
    for word in words:
        if word == "-":
            if current is not None:
                yield _named(current)
            current = []
        elif current is None:
            _refuse_what_is_not_here(word)  # some of it is written without `-/`
            raise BadEffects(operation=_shown(word), reason="operations begin with `-/`.")
        else:
            current.append(word)
    if current is not None:
        yield _named(current)


def _named(words: list[str]) -> list[str]:
    if not words:
        raise BadEffects(
            operation="",
            reason="There is a `-/` without an operation after it, or no slash at the end.",
        )
    return words


def _read(name: str, params: list[str]) -> Operation:
    kind = all_operations().get(name)
    if kind is None:
        _refuse_what_is_not_here(name)
        raise BadEffects(
            operation=_shown(name),
            reason=f"not known here. Known are {', '.join(all_operations())}.",
        )
    return kind.parse(params)


def _refuse_what_is_not_here(name: str) -> None:
    if name in _FACTS:
        raise BadEffects(
            operation=name,
            reason="it answers facts, no picture; write it last, in an address of the file host.",
        )
    if name in _NOT_HERE:
        raise OperationNotAvailable(operation=name, reason="it is not available on this server.")


def _shown(word: str) -> str:
    """A stranger's word, short and printable."""
    return ascii(word[:40])[1:-1]
