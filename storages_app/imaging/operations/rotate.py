"""`rotate`: by any angle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Rotate(Operation):
    """Turn the picture counter-clockwise; corners that come free get the colour of `setfill`."""

    name: ClassVar[str] = "rotate"
    grammar: ClassVar[str] = "degrees, -360 to 360"
    example: ClassVar[str] = "-/rotate/90/"
    cost: ClassVar[float] = 1

    degrees: int

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_number(cls, params, low=-360, high=360))

    def params(self) -> tuple[str, ...]:
        return (str(self.degrees),)

    def apply(self, canvas: "Canvas") -> None:
        canvas.turn(self.degrees)
