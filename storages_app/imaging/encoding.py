"""From pixels to the bytes of a picture format. Child process only."""

from pathlib import Path

import pyvips

from storages_app.imaging.limits import AVIF_PIXELS

_Q = {
    #                JPEG WebP AVIF
    "best": (95, 95, 80),
    "better": (88, 88, 65),
    "normal": (80, 80, 55),
    "lighter": (65, 65, 45),
    "lightest": (45, 45, 35),
    "smart": (80, 80, 55),
    "smart_retina": (60, 60, 42),  # for twice the pixels in the same place
}


def choose_format(
    choice: str, *, accept: frozenset[str], image: pyvips.Image, source_format: str
) -> str:
    """The format of a result, as Pillow calls it; `choice` is the parameter of `format`."""
    if choice in {"jpeg", "png", "webp"}:
        return choice.upper()
    if choice == "auto":
        if "avif" in accept and image.width * image.height <= AVIF_PIXELS:
            return "AVIF"
        if "webp" in accept:
            return "WEBP"
        return "PNG" if image.hasalpha() else "JPEG"
    if source_format in {"JPEG", "PNG"}:
        return source_format
    return "PNG" if image.hasalpha() or source_format == "GIF" else "JPEG"


def save(
    image: pyvips.Image,
    target: Path,
    *,
    name: str,
    quality: str,
    is_progressive: bool,
    background: list[int],
) -> None:
    """Decode, compute and encode; `background` shows through where a format has no alpha."""
    jpeg, webp, avif = _Q[quality]
    to = str(target)
    if name == "JPEG":
        if image.hasalpha():
            image = image.flatten(background=background)
        image.jpegsave(to, Q=jpeg, interlace=is_progressive, keep="none")
    elif name == "WEBP":
        image.webpsave(to, Q=webp, keep="none")
    elif name == "AVIF":
        # Effort 4, the default, takes seven times as long as 2 and saves 1 % of the bytes.
        image.heifsave(to, compression="av1", Q=avif, effort=2, keep="none")
    else:
        image.pngsave(to, keep="none")
