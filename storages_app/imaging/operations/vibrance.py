"""`vibrance`: how strong the pale colours are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from storages_app.imaging.adjustments import Adjustment
from storages_app.imaging.registry import operation

if TYPE_CHECKING:
    import pyvips


@operation
@dataclass(frozen=True)
class Vibrance(Adjustment):
    """Make pale colours stronger or paler; the stronger a colour is, the less it changes."""

    name: ClassVar[str] = "vibrance"
    grammar: ClassVar[str] = "[-100 to 500], 0 if left out"
    example: ClassVar[str] = "-/vibrance/120/"
    low: ClassVar[int] = -100
    high: ClassVar[int] = 500

    cost: ClassVar[float] = 3
    reads_often: ClassVar[bool] = True

    def change(self, image: "pyvips.Image") -> "pyvips.Image":
        from storages_app.imaging import colours

        return colours.vibrate(image, self.amount / 100)
