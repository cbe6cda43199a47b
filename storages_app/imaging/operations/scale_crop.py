"""`scale_crop`: fill a box and cut off what sticks out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from storages_app.imaging import grammar
from storages_app.imaging.grammar import Dimensions, Position
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

_SMART = ("smart", "smart_points")
_SMARTER = re.compile(r"smart(?:_(?:faces|objects|points)){1,3}")


@operation
@dataclass(frozen=True)
class ScaleCrop(Operation):
    """Scale in proportion until the box is full, then keep its middle, or another part.

    `smart` keeps what draws the eye: by edges, bright colours and tones of skin, not by knowing
    what it sees. A place after it is for clients that write one; there is always a result.
    """

    name: ClassVar[str] = "scale_crop"
    grammar: ClassVar[str] = "WxH[/smart or smart_points][/X,Y], center if left out"
    example: ClassVar[str] = "-/scale_crop/200x100/smart/"
    limits: ClassVar[str] = (
        "The result is at most 3000×3000, 5000×5000 with format/jpeg. "
        "Cropping to faces and objects is not available on this server."
    )
    cost: ClassVar[float] = 1

    size: Dimensions
    kind: str
    position: Position | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if not params:
            raise cls.refuse("write width and height in pixels, like 400x300.")
        size, rest = grammar.dimensions(cls, params[0]), list(params[1:])
        kind = ""
        if rest and rest[0].startswith("smart"):
            kind = rest.pop(0)
            if kind not in _SMART:
                raise cls._unknown(kind)
        if len(rest) > 1:
            raise cls.refuse("after the size only `smart` and one place are possible.")
        return cls(size, kind, grammar.position(cls, rest[0]) if rest else None)

    @classmethod
    def _unknown(cls, kind: str) -> Exception:
        if _SMARTER.fullmatch(kind):
            return cls.not_available(f"scale_crop with {kind}")
        return cls.refuse(f"of the smart types only {' and '.join(_SMART)} are known.")

    def params(self) -> tuple[str, ...]:
        place = (str(self.position),) if self.position else ()
        return (str(self.size), *((self.kind,) if self.kind else ()), *place)

    def apply(self, canvas: "Canvas") -> None:
        box = self.size.of(canvas.width, canvas.height)
        factor = max(box[0] / canvas.width, box[1] / canvas.height)
        if canvas.stretch != "on":
            factor = min(1, factor)
        scaled = max(1, round(canvas.width * factor)), max(1, round(canvas.height * factor))
        part = min(box[0], scaled[0]), min(box[1], scaled[1])
        canvas.scale(*scaled)
        if self.kind:
            canvas.attend(*part)
        else:
            left, top = (self.position or grammar.CENTER).place(part, scaled)
            left = max(0, min(left, scaled[0] - part[0]))
            top = max(0, min(top, scaled[1] - part[1]))
            canvas.window(left, top, *part)
        if canvas.stretch == "fill":
            canvas.pad(*box)
