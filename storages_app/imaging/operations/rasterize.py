"""`rasterize`: a drawing becomes pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation


@operation
@dataclass(frozen=True)
class Rasterize(Operation):
    """Make pixels of a drawing (SVG); of pictures, which have pixels, nothing changes."""

    name: ClassVar[str] = "rasterize"
    grammar: ClassVar[str] = "none"
    example: ClassVar[str] = "-/rasterize/"

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        grammar.nothing(cls, params)
        return cls()

    def params(self) -> tuple[str, ...]:
        return ()
