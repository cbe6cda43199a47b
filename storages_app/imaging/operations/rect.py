"""`rect`: a rectangle of one colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import TOP_LEFT, Colour, Dimensions, Position
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Rect(Operation):
    """Lay a rectangle of one colour over the picture.

    With 8 digits of colour the picture shines through. Without a place it is at the top left.
    """

    name: ClassVar[str] = "rect"
    grammar: ClassVar[str] = "colour/WxH[/X,Y], as in ff880080/100px20p/bottom"
    example: ClassVar[str] = "-/rect/ff8800a0/100px20p/bottom/"
    cost: ClassVar[float] = 1

    colour: Colour
    dimensions: Dimensions
    position: Position | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if not 2 <= len(params) <= 3:
            raise cls.refuse("write colour, size and place, like ff8800/50px50p/center.")
        return cls(
            grammar.colour(cls, params[0]),
            grammar.dimensions(cls, params[1]),
            grammar.position(cls, params[2]) if len(params) == 3 else None,
        )

    def params(self) -> tuple[str, ...]:
        place = () if self.position is None else (str(self.position),)
        return (str(self.colour), str(self.dimensions), *place)

    def apply(self, canvas: "Canvas") -> None:
        whole = (canvas.width, canvas.height)
        width, height = self.dimensions.of(*whole)
        left, top = (self.position or TOP_LEFT).place((width, height), whole)

        def draw(image: "pyvips.Image") -> "pyvips.Image":
            from storages_app.imaging import layers

            return layers.fill(image, self.colour, left=left, top=top, width=width, height=height)

        canvas.redraw(draw)
