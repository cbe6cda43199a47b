"""A canvas with pixels. Runs in the child process only.

libvips is lazy: a header is read at the start, and pixels are decoded when the result is written.
"""

from pathlib import Path

import pyvips

from storages_app.imaging import pillow
from storages_app.imaging.canvas import Canvas
from storages_app.imaging.errors import NotAnImage
from storages_app.imaging.formats import LIBVIPS_FORMATS, sniff
from storages_app.imaging.limits import AVIF_PIXELS, Limits, check_header

_LOADERS = {
    "AVIF": "heifload",
    "GIF": "gifload",
    "JPEG": "jpegload",
    "PNG": "pngload",
    "TIFF": "tiffload",
    "WEBP": "webpload",
}
_SRGB = "sRGB IEC61966-2.1"  # the name that the profile of cameras and phones gives itself
_SWAPS_SIDES = {5, 6, 7, 8}  # EXIF orientations

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


class Picture(Canvas):
    """One picture being made, from a file."""

    def __init__(self, source: Path, limits: Limits) -> None:
        self._path = source
        self.source_format = sniff(source) or ""
        if not self.source_format:
            raise NotAnImage
        header = self._read_header(limits) if self.source_format in LIBVIPS_FORMATS else None
        self._is_untouched = header is not None
        self._image = (
            header if header is not None else pillow.decode(source, self.source_format, limits)
        )
        self.has_alpha = bool(self._image.hasalpha())
        width, height = self._image.width, self._image.height
        if self._is_untouched and _field(self._image, "orientation") in _SWAPS_SIDES:
            width, height = height, width
        super().__init__(width, height, limits)

    def _read_header(self, limits: Limits) -> pyvips.Image | None:
        try:
            image = pyvips.Image.new_from_file(str(self._path), access="sequential")
        except pyvips.Error as error:
            if self.source_format == "AVIF":
                return None  # an animated one, for instance: Pillow can
            raise NotAnImage("Its header cannot be read.") from error
        if not str(image.get("vips-loader")).startswith(_LOADERS[self.source_format]):
            raise NotAnImage("Its bytes are of two formats at once.")
        check_header(image.width, image.height, _field(image, "n-pages"), limits)
        return image

    def scale(self, width: int, height: int) -> None:
        is_same = (width, height) == (self.width, self.height)
        super().scale(width, height)
        if self._is_untouched:
            # The loader itself shrinks, by far the cheapest way; it also rotates by EXIF.
            self._image = pyvips.Image.thumbnail(
                str(self._path),
                width,
                height=height,
                size="force",
                fail_on="truncated",  # half a picture must never pass for a good copy
                **_colour_options(self._image),
            )
            self._is_untouched = False
        elif not is_same:
            self._image = self._image.copy_memory().thumbnail_image(
                width, height=height, size="force", no_rotate=True
            )

    def crop(self, left: int, top: int, width: int, height: int) -> None:
        self._load()
        super().crop(left, top, width, height)
        self._image = self._image.crop(left, top, width, height)

    def pad(self, width: int, height: int) -> None:
        self._load()
        left, top = (width - self.width) // 2, (height - self.height) // 2
        super().pad(width, height)
        self._image = self._image.colourspace("srgb").embed(
            left,
            top,
            width,
            height,
            extend="background",
            background=[*self.fill, 255] if self.has_alpha else self.fill,
        )

    def _load(self) -> None:
        if self._is_untouched:
            self.scale(self.width, self.height)

    def write(self, target: Path, accept: frozenset[str]) -> str:
        """Decode, compute and encode the result; its format, as Pillow calls it."""
        self._load()
        name = self._choose_format(accept)
        image = self._image
        if image.interpretation not in {"srgb", "b-w"}:
            image = image.colourspace("srgb")
        self._save(image.cast("uchar"), name, str(target))
        return name

    def _choose_format(self, accept: frozenset[str]) -> str:
        if self.format_choice in {"jpeg", "png", "webp"}:
            return self.format_choice.upper()
        if self.format_choice == "auto":
            if "avif" in accept and self.width * self.height <= AVIF_PIXELS:
                return "AVIF"
            if "webp" in accept:
                return "WEBP"
            return "PNG" if self.has_alpha else "JPEG"
        if self.source_format in {"JPEG", "PNG"}:
            return self.source_format
        return "PNG" if self.has_alpha or self.source_format == "GIF" else "JPEG"

    def _save(self, image: pyvips.Image, name: str, target: str) -> None:
        jpeg, webp, avif = _Q[self.quality]
        if name == "JPEG":
            if image.hasalpha():
                image = image.flatten(background=self.fill)
            image.jpegsave(target, Q=jpeg, interlace=self.is_progressive, keep="none")
        elif name == "WEBP":
            image.webpsave(target, Q=webp, keep="none")
        elif name == "AVIF":
            # Effort 4, the default, takes seven times as long as 2 and saves 1 % of the bytes.
            image.heifsave(target, compression="av1", Q=avif, effort=2, keep="none")
        else:
            image.pngsave(target, keep="none")

    def fingerprint(self) -> str:
        """A 64-bit perceptual hash: is each pixel of a 9×8 grey picture brighter than its left?"""
        self.scale(9, 8)
        image = self._image.flatten(background=self.fill) if self.has_alpha else self._image
        grey = bytes(image.colourspace("b-w").extract_band(0).cast("uchar").write_to_memory())
        bits = "".join(
            str(int(grey[row * 9 + column + 1] > grey[row * 9 + column]))
            for row in range(8)
            for column in range(8)
        )
        return f"{int(bits, 2):016x}"


def _colour_options(image: pyvips.Image) -> dict[str, str]:
    """Convert to sRGB by the picture's own profile.

    Asked of a picture that has none, or has sRGB itself, the conversion changes nothing and
    takes twice as long as all the rest.
    """
    if not image.get_typeof("icc-profile-data"):
        return {}
    profile = bytes(image.get("icc-profile-data"))
    is_srgb = any(_SRGB.encode(encoding) in profile for encoding in ("ascii", "utf-16-be"))
    return {} if is_srgb else {"output_profile": "srgb"}


def _field(image: pyvips.Image, name: str) -> int:
    return int(image.get(name)) if image.get_typeof(name) else 1
