"""A picture's file: its header first, its pixels when they are needed. Child process only.

libvips is lazy: a header is read at the start, and pixels are decoded when the result is written.
"""

from pathlib import Path

import pyvips

from storages_app.imaging import metadata, pillow, svg
from storages_app.imaging.errors import NotAnImage
from storages_app.imaging.formats import LIBVIPS_FORMATS, sniff
from storages_app.imaging.limits import Limits, check_header

_LOADERS = {
    "AVIF": "heifload",
    "GIF": "gifload",
    "JPEG": "jpegload",
    "PNG": "pngload",
    "TIFF": "tiffload",
    "WEBP": "webpload",
}
_SRGB = "sRGB IEC61966-2.1"  # the name that the profile of cameras and phones gives itself
_RGB = {"srgb", "rgb16"}
_ON_THEIR_SIDE = {5, 6, 7, 8}  # EXIF orientations


class Source:
    """A picture of which only the header was read; `width`×`height` is how it is stored."""

    def __init__(self, path: Path, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self.format = sniff(path) or ""
        if not self.format:
            raise NotAnImage
        self._header = self._read_header() if self.format in LIBVIPS_FORMATS else None
        if self._header is not None:
            self.width, self.height = self._header.width, self._header.height
            self.has_alpha = bool(self._header.hasalpha())
            self.swaps_sides = _field(self._header, "orientation") in _ON_THEIR_SIDE
        else:
            facts = pillow.read_header(path, self.format, limits)
            self.width, self.height = facts.width, facts.height
            self.has_alpha = facts.has_alpha
            self.swaps_sides = facts.orientation in _ON_THEIR_SIDE

    def load(
        self, width: int, height: int, *, is_turned: bool, profile_bytes: int = 0
    ) -> pyvips.Image:
        """The pixels in this size: 8 bits a band, in sRGB or grey, with at most one alpha band.

        A profile of up to so many bytes stays, and the numbers mean what it says.
        They can be read once, from top to bottom.
        """
        if self._header is None:
            image = pillow.decode(self._path, self.format, is_turned=is_turned)
            if (image.width, image.height) != (width, height):
                image = image.thumbnail_image(width, height=height, size="force", no_rotate=True)
        elif self.format == "SVG":
            image = svg.draw(self._path, width, height)
        else:
            # The loader itself shrinks, by far the cheapest way; it also rotates by EXIF.
            image = pyvips.Image.thumbnail(
                str(self._path),
                width,
                height=height,
                size="force",
                no_rotate=not is_turned,
                fail_on="error",  # half a picture must never pass for a good copy
                **({} if self.keeps_profile(profile_bytes) else _colour_options(self._header)),
            )
        if image.interpretation not in {"srgb", "b-w"}:
            image = image.colourspace("srgb")
        return image.cast("uchar")

    def keeps_profile(self, n_bytes: int) -> bool:
        """Whether the picture has a profile of red, green and blue of up to so many bytes."""
        if self._header is None or self._header.interpretation not in _RGB:
            return False
        return 0 < len(_profile(self._header)) <= n_bytes

    def exif(self, *, keeps_sensitive: bool) -> bytes:
        """What the camera wrote, as a result may keep it."""
        if self.format == "SVG":
            return b""
        return metadata.exif_of(self._path, self.format, keeps_sensitive=keeps_sensitive)

    def _read_header(self) -> pyvips.Image | None:
        if self.format == "SVG":
            return svg.read_header(self._path, self._limits)
        try:
            image = pyvips.Image.new_from_file(str(self._path), access="sequential")
        except pyvips.Error as error:
            if self.format == "AVIF":
                return None  # an animated one, for instance: Pillow can
            raise NotAnImage("Its header cannot be read.") from error
        if not str(image.get("vips-loader")).startswith(_LOADERS[self.format]):
            raise NotAnImage("Its bytes are of two formats at once.")
        check_header(image.width, image.height, _field(image, "n-pages"), self._limits)
        return image


def _colour_options(image: pyvips.Image) -> dict[str, str]:
    """Convert to sRGB by the picture's own profile.

    Asked of a picture that has none, or has sRGB itself, the conversion changes nothing and
    takes twice as long as all the rest.
    """
    profile = _profile(image)
    is_srgb = any(_SRGB.encode(encoding) in profile for encoding in ("ascii", "utf-16-be"))
    return {} if is_srgb or not profile else {"output_profile": "srgb"}


def _profile(image: pyvips.Image) -> bytes:
    has_profile = image.get_typeof("icc-profile-data")
    return bytes(image.get("icc-profile-data")) if has_profile else b""


def _field(image: pyvips.Image, name: str) -> int:
    return int(image.get(name)) if image.get_typeof(name) else 1
