"""`grayscale`: without colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Grayscale(Operation):
    """Make each pixel the grey that looks as bright."""

    name: ClassVar[str] = "grayscale"
    grammar: ClassVar[str] = "none"
    example: ClassVar[str] = "-/grayscale/"
    cost: ClassVar[float] = 1

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        grammar.nothing(cls, params)
        return cls()

    def params(self) -> tuple[str, ...]:
        return ()

    def apply(self, canvas: "Canvas") -> None:
        canvas.recolour(_change)


def _change(image: "pyvips.Image") -> "pyvips.Image":
    from storages_app.imaging import colours

    return colours.saturate(image, 0)
