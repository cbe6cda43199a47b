"""`sharp`: clearer edges."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.adjustments import Adjustment
from storages_app.imaging.registry import operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas

_SIGMA = 1.0


@operation
@dataclass(frozen=True)
class Sharp(Adjustment):
    """Make edges clearer; good after `resize`."""

    name: ClassVar[str] = "sharp"
    grammar: ClassVar[str] = "[0 to 20], 5 if left out"
    example: ClassVar[str] = "-/sharp/20/"
    cost: ClassVar[float] = 3
    low: ClassVar[int] = 0
    high: ClassVar[int] = 20
    default: ClassVar[int | None] = 5

    def apply(self, canvas: "Canvas") -> None:
        if self.amount:
            canvas.redraw(self.change)

    def change(self, image: "pyvips.Image") -> "pyvips.Image":
        from storages_app.imaging import colours

        sharpened = colours.mix(image, colours.blur(image, _SIGMA), -self.amount / 10)
        if not image.hasalpha():
            return sharpened
        return sharpened.extract_band(0, n=3).bandjoin(image.extract_band(3))
