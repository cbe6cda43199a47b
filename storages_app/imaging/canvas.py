"""The picture between two operations, as sizes only: what is asked for is refused here.

Operations work on a `Canvas`. It is walked through once without a pixel, so that what is too
much costs nothing, and then as `picture.Picture`, which does the same with pixels.
"""

from storages_app.imaging.errors import BadEffects
from storages_app.imaging.limits import OUTPUT_SIDE, OUTPUT_SIDE_JPEG, Limits
from storages_app.imaging.registry import Operation


class Canvas:
    """One picture being made; sizes are as people see it, after EXIF rotation."""

    def __init__(self, width: int, height: int, limits: Limits) -> None:
        self.width = width
        self.height = height
        self.limits = limits
        self.stretch = "on"
        self.fill = [255, 255, 255]
        self.format_choice = "preserve"
        self.quality = "normal"
        self.is_progressive = False
        self._step: Operation | None = None
        self._spent = 0.0
        self._is_sized = False

    def do(self, steps: tuple[Operation, ...]) -> None:
        for step in steps:
            self._step = step
            step.apply(self)
        self._step = None
        self._finish()

    def scale(self, width: int, height: int) -> None:
        """To exactly this size."""
        self._spend(width, height)
        self._is_sized = True
        self.width, self.height = width, height

    def fit(self, width: int, height: int) -> None:
        """Into this box, in proportion, never larger than it is."""
        factor = min(1, width / self.width, height / self.height)
        self.scale(max(1, round(self.width * factor)), max(1, round(self.height * factor)))

    def crop(self, left: int, top: int, width: int, height: int) -> None:
        """Keep a rectangle, which lies within the picture."""
        self.width, self.height = width, height

    def pad(self, width: int, height: int) -> None:
        """Centre the picture on a field of the fill colour, which is at least as large."""
        self._spend(width, height)
        self.width, self.height = width, height

    def _spend(self, width: int, height: int) -> None:
        """Count the work of one step before it is done."""
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
        if max(self.width, self.height) > side:
            raise BadEffects(
                operation="",
                reason=f"The result would be {self.width}×{self.height} pixels; at most "
                f"{side}×{side} is possible ({OUTPUT_SIDE_JPEG} with format/jpeg).",
            )
