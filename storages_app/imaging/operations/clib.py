"""`@clib`: which client library made the URL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from storages_app.imaging.registry import Operation, operation


@operation
@dataclass(frozen=True)
class Clib(Operation):
    """Accept the mark that the browser uploader puts into file URLs; it has no effect."""

    name: ClassVar[str] = "@clib"
    grammar: ClassVar[str] = "NAME/VERSION/WHO"
    example: ClassVar[str] = "-/@clib/blocks/1.33.0/uploader/"
    shapes_picture: ClassVar[bool] = False

    words: tuple[str, ...]

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(tuple(params))

    def params(self) -> tuple[str, ...]:
        return self.words
