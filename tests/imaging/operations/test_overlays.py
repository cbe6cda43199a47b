"""`overlay` and `rect`, looked at by Pillow."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from PIL import Image, ImageChops

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from storages_app.imaging.limits import LIMITS, Limits
from tests import pictures
from tests.imaging.refusals import assert_refused

LOGO = UUID("11111111-2222-4333-8444-555555555555")
GREEN, WHITE = (0, 200, 0), (255, 255, 255)


@pytest.fixture
def white(tmp_path) -> Path:
    path = tmp_path / "white"
    Image.new("RGB", (400, 300), WHITE).save(path, "PNG")
    return path


@pytest.fixture
def logo(tmp_path) -> Path:
    """100×50, green."""
    path = tmp_path / "logo"
    Image.new("RGB", (100, 50), GREEN).save(path, "PNG")
    return path


def rendered(
    source: Path, text: str, others: dict[str, Path] | None = None, *, limits: Limits = LIMITS
) -> Image.Image:
    made = pipeline.render(source, parse(text), source.parent, others=others or {}, limits=limits)
    image = pictures.read(made.path.read_bytes())
    assert image.size == (made.width, made.height)
    return image


def box_unlike(image: Image.Image, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what differs from a colour."""
    plain = Image.new("RGB", image.size, colour)
    found = ImageChops.difference(image.convert("RGB"), plain).getbbox()
    assert found
    return found


class TestOverlay:
    @pytest.mark.parametrize(
        ("params", "box"),
        [
            ("", (0, 0, 100, 50)),  # its own size, at the top left
            ("100px100p/", (0, 0, 100, 50)),  # never enlarged
            ("10px100p/", (0, 0, 40, 20)),
            ("100px10p/", (0, 0, 60, 30)),
            ("40x1000/", (0, 0, 40, 20)),
            ("center/", (150, 125, 250, 175)),
            ("right,bottom/", (300, 250, 400, 300)),
            ("bottom,right/", (300, 250, 400, 300)),
            ("10px10p/100p,0p/", (360, 0, 400, 20)),
            ("7,9/", (7, 9, 107, 59)),
            ("-60,270/", (0, 270, 40, 300)),  # what reaches beyond is cut off
            ("10%x10%/50%,100%/", (180, 280, 220, 300)),
        ],
    )
    def test_is_fitted_and_placed(self, white, logo, params, box):
        effects = f"-/overlay/{LOGO}/{params.replace('%', '%25')}"
        image = rendered(white, effects, {str(LOGO): logo})
        assert image.size == (400, 300)
        assert box_unlike(image, WHITE) == box
        assert image.convert("RGB").getpixel((box[2] - 1, box[3] - 1)) == GREEN

    @pytest.mark.parametrize(
        ("params", "expected"),
        [("0p/", WHITE), ("50p/", (127, 227, 127)), ("100p/", GREEN), ("center/50p/", WHITE)],
    )
    def test_lets_through_what_it_covers(self, white, logo, params, expected):
        image = rendered(white, f"-/overlay/{LOGO}/{params}", {str(LOGO): logo})
        seen = image.convert("RGB").getpixel((20, 20))
        assert all(abs(a - b) <= 1 for a, b in zip(seen, expected, strict=True))

    def test_keeps_the_transparency_of_both(self, tmp_path, white):
        path = tmp_path / "half"
        path.write_bytes(pictures.transparent_png(100, 50))
        image = rendered(white, f"-/overlay/{LOGO}/", {str(LOGO): path})
        assert image.mode == "RGB"
        assert image.getpixel((10, 10)) == pictures.RED
        assert image.getpixel((80, 10)) == WHITE
        image = rendered(path, f"-/overlay/{LOGO}/10x10/right/", {str(LOGO): white})
        assert image.mode == "RGBA"
        assert image.getpixel((99, 25)) == (*WHITE, 255)
        assert image.getpixel((99, 0))[3] == 0

    def test_of_a_grey_picture_on_a_grey_picture(self, tmp_path):
        path = tmp_path / "grey"
        Image.new("L", (40, 40), 90).save(path, "PNG")
        image = rendered(path, f"-/overlay/{LOGO}/", {str(LOGO): path})
        assert image.convert("RGB").getpixel((5, 5)) == (90, 90, 90)

    def test_turns_the_other_picture_by_its_exif(self, tmp_path, white):
        path = tmp_path / "upright"
        path.write_bytes(pictures.camera_jpeg(100, 50, orientation=6))
        image = rendered(white, f"-/overlay/{LOGO}/", {str(LOGO): path})
        assert box_unlike(image, WHITE) == (0, 0, 50, 100)
        red, _, blue = image.convert("RGB").getpixel((25, 10))
        assert red > 180 > 60 > blue

    def test_self_is_the_original_without_the_operations(self, tmp_path):
        path = tmp_path / "photo"
        path.write_bytes(pictures.png(400, 300))
        image = rendered(path, "-/rect/ffffff/100px100p/-/overlay/self/50px50p/center/")
        assert box_unlike(image, WHITE) == (100, 75, 300, 225)
        assert image.convert("RGB").getpixel((110, 150)) == pictures.RED

    @pytest.mark.parametrize(("turned", "size"), [("yes", (75, 100)), ("no", (100, 75))])
    def test_self_is_turned_by_its_exif_as_the_picture_is(self, tmp_path, turned, size):
        path = tmp_path / "photo"
        path.write_bytes(pictures.camera_jpeg(400, 300, orientation=6))
        plain = rendered(path, f"-/autorotate/{turned}/-/preview/100x100/-/format/png/")
        effects = "-/preview/100x100/-/rect/fff/100px100p/-/overlay/self/-/format/png/"
        image = rendered(path, f"-/autorotate/{turned}/{effects}")
        assert image.size == plain.size == size
        assert max(band[1] for band in ImageChops.difference(image, plain).getextrema()) <= 2

    @pytest.mark.parametrize(
        ("written", "canonical"),
        [
            (f"-/overlay/{str(LOGO).upper()}/", f"-/overlay/{LOGO}/"),
            (f"-/overlay/{LOGO}/50%25x50%25/20%25/", f"-/overlay/{LOGO}/50px50p/20p/"),
            ("-/overlay/self/050px50p/center,center/", "-/overlay/self/50px50p/center/"),
        ],
    )
    def test_has_one_canonical_form(self, written, canonical):
        assert parse(written).canonical == canonical

    def test_names_the_files_that_it_needs(self):
        assert parse(f"-/overlay/{LOGO}/-/overlay/self/").files == {LOGO}

    @pytest.mark.parametrize(
        ("params", "words"),
        [
            ("", "write the UUID"),
            ("logo.png/", "write the UUID"),
            (f"{LOGO.hex}/", "write the UUID"),
            ("{" + str(LOGO) + "}/", "write the UUID"),
            ("self/0x0/", "more than 0"),
            ("self/50px/", "width and height"),
            ("self/50px50p/middle/", "write a place"),
            ("self/50px50p/1,2,3/", "write a place"),
            ("self/50px50p/center/101p/", "from 0p to 100p"),
            ("self/50px50p/center/50/", "from 0p to 100p"),
            ("self/center/50px50p/", "from 0p to 100p"),
            ("self/50px50p/center/50p/50p/", "in this order"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, params, words):
        assert_refused(f"-/overlay/{params}", operation="overlay", words=words)

    @pytest.mark.parametrize("body", [b"", b"some text", pictures.HTML, b"\x89PNG\r\n\x1a\n1234"])
    def test_refuses_what_is_no_picture_as_it_refuses_what_is_not_there(
        self, white, tmp_path, body
    ):
        path = tmp_path / "other"
        path.write_bytes(body)
        refusals = []
        for others in ({str(LOGO): path}, {str(LOGO): tmp_path / "gone"}, {}):
            with pytest.raises(BadEffects) as refusal:
                rendered(white, f"-/overlay/{LOGO}/", others)
            refusals.append(refusal.value.message)
        assert set(refusals) == {f"Operation `overlay`: {LOGO} is not a picture of this project."}

    def test_counts_the_pixels_of_the_other_picture_as_work(self, white, logo):
        limits = Limits(work_pixels=400 * 300 * 3 + 100 * 50 * 2)
        effects = f"-/overlay/{LOGO}/"
        assert rendered(white, effects, {str(LOGO): logo}, limits=limits)
        with pytest.raises(BadEffects, match="too much work"):
            rendered(white, effects, {str(LOGO): white}, limits=limits)


def chains() -> Iterator[str]:
    """Operations as nobody writes them."""
    dice = Random(7)
    sizes = ["50px50p", "1x1", "99999x99999", "99999px99999p", "0.01px0.01p", "7px99999"]
    places = ["0,0", "center", "-99999,-99999", "99999,99999", "-99999p,99999p", "right,bottom"]
    texts = ["a", "Hello%20World~nfoo", "W" * 200, "~n~n", "%D8%A7%D9%84", "%F0%9F%91%8D"]
    words: list[Callable[[], str]] = [
        lambda: f"overlay/{dice.choice(['self', LOGO])}/{dice.choice(sizes)}/50p",
        lambda: f"overlay/{LOGO}/{dice.choice(sizes)}/{dice.choice(places)}/{dice.choice('07')}p",
        lambda: f"rect/12345678/{dice.choice(sizes)}/{dice.choice(places)}",
        lambda: f"text/{dice.choice(sizes)}/{dice.choice(places)}/{dice.choice(texts)}",
        lambda: f"font/{dice.choice([1, 7, 1000])}/00000080",
        lambda: f"text_box/{dice.choice(['fit', 'line', 'fill'])}/fff/{dice.choice([3, 500])}",
        lambda: dice.choice(["resize/37x", "rotate/33", "crop/90x90", "mirror", "format/jpeg"]),
    ]
    for _ in range(60):
        yield "".join(f"-/{dice.choice(words)()}/" for _ in range(dice.randint(1, 6)))


def test_whatever_is_laid_over_what_it_is_a_picture_or_refused(tmp_path, white):
    for name, mode, size in [("a", "L", (1, 1)), ("b", "RGBA", (40, 30)), ("c", "1", (33, 20))]:
        Image.new(mode, size).save(tmp_path / name, "PNG")
    sources = [white, *(tmp_path / name for name in "abc")]
    n_made = 0
    for number, effects in enumerate(chains()):
        with suppress(BadEffects):
            others = {str(LOGO): sources[(number + 1) % 4]}
            n_made += bool(rendered(sources[number % 4], effects, others))
    assert n_made > 40


class TestRect:
    @pytest.mark.parametrize(
        ("params", "box", "colour"),
        [
            ("00c800/100x50/", (0, 0, 100, 50), GREEN),
            ("0c0/50px50p/", (0, 0, 200, 150), (0, 204, 0)),
            ("00C800/100px20p/bottom/", (0, 240, 400, 300), GREEN),
            ("00c800/10x10/100p,50p/", (390, 145, 400, 155), GREEN),
            ("00c800ff/99999px99999p/center/", (0, 0, 400, 300), GREEN),
            ("00c800/40x40/-30,-35/", (0, 0, 10, 5), GREEN),
            ("00c80080/10x10/5,5/", (5, 5, 15, 15), (127, 227, 127)),
        ],
    )
    def test_is_drawn(self, white, params, box, colour):
        image = rendered(white, f"-/rect/{params}").convert("RGB")
        assert box_unlike(image, WHITE) == box
        seen = image.getpixel((box[0], box[1]))
        assert all(abs(a - b) <= 1 for a, b in zip(seen, colour, strict=True))

    @pytest.mark.parametrize("place", ["1000,1000", "-100,0"])
    def test_beside_the_picture_changes_nothing(self, white, place):
        image = rendered(white, f"-/rect/000/100x100/{place}/")
        assert image.convert("RGB").getcolors() == [(400 * 300, WHITE)]

    @pytest.mark.parametrize(
        ("params", "words"),
        [
            ("", "colour, size and place"),
            ("ff0000/", "colour, size and place"),
            ("ff0000/10x10/0,0/1/", "colour, size and place"),
            ("red/10x10/", "hexadecimal"),
            ("ff00/10x10/", "hexadecimal"),
            ("ff0000/10x/", "width and height"),
            ("ff0000/10x10/middle/", "write a place"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, params, words):
        assert_refused(f"-/rect/{params}", operation="rect", words=words)
