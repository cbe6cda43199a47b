"""`strip_meta`: what the result tells of its making."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class StripMeta(Operation):
    """Leave out what the camera wrote into the file: all, nothing, or what is nobody's business.

    `sensitive` leaves out the place, the owner and serial numbers. What is kept is EXIF; it says
    that the picture stands upright, and has no small picture inside.
    """

    name: ClassVar[str] = "strip_meta"
    grammar: ClassVar[str] = "all, none or sensitive; without this operation: all"
    example: ClassVar[str] = "-/strip_meta/sensitive/"

    choice: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_of(cls, params, ("all", "none", "sensitive")))

    def params(self) -> tuple[str, ...]:
        return (self.choice,)

    def apply(self, canvas: "Canvas") -> None:
        canvas.strip_meta = self.choice
