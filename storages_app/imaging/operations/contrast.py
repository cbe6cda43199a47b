"""`contrast`: how far light and dark are apart."""

from dataclasses import dataclass
from typing import ClassVar

from storages_app.imaging.adjustments import Curve, CurveAdjustment
from storages_app.imaging.registry import operation


@operation
@dataclass(frozen=True)
class Contrast(CurveAdjustment):
    """Move light and dark tones apart, or together; at -100 all is one grey."""

    name: ClassVar[str] = "contrast"
    grammar: ClassVar[str] = "[-100 to 500], 0 if left out"
    example: ClassVar[str] = "-/contrast/50/"
    low: ClassVar[int] = -100
    high: ClassVar[int] = 500

    def curves(self) -> tuple[Curve, Curve, Curve]:
        def curve(value: float) -> float:
            return 0.5 + (value - 0.5) * (1 + self.amount / 100)

        return curve, curve, curve
