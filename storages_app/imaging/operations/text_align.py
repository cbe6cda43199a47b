"""`text_align`: of the texts that follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging.lettering import ACROSS, DOWN, Alignment
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class TextAlign(Operation):
    """Align the lines of the texts after it, and all of them in the area of the text."""

    name: ClassVar[str] = "text_align"
    grammar: ClassVar[str] = (
        "left, center or right/top, center or bottom; without this operation: left/top"
    )
    example: ClassVar[str] = (
        "-/font/bold/40/ffffff/-/text_align/right/bottom/-/text/90px90p/center/Right~nbottom/"
    )

    across: str
    down: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) != 2 or params[0] not in ACROSS or params[1] not in DOWN:
            raise cls.refuse(
                "write one of left, center, right, and one of top, center, bottom: center/bottom."
            )
        return cls(*params)

    def params(self) -> tuple[str, ...]:
        return (self.across, self.down)

    def apply(self, canvas: "Canvas") -> None:
        canvas.text_align = Alignment(self.across, self.down)
