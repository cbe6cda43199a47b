"""`flip`: top and bottom change places."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import BareOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Flip(BareOperation):
    """Exchange top and bottom, like a picture in water."""

    name: ClassVar[str] = "flip"
    example: ClassVar[str] = "-/flip/"
    cost: ClassVar[float] = 1

    def apply(self, canvas: "Canvas") -> None:
        canvas.redraw(lambda image: image.flipver())
