"""`crop`: keep a rectangle."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Dimensions, Position
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


_RATIO = re.compile(r"(\d{1,5}(?:\.\d{1,3})?):(\d{1,5}(?:\.\d{1,3})?)", re.ASCII)


@dataclass(frozen=True)
class Ratio:
    """Proportions of a rectangle, which is as large as fits."""

    across: float
    down: float

    def of(self, width: int, height: int) -> tuple[int, int]:
        factor = min(width / self.across, height / self.down)
        return max(1, round(self.across * factor)), max(1, round(self.down * factor))

    def __str__(self) -> str:
        return ":".join(f"{side:.3f}".rstrip("0").rstrip(".") for side in (self.across, self.down))


@operation
@dataclass(frozen=True)
class Crop(Operation):
    """Keep a rectangle of the picture, given by its size or by its proportions.

    What lies beyond the picture gets the colour of `setfill`. A size without a place begins at the
    top left; proportions, which take as much as fits, and the tag `image`, which stands for the
    whole picture, are taken from the middle. Percent are of the picture's sides.
    """

    name: ClassVar[str] = "crop"
    grammar: ClassVar[str] = "WxH[/X,Y], A:B[/X,Y], image[/WxH or A:B[/X,Y]]"
    example: ClassVar[str] = "-/crop/50px50p/center/"
    limits: ClassVar[str] = "Cropping to faces (tag `face`) is not available on this server."
    cost: ClassVar[float] = 1

    area: Dimensions | Ratio | None
    position: Position | None
    says_image: bool = False

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if "face" in params:
            raise cls.not_available("crop/face")
        says_image = list(params[:1]) == ["image"]
        rest = params[1:] if says_image else params
        if len(rest) > 2 or not (rest or says_image):
            raise cls.refuse("write a size like 400x300, or proportions like 16:9; then a place.")
        if not rest:
            return cls(None, None, says_image)
        area = _read_ratio(cls, rest[0]) if ":" in rest[0] else grammar.dimensions(cls, rest[0])
        position = grammar.position(cls, rest[1]) if len(rest) == 2 else None
        return cls(area, position, says_image)

    def params(self) -> tuple[str, ...]:
        given = (self.area, self.position)
        tag = ("image",) if self.says_image else ()
        return tag + tuple(str(term) for term in given if term is not None)

    def apply(self, canvas: "Canvas") -> None:
        if self.area is None:
            return
        whole = canvas.width, canvas.height
        part = self.area.of(*whole)
        is_centred = self.says_image or isinstance(self.area, Ratio)
        position = self.position or (grammar.CENTER if is_centred else grammar.TOP_LEFT)
        canvas.window(*position.place(part, whole), *part)


def _read_ratio(operation: type[Operation], text: str) -> Ratio:
    match = _RATIO.fullmatch(text)
    if match is None or not all(float(side) for side in match.groups()):
        raise operation.refuse("write proportions like 16:9.")
    return Ratio(*(float(side) for side in match.groups()))
