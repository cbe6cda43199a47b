"""`format`: of the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Format(Operation):
    """Choose the format of the result.

    `auto` asks the browser's Accept header: AVIF for results of up to 2 megapixels, else WebP, else
    PNG where the picture has transparency or few colours, else JPEG. `preserve`, which also holds
    without this operation, keeps JPEG and PNG, makes GIF a PNG, and others a PNG where they have
    transparency, else a JPEG.
    """

    name: ClassVar[str] = "format"
    grammar: ClassVar[str] = "jpeg, png, webp, auto or preserve; without this operation: preserve"
    example: ClassVar[str] = "-/format/webp/"
    cost: ClassVar[float] = 0

    choice: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_of(cls, params, ("jpeg", "png", "webp", "auto", "preserve")))

    def params(self) -> tuple[str, ...]:
        return (self.choice,)

    def apply(self, canvas: "Canvas") -> None:
        canvas.format_choice = self.choice

    @property
    def depends_on_accept(self) -> bool:
        return self.choice == "auto"
