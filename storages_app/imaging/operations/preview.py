"""`preview`: fit into a box."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Dimensions, Length
from storages_app.imaging.limits import PREVIEW_SIDE
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

_DEFAULT = Dimensions(Length(PREVIEW_SIDE), Length(PREVIEW_SIDE))


@operation
@dataclass(frozen=True)
class Preview(Operation):
    """Scale down in proportion until the picture fits; never enlarge it."""

    name: ClassVar[str] = "preview"
    grammar: ClassVar[str] = "[WxH], 2048x2048 if left out"
    example: ClassVar[str] = "-/preview/400x300/"
    limits: ClassVar[str] = "The result is at most 3000×3000, 5000×5000 with format/jpeg."
    cost: ClassVar[float] = 1

    size: Dimensions | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) > 1:
            raise cls.refuse("write at most one size, like 400x300.")
        return cls(grammar.dimensions(cls, params[0]) if params else None)

    def params(self) -> tuple[str, ...]:
        return (str(self.size),) if self.size else ()

    def apply(self, canvas: "Canvas") -> None:
        size = self.size or _DEFAULT
        canvas.fit(*size.of(canvas.width, canvas.height))
