"""`stretch`: what becomes of pictures smaller than asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Stretch(Operation):
    """Let `resize` and `scale_crop` after it enlarge (on), not (off), or add borders (fill)."""

    name: ClassVar[str] = "stretch"
    grammar: ClassVar[str] = "on, off or fill; without this operation: on"
    example: ClassVar[str] = "-/stretch/fill/-/resize/900x900/"

    mode: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_of(cls, params, ("on", "off", "fill")))

    def params(self) -> tuple[str, ...]:
        return (self.mode,)

    def apply(self, canvas: "Canvas") -> None:
        canvas.stretch = self.mode
