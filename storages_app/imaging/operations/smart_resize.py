"""`smart_resize`: to an exact size, whatever has to go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Dimensions
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class SmartResize(Operation):
    """Scale until the box is full, and keep the part that draws the eye.

    Nothing is squeezed, and nothing is invented at the borders: what does not fit is cut off.
    `stretch` does not matter to it.
    """

    name: ClassVar[str] = "smart_resize"
    grammar: ClassVar[str] = "WxH"
    example: ClassVar[str] = "-/smart_resize/200x200/"
    limits: ClassVar[str] = "The result is at most 3000×3000, 5000×5000 with format/jpeg."
    cost: ClassVar[float] = 1

    size: Dimensions

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) != 1:
            raise cls.refuse("write width and height in pixels, like 400x300.")
        return cls(grammar.dimensions(cls, params[0]))

    def params(self) -> tuple[str, ...]:
        return (str(self.size),)

    def apply(self, canvas: "Canvas") -> None:
        width, height = self.size.of(canvas.width, canvas.height)
        factor = max(width / canvas.width, height / canvas.height)
        canvas.scale(
            max(width, round(canvas.width * factor)), max(height, round(canvas.height * factor))
        )
        canvas.attend(width, height)
