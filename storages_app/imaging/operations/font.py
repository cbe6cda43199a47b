"""`font`: of the texts that follow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar, lettering
from storages_app.imaging.grammar import Colour
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

_LARGEST = 1_000


@operation
@dataclass(frozen=True)
class Font(Operation):
    """Choose how the texts after it look; what is not said stays as it was.

    Noto, NotoMono and NotoSerif are drawn with the DejaVu of their kind.
    """

    name: ClassVar[str] = "font"
    grammar: ClassVar[str] = (
        "[reset][/regular or bold][/normal or italic][/size][/colour][/family]; "
        "without this operation: regular/normal/24/000000/DejaVu"
    )
    example: ClassVar[str] = "-/font/bold/italic/48/ffee00/DejaVuSerif/-/text/90px90p/center/Ahoy/"
    limits: ClassVar[str] = (
        "Sizes are 1 to 1000 pixels. Families: DejaVu, DejaVuMono, DejaVuSerif, Noto, NotoMono, "
        "NotoSerif."
    )

    is_reset: bool = False
    weight: str | None = None
    style: str | None = None
    size: int | None = None
    colour: Colour | None = None
    family: str | None = None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        rest = list(params)
        if not rest:
            raise cls.refuse("write at least one of weight, style, size, colour and family.")

        def take(is_meant: Callable[[str], bool]) -> str | None:
            return rest.pop(0) if rest and is_meant(rest[0]) else None

        is_reset = take("reset".__eq__) is not None
        weight = take(lettering.WEIGHTS.__contains__)
        style = take(lettering.STYLES.__contains__)
        size = take(_is_size)
        colour = take(_is_colour)
        family = take(lettering.FAMILIES.__contains__)
        if rest:
            raise cls.refuse(f"write in this order: {cls.grammar.partition(';')[0]}; {cls.limits}")
        return cls(
            is_reset,
            weight,
            style,
            None if size is None else grammar.number(cls, size, low=1, high=_LARGEST),
            None if colour is None else grammar.colour(cls, colour),
            family,
        )

    def params(self) -> tuple[str, ...]:
        chosen = (self.weight, self.style, self.size, self.colour, self.family)
        reset = ("reset",) if self.is_reset else ()
        return (*reset, *(str(one) for one in chosen if one is not None))

    def apply(self, canvas: "Canvas") -> None:
        before = lettering.Font() if self.is_reset else canvas.font
        chosen = {
            field.name: getattr(self, field.name)
            for field in fields(lettering.Font)
            if getattr(self, field.name) is not None
        }
        canvas.font = replace(before, **chosen)


def _is_size(word: str) -> bool:
    """Up to four digits; `012` is a colour."""
    is_number = word.isascii() and word.isdigit()
    return is_number and len(word) <= 4 and not word.startswith("0")


def _is_colour(word: str) -> bool:
    return len(word) in {3, 6, 8} and word.isalnum() and word not in lettering.FAMILIES
