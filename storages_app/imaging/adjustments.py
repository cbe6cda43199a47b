"""What the operations that take one number of "how much" have in common."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas

Curve = Callable[[float], float]  # from 0…1, dark to bright; what leaves that range is cut

_REACH = 0.3  # of red and blue light, where `warm` is strongest


@dataclass(frozen=True)
class Adjustment(Operation):
    """So much of something; at `neutral` nothing is done."""

    cost: ClassVar[float] = 1
    reads_often: ClassVar[bool] = False  # `change` reads its image more than once
    low: ClassVar[int]
    high: ClassVar[int]
    neutral: ClassVar[int] = 0
    default: ClassVar[int | None] = None  # where it is not `neutral`

    written: int | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if not params:
            return cls(None)
        return cls(grammar.one_number(cls, params, low=cls.low, high=cls.high))

    def params(self) -> tuple[str, ...]:
        return () if self.written is None else (str(self.written),)

    @property
    def amount(self) -> int:
        if self.written is not None:
            return self.written
        return self.neutral if self.default is None else self.default

    def apply(self, canvas: "Canvas") -> None:
        if self.amount == self.neutral:
            return
        if self.reads_often:
            canvas.redraw(self._change_beside_alpha)
        else:
            canvas.recolour(self.change)

    def _change_beside_alpha(self, image: "pyvips.Image") -> "pyvips.Image":
        from storages_app.imaging import colours

        return colours.beside_alpha(image, self.change)

    @abstractmethod
    def change(self, image: "pyvips.Image") -> "pyvips.Image":
        """Three bands of sRGB in, three out."""


@dataclass(frozen=True)
class CurveAdjustment(Adjustment):
    """Each band changes by itself: one look into a table for a pixel."""

    @abstractmethod
    def curves(self) -> tuple[Curve, Curve, Curve]:
        """For red, green and blue."""

    def change(self, image: "pyvips.Image") -> "pyvips.Image":
        from storages_app.imaging import colours

        return colours.map_bands(image, self.curves())


def lit(light: float) -> Curve:
    """So many times the light."""
    return lambda value: _from_linear(_to_linear(value) * light)


def warm(amount: float) -> tuple[float, float, float]:
    """How much more red, green and blue light there is, from -1, cold, to 1; greys stay as bright.

    Red weighs 0.2126 of what looks bright and blue 0.0722, so green, 0.7152, makes up for both.
    """
    change = _REACH * amount
    return 1 + change, 1 - change * (0.2126 - 0.0722) / 0.7152, 1 - change


def _to_linear(value: float) -> float:
    """From the numbers of sRGB to light."""
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


def _from_linear(light: float) -> float:
    """From light to the numbers of sRGB."""
    return float(light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)
