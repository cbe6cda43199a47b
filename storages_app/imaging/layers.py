"""One picture laid over another. Child process only."""

import pyvips

from storages_app.imaging.grammar import Colour


def fill(
    image: pyvips.Image, colour: Colour, *, left: int, top: int, width: int, height: int
) -> pyvips.Image:
    """Lay a rectangle of one colour over the picture; what reaches beyond it is never made."""
    x, y = max(0, left), max(0, top)
    seen = min(image.width, left + width) - x, min(image.height, top + height) - y
    return image if min(seen) <= 0 else lay(image, plain(*seen, colour), x, y)


def plain(width: int, height: int, colour: Colour) -> pyvips.Image:
    """A rectangle of one colour, with an alpha band."""
    pixel = pyvips.Image.black(1, 1) + colour.rgba
    return pixel.cast("uchar").copy(interpretation="srgb").embed(0, 0, width, height, extend="copy")


def stencilled(mask: pyvips.Image, colour: Colour) -> pyvips.Image:
    """One colour, as opaque as the mask of one band says."""
    alpha = mask if colour.alpha == 255 else (mask * (colour.alpha / 255)).rint().cast("uchar")
    return plain(mask.width, mask.height, colour).extract_band(0, n=3).bandjoin(alpha)


def with_opacity(layer: pyvips.Image, percent: float) -> pyvips.Image:
    """An sRGB picture with an alpha band, which shows what is below by so much."""
    if not layer.hasalpha():
        layer = layer.bandjoin(255)
    if percent == 100:
        return layer
    alpha = (layer.extract_band(3) * (percent / 100)).rint().cast("uchar")
    return layer.extract_band(0, n=3).bandjoin(alpha)


def lay(image: pyvips.Image, layer: pyvips.Image, left: int, top: int) -> pyvips.Image:
    """Lay `layer`, which has an alpha band, over the picture; what reaches beyond is cut off.

    The picture keeps its bands. Only what is under the layer is computed.
    """
    x, y = max(0, left), max(0, top)
    width = min(image.width, left + layer.width) - x
    height = min(image.height, top + layer.height) - y
    if width <= 0 or height <= 0:
        return image
    seen = layer.crop(x - left, y - top, width, height)
    blended = image.crop(x, y, width, height).composite2(seen, "over")
    if not image.hasalpha():
        blended = blended.extract_band(0, n=3)
    return image.insert(blended, x, y)
