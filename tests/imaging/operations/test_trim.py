"""`trim`: borders go, the rest stays."""

import pytest
from PIL import Image

from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from tests import pictures
from tests.pictures import RED, WHITE


def framed(
    frame: tuple[int, ...] = WHITE, inside: tuple[int, ...] = RED, kind: str = "PNG"
) -> bytes:
    """400×300, of which 100×50 at (30, 200) is not the frame."""
    image = Image.new("RGB" if len(frame) == 3 else "RGBA", (400, 300), frame)
    image.paste(inside, (30, 200, 130, 250))
    return pictures._bytes(image, kind)


class TestTrim:
    @pytest.mark.parametrize("tolerance", ["", "0/", "10/", "5p/"])
    def test_cuts_off_borders_of_one_colour(self, see, tolerance):
        image = see(framed(), f"-/trim/{tolerance}")
        assert image.size == (100, 50)
        assert image.getcolors() == [(5000, RED)]

    @pytest.mark.parametrize("frame", [(0, 0, 0), (30, 200, 90)])
    def test_the_colour_is_the_one_at_the_top_left(self, see, frame):
        assert see(framed(frame), "-/trim/").size == (100, 50)

    def test_cuts_off_what_is_see_through(self, see):
        image = see(framed((10, 20, 30, 0), (*RED, 255)), "-/trim/")
        assert image.size == (100, 50)
        assert image.mode == "RGBA"

    def test_bears_the_noise_of_a_jpeg(self, see):
        width, height = see(framed(kind="JPEG"), "-/trim/").size
        assert 100 <= width <= 116
        assert 50 <= height <= 66

    @pytest.mark.parametrize(("tolerance", "size"), [(3, (100, 50)), (20, (400, 300))])
    def test_the_tolerance_says_what_is_still_border(self, see, tolerance, size):
        faint = tuple(band - 25 for band in WHITE)  # about 10 %
        assert see(framed(inside=faint), f"-/trim/{tolerance}/").size == size

    @pytest.mark.parametrize("text", ["-/trim/", "-/trim/100/"])
    def test_a_picture_of_one_colour_stays(self, see, text):
        assert see(framed(inside=WHITE), text).size == (400, 300)

    def test_keeps_lines_of_one_pixel(self, see):
        image = Image.new("L", (90, 90), 255)
        image.putpixel((40, 50), 0)
        assert see(pictures._bytes(image, "PNG"), "-/trim/").size == (1, 1)

    def test_later_operations_work_on_what_is_left(self, see):
        assert see(framed(), "-/trim/-/resize/300x/").size == (300, 150)
        assert see(framed(), "-/resize/200x/-/trim/-/crop/1:1/").size == (25, 25)

    def test_a_result_that_grows_too_large_by_it_is_refused(self, see):
        image = Image.new("L", (300, 300), 255)
        image.paste(0, (10, 0, 12, 300))
        body = pictures._bytes(image, "PNG")
        assert see(body, "-/resize/300x/").size == (300, 300)
        with pytest.raises(BadEffects, match="at most 3000"):
            see(body, "-/trim/-/resize/300x/")

    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("-/trim/-/resize/x2000/", (2000, 2000)),
        ],
    )
    def test_what_the_border_alone_would_make_too_large_is_made(self, see, text, size):
        image = Image.new("L", (400, 30), 255)
        image.paste(0, (10, 0, 40, 30))
        assert see(pictures._bytes(image, "PNG"), text).size == size

    @pytest.mark.parametrize(
        ("text", "operation"),
        [
            ("-/trim/-/resize/x9000/-/resize/50x50/", "resize"),
            ("-/trim/-/resize/3001x10/", ""),
            ("-/trim/" + "-/resize/3000x3000/" * 34, "resize"),
        ],
    )
    def test_what_comes_after_it_is_bound_by_the_limits(self, see, text, operation):
        with pytest.raises(BadEffects) as refusal:
            see(framed(), text)
        assert refusal.value.operation == operation

    @pytest.mark.parametrize("text", ["-1", "101", "x", "10/10", "1.5", "p"])
    def test_refuses_what_is_no_tolerance(self, text):
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/trim/{text}/")
        assert refusal.value.operation == "trim"
