"""`saturation`: how strong all colours are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.adjustments import Adjustment
from storages_app.imaging.registry import operation

if TYPE_CHECKING:
    import pyvips


@operation
@dataclass(frozen=True)
class Saturation(Adjustment):
    """Make all colours stronger or paler, each as bright as it was; at -100 there is only grey."""

    name: ClassVar[str] = "saturation"
    grammar: ClassVar[str] = "[-100 to 500], 0 if left out"
    example: ClassVar[str] = "-/saturation/80/"
    low: ClassVar[int] = -100
    high: ClassVar[int] = 500

    def change(self, image: "pyvips.Image") -> "pyvips.Image":
        from storages_app.imaging import colours

        return colours.saturate(image, 1 + self.amount / 100)
