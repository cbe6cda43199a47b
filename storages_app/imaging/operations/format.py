"""`format`: of the result."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import ChoiceOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Format(ChoiceOperation):
    """Choose the format of the result.

    `auto` asks the browser's Accept header: AVIF for results of up to 2 megapixels, else WebP, else
    PNG where the picture has transparency or few colours, else JPEG. `preserve`, which also holds
    without this operation, keeps JPEG and PNG, makes GIF a PNG, and others a PNG where they have
    transparency, else a JPEG.
    """

    name: ClassVar[str] = "format"
    grammar: ClassVar[str] = "jpeg, png, webp, auto or preserve; without this operation: preserve"
    example: ClassVar[str] = "-/format/webp/"
    words: ClassVar[tuple[str, ...]] = ("jpeg", "png", "webp", "auto", "preserve")
    cost: ClassVar[float] = 0

    def apply(self, canvas: "Canvas") -> None:
        canvas.format_choice = self.choice

    @property
    def depends_on_accept(self) -> bool:
        return self.choice == "auto"
