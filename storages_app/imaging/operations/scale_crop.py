"""`scale_crop`: fill a box and cut off what sticks out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class ScaleCrop(Operation):
    """Scale in proportion until the box is full, then keep its middle."""

    name: ClassVar[str] = "scale_crop"
    grammar: ClassVar[str] = "WxH[/center]"
    example: ClassVar[str] = "-/scale_crop/200x100/center/"
    limits: ClassVar[str] = "The result is at most 3000×3000, 5000×5000 with format/jpeg."
    cost: ClassVar[float] = 1

    width: int
    height: int
    says_center: bool

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if not params:
            raise cls.refuse("write width and height in pixels, like 400x300.")
        width, height = grammar.size(cls, params[0])
        if list(params[1:]) not in ([], ["center"]):
            raise cls.refuse("after the size only `center` is possible.")
        return cls(width, height, says_center=len(params) == 2)

    def params(self) -> tuple[str, ...]:
        return (f"{self.width}x{self.height}", *(["center"] if self.says_center else []))

    def apply(self, canvas: "Canvas") -> None:
        factor = max(self.width / canvas.width, self.height / canvas.height)
        if canvas.stretch != "on":
            factor = min(1, factor)
        scaled = max(1, round(canvas.width * factor)), max(1, round(canvas.height * factor))
        width, height = min(self.width, scaled[0]), min(self.height, scaled[1])
        canvas.scale(*scaled)
        canvas.window((scaled[0] - width) // 2, (scaled[1] - height) // 2, width, height)
        if canvas.stretch == "fill":
            canvas.pad(self.width, self.height)
