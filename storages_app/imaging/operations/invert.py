"""`invert`: like a negative."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import BareOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Invert(BareOperation):
    """Exchange light and dark, and each colour with its opposite."""

    name: ClassVar[str] = "invert"
    example: ClassVar[str] = "-/invert/"
    cost: ClassVar[float] = 1

    def apply(self, canvas: "Canvas") -> None:
        canvas.recolour(lambda image: image.invert())
