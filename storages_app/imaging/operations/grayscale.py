"""`grayscale`: without colours."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import BareOperation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Grayscale(BareOperation):
    """Make each pixel the grey that looks as bright."""

    name: ClassVar[str] = "grayscale"
    example: ClassVar[str] = "-/grayscale/"
    cost: ClassVar[float] = 1

    def apply(self, canvas: "Canvas") -> None:
        canvas.recolour(_change)


def _change(image: "pyvips.Image") -> "pyvips.Image":
    from storages_app.imaging import colours

    return colours.saturate(image, 0)
