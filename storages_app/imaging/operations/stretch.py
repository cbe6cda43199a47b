"""`stretch`: what becomes of pictures smaller than asked for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import ChoiceOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Stretch(ChoiceOperation):
    """Let `resize` and `scale_crop` after it enlarge (on), not (off), or add borders (fill)."""

    name: ClassVar[str] = "stretch"
    grammar: ClassVar[str] = "on, off or fill; without this operation: on"
    example: ClassVar[str] = "-/stretch/fill/-/resize/900x900/"
    words: ClassVar[tuple[str, ...]] = ("on", "off", "fill")

    def apply(self, canvas: "Canvas") -> None:
        canvas.stretch = self.choice
