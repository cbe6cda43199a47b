"""`autorotate`: by what the camera noted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Autorotate(Operation):
    """Turn the picture as its EXIF orientation says, or leave it as it is stored."""

    name: ClassVar[str] = "autorotate"
    grammar: ClassVar[str] = "yes or no; without this operation: yes"
    example: ClassVar[str] = "-/autorotate/no/"
    limits: ClassVar[str] = "It holds for all operations, those before it too."

    choice: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_of(cls, params, ("yes", "no")))

    def params(self) -> tuple[str, ...]:
        return (self.choice,)

    def prepare(self, canvas: "Canvas") -> None:
        canvas.autorotates = self.choice == "yes"
