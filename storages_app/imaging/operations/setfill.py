"""`setfill`: the colour of what is empty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Colour
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Setfill(Operation):
    """Set the colour of what operations after it leave empty, and of what JPEG cannot leave so.

    With 8 digits the last two say how opaque it is: 00 is see-through, where the format can be.
    """

    name: ClassVar[str] = "setfill"
    grammar: ClassVar[str] = "3, 6 or 8 hexadecimal digits; without this operation: ffffff"
    example: ClassVar[str] = "-/setfill/ece3d2/-/crop/110px110p/center/"

    colour: Colour

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) != 1:
            raise cls.refuse("write one colour, like ff8800.")
        return cls(grammar.colour(cls, params[0]))

    def params(self) -> tuple[str, ...]:
        return (str(self.colour),)

    def apply(self, canvas: "Canvas") -> None:
        canvas.fill = self.colour.rgba
