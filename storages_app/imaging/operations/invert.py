"""`invert`: like a negative."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Invert(Operation):
    """Exchange light and dark, and each colour with its opposite."""

    name: ClassVar[str] = "invert"
    grammar: ClassVar[str] = "none"
    example: ClassVar[str] = "-/invert/"
    cost: ClassVar[float] = 1

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        grammar.nothing(cls, params)
        return cls()

    def params(self) -> tuple[str, ...]:
        return ()

    def apply(self, canvas: "Canvas") -> None:
        canvas.recolour(lambda image: image.invert())
