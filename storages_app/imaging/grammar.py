"""The terms that several operations share: sizes and choices of words."""

import re
from collections.abc import Sequence

from storages_app.imaging.registry import Operation

_SIZE = re.compile(r"(\d{0,5})x(\d{0,5})", re.ASCII)


def one_of(operation: type[Operation], params: Sequence[str], words: Sequence[str]) -> str:
    """The single parameter, which must be one of `words`."""
    if len(params) != 1 or params[0] not in words:
        raise operation.refuse(f"write one of {', '.join(words)}.")
    return params[0]


def size(operation: type[Operation], text: str) -> tuple[int, int]:
    """`WxH` in pixels, both given."""
    width, height = open_size(operation, text)
    if width is None or height is None:
        raise operation.refuse("write width and height in pixels, like 400x300.")
    return width, height


def open_size(operation: type[Operation], text: str) -> tuple[int | None, int | None]:
    """`WxH`, `Wx` or `xH` in pixels."""
    match = _SIZE.fullmatch(text)
    if match is None or text == "x":
        raise operation.refuse("write a size in pixels, like 400x300, 400x or x300.")
    width, height = (int(number) if number else None for number in match.groups())
    if width == 0 or height == 0:
        raise operation.refuse("a size must be at least 1 pixel.")
    return width, height
