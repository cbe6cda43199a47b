"""What Pillow does for us: reads headers, and decodes what libvips has no loader for.

Runs in the child process only.
"""

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyvips
from PIL import ExifTags, Image, ImageOps

from storages_app.imaging import svg
from storages_app.imaging.errors import NotAnImage, ProcessingFailed
from storages_app.imaging.formats import sniff
from storages_app.imaging.info import ImageInfo
from storages_app.imaging.limits import Limits, check_header

Image.MAX_IMAGE_PIXELS = None  # our own limit is checked from the header, and refuses earlier

_STRIP = 256  # rows
_MODES = {"1": "L", "I": "L", "F": "L", "I;16": "L", "I;16B": "L", "I;16L": "L", "RGBX": "RGB"}
_CAN_MOVE = {"GIF", "WEBP", "PNG", "AVIF", "HEIF"}
DECODER_FAULTS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    RuntimeError,
)


def read_info(path: Path, limits: Limits) -> ImageInfo | None:
    """The header's facts; None where it is no picture, or one over our limits."""
    name = sniff(path)
    if name is None:
        return None
    try:
        if name == "SVG":
            return _describe_svg(svg.read_header(path, limits))
        with _open(path, name) as image:
            check_header(*image.size, 1, limits)
            return _describe(image, name)
    except (NotAnImage, *DECODER_FAULTS, MemoryError):
        return None


@dataclass(frozen=True)
class Header:
    """What is known of a picture before its pixels are decoded."""

    width: int
    height: int
    orientation: int | None
    has_alpha: bool


def read_header(path: Path, name: str, limits: Limits) -> Header:
    """NotAnImage where it cannot be read, or says more than the limits allow."""
    try:
        with _open(path, name) as image:
            check_header(*image.size, 1, limits)
            return Header(*image.size, _orientation(_exif(image)), _has_alpha(image))
    except DECODER_FAULTS as error:
        raise NotAnImage("Its header cannot be read.") from error


def read_exif(path: Path, name: str) -> Image.Exif:
    """With what it has of the camera's settings and the place, read while the file is open."""
    with _open(path, name) as image:
        exif = image.getexif()
        exif.get_ifd(ExifTags.IFD.Exif)
        exif.get_ifd(ExifTags.IFD.GPSInfo)
        return exif


def decode(path: Path, name: str, *, is_turned: bool) -> pyvips.Image:
    """All pixels as a libvips picture; `is_turned` by EXIF."""
    try:
        with _open(path, name) as image:
            profile = image.info.get("icc_profile") if image.mode in {"RGB", "RGBA"} else None
            if is_turned:
                ImageOps.exif_transpose(image, in_place=True)
            mode = "RGBA" if _has_alpha(image) else "RGB"
            # Each copy of the largest pictures takes 300 MB.
            pixels = image if image.mode == mode else image.convert(mode)
            result = _handed_over(pixels)
    except DECODER_FAULTS as error:
        raise ProcessingFailed from error
    return _to_srgb(result, profile) if profile else result


def _handed_over(image: Image.Image) -> pyvips.Image:
    """To libvips, a strip at a time, as `tobytes` of the whole keeps it twice."""
    width, height, n_bands = image.width, image.height, len(image.getbands())
    pixels = bytearray(width * height * n_bands)
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        strip = image.crop((0, top, width, bottom)).tobytes()
        pixels[top * width * n_bands : bottom * width * n_bands] = strip
    made = pyvips.Image.new_from_memory(pixels, width, height, n_bands, "uchar")
    return made.copy(interpretation="srgb")


def _has_alpha(image: Image.Image) -> bool:
    return "A" in image.getbands() or "transparency" in image.info


def _to_srgb(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    with_profile = image.copy()
    with_profile.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    with suppress(pyvips.Error):  # a profile that makes no sense is left out
        return with_profile.icc_transform("srgb", embedded=True).copy_memory()
    return image


def _open(path: Path, name: str) -> Image.Image:
    if name == "HEIF":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    # A JPEG with a second picture in it is an MPO to Pillow.
    return Image.open(path, formats=["JPEG", "MPO"] if name == "JPEG" else [name])


def _describe(image: Image.Image, name: str) -> ImageInfo:
    exif = _exif(image)
    return ImageInfo(
        format=name,
        width=image.width,
        height=image.height,
        sequence=name in _CAN_MOVE and bool(getattr(image, "is_animated", False)),
        color_mode=_MODES.get(image.mode, image.mode),
        orientation=_orientation(exif),
        geo_location=_geo_location(exif),
        datetime_original=_datetime_original(exif),
        dpi=_dpi(image.info.get("dpi")),
    )


def _describe_svg(image: pyvips.Image) -> ImageInfo:
    return ImageInfo(
        format="SVG",
        width=image.width,
        height=image.height,
        sequence=False,
        color_mode="RGBA",
        orientation=None,
        geo_location=None,
        datetime_original=None,
        dpi=None,
    )


def _exif(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except DECODER_FAULTS:
        return Image.Exif()  # a picture with broken EXIF is still a picture


def _orientation(exif: Image.Exif) -> int | None:
    value = exif.get(ExifTags.Base.Orientation)
    return value if isinstance(value, int) and 0 <= value <= 8 else None


def _geo_location(exif: Image.Exif) -> dict[str, float] | None:
    with suppress(*DECODER_FAULTS, ArithmeticError):
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        latitude = _degrees(gps[ExifTags.GPS.GPSLatitude])
        longitude = _degrees(gps[ExifTags.GPS.GPSLongitude])
        if str(gps.get(ExifTags.GPS.GPSLatitudeRef, "N")).upper().startswith("S"):
            latitude = -latitude
        if str(gps.get(ExifTags.GPS.GPSLongitudeRef, "E")).upper().startswith("W"):
            longitude = -longitude
        if abs(latitude) <= 90 and abs(longitude) <= 180:
            return {"latitude": latitude, "longitude": longitude}
    return None


def _degrees(parts: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(value):
        raise ValueError(value)
    return round(value, 7)  # about a centimetre


def _datetime_original(exif: Image.Exif) -> str | None:
    with suppress(*DECODER_FAULTS, ArithmeticError):
        text = str(exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal])
        # EXIF has no time zone, and neither has the API's field.
        moment = datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
        return moment.isoformat()
    return None


def _dpi(value: Any) -> list[int | float] | None:
    with suppress(*DECODER_FAULTS, ArithmeticError):
        x, y = (float(number) for number in value)
        if math.isfinite(x) and math.isfinite(y) and x > 0 and y > 0:
            return [_plain(x), _plain(y)]
    return None


def _plain(number: float) -> int | float:
    """PNG keeps dots a metre: 72 comes back as 71.9836."""
    return round(number) if abs(number - round(number)) < 0.02 else round(number, 2)
