"""From pixels to the bytes of a picture format. Child process only."""

from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyvips
from PIL import Image

from storages_app.imaging import metadata
from storages_app.imaging.limits import AVIF_PIXELS
from storages_app.imaging.similarity import ssim

_SAVERS = {"JPEG": "jpegsave", "WEBP": "webpsave", "AVIF": "heifsave", "PNG": "pngsave"}
_Q = {
    #                JPEG WebP AVIF
    "best": (95, 95, 81),
    "better": (88, 88, 66),
    "normal": (80, 80, 56),
    "lighter": (65, 65, 46),
    "lightest": (45, 45, 36),
}
_Q_COLUMNS = ("JPEG", "WEBP", "AVIF")
_SMART_Q = {"JPEG": range(47, 93, 3), "WEBP": range(47, 93, 3), "AVIF": range(32, 78, 3)}
# Mean structural similarity of the brightness. A photo in JPEG of quality 80 has about 0.975.
_SMART_SIMILARITY = {"smart": 0.965, "smart_retina": 0.94}  # for twice the pixels in the same place
_TILES, _TILE = 4, 96  # of a sample: whole blocks of every encoder
_FEW_COLOURS, _MAIN_COLOURS = 256, 16


def choose_format(
    choice: str,
    *,
    accept: frozenset[str],
    image: pyvips.Image,
    source_format: str,
    is_flat: Callable[[], bool],
) -> str:
    """The format of a result, as Pillow calls it; `choice` is the parameter of `format`.

    `is_flat` says whether the picture has few colours; asking it costs the computing of all pixels.
    """
    if choice in {"jpeg", "png", "webp"}:
        return choice.upper()
    if choice == "auto":
        if "avif" in accept and image.width * image.height <= AVIF_PIXELS:
            return "AVIF"
        if "webp" in accept:
            return "WEBP"
        return "PNG" if image.hasalpha() or is_flat() else "JPEG"
    if source_format in {"JPEG", "PNG"}:
        return source_format
    return "PNG" if image.hasalpha() or source_format == "GIF" else "JPEG"


def has_few_colours(image: pyvips.Image) -> bool:
    """A logo, a diagram, a page of text: what JPEG smears and PNG makes smaller.

    A grey photo has as few colours, but none of them fills it.
    """
    mode = "L" if image.bands == 1 else "RGB"
    pixels = Image.frombuffer(mode, (image.width, image.height), image.write_to_memory())
    counted = pixels.getcolors(_FEW_COLOURS)  # gives up at one more
    if counted is None:
        return False
    most = sorted((count for count, _ in counted), reverse=True)[:_MAIN_COLOURS]
    return bool(sum(most) * 2 > image.width * image.height)


def save(
    image: pyvips.Image,
    target: Path,
    *,
    name: str,
    quality: str,
    is_progressive: bool,
    background: list[int],
    keeps_profile: bool = False,
    exif: bytes = b"",
) -> None:
    """Decode, compute and encode; `background` shows through where a format has no alpha."""
    if name == "JPEG" and image.hasalpha():
        image = image.flatten(background=background)
    options = options_of(name, is_progressive=is_progressive)
    if quality in _SMART_SIMILARITY and name in _SMART_Q:
        image = image.copy_memory()
        options["Q"] = _smart_q(image, name, options, _SMART_SIMILARITY[quality])
    elif name in _Q_COLUMNS:
        level = "normal" if quality in _SMART_SIMILARITY else quality
        options["Q"] = _Q[level][_Q_COLUMNS.index(name)]
    if exif:
        image = metadata.with_exif(image, exif)
    kept = [name for name, is_kept in (("exif", exif), ("icc", keeps_profile)) if is_kept]
    keep = "|".join(kept) or "none"
    pyvips.Operation.call(_SAVERS[name], image, str(target), keep=keep, **options)


def options_of(name: str, *, is_progressive: bool) -> dict[str, Any]:
    """More effort than this costs far more time than it saves bytes: see benchmarks/images.py."""
    if name == "JPEG":
        return {"interlace": is_progressive, "optimize_coding": True}
    if name == "WEBP":
        return {"effort": 2}  # 4, the default: three times as long, 4 to 8 % fewer bytes
    if name == "AVIF":
        return {"compression": "av1", "effort": 1}  # 2: twice as long, 2 % fewer bytes
    return {"filter": "paeth"}  # none, the default: half as many bytes again


def _smart_q(image: pyvips.Image, name: str, options: dict[str, Any], similarity: float) -> int:
    """The lowest quality that still looks as much like the picture; tried on a sample of it."""
    sample = _sample(image)

    def measure(q: int) -> float:
        body = pyvips.Operation.call(f"{_SAVERS[name]}_buffer", sample, keep="none", Q=q, **options)
        return ssim(sample, pyvips.Image.new_from_buffer(body, ""))

    steps = _SMART_Q[name]
    return steps[min(bisect_left(steps, similarity, key=measure), len(steps) - 1)]


def _sample(image: pyvips.Image) -> pyvips.Image:
    """A small picture of the same detail: not scaled down, but tiles from all over it."""
    if min(image.width, image.height) < _TILES * _TILE:
        side = _TILES * _TILE
        return image.smartcrop(
            min(side, image.width), min(side, image.height), interesting="centre"
        ).copy_memory()
    across, down = (
        [(size - _TILE) * n // (_TILES - 1) for n in range(_TILES)]
        for size in (image.width, image.height)
    )
    tiles = [image.crop(left, top, _TILE, _TILE) for top in down for left in across]
    return pyvips.Image.arrayjoin(tiles, across=_TILES).copy_memory()
