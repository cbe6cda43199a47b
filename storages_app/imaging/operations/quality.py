"""`quality`: how much a lossy format may lose."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import ChoiceOperation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

LEVELS = ("normal", "better", "best", "lighter", "lightest", "smart", "smart_retina")


@operation
@dataclass(frozen=True)
class Quality(ChoiceOperation):
    """Trade size for looks in JPEG, WebP and AVIF. PNG loses nothing at any level.

    `smart` takes the lowest quality at which the result still looks as it should, measured by its
    structural similarity (SSIM) on a sample of the picture; `smart_retina` is for pictures that are
    shown at half their size.
    """

    name: ClassVar[str] = "quality"
    grammar: ClassVar[str] = ", ".join(LEVELS) + "; without this operation: normal"
    example: ClassVar[str] = "-/quality/smart/"
    words: ClassVar[tuple[str, ...]] = LEVELS

    def apply(self, canvas: "Canvas") -> None:
        canvas.quality = self.choice
