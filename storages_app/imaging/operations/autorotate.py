"""`autorotate`: by what the camera noted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import SwitchOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Autorotate(SwitchOperation):
    """Turn the picture as its EXIF orientation says, or leave it as it is stored."""

    name: ClassVar[str] = "autorotate"
    grammar: ClassVar[str] = "yes or no; without this operation: yes"
    example: ClassVar[str] = "-/autorotate/no/"
    limits: ClassVar[str] = "It holds for all operations, those before it too."

    def prepare(self, canvas: "Canvas") -> None:
        canvas.autorotates = self.is_wanted
