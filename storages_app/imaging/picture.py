"""A canvas with pixels. Runs in the child process only."""

from collections.abc import Mapping
from pathlib import Path

import pyvips

from storages_app.imaging import encoding, layers
from storages_app.imaging.canvas import Canvas, Change
from storages_app.imaging.errors import NotAnImage
from storages_app.imaging.grammar import Colour, Dimensions, Position
from storages_app.imaging.limits import Limits
from storages_app.imaging.operations.overlay import Overlay
from storages_app.imaging.reading import Source


class Picture(Canvas):
    """One picture being made, from a file; `others` are the files that it may be made with."""

    def __init__(
        self, source: Path, limits: Limits, others: Mapping[str, Path] | None = None
    ) -> None:
        self.source = Source(source, limits)
        self._paths = {**(others or {}), "self": source}
        self._image: pyvips.Image | None = None
        super().__init__(
            self.source.width, self.source.height, limits, swaps_sides=self.source.swaps_sides
        )

    @property
    def image(self) -> pyvips.Image:
        """The pixels, in sRGB or grey of 8 bits; to be read once, from top to bottom."""
        if self._image is None:
            self._image = self.source.load(
                self.width,
                self.height,
                is_turned=self.autorotates,
                profile_bytes=self._profile_bytes,
            )
        return self._image

    @property
    def _profile_bytes(self) -> int:
        """How large a profile may stay; 0: colours become sRGB."""
        return self.max_profile_bytes if self.keeps_profile else 0

    @property
    def pixels(self) -> pyvips.Image:
        """The same in memory: in any order, and as often as needed."""
        self._image = self.image.copy_memory()
        return self._image

    def scale(self, width: int, height: int) -> None:
        is_same = (width, height) == (self.width, self.height)
        super().scale(width, height)
        if self._image is not None and not is_same:
            self._image = self.pixels.thumbnail_image(
                width, height=height, size="force", no_rotate=True
            )

    def window(self, left: int, top: int, width: int, height: int) -> None:
        image = self.image
        across = max(0, left), min(self.width, left + width)
        down = max(0, top), min(self.height, top + height)
        super().window(left, top, width, height)
        if (across[1] - across[0], down[1] - down[0]) == (width, height):
            self._image = image.crop(left, top, width, height)
            return
        image = self._with_place_for_fill(image)
        if across[0] >= across[1] or down[0] >= down[1]:  # nothing of the picture is left
            empty = layers.plain(width, height, Colour(*self.fill))
            self._image = empty.extract_band(0, n=image.bands)
            return
        self._image = image.embed(
            -left, -top, width, height, extend="background", background=self._fill_for(image)
        )

    def attend(self, width: int, height: int) -> None:
        image = self.pixels
        super().attend(width, height)
        self._image = image.smartcrop(width, height, interesting="attention")

    def trim(self, tolerance: int) -> None:
        super().trim(tolerance)
        self._knows_size = True
        image = _in_colours(self.pixels)
        # libvips lays it on this colour first: what is see-through is border too.
        left, top, width, height = image.find_trim(
            background=image.getpoint(0, 0)[:3], threshold=255 * tolerance / 100, line_art=True
        )
        if width and height:
            self.width, self.height = width, height
            self._image = image.crop(left, top, width, height)

    def turn(self, degrees: float) -> None:
        if degrees % 360 == 0:
            return
        image = self.pixels
        super().turn(degrees)
        # libvips turns clockwise.
        quarters: dict[float, str] = {90: "d270", 180: "d180", 270: "d90"}
        if degrees % 360 in quarters:
            self._image = image.rot(quarters[degrees % 360])
        else:
            image = self._with_place_for_fill(image)
            turned = image.rotate(-degrees, background=self._fill_for(image))
            self._image = turned.gravity("centre", self.width, self.height, extend="copy")

    def _with_place_for_fill(self, image: pyvips.Image) -> pyvips.Image:
        """In colours, with an alpha band where the fill colour is not opaque."""
        image = _in_colours(image)
        return image if image.hasalpha() or self.fill[3] == 255 else image.bandjoin(255)

    def _fill_for(self, image: pyvips.Image) -> list[int]:
        return self.fill[: image.bands]

    def recolour(self, change: Change) -> None:
        super().recolour(change)
        image = _in_colours(self.image)
        changed = _of_8_bits(change(image.extract_band(0, n=3)))
        self._image = changed.bandjoin(image.extract_band(3)) if image.hasalpha() else changed

    def redraw(self, change: Change, *, adds_alpha: bool = False) -> None:
        super().redraw(change, adds_alpha=adds_alpha)
        image = _in_colours(self.pixels)
        changed = _of_8_bits(change(image))
        if changed.hasalpha() and not (image.hasalpha() or adds_alpha):
            changed = changed.extract_band(0, n=3)
        self._image = changed

    def overlay(
        self, name: str, dimensions: Dimensions, position: Position, opacity: float
    ) -> None:
        super().overlay(name, dimensions, position, opacity)
        source = self._open_other(name)
        is_turned = self.autorotates or name != "self"
        across, down = source.width, source.height
        if source.swaps_sides and is_turned:
            across, down = down, across
        box = dimensions.of(self.width, self.height)
        factor = min(1, box[0] / across, box[1] / down)
        size = max(1, round(across * factor)), max(1, round(down * factor))
        loaded = _in_colours(source.load(*size, is_turned=is_turned))
        layer = layers.with_opacity(loaded, opacity)
        left, top = position.place(size, (self.width, self.height))
        self._image = layers.lay(_in_colours(self.pixels), layer, left, top)

    def _open_other(self, name: str) -> Source:
        """Whatever is wrong with another file is told in one way, as if it was not there."""
        try:
            source = Source(self._paths[name], self.limits)
        except (KeyError, NotAnImage, OSError) as error:
            raise Overlay.unknown(name) from error
        self._spend(source.width, source.height)
        return source

    def write(self, target: Path, accept: frozenset[str]) -> str:
        """Decode, compute and encode the result; its format, as Pillow calls it."""
        name = encoding.choose_format(
            self.format_choice,
            accept=accept,
            image=self.image,
            source_format=self.source.format,
            is_flat=lambda: encoding.has_few_colours(self.pixels),
        )
        is_stripped = self.strip_meta == "all"
        encoding.save(
            self.image,
            target,
            name=name,
            quality=self.quality,
            is_progressive=self.is_progressive,
            background=self.fill[:3],
            keeps_profile=self.source.keeps_profile(self._profile_bytes),
            exif=b""
            if is_stripped
            else self.source.exif(keeps_sensitive=self.strip_meta == "none"),
        )
        return name

    def fingerprint(self) -> str:
        """A 64-bit perceptual hash: is each pixel of a 9×8 grey picture brighter than its left?"""
        self.begin()
        self.scale(9, 8)
        image = self.image
        if image.hasalpha():
            image = image.flatten(background=self.fill[:3])
        grey = bytes(image.colourspace("b-w").extract_band(0).cast("uchar").write_to_memory())
        bits = "".join(
            str(int(grey[row * 9 + column + 1] > grey[row * 9 + column]))
            for row in range(8)
            for column in range(8)
        )
        return f"{int(bits, 2):016x}"


def _in_colours(image: pyvips.Image) -> pyvips.Image:
    return image if image.interpretation == "srgb" else image.colourspace("srgb")


def _of_8_bits(image: pyvips.Image) -> pyvips.Image:
    rounded = image if image.format == "uchar" else image.rint().cast("uchar")
    return rounded.copy(interpretation="srgb")
