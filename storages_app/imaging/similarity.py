"""How alike two pictures look. Child process only."""

import pyvips

_SIGMA = 1.5  # of the window, as the authors of SSIM have it
_LUMA = [0.299, 0.587, 0.114]  # of ITU-R 601, as JPEG has it
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(first: pyvips.Image, second: pyvips.Image) -> float:
    """Structural similarity of the brightness of two pictures of one size; 1 is equal."""
    a, b = _brightness(first), _brightness(second)
    mean_a, mean_b = _blur(a), _blur(b)
    squared_a, squared_b, product = mean_a * mean_a, mean_b * mean_b, mean_a * mean_b
    spread = _blur(a * a) - squared_a + _blur(b * b) - squared_b
    together = _blur(a * b) - product
    similarity = ((2 * product + _C1) * (2 * together + _C2)) / (
        (squared_a + squared_b + _C1) * (spread + _C2)
    )
    return float(similarity.avg())


def _brightness(image: pyvips.Image) -> pyvips.Image:
    """Of the values as they are stored, which is how eyes see them: not of the light."""
    if image.bands < 3:
        return image.extract_band(0).cast("float")
    return image.extract_band(0, n=3).recomb(pyvips.Image.new_from_array([_LUMA]))


def _blur(image: pyvips.Image) -> pyvips.Image:
    return image.gaussblur(_SIGMA, precision="float")
