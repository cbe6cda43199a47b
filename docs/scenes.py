"""The pictures that the pages of the image operations begin with, drawn by code.

A balloon over a lake: soft gradients, hard edges, strong and pale colours, fine grass, letters, and
a subject off the middle. Drawn four times as large and scaled down, so that edges are smooth.
"""

import itertools
import math
import random
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pyvips
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from storages_app import imaging

SIZE = (600, 400)
_SCALE = 4
_FULL = (SIZE[0] * _SCALE, SIZE[1] * _SCALE)
_SHORE = 250  # the line of the water
Colour = tuple[int, int, int]
Point = tuple[float, float]


def _chance(seed: int) -> random.Random:
    """The same at each drawing."""
    return random.Random(seed)  # noqa: S311 - clouds and grass keep no secret


def _at(*points: Point) -> list[Point]:
    return [(x * _SCALE, y * _SCALE) for x, y in points]


def _gradient(size: tuple[int, int], stops: Sequence[tuple[float, Colour]]) -> Image.Image:
    """From top to bottom through the stops: height from 0 to 1, and the colour there."""
    column = Image.new("RGB", (1, size[1]))
    for y in range(size[1]):
        here = y / (size[1] - 1)
        (low, above), (high, below) = next(
            (first, second) for first, second in itertools.pairwise(stops) if here <= second[0]
        )
        share = (here - low) / (high - low)
        mixed = [round(a + (b - a) * share) for a, b in zip(above, below, strict=True)]
        column.putpixel((0, y), (mixed[0], mixed[1], mixed[2]))
    return column.resize(size)


def _glow(picture: Image.Image, box: list[Point], colour: Colour, *, blur: float) -> None:
    """A soft spot of light."""
    mask = Image.new("L", (_FULL[0] // 8, _FULL[1] // 8))
    ImageDraw.Draw(mask).ellipse([(x / 8, y / 8) for x, y in box], fill=230)
    mask = mask.filter(ImageFilter.GaussianBlur(blur * _SCALE / 8)).resize(_FULL)
    picture.paste(Image.new("RGB", _FULL, colour), mask=mask)


def _sky() -> Image.Image:
    stops = [(0.0, (38, 84, 158)), (0.45, (118, 172, 214)), (0.62, (255, 214, 168))]
    picture = _gradient(_FULL, [*stops, (1.0, (255, 190, 140))])
    _glow(picture, _at((395, 170), (505, 280)), (255, 236, 190), blur=30)
    _glow(picture, _at((428, 203), (472, 247)), (255, 250, 226), blur=4)
    clouds = _chance(3)
    for x, y, width in ((330, 60, 120), (520, 100, 90), (60, 170, 80), (250, 140, 70)):
        for _ in range(9):
            left = x + clouds.uniform(-width / 2, width / 2)
            size = clouds.uniform(6, 15)
            box = _at((left - size * 2, y - size / 2), (left + size * 2, y + size / 2))
            _glow(picture, box, (255, 250, 246), blur=5)
    return picture


def _ridge(picture: Image.Image, base: float, height: float, colour: Colour, seed: int) -> None:
    waves = [(n, _chance(seed + n).uniform(0, math.tau), 1 / n) for n in (1, 2, 4, 7, 13, 29)]
    crest = []
    for x in range(0, SIZE[0] + 3, 3):
        up = sum(part * math.sin(n * x / 95 + phase) for n, phase, part in waves)
        crest.append((x, base - height * (1 + up / 2)))
    shape = _at(*crest, (SIZE[0], SIZE[1]), (0, SIZE[1]))
    ImageDraw.Draw(picture).polygon(shape, fill=colour)


def _balloon(picture: Image.Image, x: float, y: float, r: float) -> None:
    draw = ImageDraw.Draw(picture)
    for side in (-1, -0.4, 0.4, 1):
        rope = _at((x + side * r * 0.5, y + r * 0.85), (x + side * r * 0.14, y + r * 1.75))
        draw.line(rope, fill=(74, 52, 40), width=_SCALE)
    basket = _at((x - r * 0.18, y + r * 1.72), (x + r * 0.18, y + r * 2))
    draw.rounded_rectangle([*basket[0], *basket[1]], 3 * _SCALE, fill=(150, 96, 52))
    panels = [(206, 32, 41), (250, 200, 52), (18, 132, 140), (244, 244, 238)]
    # Each panel is the strip between two meridians; they meet at the crown and at the mouth.
    n_panels = 12
    for n in range(n_panels):
        edges = [math.sin(math.pi * (part / n_panels - 0.5)) for part in (n, n + 1)]
        outline: list[Point] = []
        heights = [step / 24 for step in range(25)]
        for edge, run in zip(edges, (heights, heights[::-1]), strict=True):
            for height in run:
                above = max(0.0, 0.45 - height) / 0.45
                below = max(0.0, height - 0.45) / 0.55
                wide = math.sqrt(1 - above**2) - 0.8 * below**2.2
                outline.append((x + edge * r * wide, y - r + 2.05 * r * height))
        light = 1 - 0.42 * (n / (n_panels - 1)) ** 1.5
        colour = panels[n % len(panels)]
        draw.polygon(_at(*outline), fill=tuple(round(part * light) for part in colour))


def _lake(picture: Image.Image) -> None:
    """The lower part mirrors the upper one, darker and in waves."""
    top = _SHORE * _SCALE
    mirrored = picture.crop((0, 0, _FULL[0], top)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirrored = mirrored.resize((_FULL[0], _FULL[1] - top)).filter(ImageFilter.GaussianBlur(6))
    tint = _gradient(mirrored.size, [(0.0, (214, 214, 214)), (1.0, (70, 112, 140))])
    mirrored = ImageChops.multiply(mirrored, tint)
    for y in range(mirrored.height):
        depth = y / mirrored.height
        shift = round((4 + 22 * depth) * math.sin(y / (7 + 16 * depth)))
        row = mirrored.crop((0, y, mirrored.width, y + 1))
        mirrored.paste(ImageChops.offset(row, shift, 0), (0, y))
    picture.paste(mirrored, (0, top))
    lights = _chance(8)
    glints = Image.new("L", _FULL)
    draw = ImageDraw.Draw(glints)
    for _ in range(260):
        y = _SHORE + 3 + 140 * lights.random() ** 1.6
        x = lights.gauss(450, 16 + (y - _SHORE) * 0.55)
        long = lights.uniform(3, 10) * (0.4 + (y - _SHORE) / 90)
        draw.line(_at((x - long, y), (x + long, y)), fill=150, width=_SCALE)
    picture.paste(Image.new("RGB", _FULL, (255, 226, 170)), mask=glints)


def _bank(picture: Image.Image) -> None:
    """Grass in front, with flowers: the finest detail there is."""
    draw = ImageDraw.Draw(picture)
    grow = _chance(21)
    edge = [(x, 372 - 26 * math.sin(x / 190 + 0.6) ** 2) for x in range(0, SIZE[0] + 8, 8)]
    draw.polygon(_at(*edge, (SIZE[0], SIZE[1]), (0, SIZE[1])), fill=(42, 74, 30))
    for _ in range(2_600):
        x = grow.uniform(-5, SIZE[0] + 5)
        foot = 372 - 26 * math.sin(x / 190 + 0.6) ** 2 + grow.uniform(-2, 34)
        tip = (x + grow.uniform(-6, 6), foot - grow.uniform(7, 21))
        green = grow.uniform(0.55, 1.25)
        colour = (round(66 * green), round(112 * green), round(38 * green))
        draw.line(_at((x, foot), tip), fill=colour, width=_SCALE // 2 + 1)
    for _ in range(95):
        x = grow.uniform(0, SIZE[0])
        y = 378 - 26 * math.sin(x / 190 + 0.6) ** 2 + grow.uniform(-12, 22)
        r = grow.uniform(1.4, 3.2)
        box = _at((x - r, y - r), (x + r, y + r))
        petals = grow.choice([(235, 72, 96), (248, 222, 90), (250, 246, 250), (176, 110, 214)])
        draw.ellipse([*box[0], *box[1]], fill=petals)


def _sign(picture: Image.Image) -> None:
    draw = ImageDraw.Draw(picture)
    post = _at((527, 300), (535, 384))
    draw.rectangle([*post[0], *post[1]], fill=(92, 62, 40))
    board = _at((478, 284), (570, 284), (586, 303), (570, 322), (478, 322))
    draw.polygon(board, fill=(190, 140, 88))
    draw.line([*board, board[0]], fill=(92, 62, 40), width=2 * _SCALE)
    draw.text(_at((527, 303))[0], "LAKE 3", font=font(20), fill=(60, 36, 20), anchor="mm")


def font(size: float) -> ImageFont.FreeTypeFont:
    """The font that ships with the product."""
    folder = Path(imaging.__path__[0]) / "fonts"
    return ImageFont.truetype(str(next(folder.rglob("DejaVuSans-Bold.ttf"))), size * _SCALE)


def lake() -> Image.Image:
    """The picture that most examples begin with."""
    picture = _sky()
    _ridge(picture, 242, 34, (126, 142, 176), 5)
    _ridge(picture, 248, 20, (82, 104, 128), 40)
    _ridge(picture, 252, 9, (44, 74, 66), 77)
    _balloon(picture, 168, 88, 58)
    _balloon(picture, 300, 168, 15)
    _lake(picture)
    _bank(picture)
    _sign(picture)
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def held_upright() -> bytes:
    """As a phone saves it: on its side, and EXIF says so, with the time and the place."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Drawn by code"
    exif.get_ifd(0x8769)[0x9003] = "2026:06:21 05:12:40"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 33.0, 5.0), 3: "E", 4: (9.0, 22.0, 40.0)})
    turned = lake().transpose(Image.Transpose.ROTATE_90)
    return _written(turned, "JPEG", quality=88, exif=exif)


def on_paper() -> bytes:
    """A smaller picture with an even border around."""
    page = Image.new("RGB", SIZE, (244, 241, 234))
    page.paste(lake().resize((360, 240), Image.Resampling.LANCZOS), (90, 95))
    return _written(page, "JPEG", quality=90)


def wide_gamut() -> bytes:
    """The same colours, told in the larger colour space of today's screens."""
    picture = pyvips.Image.new_from_memory(lake().tobytes(), *SIZE, 3, "uchar")
    in_p3 = picture.copy(interpretation="srgb").icc_transform("p3", input_profile="srgb")
    return bytes(in_p3.jpegsave_buffer(Q=90, keep="icc"))


DRAWING = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200" width="300" height="200">
  <rect width="300" height="200" rx="16" fill="#12344d"/>
  <circle cx="150" cy="88" r="56" fill="#f4c430"/>
  <path d="M20 150 Q85 96 150 150 T280 150 V184 H20Z" fill="#2a9d8f"/>
  <path d="M20 166 Q85 122 150 166 T280 166 V184 H20Z" fill="#e9f5f2" fill-opacity=".55"/>
</svg>
"""


def write(folder: Path) -> None:
    """All of them as files; their names tell what they are for."""
    (folder / "lake.jpg").write_bytes(_written(lake(), "JPEG", quality=88))
    (folder / "held-upright.jpg").write_bytes(held_upright())
    (folder / "on-paper.jpg").write_bytes(on_paper())
    (folder / "wide-gamut.jpg").write_bytes(wide_gamut())
    (folder / "drawing.svg").write_text(DRAWING, "utf-8")


def _written(picture: Image.Image, kind: str, **options: Any) -> bytes:
    body = BytesIO()
    picture.save(body, kind, **options)
    return body.getvalue()
