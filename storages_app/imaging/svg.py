"""SVG, drawn by librsvg. Child process only.

It is read from memory and never from its path: librsvg lets a drawing refer to files beside the one
it was read from, and beside ours lie other people's. Of a drawing in memory nothing is fetched.
"""

from pathlib import Path

import pyvips

from storages_app.imaging.errors import NotAnImage
from storages_app.imaging.limits import Limits, check_header


def read_header(path: Path, limits: Limits) -> pyvips.Image:
    """Its size and no pixels; NotAnImage where it is no drawing, or one over the limits."""
    size = path.stat().st_size
    if size > limits.svg_bytes:
        raise NotAnImage(f"An SVG can have at most {limits.svg_bytes:,} bytes; it has {size:,}.")
    try:
        image = pyvips.Image.svgload_buffer(path.read_bytes())
    except pyvips.Error as error:
        raise NotAnImage("Its drawing cannot be read.") from error
    check_header(image.width, image.height, 1, limits)
    return image


def draw(path: Path, width: int, height: int) -> pyvips.Image:
    """In exactly this size: lines stay sharp at any."""
    return pyvips.Image.thumbnail_buffer(path.read_bytes(), width, height=height, size="force")
