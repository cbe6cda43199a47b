"""Operations that change colours, looked at by Pillow."""

import pytest
from PIL import Image, ImageChops

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from tests import pictures
from tests.pictures import all_kinds_of_colours

Pixel = tuple[int, ...]
GREY, WHITE, BLACK = (128, 128, 128), (255, 255, 255), (0, 0, 0)
BRICK, SKY, MOSS = (200, 100, 50), (90, 140, 200), (60, 90, 40)

# operation: lowest, highest, neutral
NUMBERS = {
    "brightness": (-100, 100, 0),
    "exposure": (-500, 500, 0),
    "gamma": (0, 1000, 100),
    "contrast": (-100, 500, 0),
    "saturation": (-100, 500, 0),
    "vibrance": (-100, 500, 0),
    "warmth": (-100, 100, 0),
}


@pytest.fixture
def pixel_of(repaint):
    """What becomes of one colour."""

    def run(colour: Pixel, text: str) -> Pixel:
        mode = "RGBA" if len(colour) == 4 else "RGB"
        image = repaint(Image.new(mode, (8, 8), colour), text)
        assert image.getextrema() == tuple((band, band) for band in image.getpixel((0, 0)))
        return image.getpixel((0, 0))

    return run


def brightness_of(pixel: Pixel) -> float:
    return 0.2126 * pixel[0] + 0.7152 * pixel[1] + 0.0722 * pixel[2]


def strength_of(pixel: Pixel) -> int:
    """How far a colour is from grey."""
    return max(pixel[:3]) - min(pixel[:3])


class TestPixels:
    @pytest.mark.parametrize(
        ("text", "before", "after"),
        [
            ("brightness/20", GREY, (179, 179, 179)),
            ("brightness/20", BRICK, (251, 151, 101)),
            ("brightness/-20", BRICK, (149, 49, 0)),  # what is too dark is cut
            ("brightness/100", BLACK, WHITE),
            ("brightness/-100", WHITE, BLACK),
            ("exposure/100", (50, 50, 50), (71, 71, 71)),  # twice the light
            ("exposure/-100", GREY, (92, 92, 92)),
            ("exposure/500", BLACK, BLACK),
            ("exposure/500", GREY, WHITE),
            ("gamma/200", (64, 64, 64), (128, 128, 128)),  # the root of a quarter
            ("gamma/50", (128, 128, 128), (64, 64, 64)),
            ("gamma/1000", BLACK, BLACK),
            ("gamma/10", WHITE, WHITE),
            ("gamma/0", (254, 254, 254), BLACK),
            ("gamma/0", WHITE, WHITE),
            ("contrast/200", (100, 120, 200), (45, 105, 255)),
            ("contrast/-50", (0, 255, 100), (64, 191, 114)),
            ("contrast/500", (100, 200, 50), (0, 255, 0)),
            ("saturation/-100", BRICK, (118, 118, 118)),
            ("saturation/-50", BRICK, (159, 109, 84)),
            ("saturation/100", SKY, (46, 146, 255)),
            ("saturation/500", GREY, GREY),
            ("vibrance/-100", (255, 0, 0), (255, 0, 0)),  # strong colours stay
            ("vibrance/500", (0, 0, 255), (0, 0, 255)),
            ("vibrance/500", GREY, GREY),
            ("vibrance/500", BLACK, BLACK),
            ("vibrance/100", (200, 150, 150), (230, 142, 142)),
            ("warmth/100", GREY, (144, 124, 108)),
            ("warmth/-100", GREY, (108, 131, 144)),
            ("warmth/100", BLACK, BLACK),
            ("grayscale", BRICK, (118, 118, 118)),
            ("grayscale", (255, 0, 0), (54, 54, 54)),
            ("grayscale", (0, 255, 0), (182, 182, 182)),
            ("grayscale", (0, 0, 255), (18, 18, 18)),
            ("invert", BRICK, (55, 155, 205)),
            ("invert", BLACK, WHITE),
        ],
    )
    def test_become_what_the_formula_says(self, pixel_of, text, before, after):
        assert pixel_of(before, f"-/{text}/") == after

    @pytest.mark.parametrize("colour", [GREY, BRICK, SKY, MOSS])
    def test_more_brightness_is_brighter(self, pixel_of, colour):
        for name in ("brightness", "exposure"):
            dark, light = (pixel_of(colour, f"-/{name}/{n}/") for n in (-30, 30))
            assert brightness_of(dark) < brightness_of(colour) < brightness_of(light)

    @pytest.mark.parametrize("colour", [BRICK, SKY, MOSS])
    def test_more_saturation_is_stronger_and_as_bright(self, pixel_of, colour):
        for name in ("saturation", "vibrance"):
            pale, strong = (pixel_of(colour, f"-/{name}/{n}/") for n in (-40, 40))
            assert strength_of(pale) < strength_of(colour) < strength_of(strong)
            assert brightness_of(pale) == pytest.approx(brightness_of(colour), abs=1)
            assert brightness_of(strong) == pytest.approx(brightness_of(colour), abs=1)

    def test_vibrance_changes_pale_colours_more_than_strong_ones(self, pixel_of):
        pale, strong = (150, 130, 130), (200, 60, 60)
        grown = [
            strength_of(pixel_of(colour, "-/vibrance/50/")) / strength_of(colour)
            for colour in (pale, strong)
        ]
        assert grown[0] > grown[1] + 0.1

    def test_warmth_leaves_greys_as_bright_as_they_were(self, pixel_of):
        def light(pixel: Pixel) -> float:
            return brightness_of(tuple(round(1e6 * (band / 255) ** 2.2) for band in pixel))

        for amount in (-100, -40, 40, 100):
            assert light(pixel_of(GREY, f"-/warmth/{amount}/")) == pytest.approx(
                light(GREY), rel=0.02
            )

    def test_twice_inverted_is_the_picture_again(self, repaint):
        source = all_kinds_of_colours()
        assert repaint(source, "-/invert/-/invert/").tobytes() == source.tobytes()


class TestAll:
    CHANGES = [f"{name}/{neutral + 40}" for name, (_low, _high, neutral) in NUMBERS.items()]
    CHANGES += ["grayscale", "invert"]

    @pytest.mark.parametrize("name", NUMBERS)
    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
    def test_neutral_leaves_the_pixels_as_they_are(self, repaint, name, mode):
        source = all_kinds_of_colours(mode)
        neutral = NUMBERS[name][2]
        for text in (f"-/{name}/{neutral}/", f"-/{name}/"):
            assert repaint(source, text).convert(mode).tobytes() == source.tobytes()

    @pytest.mark.parametrize("name", NUMBERS)
    def test_next_to_neutral_is_next_to_the_picture(self, repaint, name):
        """The formula itself is neutral there, and not only what is left out."""
        source = all_kinds_of_colours()
        for amount in (NUMBERS[name][2] - 4, NUMBERS[name][2] + 4):
            near = ImageChops.difference(repaint(source, f"-/{name}/{amount}/"), source)
            assert max(high for _low, high in near.getextrema()) <= 11
            assert near.getbbox()

    @pytest.mark.parametrize("text", CHANGES)
    def test_how_see_through_a_pixel_is_stays(self, repaint, text):
        source = all_kinds_of_colours("RGBA")
        image = repaint(source, f"-/{text}/")
        assert image.mode == "RGBA"
        assert image.getchannel("A").tobytes() == source.getchannel("A").tobytes()
        assert image.convert("RGB").tobytes() != source.convert("RGB").tobytes()

    @pytest.mark.parametrize("text", CHANGES)
    def test_alpha_changes_nothing_of_the_colours(self, repaint, text):
        plain = repaint(all_kinds_of_colours("RGB"), f"-/{text}/")
        see_through = repaint(all_kinds_of_colours("RGBA"), f"-/{text}/").convert("RGB")
        assert see_through.tobytes() == plain.tobytes()

    @pytest.mark.parametrize("text", CHANGES)
    def test_grey_pictures_are_read_too(self, repaint, text):
        image = repaint(all_kinds_of_colours("L"), f"-/{text}/").convert("RGB")
        as_colours = repaint(all_kinds_of_colours("L").convert("RGB"), f"-/{text}/")
        assert image.tobytes() == as_colours.convert("RGB").tobytes()

    @pytest.mark.parametrize("text", CHANGES)
    def test_work_on_what_another_operation_made(self, tmp_path, text):
        path = tmp_path / "source"
        path.write_bytes(pictures.camera_jpeg(400, 300))
        effects = parse(f"-/rotate/90/-/{text}/-/resize/100x/-/{text}/-/format/webp/")
        made = pipeline.render(path, effects, tmp_path)
        assert pictures.read(made.path.read_bytes()).size == (100, 75)


class TestRefusals:
    @pytest.mark.parametrize("name", NUMBERS)
    def test_beyond_the_range(self, name):
        low, high, _neutral = NUMBERS[name]
        for amount in (low, high):
            assert parse(f"-/{name}/{amount}/").canonical == f"-/{name}/{amount}/"
        for amount in (low - 1, high + 1, "1.5", "much", "1/2"):
            with pytest.raises(BadEffects, match=f"from {low} to {high}") as refusal:
                parse(f"-/{name}/{amount}/")
            assert refusal.value.operation == name

    @pytest.mark.parametrize("name", ["grayscale", "invert"])
    def test_a_parameter_where_there_is_none(self, name):
        with pytest.raises(BadEffects, match="no parameters"):
            parse(f"-/{name}/50/")
