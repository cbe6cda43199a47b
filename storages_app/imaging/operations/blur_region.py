"""`blur_region`: a part that nobody is to recognise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Dimensions, Position
from storages_app.imaging.operations.blur import STRONGEST
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas

_SHARE = 1 / 8  # of the longer side is the sigma, so that no letter can be read


@operation
@dataclass(frozen=True)
class BlurRegion(Operation):
    """Blur a rectangle of the picture, and nothing of what is around it gets in.

    The strength is that of `blur`; without it, it is so strong that no letter can be read.
    """

    name: ClassVar[str] = "blur_region"
    grammar: ClassVar[str] = "WxH/X,Y[/0 to 5000], as in 40px20p/center/200"
    example: ClassVar[str] = "-/blur_region/40px40p/center/"
    cost: ClassVar[float] = 4

    dimensions: Dimensions
    position: Position
    strength: int | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if params and params[0] == "faces":
            raise cls.not_available("blur_region/faces")
        if not 2 <= len(params) <= 3:
            raise cls.refuse("write size, place and strength, like 200x100/50,50/200.")
        return cls(
            grammar.dimensions(cls, params[0]),
            grammar.position(cls, params[1]),
            grammar.number(cls, params[2], low=0, high=STRONGEST) if params[2:] else None,
        )

    def params(self) -> tuple[str, ...]:
        strength = () if self.strength is None else (str(self.strength),)
        return (str(self.dimensions), str(self.position), *strength)

    def apply(self, canvas: "Canvas") -> None:
        whole = (canvas.width, canvas.height)
        part = self.dimensions.of(*whole)
        left, top = self.position.place(part, whole)
        right, bottom = min(left + part[0], whole[0]), min(top + part[1], whole[1])
        left, top = max(0, left), max(0, top)
        sigma = max(part) * _SHARE if self.strength is None else self.strength / 10
        if left >= right or top >= bottom or not sigma:
            return

        def change(image: "pyvips.Image") -> "pyvips.Image":
            from storages_app.imaging import colours

            region = colours.blur(image.crop(left, top, right - left, bottom - top), sigma)
            return image.insert(region.rint().cast("uchar"), left, top)

        canvas.redraw(change)
