"""The terms that several operations share: sizes, places, colours, numbers and words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from storages_app.imaging.registry import Operation

_LENGTH = re.compile(r"(-?)(\d{1,5})(?:(\.\d{1,2})?([p%]))?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,6}", re.ASCII)
_COLOUR = re.compile(r"(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})", re.ASCII)
_ACROSS = {"left": 0.0, "center": 50.0, "right": 100.0}
_DOWN = {"top": 0.0, "center": 50.0, "bottom": 100.0}
_WORDS = _ACROSS | _DOWN


@dataclass(frozen=True)
class Length:
    """So many pixels, or percent of the side that it is measured along."""

    amount: float
    is_percent: bool = False

    def of(self, side: int) -> int:
        return round(side * self.amount / 100 if self.is_percent else self.amount)

    def __str__(self) -> str:
        number = f"{self.amount:.2f}".rstrip("0").rstrip(".")
        return f"{number}p" if self.is_percent else number


@dataclass(frozen=True)
class Dimensions:
    """`D` of the grammar: a width and a height."""

    width: Length
    height: Length

    def of(self, width: int, height: int) -> tuple[int, int]:
        """In pixels, on a picture of this size; never less than one."""
        return max(1, self.width.of(width)), max(1, self.height.of(height))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Position:
    """`XY` of the grammar; words stay words, as a key of a bucket shows what was written."""

    x: Length | str
    y: Length | str

    def place(self, part: tuple[int, int], whole: tuple[int, int]) -> tuple[int, int]:
        """Left and top of a part on a whole.

        Percent as in CSS `background-position`: 100 lets the right edges meet.
        """
        return _place(self.x, part[0], whole[0]), _place(self.y, part[1], whole[1])

    def __str__(self) -> str:
        if self.x == "center" and isinstance(self.y, str):
            return self.y
        if self.y == "center" and isinstance(self.x, str):
            return self.x
        return f"{self.x},{self.y}"


CENTER = Position("center", "center")
TOP_LEFT = Position(Length(0), Length(0))


@dataclass(frozen=True)
class Colour:
    """RGB and how opaque it is, each 0…255."""

    red: int
    green: int
    blue: int
    alpha: int = 255

    @property
    def rgba(self) -> list[int]:
        return [self.red, self.green, self.blue, self.alpha]

    def __str__(self) -> str:
        digits = "".join(f"{band:02x}" for band in self.rgba)
        return digits.removesuffix("ff") if self.alpha == 255 else digits


def one_of(operation: type[Operation], params: Sequence[str], words: Sequence[str]) -> str:
    """The single parameter, which must be one of `words`."""
    if len(params) != 1 or params[0] not in words:
        raise operation.refuse(f"write one of {', '.join(words)}.")
    return params[0]


def nothing(operation: type[Operation], params: Sequence[str]) -> None:
    """For operations that take no parameter."""
    if params:
        raise operation.refuse("it takes no parameters.")


def dimensions(operation: type[Operation], text: str) -> Dimensions:
    """`D`: `400x300` in pixels, or `50px50p` in percent, for which `%` may stand too."""
    width, height = open_dimensions(operation, text)
    if width is None or height is None:
        raise operation.refuse("write width and height, like 400x300 or, in percent, 50px50p.")
    return Dimensions(width, height)


def open_dimensions(operation: type[Operation], text: str) -> tuple[Length | None, Length | None]:
    """`O`: `D`, or one side of it: `400x`, `x50p`."""
    sides = text.split("x")
    found = [_read_length(side) for side in sides]
    if len(sides) != 2 or not any(sides) or any(map(_is_unread, sides, found)):
        raise operation.refuse(
            "write a size in pixels, like 400x300, 400x or x300, or in percent, like 50px50p."
        )
    if any(side and side.amount <= 0 for side in found):
        raise operation.refuse("a size must be more than 0.")
    return found[0], found[1]


def length(operation: type[Operation], text: str) -> Length:
    """`20` pixels or `20p`; not below zero."""
    found = _read_length(text)
    if found is None or found.amount < 0:
        raise operation.refuse("write a length in pixels, like 20, or in percent, like 20p.")
    return found


def percent(operation: type[Operation], text: str, *, low: float = 0, high: float = 100) -> float:
    """`20p` or `20%`."""
    found = _read_length(text)
    if found is None or not found.is_percent or not low <= found.amount <= high:
        raise operation.refuse(f"write a percentage from {low:g}p to {high:g}p.")
    return found.amount


def position(operation: type[Operation], text: str) -> Position:
    """`XY`: `x,y` in pixels or percent, alignment words, or a mixture: `center`, `10p,bottom`."""
    parts = text.split(",")
    if len(parts) == 1 and text in _WORDS:
        parts = [text, "center"] if text in _ACROSS else ["center", text]
    if len(parts) == 2 and (parts[0] in _WORDS.keys() - _ACROSS or parts[1] in ("left", "right")):
        parts.reverse()  # `bottom,right` is clear enough
    if len(parts) == 2:
        x, y = _read_coordinate(parts[0], _ACROSS), _read_coordinate(parts[1], _DOWN)
        if x is not None and y is not None:
            return Position(x, y)
    raise operation.refuse(
        "write a place like 10,20 in pixels, 10p,20p in percent, center, or right,bottom."
    )


def colour(operation: type[Operation], text: str) -> Colour:
    """Hexadecimal: 3 or 6 digits, or 8, of which the last two say how opaque it is."""
    digits = text.lower()
    if not _COLOUR.fullmatch(digits):
        raise operation.refuse("write a colour of 3, 6 or 8 hexadecimal digits, like ff8800.")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return Colour(*bytes.fromhex(digits))


def number(operation: type[Operation], text: str, *, low: int, high: int) -> int:
    """A whole number in a range."""
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise operation.refuse(f"write a whole number from {low} to {high}.")
    return int(text)


def one_number(
    operation: type[Operation],
    params: Sequence[str],
    *,
    low: int,
    high: int,
    default: int | None = None,
) -> int:
    """The single parameter, a whole number in a range; `default` if it is left out."""
    if not params and default is not None:
        return default
    if len(params) != 1:
        raise operation.refuse(f"write one whole number from {low} to {high}.")
    return number(operation, params[0], low=low, high=high)


def _read_length(text: str) -> Length | None:
    match = _LENGTH.fullmatch(text)
    if match is None:
        return None
    sign, whole, decimals, unit = match.groups()
    amount = float(f"{whole}{decimals or ''}")
    return Length(-amount if sign and amount else amount, is_percent=bool(unit))


def _is_unread(text: str, found: Length | None) -> bool:
    return bool(text) and found is None


def _read_coordinate(text: str, words: dict[str, float]) -> Length | str | None:
    return text if text in words else _read_length(text)


def _place(coordinate: Length | str, part: int, whole: int) -> int:
    if isinstance(coordinate, str):
        coordinate = Length(_WORDS[coordinate], is_percent=True)
    return coordinate.of(whole - part if coordinate.is_percent else whole)
