"""`progressive`: JPEG that appears coarse first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Progressive(Operation):
    """Write a JPEG progressively; other formats are not touched by it."""

    name: ClassVar[str] = "progressive"
    grammar: ClassVar[str] = "yes or no; without this operation: no"
    example: ClassVar[str] = "-/progressive/yes/"

    choice: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_of(cls, params, ("yes", "no")))

    def params(self) -> tuple[str, ...]:
        return (self.choice,)

    def apply(self, canvas: "Canvas") -> None:
        canvas.is_progressive = self.choice == "yes"
