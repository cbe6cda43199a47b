"""Every address that the official Python client can build for an image, at the live file host.

Pillow, which has no part in making them, says what came.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum

import pytest
import requests
from PIL import Image, ImageStat
from pyuploadcare.transformations import image as client
from pyuploadcare.transformations.image import ImageTransformation

from tests import pictures
from tests.pictures import BLUE, RED
from tests.rig.installation import Installation

pytestmark = pytest.mark.real

WHITE, GREEN = (255, 255, 255), (0, 255, 0)
FILE, OTHER = "{file}", "{other}"
T = ImageTransformation
Fact = Callable[[Image.Image], bool]


@dataclass
class Wanted:
    """What comes of an address; `at` are colours by place, compared loosely."""

    made: ImageTransformation
    size: tuple[int, int] = (400, 300)
    kind: str = "PNG"
    at: dict[tuple[int, int], tuple[int, int, int]] = field(default_factory=dict)
    fact: Fact = lambda image: True


def colour(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    return tuple(image.convert("RGB").getpixel((x, y)))  # type: ignore[arg-type]


def mean(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).mean[0]


def spread(image: Image.Image) -> float:
    """How far the colours of a place are from grey."""
    return max(colour(image, 100, 150)) - min(colour(image, 100, 150))


def alpha(image: Image.Image, x: int, y: int) -> int:
    return int(image.convert("RGBA").getpixel((x, y))[3])  # type: ignore[index]


def is_grey(image: Image.Image) -> bool:
    return spread(image) < 4


def is_changed(image: Image.Image) -> bool:
    original = pictures.two_halves()
    return any(
        abs(a - b) > 2
        for place in ((100, 150), (300, 150), (200, 150), (199, 20))
        for a, b in zip(colour(image, *place), colour(original, *place), strict=True)
    )


HALVES = {(20, 150): RED, (380, 150): BLUE}
MEAN = mean(pictures.two_halves())
SPREAD = spread(pictures.two_halves())


def sizes() -> Iterator[Wanted]:
    yield Wanted(T().preview(), at=HALVES)
    yield Wanted(T().preview(100, 100), size=(100, 75))
    yield Wanted(T().preview(width=100), size=(100, 75))
    yield Wanted(T().preview(height=30), size=(40, 30))
    yield Wanted(T().resize(200), size=(200, 150), at={(10, 75): RED, (190, 75): BLUE})
    yield Wanted(T().resize(height=150), size=(200, 150))
    yield Wanted(T().resize(100, 100), size=(100, 100), at={(10, 50): RED, (90, 50): BLUE})
    yield Wanted(T().stretch(client.StretchMode.on).resize(800), size=(800, 600))
    yield Wanted(T().stretch(client.StretchMode.off).resize(800), size=(400, 300))
    yield Wanted(
        T().setfill("00ff00").stretch(client.StretchMode.fill).resize(800, 600),
        size=(800, 600),
        at={(10, 10): GREEN, (220, 300): RED, (580, 300): BLUE},
    )
    yield Wanted(T().smart_resize(200, 200), size=(200, 200))
    yield Wanted(T().crop(100, 80), size=(100, 80), at={(5, 5): RED, (95, 75): RED})
    yield Wanted(T().crop(100, 80, 150, 20), size=(100, 80), at={(5, 5): RED, (95, 75): BLUE})
    yield Wanted(T().crop(100, 80, "100p", "100p"), size=(100, 80), at={(5, 5): BLUE})
    yield Wanted(
        T().setfill("0f0").crop(100, 80, 350, 10), size=(100, 80), at={(5, 5): BLUE, (95, 5): GREEN}
    )
    for word, at in (("center", {(5, 5): RED, (95, 75): BLUE}), ("left", {(95, 75): RED}),
                     ("right", {(5, 5): BLUE}), ("top", {}), ("bottom", {})):  # fmt: skip
        yield Wanted(T().crop(100, 80, alignment=client.CropAlignment(word)), (100, 80), at=at)
    yield Wanted(T().scale_crop(100, 100), (100, 100), at={(5, 50): RED, (95, 50): BLUE})
    yield Wanted(T().scale_crop(100, 100, 100, 50), (100, 100))
    yield Wanted(T().scale_crop(30, 100, 100, 50), (30, 100), at={(2, 50): BLUE})
    for mode in ("center", "smart", "smart_points"):
        yield Wanted(T().scale_crop(90, 90, mode=client.ScaleCropMode(mode)), (90, 90))
    rounded = {(2, 2): 0, (200, 150): 255}
    for radii in (40, "20%", "20p", [40, 10], [40, 10, 5, 30], ["20%", 40]):
        yield Wanted(
            T().border_radius(radii),
            fact=lambda image: all(alpha(image, *at) == value for at, value in rounded.items()),
        )
    yield Wanted(T().border_radius(40, 20), fact=lambda image: alpha(image, 1, 1) == 0)
    yield Wanted(
        T().border_radius([40, 10], ["20%", 20]), fact=lambda image: alpha(image, 1, 1) == 0
    )
    yield Wanted(T().autorotate(), at=HALVES)
    yield Wanted(T().autorotate(enabled=False), at=HALVES)
    yield Wanted(T().rotate(90), (300, 400), at={(150, 380): RED, (150, 20): BLUE})
    yield Wanted(T().rotate(180), at={(20, 150): BLUE, (380, 150): RED})
    yield Wanted(T().rotate(270), (300, 400), at={(150, 20): RED, (150, 380): BLUE})
    yield Wanted(T().rotate(-90), (300, 400), at={(150, 20): RED})
    yield Wanted(T().flip(), at=HALVES)
    yield Wanted(T().mirror(), at={(20, 150): BLUE, (380, 150): RED})


def formats() -> Iterator[Wanted]:
    for kind in client.ImageFormat:
        expected = {"jpeg": "JPEG", "webp": "WEBP"}.get(kind.value, "PNG")
        yield Wanted(T().format(kind), kind=expected, at=HALVES)
    for quality in client.ImageQuality:
        yield Wanted(T().format(client.ImageFormat.jpeg).quality(quality), kind="JPEG", at=HALVES)
    for choice in (True, False):
        yield Wanted(
            T().format(client.ImageFormat.jpeg).progressive(choice),
            kind="JPEG",
            fact=lambda image, choice=choice: bool(image.info.get("progressive")) == choice,
        )
    yield Wanted(T().rasterize(), at=HALVES)
    for mode in client.StripMetaMode:
        yield Wanted(T().strip_meta(mode), at=HALVES)
    for conversion in client.SRGBConversion:
        yield Wanted(T().srgb(conversion), at=HALVES)
    yield Wanted(T().max_icc_size(0), at=HALVES)
    yield Wanted(T().max_icc_size(10), at=HALVES)


def colours() -> Iterator[Wanted]:
    facts: dict[str, Fact] = {
        "brightness": lambda image: mean(image) > MEAN + 5,
        "exposure": lambda image: mean(image) > MEAN + 5,
        "gamma": is_changed,
        "contrast": is_changed,
        "saturation": lambda image: spread(image) > SPREAD + 5,
        "vibrance": lambda image: spread(image) >= SPREAD,
        "warmth": is_changed,
    }
    for adjustment in client.ColorAdjustment:
        yield Wanted(T().adjust_color(adjustment), at=HALVES)
        yield Wanted(T().adjust_color(adjustment, 60), fact=facts[adjustment.value])
        yield Wanted(T().adjust_color(adjustment, 0))
    yield Wanted(T().adjust_color(client.ColorAdjustment.saturation, -100), fact=is_grey)
    yield Wanted(
        T().adjust_color(client.ColorAdjustment.brightness, -50),
        fact=lambda image: mean(image) < MEAN,
    )
    yield Wanted(T().enhance())
    yield Wanted(T().enhance(0), at=HALVES)
    yield Wanted(T().enhance(80), fact=is_changed)
    yield Wanted(T().grayscale(), fact=is_grey)
    yield Wanted(T().invert(), at={(20, 150): (35, 225, 225), (380, 150): (225, 225, 35)})
    for name in client.ImageFilter:
        yield Wanted(T().filter(name), fact=is_changed)
    for strength in (-100, 30, 200):
        yield Wanted(T().filter(client.ImageFilter.jadis, strength), fact=is_changed)
    yield Wanted(T().filter(client.ImageFilter.jadis, 0), at=HALVES)
    yield Wanted(T().blur(), at=HALVES)
    yield Wanted(T().blur(200), at=HALVES, fact=lambda image: 80 < colour(image, 200, 150)[0] < 170)
    yield Wanted(T().blur(200, 50), at=HALVES, fact=is_changed)
    yield Wanted(T().blur(200, -100), at=HALVES, fact=is_changed)
    yield Wanted(
        T().blur_region(100, 100, 150, 100, 200),
        at={(195, 20): RED, (205, 20): BLUE},
        fact=lambda image: 60 < colour(image, 200, 150)[0] < 190,
    )
    yield Wanted(T().blur_region("30p", "30p", "35p", "35p"), at={(195, 20): RED})
    yield Wanted(T().blur_region(100, 100, 0, 0), at=HALVES)
    yield Wanted(T().sharp(), at=HALVES)
    yield Wanted(T().sharp(20), at=HALVES)


def overlays() -> Iterator[Wanted]:
    """`OTHER` is all green."""
    corner = {(5, 5): GREEN, (380, 290): BLUE}
    centre = {(200, 150): GREEN, (5, 5): RED}
    words = client.OverlayOffset
    yield Wanted(T().overlay(OTHER), at={(200, 150): GREEN})
    yield Wanted(T().overlay(OTHER, "20%", "20%"), at=corner)
    yield Wanted(T().overlay(OTHER, "20p", "20p", words.center), at=centre)
    for word, place in (
        ("left", (5, 150)),
        ("right", (395, 150)),
        ("top", (200, 5)),
        ("bottom", (200, 295)),
    ):
        yield Wanted(T().overlay(OTHER, "20%", "20%", words(word)), at={place: GREEN})
    yield Wanted(T().overlay(OTHER, "20%", "20%", offset_x="50%", offset_y="50%"), at=centre)
    yield Wanted(
        T().overlay(OTHER, "20%", "20%", offset_x=100, offset_y=100), at={(110, 110): GREEN}
    )
    yield Wanted(
        T().overlay(OTHER, "20%", "20%", words.center, strength=50), at={(195, 150): (110, 142, 15)}
    )
    yield Wanted(T().overlay_self(), at=HALVES)
    yield Wanted(
        T().overlay_self("20%", "20%", words.right, strength=80), at={(340, 150): (182, 30, 68)}
    )
    yield Wanted(T().rect("00ff00", "20%", "20%"), at=corner)
    yield Wanted(T().rect("00ff0080", "20%", "20%", words.center), at={(195, 150): (110, 142, 15)})
    yield Wanted(T().rect("00ff00", "20%", "20%", offset_x="50%", offset_y="50%"), at=centre)
    yield Wanted(T().rect("0f0", 80, 60, offset_x="100", offset_y="100"), at={(110, 110): GREEN})


def texts() -> Iterator[Wanted]:
    words = client.OverlayOffset
    for text in ("Ahoy", "two\nlines", "a/b ~ 50% & <b>ü</b>"):
        yield Wanted(T().text(text, "100%", "100%", words.center, font_size=60), fact=is_written)
        yield Wanted(T().text(text, "50p", "50p", offset_x="10p", offset_y="10p"), fact=is_written)
    yield Wanted(
        T().text("Ahoy", "90%", "90%", words.center, font_color="00ff00", font_size=80),
        fact=lambda image: has(image, GREEN),
    )
    for across in client.HorizontalTextAlignment:
        for down in client.VerticalTextAlignment:
            yield Wanted(
                T().text("Ahoy", "100%", "100%", words.center, horizontal_alignment=across,
                         vertical_alignment=down, font_size=40),
                fact=is_written,
            )  # fmt: skip
    for mode in client.TextBoxMode:
        boxed = mode.value != "none"
        yield Wanted(
            T().text("Ahoy", "90%", "90%", words.center, font_size=40, box_mode=mode,
                     box_color="00ff00", box_padding=10),
            fact=lambda image, boxed=boxed: has(image, GREEN) == boxed and is_written(image),
        )  # fmt: skip
        yield Wanted(T().text("Ahoy", "90%", "90%", words.center, box_mode=mode), fact=is_written)


def has(image: Image.Image, wanted: tuple[int, int, int]) -> bool:
    colours = image.convert("RGB").getcolors(1_000_000) or []
    return any(
        max(abs(a - b) for a, b in zip(each, wanted, strict=True)) < 12 for _, each in colours
    )  # type: ignore[arg-type]


def is_written(image: Image.Image) -> bool:
    return len(image.convert("RGB").getcolors(1_000_000) or []) > 3


def not_available() -> Iterator[ImageTransformation]:
    for mode in client.ScaleCropMode:
        if mode.value not in {"center", "smart", "smart_points"}:
            yield T().scale_crop(90, 90, mode=mode)
    yield T().zoom_objects(50)
    yield T().detect_faces()
    yield T().blur_faces()
    yield T().blur_faces(50)
    yield T().gif2video()
    for video in client.Gif2VideoFormat:
        yield T().gif2video(format=video)
    for quality in client.Gif2VideoQuality:
        yield T().gif2video(format=client.Gif2VideoFormat.mp4, quality=quality)


TABLE = [*sizes(), *formats(), *colours(), *overlays(), *texts()]
REFUSED = list(not_available())


@pytest.fixture(scope="module")
def files(installation: Installation) -> dict[str, str]:
    """The UUIDs of the picture and of one to lay over it."""
    project = installation.create_project("Image addresses")
    green = pictures._bytes(Image.new("RGB", (400, 300), GREEN), "PNG")

    def upload(body: bytes) -> str:
        answer = requests.post(
            f"{installation.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": ("picture.png", body)},
            timeout=30,
        )
        return str(answer.json()["file"])

    return {"file": upload(pictures.png()), "other": upload(green)}


@pytest.fixture
def ask(installation: Installation, files: dict[str, str]) -> Callable[..., requests.Response]:
    def get(path: str, **headers: str) -> requests.Response:
        address = path.replace(FILE, files["file"]).replace(OTHER, files["other"])
        return requests.get(f"{installation.files_url}/{address}", headers=headers, timeout=60)

    return get


@pytest.mark.parametrize("wanted", TABLE, ids=lambda wanted: wanted.made.effects)
def test_an_address_of_the_client_gives_what_it_says(ask, wanted):
    answer = ask(wanted.made.path(FILE))
    assert answer.status_code == 200, answer.text
    image = pictures.read(answer.content)
    assert (image.size, image.format) == (wanted.size, wanted.kind)
    assert answer.headers["Content-Type"] == f"image/{wanted.kind.lower()}"
    assert (answer.headers["X-Image-Width"], answer.headers["X-Image-Height"]) == (
        str(image.width), str(image.height),
    )  # fmt: skip
    for place, expected in wanted.at.items():
        seen = colour(image, *place)
        assert all(abs(a - b) < 30 for a, b in zip(seen, expected, strict=True)), (place, seen)
    assert wanted.fact(image)


@pytest.mark.parametrize("made", REFUSED, ids=lambda made: made.effects)
def test_what_needs_a_model_says_so(ask, made):
    answer = ask(made.path(FILE))
    assert answer.status_code == 400
    assert "moving-from-uploadcare" in answer.text


def test_every_method_and_every_word_of_the_client_is_in_the_table():
    addresses = " ".join(
        f"/{made.path(FILE)}" for made in [*(wanted.made for wanted in TABLE), *REFUSED]
    )
    kinds = [each for each in vars(client).values() if inspect.isclass(each)]
    words = {
        word.value for kind in kinds if issubclass(kind, Enum) for word in kind if len(kind) > 1
    }
    assert not [word for word in words if f"/{word}/" not in addresses]
    own = {
        name for name, value in vars(ImageTransformation).items()
        if callable(value) and not name.startswith("_")
    }  # fmt: skip
    not_operations = {"path", "gif2video_format", "gif2video_quality"}  # the last are deprecated
    other_names = {
        "adjust_color": "brightness", "overlay_self": "overlay/self",
        "blur_faces": "blur_region/faces",
    }  # fmt: skip
    for name in own - not_operations:
        assert f"/{other_names.get(name, name)}/" in addresses, name


@pytest.mark.parametrize(
    ("rest", "size"),
    [
        ("-/@clib/blocks/1.33.0/uc-cloud-image-editor/-/preview/", (400, 300)),
        ("-/crop/200x150/100,75/-/preview/100x100/", (100, 75)),
        ("-/crop/200x150/0,0/-/preview/", (200, 150)),
        ("-/rotate/90/-/preview/", (300, 400)),
        ("-/rotate/270/-/mirror/-/flip/-/crop/100x100/10,10/-/preview/", (100, 100)),
        ("-/scale_crop/68x68/center/-/format/auto/-/progressive/yes/", (68, 68)),
        ("-/brightness/20/-/exposure/-40/-/gamma/120/-/contrast/30/-/preview/", (400, 300)),
        ("-/saturation/-30/-/vibrance/40/-/warmth/10/-/enhance/14/-/preview/", (400, 300)),
        ("-/filter/adaris/50/-/preview/120x120/-/format/auto/", (120, 90)),
        ("-/enhance/14/-/filter/zevcen/100/-/preview/", (400, 300)),
        ("-/stretch/off/-/resize/900x/-/format/auto/-/quality/smart_retina/", (400, 300)),
    ],
)  # fmt: skip
def test_addresses_of_the_uploaders_image_editor(ask, rest, size):
    answer = ask(f"{FILE}/{rest}", Accept="image/avif,image/webp,*/*")
    assert answer.status_code == 200, answer.text
    assert pictures.read(answer.content).size == size


def test_the_image_editor_asks_for_the_size_first(ask):
    answer = ask(f"{FILE}/-/@clib/blocks/1.33.0/uc-cloud-image-editor/-/json/")
    assert (answer.json()["width"], answer.json()["height"]) == (400, 300)
