"""`inline`: show or save."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation


@operation
@dataclass(frozen=True)
class Inline(Operation):
    """Ask the browser to show the file (yes) or to save it (no); the bytes stay the same."""

    name: ClassVar[str] = "inline"
    grammar: ClassVar[str] = "yes or no"
    example: ClassVar[str] = "-/inline/yes/"
    limits: ClassVar[str] = "Only pictures, sound and video can be shown; the rest is saved."
    shapes_picture: ClassVar[bool] = False

    choice: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_of(cls, params, ("yes", "no")))

    def params(self) -> tuple[str, ...]:
        return (self.choice,)

    @property
    def is_wanted(self) -> bool:
        return self.choice == "yes"
