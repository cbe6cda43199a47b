"""`overlay`: another picture on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self
from uuid import UUID

from storages_app.imaging import grammar
from storages_app.imaging.errors import BadEffects
from storages_app.imaging.grammar import TOP_LEFT, Dimensions, Length, Position
from storages_app.imaging.registry import Operation, operation

if TYPE_CHECKING:
    from storages_app.imaging.canvas import Canvas

_WHOLE = Dimensions(Length(100, is_percent=True), Length(100, is_percent=True))
_SELF = "self"


@operation
@dataclass(frozen=True)
class Overlay(Operation):
    """Lay another picture of the project, or the original itself, over what there is so far.

    It keeps its proportions and is made to fit into the size, which is counted from the picture
    below; a smaller one stays as small. Percent of a place are as in CSS `background-position`.
    """

    name: ClassVar[str] = "overlay"
    grammar: ClassVar[str] = "UUID or self[/WxH][/X,Y][/opacity], as in 50px50p/center/80p"
    example: ClassVar[str] = "-/rect/203040/100px100p/-/overlay/self/80px80p/center/90p/"
    limits: ClassVar[str] = "Only ready, unremoved pictures of the same project can be laid over."
    cost: ClassVar[float] = 2

    source: UUID | None  # None: the original itself
    dimensions: Dimensions | None
    position: Position | None
    opacity: float | None

    @classmethod
    def parse(cls, params: Sequence[str]) -> Self:
        if not params:
            raise cls.refuse("write the UUID of a picture of the project, or self.")
        source, rest = cls._read_source(params[0]), list(params[1:])
        # Each may be left out: a size has an x, a place a comma or a word, an opacity neither.
        dimensions = position = opacity = None
        if rest and rest[0][:1].isdigit() and "x" in rest[0]:
            dimensions = grammar.dimensions(cls, rest.pop(0))
        if rest and ("," in rest[0] or rest[0].isalpha()):
            position = grammar.position(cls, rest.pop(0))
        if rest:
            opacity = grammar.percent(cls, rest.pop(0))
        if rest:
            raise cls.refuse(
                "write size, place and opacity in this order, like 50px50p/center/80p."
            )
        return cls(source, dimensions, position, opacity)

    @classmethod
    def _read_source(cls, word: str) -> UUID | None:
        if word == _SELF:
            return None
        try:
            found = UUID(word)
        except ValueError:
            found = None
        if found is None or str(found) != word.lower():
            raise cls.refuse("write the UUID of a picture of the project, or self.")
        return found

    @classmethod
    def unknown(cls, name: str) -> BadEffects:
        """The refusal of a file that cannot be used, whatever there is of it elsewhere."""
        return cls.refuse(f"{name} is not a picture of this project.")

    def params(self) -> tuple[str, ...]:
        opacity = None if self.opacity is None else Length(self.opacity, is_percent=True)
        optional = (self.dimensions, self.position, opacity)
        return (self._source_name, *(str(one) for one in optional if one is not None))

    @property
    def files(self) -> tuple[UUID, ...]:
        return () if self.source is None else (self.source,)

    def apply(self, canvas: "Canvas") -> None:
        canvas.overlay(
            self._source_name,
            self.dimensions or _WHOLE,
            self.position or TOP_LEFT,
            100 if self.opacity is None else self.opacity,
        )

    @property
    def _source_name(self) -> str:
        return str(self.source or _SELF)
