"""`strip_meta`: what the result tells of its making."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import ChoiceOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class StripMeta(ChoiceOperation):
    """Leave out what the camera wrote into the file: all, nothing, or what is nobody's business.

    `sensitive` leaves out the place, the owner and serial numbers. What is kept is EXIF; it says
    that the picture stands upright, and has no small picture inside.
    """

    name: ClassVar[str] = "strip_meta"
    grammar: ClassVar[str] = "all, none or sensitive; without this operation: all"
    example: ClassVar[str] = "-/strip_meta/sensitive/"
    words: ClassVar[tuple[str, ...]] = ("all", "none", "sensitive")

    def apply(self, canvas: "Canvas") -> None:
        canvas.strip_meta = self.choice
