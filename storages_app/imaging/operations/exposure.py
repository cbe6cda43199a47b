"""`exposure`: more or less light."""

from dataclasses import dataclass
from typing import ClassVar

from storages_app.imaging.adjustments import Curve, CurveAdjustment, lit
from storages_app.imaging.registry import operation


@operation
@dataclass(frozen=True)
class Exposure(CurveAdjustment):
    """Let more or less light in, as a camera would: 100 is one stop, twice the light."""

    name: ClassVar[str] = "exposure"
    grammar: ClassVar[str] = "[-500 to 500], 0 if left out"
    example: ClassVar[str] = "-/exposure/80/"
    low: ClassVar[int] = -500
    high: ClassVar[int] = 500

    def curves(self) -> tuple[Curve, Curve, Curve]:
        curve = lit(2 ** (self.amount / 100))
        return curve, curve, curve
