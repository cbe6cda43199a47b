"""Colours computed for whole pictures: sRGB of 8 bits, three bands. Child process only."""

import math
from collections.abc import Sequence

import pyvips

from storages_app.imaging.adjustments import Curve
from storages_app.imaging.canvas import Change

LUMA = (0.2126, 0.7152, 0.0722)  # how bright red, green and blue look (BT.709, as sRGB has it)
_CUT = 0.5  # percent of the pixels that `stretch_levels` may make black, and white
_PLAIN = 32  # a picture of so few tones has no levels: it would get noise
_MOST_BENT = 0.6  # a power; a stronger one would show the noise of the dark
_WIDE = 3.0  # pixels of sigma
_GAUSS = {"precision": "float", "min_ampl": 0.02}  # in whole numbers it makes the picture lighter


def map_bands(image: pyvips.Image, curves: Sequence[Curve]) -> pyvips.Image:
    """Send each band through its curve, by a table of 256 entries."""
    table = bytes(
        round(255 * min(1.0, max(0.0, curve(level / 255))))
        for level in range(256)
        for curve in curves
    )
    return image.maplut(pyvips.Image.new_from_memory(table, 256, 1, len(curves), "uchar"))


def grey(image: pyvips.Image) -> pyvips.Image:
    """How bright each pixel looks, as one band with fractions."""
    return image.recomb(pyvips.Image.new_from_array([list(LUMA)]))


def saturate(image: pyvips.Image, factor: float) -> pyvips.Image:
    """Move each pixel away from the grey that is as bright, or towards it; 1 changes nothing."""
    rows = [
        [
            (1 - factor) * weight + (factor if row == column else 0)
            for column, weight in enumerate(LUMA)
        ]
        for row in range(3)
    ]
    return image.recomb(pyvips.Image.new_from_array(rows))


def vibrate(image: pyvips.Image, amount: float) -> pyvips.Image:
    """As `saturate`, where 0 changes nothing; by less where a colour is strong already."""
    red, green, blue = image.bandsplit()
    strongest = red.maxpair(green).maxpair(blue)
    paleness = red.minpair(green).minpair(blue) / strongest  # of black: 0
    plain = grey(image)
    return plain + (image - plain) * (paleness * amount + 1)


def mix(image: pyvips.Image, other: pyvips.Image, amount: float) -> pyvips.Image:
    """0 is the picture, 1 the other; what is below 0 or above 1 goes on in a straight line."""
    return image + (other - image) * amount


def stretch_levels(image: pyvips.Image, amount: float) -> pyvips.Image:
    """Let the tones take all the place from black to white; all bands alike: no colour shifts.

    The middle tone does not become darker: what a haze has lifted is set down, not the picture.
    """
    tones = grey(image).cast("uchar")
    dark, middle, light = (float(tones.percent(part)) for part in (_CUT, 50, 100 - _CUT))
    if light - dark < _PLAIN:
        return image
    bend = _bend(middle / 255, (middle - dark) / (light - dark))

    def curve(level: float) -> float:
        stretched: float = min(1.0, max(0.0, (255 * level - dark) / (light - dark))) ** bend
        return level + (stretched - level) * amount

    return map_bands(image, [curve] * 3)


def _bend(wanted: float, place: float) -> float:
    """The power that lifts a tone from its place to the wanted one; 1 where it is there."""
    if not 0 < place < wanted < 1:
        return 1.0
    return max(_MOST_BENT, math.log(wanted) / math.log(place))


def blur(image: pyvips.Image, sigma: float) -> pyvips.Image:
    """Gaussian; the picture, which is in memory, may have an alpha band."""
    if not image.hasalpha():
        return _blur_bands(image, sigma)
    # What is see-through has no colour to give to its neighbours.
    return _blur_bands(image.premultiply(), sigma).unpremultiply()


def _blur_bands(image: pyvips.Image, sigma: float) -> pyvips.Image:
    """Where the blur is wide, a small picture of it is as good, and takes as long as any other."""
    if sigma <= _WIDE:
        return image.gaussblur(sigma, **_GAUSS)
    sizes = [max(1, round(side * _WIDE / sigma)) for side in (image.width, image.height)]
    small = image.resize(sizes[0] / image.width, vscale=sizes[1] / image.height)
    return small.gaussblur(_WIDE, **_GAUSS).resize(
        image.width / sizes[0], vscale=image.height / sizes[1], kernel="cubic"
    )


def beside_alpha(image: pyvips.Image, change: Change) -> pyvips.Image:
    """Change the colours of a picture that may have an alpha band, which stays."""
    if not image.hasalpha():
        return change(image)
    return change(image.extract_band(0, n=3)).bandjoin(image.extract_band(3))
