"""Rounded corners as an alpha band. Child process only."""

from collections.abc import Sequence
from math import ceil

import pyvips


def mask(width: int, height: int, radii: Sequence[tuple[float, float]]) -> pyvips.Image:
    """Opaque but for the corners, which are quarters of ellipses, clockwise from the top left."""
    image = pyvips.Image.black(1, 1).invert().embed(0, 0, width, height, extend="copy")
    for number, (across, down) in enumerate(radii):
        if not across or not down:
            continue
        corner = _corner(across, down)
        if number in (1, 2):
            corner = corner.fliphor()
        if number in (2, 3):
            corner = corner.flipver()
        left = width - corner.width if number in (1, 2) else 0
        top = height - corner.height if number in (2, 3) else 0
        # The darker one counts: where two corners meet, their edges share a row of pixels.
        below = image.crop(left, top, corner.width, corner.height)
        image = image.insert((corner < below).ifthenelse(corner, below), left, top)
    return image.copy_memory()


def _corner(across: float, down: float) -> pyvips.Image:
    """The top left one; pixels on the edge are as opaque as the part of them that is inside."""
    places = pyvips.Image.xyz(max(1, ceil(across)), max(1, ceil(down)))
    x = (across - 0.5 - places.extract_band(0)) / across
    y = (down - 0.5 - places.extract_band(1)) / down
    radius = (x * x + y * y) ** 0.5
    steepness = ((x / across) ** 2 + (y / down) ** 2) ** 0.5
    distance = radius * (radius - 1) / (steepness + 1e-9)  # outwards, in pixels, close to the edge
    opaque = ((0.5 - distance) * 255).rint()
    is_inside = (x < 0) | (y < 0)  # beyond the centre of a corner of a fraction of a pixel
    return is_inside.ifthenelse(255, opaque).cast("uchar")
