"""`enhance`: levels, contrast and colours at once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.adjustments import Adjustment
from storages_app.imaging.registry import operation

if TYPE_CHECKING:
    import pyvips

_VIBRANCE = 0.4  # at 100


@operation
@dataclass(frozen=True)
class Enhance(Adjustment):
    """Let the tones take all the place from black to white, and make pale colours stronger."""

    name: ClassVar[str] = "enhance"
    grammar: ClassVar[str] = "[0 to 100], 50 if left out"
    example: ClassVar[str] = "-/enhance/90/"
    cost: ClassVar[float] = 5
    reads_often: ClassVar[bool] = True
    low: ClassVar[int] = 0
    high: ClassVar[int] = 100
    default: ClassVar[int | None] = 50

    def change(self, image: "pyvips.Image") -> "pyvips.Image":
        from storages_app.imaging import colours

        amount = self.amount / 100
        return colours.vibrate(colours.stretch_levels(image, amount), _VIBRANCE * amount)
