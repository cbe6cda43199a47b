"""How much work one picture may be. Checked from the header, before anything is decoded."""

import math
from dataclasses import dataclass

from storages_app.imaging.errors import NotAnImage

MAX_TEXT = 4_000  # characters of effects
MAX_OPERATIONS = 200

PREVIEW_SIDE = 2_048  # `preview` without a size
OUTPUT_SIDE = 3_000
OUTPUT_SIDE_JPEG = 5_000  # with an explicit format/jpeg
AVIF_PIXELS = 2_000_000  # format/auto: above, AVIF takes too long to make


@dataclass(frozen=True)
class Limits:
    """One request's limits; they travel to the child process, which sets its own by them."""

    source_bytes: int = 104_857_600  # exactly this many pass
    result_bytes: int = 104_857_600
    svg_bytes: int = 10_000_000
    source_pixels: int = 75_000_000
    frames: int = 5_000
    work_pixels: int = 300_000_000  # of all steps together, each weighed by its cost
    memory_bytes: int = 2 * 1024**3  # address space
    cpu_seconds: int = 20
    seconds: float = 30.0


LIMITS = Limits()


def check_header(width: int, height: int, n_frames: int, limits: Limits) -> None:
    """What a header claims must be within the limits: over them, a file is no image to us."""
    if width < 1 or height < 1:
        raise NotAnImage("It has no pixels.")
    if width * height > limits.source_pixels:
        raise NotAnImage(
            f"It has {math.ceil(width * height / 1e6)} megapixels; "
            f"at most {limits.source_pixels / 1e6:g} are possible."
        )
    if n_frames > limits.frames:
        raise NotAnImage(f"It has {n_frames} frames; at most {limits.frames} are possible.")
