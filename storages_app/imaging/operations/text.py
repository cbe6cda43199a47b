"""`text`: words on the picture."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import TOP_LEFT, Dimensions, Position
from storages_app.imaging.lettering import Area
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    import pyvips

    from storages_app.imaging.canvas import Canvas

_ESCAPES = {"~~": "~", "~s": "/", "~n": "\n"}
_INVISIBLE = {"Cc", "Cs", "Zl", "Zp"}  # controls, halves of letters, two kinds of line ends


@operation
@dataclass(frozen=True)
class Text(Operation):
    """Write a text into an area of the picture, as `font`, `text_align` and `text_box` say.

    Lines are broken where they would leave the area; what does not fit into it is cut off.
    Fonts of the product have Latin, Greek, Cyrillic, Arabic and Hebrew letters and many symbols.
    """

    name: ClassVar[str] = "text"
    grammar: ClassVar[str] = "WxH[/X,Y]/text; in the text ~n is a new line, ~s a slash, ~~ a tilde"
    example: ClassVar[str] = (
        "-/font/bold/48/ffffff/-/text_align/center/center/-/text/100px100p/center/Hello~nworld/"
    )
    limits: ClassVar[str] = "The area is at most the picture."
    cost: ClassVar[float] = 2

    dimensions: Dimensions
    position: Position | None
    text: str

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if not 2 <= len(params) <= 3:
            raise cls.refuse("write size, place and text, like 80px20p/center/Hello; / as ~s.")
        place = grammar.position(cls, params[1]) if len(params) == 3 else None
        return cls(grammar.dimensions(cls, params[0]), place, cls._unescape(params[-1]))

    @classmethod
    def _unescape(cls, written: str) -> str:
        if any(unicodedata.category(letter) in _INVISIBLE for letter in written):
            raise cls.refuse("write a new line as ~n, and no other control characters.")
        if re.search(r"~(?![~sn])", re.sub("~~", "", written)):
            raise cls.refuse("write ~~ for a tilde, ~s for a slash and ~n for a new line.")
        return re.sub("~[~sn]", lambda found: _ESCAPES[found[0]], written)

    def params(self) -> tuple[str, ...]:
        place = () if self.position is None else (str(self.position),)
        written = self.text.replace("~", "~~").replace("/", "~s").replace("\n", "~n")
        return (str(self.dimensions), *place, written)

    def apply(self, canvas: "Canvas") -> None:
        whole = (canvas.width, canvas.height)
        wanted = self.dimensions.of(*whole)
        size = min(wanted[0], whole[0]), min(wanted[1], whole[1])
        area = Area(*(self.position or TOP_LEFT).place(size, whole), *size)
        font, align, box = canvas.font, canvas.text_align, canvas.text_box

        def draw(image: "pyvips.Image") -> "pyvips.Image":
            from storages_app.imaging import typesetting

            return typesetting.draw(image, self.text, area=area, font=font, align=align, box=box)

        canvas.redraw(draw)
