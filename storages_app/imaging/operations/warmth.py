"""`warmth`: from blue to orange."""

from dataclasses import dataclass
from typing import ClassVar

from storages_app.imaging.adjustments import Curve, CurveAdjustment, lit, warm
from storages_app.imaging.registry import operation


@operation
@dataclass(frozen=True)
class Warmth(CurveAdjustment):
    """Make the light warmer, like evening sun, or colder (below 0), like shade.

    Greys stay as bright as they were.
    """

    name: ClassVar[str] = "warmth"
    grammar: ClassVar[str] = "[-100 to 100], 0 if left out"
    example: ClassVar[str] = "-/warmth/50/"
    low: ClassVar[int] = -100
    high: ClassVar[int] = 100

    def curves(self) -> tuple[Curve, Curve, Curve]:
        red, green, blue = warm(self.amount / 100)
        return lit(red), lit(green), lit(blue)
