"""The picture between two operations, as sizes only: what is asked for is refused here.

Operations work on a `Canvas`. It is walked through once without a pixel, so that what is too
much costs nothing, and then as `picture.Picture`, which does the same with pixels.
"""

from collections.abc import Callable
from math import ceil, cos, radians, sin
from typing import TYPE_CHECKING

from storages_app.imaging.errors import BadEffects
from storages_app.imaging.grammar import Dimensions, Position
from storages_app.imaging.lettering import Alignment, Font, TextBox
from storages_app.imaging.limits import OUTPUT_SIDE, OUTPUT_SIDE_JPEG, Limits
from storages_app.imaging.registry import Operation

if TYPE_CHECKING:
    import pyvips

Change = Callable[["pyvips.Image"], "pyvips.Image"]


class Canvas:
    """One picture being made; sizes are as people see it, after EXIF rotation.

    `swaps_sides` says that EXIF lays the stored picture, which is `width`×`height`, on its side.
    """

    def __init__(
        self, width: int, height: int, limits: Limits, *, swaps_sides: bool = False
    ) -> None:
        self.width = width
        self.height = height
        self.limits = limits
        self.autorotates = True
        self.stretch = "on"
        self.fill = [255, 255, 255, 255]
        self.font = Font()
        self.text_align = Alignment()
        self.text_box = TextBox()
        self.format_choice = "preserve"
        self.quality = "normal"
        self.is_progressive = False
        self.strip_meta = "all"
        self.keeps_profile = False
        self.max_profile_bytes = 10 * 1024
        self._swaps_sides = swaps_sides
        self._step: Operation | None = None
        self._spent = 0.0
        self._is_sized = False
        self._knows_size = True

    def do(self, steps: tuple[Operation, ...]) -> None:
        for step in steps:
            step.prepare(self)
        self.begin()
        for step in steps:
            self._step = step
            step.apply(self)
        self._step = None
        self._finish()

    def begin(self) -> None:
        """From the stored picture to what people see, before the first operation."""
        if self._swaps_sides and self.autorotates:
            self.width, self.height = self.height, self.width

    def scale(self, width: int, height: int) -> None:
        """To exactly this size."""
        self._spend(width, height)
        self._is_sized = True
        self.width, self.height = width, height

    def fit(self, width: int, height: int) -> None:
        """Into this box, in proportion, never larger than it is."""
        factor = min(1, width / self.width, height / self.height)
        self.scale(max(1, round(self.width * factor)), max(1, round(self.height * factor)))

    def window(self, left: int, top: int, width: int, height: int) -> None:
        """Keep this rectangle; where it reaches beyond the picture it gets the fill colour."""
        self._spend(width, height)
        self.width, self.height = width, height

    def pad(self, width: int, height: int) -> None:
        """Centre the picture on a field of the fill colour, which is at least as large."""
        self.window((self.width - width) // 2, (self.height - height) // 2, width, height)

    def attend(self, width: int, height: int) -> None:
        """Keep the rectangle of this size, which is not larger, that draws the eye."""
        self._spend(self.width, self.height)
        self.width, self.height = width, height

    def trim(self, tolerance: int) -> None:
        """Cut off borders of one colour, up to so many percent away from it.

        How much goes is known with pixels only: what comes after is checked when they are there.
        """
        self._spend(self.width, self.height)
        self._knows_size = False

    def turn(self, degrees: float) -> None:
        """Counter-clockwise. Corners that come free get the fill colour."""
        self._spend(*self._size_turned(degrees))
        self.width, self.height = self._size_turned(degrees)

    def _size_turned(self, degrees: float) -> tuple[int, int]:
        if degrees % 90 == 0:
            is_on_its_side = degrees % 180 != 0
            return (self.height, self.width) if is_on_its_side else (self.width, self.height)
        sine, cosine = abs(sin(radians(degrees))), abs(cos(radians(degrees)))
        return (
            ceil(self.width * cosine + self.height * sine),
            ceil(self.width * sine + self.height * cosine),
        )

    def recolour(self, change: Change) -> None:
        """Change the colours of each pixel: sRGB of three bands, of 8 bits, without the alpha.

        What comes back is rounded and cut to 0…255.
        """
        self._spend(self.width, self.height)

    def redraw(self, change: Change, *, adds_alpha: bool = False) -> None:
        """Change the whole picture, which has an alpha band if it had one; the size stays.

        Without `adds_alpha` a picture that had no alpha band has none afterwards.
        """
        self._spend(self.width, self.height)

    def overlay(
        self, name: str, dimensions: Dimensions, position: Position, opacity: float
    ) -> None:
        """Lay another file, or `self`, over the picture; it keeps its proportions and fits."""
        self._spend(self.width, self.height)

    def _spend(self, width: int, height: int) -> None:
        """Count the work of one step before it is done."""
        if not self._knows_size:
            return
        pixels = width * height
        self._spent += pixels * (self._step.cost if self._step else 1)
        if pixels > self.limits.source_pixels or self._spent > self.limits.work_pixels:
            raise BadEffects(
                operation=self._step.name if self._step else "",
                reason="up to here it is too much work; ask for fewer or smaller steps.",
            )

    def _finish(self) -> None:
        side = OUTPUT_SIDE_JPEG if self.format_choice == "jpeg" else OUTPUT_SIDE
        if not self._is_sized:  # nobody asked for a size: as large as may be
            self.fit(side, side)
        if self._knows_size and max(self.width, self.height) > side:
            raise BadEffects(
                operation="",
                reason=f"The result would be {self.width}×{self.height} pixels; at most "
                f"{side}×{side} is possible ({OUTPUT_SIDE_JPEG} with format/jpeg).",
            )
