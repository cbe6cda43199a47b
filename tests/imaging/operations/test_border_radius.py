"""`border_radius`, compared with corners that Pillow draws."""

import pytest
from PIL import Image, ImageChops, ImageDraw

from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from tests import pictures
from tests.pictures import corners, four_quarters

ACROSS, DOWN, FINE = 200, 150, 8


def ellipse() -> Image.Image:
    """An ellipse as large as the picture, drawn finer than it and made smaller."""
    large = Image.new("L", (ACROSS * FINE, DOWN * FINE))
    ImageDraw.Draw(large).ellipse((0, 0, ACROSS * FINE - 1, DOWN * FINE - 1), fill=255)
    return large.resize((ACROSS, DOWN), Image.Resampling.BOX)


def rounded(radius: int) -> Image.Image:
    large = Image.new("L", (ACROSS * FINE, DOWN * FINE))
    box = (0, 0, ACROSS * FINE - 1, DOWN * FINE - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, radius * FINE, fill=255)
    return large.resize((ACROSS, DOWN), Image.Resampling.BOX)


def unlike(first: Image.Image, second: Image.Image) -> int:
    return max(ImageChops.difference(first, second).get_flattened_data())


def see_through(image: Image.Image) -> list[bool]:
    """Whether each corner is: clockwise from the top left."""
    alpha = image.getchannel("A")
    right, bottom = image.width - 1, image.height - 1
    return [alpha.getpixel(at) < 128 for at in ((0, 0), (right, 0), (right, bottom), (0, bottom))]


class TestShape:
    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("50p", ellipse()),
            ("500p", ellipse()),
            ("100/75", ellipse()),
            ("50%25/50%25", ellipse()),
            ("20", rounded(20)),
            ("20,20,20,20/20,20", rounded(20)),
            ("75", rounded(75)),
            ("5000", rounded(75)),
        ],
    )
    def test_is_the_one_that_another_program_draws(self, see, text, wanted):
        image = see(pictures.png(ACROSS, DOWN), f"-/border_radius/{text}/")
        assert image.size == (ACROSS, DOWN)
        assert unlike(image.getchannel("A"), wanted) < 40

    @pytest.mark.parametrize(
        ("text", "wanted"),
        [
            ("30", [True, True, True, True]),
            ("30,0", [True, False, True, False]),
            ("0,30", [False, True, False, True]),
            ("30,0,0", [True, False, False, False]),
            ("0,0,30", [False, False, True, False]),
            ("0,0,0,30", [False, False, False, True]),
            ("0", [False, False, False, False]),
            ("30/0", [False, False, False, False]),
            ("30/0,30", [False, True, False, True]),
        ],
    )
    def test_radii_are_given_to_corners_as_in_css(self, see, text, wanted):
        assert see_through(see(pictures.png(), f"-/border_radius/{text}/")) == wanted

    def test_radii_that_do_not_fit_shrink_together(self, see):
        image = see(pictures.png(100, 100), "-/border_radius/100,300,100,300/")
        same = see(pictures.png(100, 100), "-/border_radius/25,75/")
        assert unlike(image.getchannel("A"), same.getchannel("A")) <= 1

    @pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (1, 300)])
    def test_the_smallest_pictures_are_rounded_too(self, see, size):
        assert see(pictures.png(*size), "-/border_radius/50p/").size == size


class TestWhatIsBehind:
    def test_transparency_that_was_there_stays(self, see):
        image = see(pictures.transparent_png(), "-/border_radius/30/")
        assert image.getpixel((390, 150))[3] == 0
        assert image.getpixel((0, 0))[3] == 0
        assert image.getpixel((100, 150)) == (*pictures.RED, 255)

    @pytest.mark.parametrize(("fill", "wanted"), [("", 255), ("-/setfill/000000/", 0)])
    def test_a_jpeg_has_the_fill_colour_there(self, see, fill, wanted):
        image = see(pictures.jpeg(), f"{fill}-/border_radius/60/")
        assert image.format == "JPEG"
        for colour in corners(image):
            assert all(abs(band - wanted) < 12 for band in colour)

    @pytest.mark.parametrize("mode", ["L", "LA", "P", "1"])
    def test_works_on_pictures_of_every_kind(self, see, mode):
        assert see_through(see(four_quarters(mode=mode), "-/border_radius/30/")) == [True] * 4


class TestText:
    @pytest.mark.parametrize(
        ("text", "canonical"),
        [("020", "20"), ("50%25,10", "50p,10"), ("1,2,3,4/5,6p", "1,2,3,4/5,6p")],
    )
    def test_has_one_canonical_form(self, text, canonical):
        assert parse(f"-/border_radius/{text}/").canonical == f"-/border_radius/{canonical}/"

    @pytest.mark.parametrize("text", ["", "x", "-5", "1,2,3,4,5", "1/2/3", "1,", "5px", "1,,2"])
    def test_refuses_what_is_no_radius(self, text):
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/border_radius/{text}/")
        assert refusal.value.operation == "border_radius"
