"""`mirror`: left and right change places."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import BareOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Mirror(BareOperation):
    """Exchange left and right, like a mirror."""

    name: ClassVar[str] = "mirror"
    example: ClassVar[str] = "-/mirror/"
    cost: ClassVar[float] = 1

    def apply(self, canvas: "Canvas") -> None:
        canvas.redraw(lambda image: image.fliphor())
