"""`resize`: to an exact size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Length
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Resize(Operation):
    """Scale to a width, a height, or both; with both the proportions may change.

    What happens to a picture that is smaller is said by `stretch`.
    """

    name: ClassVar[str] = "resize"
    grammar: ClassVar[str] = "WxH, Wx or xH"
    example: ClassVar[str] = "-/resize/200x/"
    limits: ClassVar[str] = "The result is at most 3000×3000, 5000×5000 with format/jpeg."
    cost: ClassVar[float] = 1

    width: Length | None
    height: Length | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) != 1:
            raise cls.refuse("write one size in pixels, like 400x300, 400x or x300.")
        return cls(*grammar.open_dimensions(cls, params[0]))

    def params(self) -> tuple[str, ...]:
        return (f"{self.width or ''}x{self.height or ''}",)

    def apply(self, canvas: "Canvas") -> None:
        width, height = self._target(canvas.width, canvas.height)
        if canvas.stretch == "on":
            canvas.scale(width, height)
            return
        if self.width and self.height:
            canvas.scale(min(width, canvas.width), min(height, canvas.height))
        elif width < canvas.width:  # in proportion: both are smaller, or none
            canvas.scale(width, height)
        if canvas.stretch == "fill":
            canvas.pad(width, height)

    def _target(self, width: int, height: int) -> tuple[int, int]:
        """The size asked for; a side that is left out follows in proportion."""
        across = max(1, self.width.of(width)) if self.width else None
        down = max(1, self.height.of(height)) if self.height else None
        if across is None:
            across = max(1, round(width * (down or height) / height))
        if down is None:
            down = max(1, round(height * across / width))
        return across, down
