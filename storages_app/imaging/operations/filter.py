"""`filter`: a look, by its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.looks import LOOKS
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas

_WHOLE = 100


@operation
@dataclass(frozen=True)
class Filter(Operation):
    """Give the picture one of forty looks. The names are the URL API's, the looks are our own.

    The amount mixes the look with the picture: 50 is halfway, 200 twice as far, and below 0 it goes
    the other way.

    The names: adaris, briaril, calarel, carris, cynarel, cyren, elmet, elonni, enzana, erydark,
    fenralan, ferand, galen, gavin, gethriel, iorill, iothari, iselva, jadis, lavra, misiara,
    namala, nerion, nethari, pamaya, sarnar, sedis, sewen, sorahel, sorlen, tarian, thellassan,
    varriel, varven, vevera, virkas, yedis, yllara, zatvel, zevcen. Of these, carris, gethriel,
    namala, sewen and zevcen are without colours of their own.
    """

    name: ClassVar[str] = "filter"
    grammar: ClassVar[str] = "name[/-100 to 200], 100 if left out"
    example: ClassVar[str] = "-/filter/briaril/"
    cost: ClassVar[float] = 3

    look: str
    amount: int | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if not 1 <= len(params) <= 2 or params[0] not in LOOKS:
            raise cls.refuse(f"write one of {', '.join(LOOKS)}, and an amount if you like.")
        amount = grammar.number(cls, params[1], low=-100, high=200) if params[1:] else None
        return cls(params[0], amount)

    def params(self) -> tuple[str, ...]:
        return (self.look,) if self.amount is None else (self.look, str(self.amount))

    def apply(self, canvas: "Canvas") -> None:
        amount = _WHOLE if self.amount is None else self.amount
        if not amount:
            return

        def change(image: "pyvips.Image") -> "pyvips.Image":
            from storages_app.imaging import colours

            look = LOOKS[self.look]
            saturated = colours.saturate(image, 1 + look.saturation / 100).rint().cast("uchar")
            return colours.mix(image, colours.map_bands(saturated, look.curves()), amount / _WHOLE)

        def redraw(image: "pyvips.Image") -> "pyvips.Image":
            from storages_app.imaging import colours

            return colours.beside_alpha(image, change)

        canvas.redraw(redraw)
