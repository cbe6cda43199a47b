"""The looks of `filter`: the names are those of the URL API, what they do is our own."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from storages_app.imaging.adjustments import Curve, lit, warm


class Look(NamedTuple):
    """All in percent; 0 changes nothing."""

    contrast: int = 0  # of the middle tones; black and white stay
    saturation: int = 0  # -100 is black and white
    warmth: int = 0  # below 0 it is colder
    lightness: int = 0  # of the middle tones
    fade: int = 0  # how far black rises to grey, as in old prints
    shadows: tuple[int, int, int] = (0, 0, 0)  # red, green, blue that dark tones get or lose
    lights: tuple[int, int, int] = (0, 0, 0)  # and light ones

    def curves(self) -> Sequence[Curve]:
        """What becomes of red, green and blue, once they are saturated."""
        return [self._curve(band, light) for band, light in enumerate(warm(self.warmth / 100))]

    def _curve(self, band: int, light: float) -> Curve:
        warmed, power = lit(light), 1 / (1 + self.lightness / 100)

        def curve(value: float) -> float:
            value = value**power
            value += self.contrast / 50 * value * (1 - value) * (2 * value - 1)
            value = min(1.0, warmed(value))
            value += self.fade / 100 * (1 - value)
            dark, bright = self.shadows[band] / 100, self.lights[band] / 100
            return float(value + dark * (1 - value) ** 2 + bright * value**2)

        return curve


LOOKS: Final[dict[str, Look]] = {
    "adaris": Look(contrast=20, saturation=-20, warmth=-15, fade=6),
    "briaril": Look(contrast=-15, saturation=10, warmth=40, fade=8),
    "calarel": Look(contrast=30, saturation=-40, warmth=10, lightness=10),
    "carris": Look(contrast=15, saturation=-100, fade=5),
    "cynarel": Look(contrast=15, saturation=5, warmth=-45, shadows=(0, 3, 9)),
    "cyren": Look(contrast=10, saturation=-12, shadows=(-3, 8, 11), lights=(6, 3, -6)),
    "elmet": Look(contrast=-20, saturation=-30, warmth=25, fade=15),
    "elonni": Look(contrast=25, saturation=35, warmth=15),
    "enzana": Look(contrast=8, saturation=20, warmth=60, lightness=15),
    "erydark": Look(contrast=40, saturation=-35, lightness=-30),
    "fenralan": Look(contrast=20, saturation=-25, shadows=(-5, 9, 4), lights=(4, 4, -10)),
    "ferand": Look(contrast=-10, saturation=-55, warmth=35, fade=14),
    "galen": Look(contrast=35, saturation=-65, warmth=-20),
    "gavin": Look(contrast=18, saturation=15, lightness=25),
    "gethriel": Look(contrast=50, saturation=-100, lightness=-15),
    "iorill": Look(contrast=10, saturation=10, lights=(6, -6, 8)),
    "iothari": Look(contrast=-15, saturation=-10, warmth=-30, fade=20),
    "iselva": Look(contrast=20, saturation=40, shadows=(-4, 8, -2)),
    "jadis": Look(contrast=30, saturation=-25, warmth=-70, lightness=12),
    "lavra": Look(contrast=-25, saturation=12, fade=8, lights=(6, -8, 2)),
    "misiara": Look(contrast=-12, saturation=-10, warmth=20, lightness=15, fade=20),
    "namala": Look(contrast=15, saturation=-100, warmth=60, fade=6),
    "nerion": Look(contrast=40, saturation=15, warmth=-25, lightness=-10),
    "nethari": Look(contrast=22, saturation=-15, shadows=(10, -2, 12), lights=(4, 4, -10)),
    "pamaya": Look(contrast=5, saturation=30, warmth=45, fade=6, lightness=8),
    "sarnar": Look(contrast=45, saturation=-10, warmth=20, lightness=-20),
    "sedis": Look(contrast=-30, saturation=-40, fade=24),
    "sewen": Look(contrast=10, saturation=-100, warmth=-55, fade=10),
    "sorahel": Look(contrast=15, saturation=8, lights=(8, 2, -16)),
    "sorlen": Look(contrast=28, saturation=-55, warmth=55),
    "tarian": Look(contrast=35, saturation=55),
    "thellassan": Look(contrast=10, saturation=10, warmth=-80, shadows=(-6, 2, 12)),
    "varriel": Look(contrast=-8, saturation=-20, fade=10, shadows=(12, 3, -2)),
    "varven": Look(contrast=35, saturation=-30, shadows=(-8, 0, 14), lights=(6, 2, -18)),
    "vevera": Look(contrast=12, saturation=25, warmth=10, lightness=35, fade=6),
    "virkas": Look(contrast=50, saturation=-75),
    "yedis": Look(contrast=-20, saturation=5, warmth=55, fade=20),
    "yllara": Look(contrast=8, saturation=-10, lights=(-12, -3, 4)),
    "zatvel": Look(contrast=45, saturation=45, warmth=-15, lightness=-15),
    "zevcen": Look(contrast=-20, saturation=-100, lightness=15, fade=20),
}
