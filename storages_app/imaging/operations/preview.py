"""`preview`: fit into a box."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.limits import PREVIEW_SIDE
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Preview(Operation):
    """Scale down in proportion until the picture fits; never enlarge it."""

    name: ClassVar[str] = "preview"
    grammar: ClassVar[str] = "[WxH], 2048x2048 if left out"
    example: ClassVar[str] = "-/preview/400x300/"
    limits: ClassVar[str] = "The result is at most 3000×3000, 5000×5000 with format/jpeg."
    cost: ClassVar[float] = 1

    size: tuple[int, int] | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) > 1:
            raise cls.refuse("write at most one size, like 400x300.")
        return cls(grammar.size(cls, params[0]) if params else None)

    def params(self) -> tuple[str, ...]:
        return ("{}x{}".format(*self.size),) if self.size else ()

    def apply(self, canvas: "Canvas") -> None:
        canvas.fit(*(self.size or (PREVIEW_SIDE, PREVIEW_SIDE)))
