"""`brightness`: lighter or darker, all alike."""

from dataclasses import dataclass
from typing import ClassVar

from storages_app.imaging.adjustments import Curve, CurveAdjustment
from storages_app.imaging.registry import operation


@operation
@dataclass(frozen=True)
class Brightness(CurveAdjustment):
    """Make all tones lighter or darker by the same amount.

    At 100 the picture is white, at -100 black. `exposure` does it as light does.
    """

    name: ClassVar[str] = "brightness"
    grammar: ClassVar[str] = "[-100 to 100], 0 if left out"
    example: ClassVar[str] = "-/brightness/20/"
    low: ClassVar[int] = -100
    high: ClassVar[int] = 100

    def curves(self) -> tuple[Curve, Curve, Curve]:
        def curve(value: float) -> float:
            return value + self.amount / 100

        return curve, curve, curve
