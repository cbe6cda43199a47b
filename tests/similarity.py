"""How alike two pictures look, by Pillow alone: it had no part in making them.

Structure is SSIM over blocks of 8×8 pixels, in each channel; colour is the difference of the means
of those blocks. SSIM hardly sees that a whole picture is a little darker, and the mean of a block
does not see what is drawn in it.
"""

from array import array
from dataclasses import dataclass

from PIL import Image, ImageMath

_BLOCK = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Difference:
    """Nothing at all is 0; `structure` reaches 1 and more, the colours 255."""

    structure: float
    colour: float
    worst_colour: float  # of one block

    @property
    def is_visible(self) -> bool:
        """More than another version of a codec makes of it."""
        return self.structure > 0.01 or self.colour > 1.0 or self.worst_colour > 10


def difference(first: Image.Image, second: Image.Image) -> Difference:
    """Of two pictures of one size; what is see-through has a colour too, and that counts."""
    assert first.size == second.size
    pairs = zip(first.convert("RGBA").split(), second.convert("RGBA").split(), strict=True)
    structures, colours = [], []
    for one, other in pairs:
        structure, colour = _of_channel(one, other)
        structures.append(structure)
        colours += colour
    return Difference(max(structures), sum(colours) / len(colours), max(colours))


def _of_channel(one: Image.Image, other: Image.Image) -> tuple[float, list[float]]:
    x, y = one.convert("F"), other.convert("F")
    means = zip(
        *(_means(each) for each in (x, y, _times(x, x), _times(y, y), _times(x, y))), strict=True
    )
    similar, colours = [], []
    for mean_x, mean_y, xx, yy, xy in means:
        in_light = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
        shared = 2 * (xy - mean_x * mean_y) + _C2
        own = xx - mean_x**2 + yy - mean_y**2 + _C2
        similar.append(in_light * shared / own)
        colours.append(abs(mean_x - mean_y))
    return 1 - sum(similar) / len(similar), colours


def _times(x: Image.Image, y: Image.Image) -> Image.Image:
    product: Image.Image = ImageMath.lambda_eval(lambda given: given["x"] * given["y"], x=x, y=y)
    return product


def _means(picture: Image.Image) -> list[float]:
    """Of each block; a smaller rest at the edge is a block too."""
    return list(array("f", picture.reduce(_BLOCK).tobytes()))
