"""`gamma`: the middle tones."""

from dataclasses import dataclass
from typing import ClassVar

from storages_app.imaging.adjustments import Curve, CurveAdjustment
from storages_app.imaging.registry import operation


@operation
@dataclass(frozen=True)
class Gamma(CurveAdjustment):
    """Make the middle tones lighter (above 100) or darker (below); black and white stay."""

    name: ClassVar[str] = "gamma"
    grammar: ClassVar[str] = "[0 to 1000], 100 if left out"
    example: ClassVar[str] = "-/gamma/160/"
    low: ClassVar[int] = 0
    high: ClassVar[int] = 1000
    neutral: ClassVar[int] = 100

    def curves(self) -> tuple[Curve, Curve, Curve]:
        def curve(value: float) -> float:
            if value in (0, 1) or not self.amount:
                return float(value == 1)
            return float(value ** (100 / self.amount))

        return curve, curve, curve
