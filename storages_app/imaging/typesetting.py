"""Text, set in lines and drawn. Child process only.

Pango does the letters, of right-to-left scripts too. The lines are broken here, because Pango does
not say through libvips where it broke them, and boxes are painted under each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import pyvips
from PIL import Image

from storages_app.imaging import layers
from storages_app.imaging.lettering import ACROSS, DOWN, FAMILIES, Alignment, Area, Font, TextBox

_NARROWEST = 0.2  # of a font's size: no line has more letters than fit by this


@dataclass(frozen=True)
class _Line:
    """One line; `mask` is only its ink, `left` and `top` where that is in the line."""

    mask: Image.Image | None
    left: int
    top: int
    width: int


def draw(
    image: pyvips.Image, text: str, *, area: Area, font: Font, align: Alignment, box: TextBox
) -> pyvips.Image:
    """Lay the text, and the box below it, over the picture; what the area does not hold is cut."""
    pitch = _pitch(font)
    lines = list(_lines(text, font, area.width, at_most=area.height // pitch + 1))
    # More than there is room for begins at the top, however it is aligned.
    top = round(max(0, area.height - len(lines) * pitch) * DOWN[align.down])
    places = [
        (round((area.width - line.width) * ACROSS[align.across]), top + n * pitch)
        for n, line in enumerate(lines)
    ]
    image = _paint_box(image, area, box, _boxes(lines, places, pitch, area, box.mode))
    ink = Image.new("L", (area.width, area.height))
    for line, (left, down) in zip(lines, places, strict=True):
        if line.mask is not None:
            ink.paste(255, (left + line.left, down + line.top), line.mask)
    return layers.lay(image, layers.stencilled(_seen(ink), font.colour), area.left, area.top)


def _boxes(
    lines: list[_Line], places: list[tuple[int, int]], pitch: int, area: Area, mode: str
) -> list[Area]:
    """The rectangles below the text, counted from the area's corner, without their padding."""
    if mode == "none" or not lines:
        return []
    if mode == "fill":
        return [Area(0, 0, area.width, area.height)]
    each = [
        Area(left, top, line.width, pitch)
        for line, (left, top) in zip(lines, places, strict=True)
        if line.width
    ]
    if mode == "line" or not each:
        return each
    left, top = min(one.left for one in each), places[0][1]
    return [Area(left, top, max(one.width for one in each), len(lines) * pitch)]


def _paint_box(
    image: pyvips.Image, area: Area, box: TextBox, rectangles: list[Area]
) -> pyvips.Image:
    """All of them at once: where two meet, a half transparent colour is painted once."""
    if not rectangles:
        return image
    pad = box.padding
    below = Image.new("L", (area.width + 2 * pad, area.height + 2 * pad))
    for one in rectangles:
        right, bottom = one.left + one.width + 2 * pad, one.top + one.height + 2 * pad
        below.paste(255, (one.left, one.top, right, bottom))
    layer = layers.stencilled(_seen(below), box.colour)
    return layers.lay(image, layer, area.left - pad, area.top - pad)


def _seen(mask: Image.Image) -> pyvips.Image:
    return pyvips.Image.new_from_memory(mask.tobytes(), mask.width, mask.height, 1, "uchar")


def _lines(text: str, font: Font, width: int, *, at_most: int) -> Iterator[_Line]:
    n_lines = 0
    for paragraph in text.split("\n"):
        for words in _broken(paragraph, font, width):
            if n_lines == at_most:
                return
            n_lines += 1
            yield _line(words, font)


def _broken(paragraph: str, font: Font, width: int) -> Iterator[str]:
    """Into lines that fit: between words, or within one that is longer than a line."""
    rest = paragraph.rstrip()
    if not rest:
        yield ""
    while rest:
        n_fitting = _n_fitting(rest, font, width)
        if n_fitting == len(rest):
            yield rest
            return
        at_space = rest.rfind(" ", 0, n_fitting + 1)
        cut = at_space if rest[: max(0, at_space)].strip() else n_fitting
        yield rest[:cut].rstrip()
        rest = rest[cut:].lstrip()


def _n_fitting(text: str, font: Font, width: int) -> int:
    """How many characters fit into one line; at least one."""
    low, high = 1, min(len(text), int(width / (font.size * _NARROWEST)) + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if _width(text[:middle], font) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _width(text: str, font: Font) -> int:
    found = _set(text, font)
    return 0 if found is None else int(found.xoffset + found.width)


def _line(text: str, font: Font) -> _Line:
    found = _set(text, font)
    if found is None:
        return _Line(None, 0, 0, 0)
    mask = Image.frombytes("L", (found.width, found.height), found.write_to_memory())
    return _Line(mask, found.xoffset, found.yoffset, found.xoffset + found.width)


def _set(text: str, font: Font) -> pyvips.Image | None:
    """One line, measured, and not drawn before its pixels are asked for; None has no ink."""
    if not text.strip():
        return None
    try:
        return pyvips.Image.text(escape(text, quote=False), font=_description(font), dpi=72)
    except pyvips.Error:  # all of it is invisible
        return None


def _pitch(font: Font) -> int:
    """From one line to the next: Pango tells it by the height of two."""
    one, two = (pyvips.Image.text(text, font=_description(font), dpi=72) for text in ("x", "x\nx"))
    return max(1, int(two.height - one.height))


def _description(font: Font) -> str:
    """In Pango's words. At 72 dots an inch its points are pixels."""
    weight = "Bold " if font.weight == "bold" else ""
    style = "Italic " if font.style == "italic" else ""
    return f"{FAMILIES[font.family]} {weight}{style}{font.size}"
