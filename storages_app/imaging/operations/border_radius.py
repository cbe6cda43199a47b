"""`border_radius`: round corners."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Length
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class BorderRadius(Operation):
    """Round the corners, as `border-radius` of CSS does.

    One to four radii: top left, top right, bottom right, bottom left; those that are left out are
    as the opposite corner. Radii after a slash are the vertical ones. Percent are of the width,
    vertically of the height: `50p` makes an ellipse. Radii that do not fit are made smaller
    together. Corners become see-through, in JPEG the colour of `setfill`.
    """

    name: ClassVar[str] = "border_radius"
    grammar: ClassVar[str] = "R[,R[,R[,R]]][/V[,V[,V[,V]]]], pixels or percent"
    example: ClassVar[str] = "-/border_radius/50p/-/format/png/"
    cost: ClassVar[float] = 5  # two passes over bands of floating point numbers, and an alpha band

    across: tuple[Length, ...]
    down: tuple[Length, ...]

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) not in (1, 2):
            raise cls.refuse("write one to four radii, like 10 or 10,20,50p; then vertical ones.")
        return cls(cls._read(params[0]), cls._read(params[1]) if len(params) == 2 else ())

    @classmethod
    def _read(cls, text: str) -> tuple[Length, ...]:
        radii = tuple(grammar.length(cls, part) for part in text.split(","))
        if len(radii) > 4:
            raise cls.refuse("there are four corners: write at most four radii.")
        return radii

    def params(self) -> tuple[str, ...]:
        sides = (self.across, self.down) if self.down else (self.across,)
        return tuple(",".join(str(radius) for radius in side) for side in sides)

    def apply(self, canvas: "Canvas") -> None:
        radii = self.radii(canvas.width, canvas.height)

        def change(image: "pyvips.Image") -> "pyvips.Image":
            from storages_app.imaging import corners

            mask = corners.mask(image.width, image.height, radii)
            if not image.hasalpha():
                return image.bandjoin(mask)
            alpha = (image.extract_band(3) * (mask / 255)).rint().cast("uchar")
            return image.extract_band(0, n=3).bandjoin(alpha)

        canvas.redraw(change, adds_alpha=True)

    def radii(self, width: int, height: int) -> list[tuple[float, float]]:
        """Across and down for each corner, clockwise from the top left, so that all fit."""
        across = [radius.of(width) for radius in _four(self.across)]
        down = [radius.of(height) for radius in _four(self.down or self.across)]
        shrink = min(
            1.0,
            *(width / max(1, across[i] + across[j]) for i, j in ((0, 1), (3, 2))),
            *(height / max(1, down[i] + down[j]) for i, j in ((0, 3), (1, 2))),
        )
        return [(x * shrink, y * shrink) for x, y in zip(across, down, strict=True)]


def _four(radii: tuple[Length, ...]) -> tuple[Length, Length, Length, Length]:
    top_left, *others = radii
    top_right = others[0] if others else top_left
    bottom_right = others[1] if len(others) > 1 else top_left
    bottom_left = others[2] if len(others) > 2 else top_right
    return top_left, top_right, bottom_right, bottom_left
