"""The main colours of a picture. Child process only."""

from operator import itemgetter

import pyvips
from PIL import Image

SIDE = 100  # of the small picture that they are looked for in

_HALF_OPAQUE = 128
_ROUNDS = 20

_Colour = tuple[float, float, float]


def main_colours(image: pyvips.Image, n_colours: int) -> list[list[int]]:
    """At most so many sRGB colours, the most frequent first; the same for the same picture.

    k-means over the few hundred colours of a median cut. It begins with colours that are frequent
    and far from each other, and not by chance. What is transparent has no colour.
    """
    visible = _visible(image if image.interpretation == "srgb" else image.colourspace("srgb"))
    if not visible:
        return []
    counted = _reduced(visible)
    centres = _first_centres(counted, n_colours)
    for _ in range(_ROUNDS):
        groups = _grouped(counted, centres)
        moved = [_mean(group) for group in groups]
        if moved == centres:
            break
        centres = moved
    sized = sorted(
        (-sum(n for _, n in group), [round(band) for band in _mean(group)])
        for group in _grouped(counted, centres)
    )
    return [colour for _, colour in sized]


def _reduced(pixels: bytes) -> list[tuple[_Colour, int]]:
    """At most 256 colours, and how many pixels have each."""
    strip = Image.frombytes("RGB", (len(pixels) // 3, 1), pixels)
    reduced = strip.quantize(256, method=Image.Quantize.MEDIANCUT)
    colours = iter(reduced.getpalette() or [])
    by_index = list(zip(colours, colours, colours, strict=False))
    used = reduced.getcolors() or []
    return [(by_index[index], n) for n, index in used if isinstance(index, int)]


def _first_centres(counted: list[tuple[_Colour, int]], n_colours: int) -> list[_Colour]:
    centres = [max(counted, key=itemgetter(1))[0]]
    while len(centres) < n_colours:
        gain, colour = max(
            (n * min(_distance(colour, centre) for centre in centres), colour)
            for colour, n in counted
        )
        if not gain:
            break  # it has no more colours
        centres.append(colour)
    return centres


def _grouped(
    counted: list[tuple[_Colour, int]], centres: list[_Colour]
) -> list[list[tuple[_Colour, int]]]:
    """Each colour with the centre that is nearest; centres with none are left out."""
    groups: list[list[tuple[_Colour, int]]] = [[] for _ in centres]
    for colour, n in counted:
        nearest = min(range(len(centres)), key=lambda at: _distance(colour, centres[at]))
        groups[nearest].append((colour, n))
    return [group for group in groups if group]


def _mean(group: list[tuple[_Colour, int]]) -> _Colour:
    total = sum(n for _, n in group)
    red, green, blue = (sum(colour[band] * n for colour, n in group) / total for band in range(3))
    return red, green, blue


def _distance(one: _Colour, other: _Colour) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _visible(image: pyvips.Image) -> bytes:
    body = bytes(image.write_to_memory())
    if not image.hasalpha():
        return body
    pixels = (body[at : at + 4] for at in range(0, len(body), 4))
    return b"".join(pixel[:3] for pixel in pixels if pixel[3] >= _HALF_OPAQUE)
