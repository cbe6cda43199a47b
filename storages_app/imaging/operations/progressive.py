"""`progressive`: JPEG that appears coarse first."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import SwitchOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Progressive(SwitchOperation):
    """Write a JPEG progressively; other formats are not touched by it."""

    name: ClassVar[str] = "progressive"
    grammar: ClassVar[str] = "yes or no; without this operation: no"
    example: ClassVar[str] = "-/progressive/yes/"

    def apply(self, canvas: "Canvas") -> None:
        canvas.is_progressive = self.is_wanted
