"""`srgb`: whose colours the numbers mean."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import ChoiceOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas


@operation
@dataclass(frozen=True)
class Srgb(ChoiceOperation):
    """Convert colours to sRGB, which all screens know, or keep the profile of the picture.

    `fast` and `icc` are the same here: converted by the profile, which the result then needs no
    more. With `keep_profile` the result has the picture's own profile, if that is of red, green and
    blue and not larger than `max_icc_size`; it needs a screen and a program that know what to do.
    """

    name: ClassVar[str] = "srgb"
    grammar: ClassVar[str] = "fast, icc or keep_profile; without this operation: icc"
    example: ClassVar[str] = "-/srgb/keep_profile/"
    words: ClassVar[tuple[str, ...]] = ("fast", "icc", "keep_profile")
    limits: ClassVar[str] = (
        "Operations that change colours, or lay something over the picture, then work with the "
        "numbers of that profile. The profile of a HEIC picture is never kept."
    )

    def prepare(self, canvas: "Canvas") -> None:
        canvas.keeps_profile = self.choice == "keep_profile"
