"""`blur`: softer, or with a negative amount sharper."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas

STRONGEST = 5000
_STRENGTH, _AMOUNT = 10, 100


@operation
@dataclass(frozen=True)
class Blur(Operation):
    """Blur the picture. The strength is ten times the sigma of the Gauss curve, in pixels.

    The amount mixes the result with the picture: 50 is halfway. Below 0 the picture goes the other
    way and gets sharper (an unsharp mask).
    """

    name: ClassVar[str] = "blur"
    grammar: ClassVar[str] = "[0 to 5000[/-200 to 100]], 10/100 if left out"
    example: ClassVar[str] = "-/blur/60/"
    cost: ClassVar[float] = 4

    strength: int | None
    amount: int | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if len(params) > 2:
            raise cls.refuse("write a strength and an amount, like 60/50.")
        return cls(
            grammar.number(cls, params[0], low=0, high=STRONGEST) if params else None,
            grammar.number(cls, params[1], low=-200, high=100) if params[1:] else None,
        )

    def params(self) -> tuple[str, ...]:
        return tuple(str(one) for one in (self.strength, self.amount) if one is not None)

    def apply(self, canvas: "Canvas") -> None:
        strength = _STRENGTH if self.strength is None else self.strength
        amount = _AMOUNT if self.amount is None else self.amount
        if not strength or not amount:
            return

        def change(image: "pyvips.Image") -> "pyvips.Image":
            from storages_app.imaging import colours

            blurred = colours.blur(image, strength / 10)
            return blurred if amount == _AMOUNT else colours.mix(image, blurred, amount / _AMOUNT)

        canvas.redraw(change)
