"""`preview`: fit into a box."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Length
from storages_app.imaging.limits import PREVIEW_SIDE
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Preview(Operation):
    """Scale down in proportion until the picture fits; never enlarge it."""

    name: ClassVar[str] = "preview"
    grammar: ClassVar[str] = "[WxH, Wx or xH], 2048x2048 if left out"
    example: ClassVar[str] = "-/preview/400x300/"
    limits: ClassVar[str] = "The result is at most 3000×3000, 5000×5000 with format/jpeg."
    cost: ClassVar[float] = 1

    width: Length | None = None
    height: Length | None = None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) > 1:
            raise cls.refuse("write at most one size, like 400x300.")
        return cls(*grammar.open_dimensions(cls, params[0])) if params else cls()

    def params(self) -> tuple[str, ...]:
        text = f"{self.width or ''}x{self.height or ''}"
        return () if text == "x" else (text,)

    def apply(self, canvas: "Canvas") -> None:
        if self.width is None and self.height is None:
            canvas.fit(PREVIEW_SIDE, PREVIEW_SIDE)
            return
        canvas.fit(
            max(1, self.width.of(canvas.width)) if self.width else canvas.width,
            max(1, self.height.of(canvas.height)) if self.height else canvas.height,
        )
