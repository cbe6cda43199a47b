"""`trim`: cut off borders of one colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

_DEFAULT = 10


@operation
@dataclass(frozen=True)
class Trim(Operation):
    """Cut off borders that have the colour of the pixel at the top left, or are see-through.

    A picture that is all of this colour stays as it is.
    """

    name: ClassVar[str] = "trim"
    grammar: ClassVar[str] = f"[0 to 100], how many percent a colour may differ; {_DEFAULT}"
    example: ClassVar[str] = "-/trim/15/"
    cost: ClassVar[float] = 2

    tolerance: int | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) > 1:
            raise cls.refuse("write at most one number, from 0 to 100.")
        if not params:
            return cls(None)
        return cls(grammar.number(cls, params[0].rstrip("p%"), low=0, high=100))

    def params(self) -> tuple[str, ...]:
        return () if self.tolerance is None else (str(self.tolerance),)

    def apply(self, canvas: "Canvas") -> None:
        canvas.trim(_DEFAULT if self.tolerance is None else self.tolerance)
