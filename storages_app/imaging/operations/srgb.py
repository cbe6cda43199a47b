"""`srgb`: whose colours the numbers mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Srgb(Operation):
    """Convert colours to sRGB, which all screens know, or keep the profile of the picture.

    `fast` and `icc` are the same here: converted by the profile, which the result then needs no
    more. With `keep_profile` the result has the picture's own profile, if that is of red, green and
    blue and not larger than `max_icc_size`; it needs a screen and a program that know what to do.
    """

    name: ClassVar[str] = "srgb"
    grammar: ClassVar[str] = "fast, icc or keep_profile; without this operation: icc"
    example: ClassVar[str] = "-/srgb/keep_profile/"
    limits: ClassVar[str] = (
        "Operations that change colours, or lay something over the picture, then work with the "
        "numbers of that profile. The profile of a HEIC picture is never kept."
    )

    choice: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        return cls(grammar.one_of(cls, params, ("fast", "icc", "keep_profile")))

    def params(self) -> tuple[str, ...]:
        return (self.choice,)

    def prepare(self, canvas: "Canvas") -> None:
        canvas.keeps_profile = self.choice == "keep_profile"
