"""`text_box`: what is painted below the texts that follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar, lettering
from storages_app.imaging.grammar import Colour
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

_MODES = ("none", "fit", "line", "fill")
_WIDEST = 500


@operation
@dataclass(frozen=True)
class TextBox(Operation):
    """Paint a box below the texts after it.

    `fit` is one box around all lines, `line` one around each, `fill` the whole area of the text.
    The padding is added on each side.
    """

    name: ClassVar[str] = "text_box"
    grammar: ClassVar[str] = (
        "none, fit, line or fill[/colour][/padding]; "
        "without this operation: none, without colour and padding: ffffff/0"
    )
    example: ClassVar[str] = (
        "-/font/32/ffffff/-/text_box/line/00000080/6/-/text/80px80p/center/One~nmore/"
    )
    limits: ClassVar[str] = "The padding is 0 to 500 pixels."

    mode: str
    colour: Colour | None
    padding: int | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        mode = grammar.one_of(cls, params[:1], _MODES)
        rest, colour, padding = list(params[1:]), None, None
        if rest and len(rest[0]) >= 3:  # a padding of one or two digits may stand alone
            colour = grammar.colour(cls, rest.pop(0))
        if rest:
            padding = grammar.number(cls, rest.pop(0), low=0, high=_WIDEST)
        if rest:
            raise cls.refuse("write mode, colour and padding, like fit/ffffff80/10.")
        return cls(mode, colour, padding)

    def params(self) -> tuple[str, ...]:
        optional = (self.colour, self.padding)
        return (self.mode, *(str(one) for one in optional if one is not None))

    def apply(self, canvas: "Canvas") -> None:
        default = lettering.TextBox()
        canvas.text_box = lettering.TextBox(
            self.mode, self.colour or default.colour, self.padding or default.padding
        )
