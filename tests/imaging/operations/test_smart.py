"""`scale_crop` and `smart_resize`: a full box, and what to keep of the picture."""

import pytest
from PIL import Image, ImageDraw

from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects, OperationNotAvailable
from tests import pictures
from tests.pictures import BLUE, GREEN, RED, WHITE, YELLOW, corners, four_quarters

BALL = (230, 60, 40)


def ball_at(x: int, y: int, mode: str = "RGB") -> bytes:
    """A red ball with a dark spot on grey."""
    image = Image.new("RGB", (600, 300), (200, 200, 200))
    draw = ImageDraw.Draw(image)
    draw.ellipse((x - 40, y - 40, x + 40, y + 40), fill=BALL)
    draw.rectangle((x - 10, y - 10, x + 10, y + 10), fill=(0, 0, 0))
    return pictures._bytes(image.convert(mode), "PNG")


def share_of_ball(image: Image.Image) -> float:
    pixels = list(image.convert("RGB").get_flattened_data())
    return sum(abs(red - 230) < 30 and green < 100 for red, green, _ in pixels) / len(pixels)


class TestScaleCrop:
    @pytest.mark.parametrize(
        ("text", "size", "expected"),
        [
            ("100x100", (100, 100), [RED, BLUE, GREEN, YELLOW]),
            ("100x100/center", (100, 100), [RED, BLUE, GREEN, YELLOW]),
            ("20x300", (20, 300), [RED, BLUE, GREEN, YELLOW]),
            ("20x300/left", (20, 300), [RED, RED, GREEN, GREEN]),
            ("20x300/right,top", (20, 300), [BLUE, BLUE, YELLOW, YELLOW]),
            ("400x20/top", (400, 20), [RED, BLUE, RED, BLUE]),
            ("400x20/0,280", (400, 20), [GREEN, YELLOW, GREEN, YELLOW]),
            ("400x20/50p,100p", (400, 20), [GREEN, YELLOW, GREEN, YELLOW]),
            ("20x300/5000,0", (20, 300), [BLUE, BLUE, YELLOW, YELLOW]),
            ("20x300/-5000,0", (20, 300), [RED, RED, GREEN, GREEN]),
            ("400x20/0,5000", (400, 20), [GREEN, YELLOW, GREEN, YELLOW]),
            ("400x20/0,-50", (400, 20), [RED, BLUE, RED, BLUE]),
            ("50px50p", (200, 150), [RED, BLUE, GREEN, YELLOW]),
            ("800x100/bottom", (800, 100), [GREEN, YELLOW, GREEN, YELLOW]),
        ],
    )
    def test_keeps_the_part_asked_for(self, see, text, size, expected):
        image = see(four_quarters(), f"-/scale_crop/{text}/")
        assert image.size == size
        assert corners(image) == expected

    @pytest.mark.parametrize("kind", ["smart", "smart_points", "smart/center", "smart/0,0"])
    @pytest.mark.parametrize("place", [(80, 150), (300, 150), (520, 150)])
    def test_smart_keeps_what_draws_the_eye(self, see, kind, place):
        image = see(ball_at(*place), f"-/scale_crop/100x100/{kind}/")
        assert image.size == (100, 100)
        assert share_of_ball(image) > 0.03

    def test_without_smart_it_would_be_cut_off(self, see):
        assert share_of_ball(see(ball_at(520, 150), "-/scale_crop/100x100/")) == 0

    @pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
    def test_smart_works_on_pictures_of_every_kind(self, see, mode):
        image = see(ball_at(80, 150, mode), "-/scale_crop/100x100/smart/")
        assert image.size == (100, 100)
        assert ("A" in image.mode) == ("A" in mode)
        assert min(image.convert("L").get_flattened_data()) < 20, "The spot in the ball."

    def test_smart_gives_the_same_each_time(self, see):
        first, second = (see(ball_at(90, 90), "-/scale_crop/77x99/smart/") for _ in range(2))
        assert first.tobytes() == second.tobytes()

    @pytest.mark.parametrize(
        ("text", "size", "outside"),
        [
            ("-/stretch/off/-/scale_crop/500x200/smart/", (400, 200), None),
            ("-/stretch/fill/-/scale_crop/500x400/smart/", (500, 400), WHITE),
            ("-/stretch/fill/-/scale_crop/500x200/right/", (500, 200), WHITE),
        ],
    )
    def test_follows_stretch(self, see, text, size, outside):
        image = see(four_quarters(), text)
        assert image.size == size
        if outside:
            assert corners(image) == [outside] * 4

    @pytest.mark.parametrize(
        "kind",
        [
            *("smart_faces", "smart_objects", "smart_faces_objects", "smart_objects_faces"),
            *("smart_faces_points", "smart_objects_points", "smart_faces_objects_points"),
            *("smart_objects_faces_points",),
        ],
    )
    def test_faces_and_objects_are_not_available(self, kind):
        with pytest.raises(OperationNotAvailable, match=kind):
            parse(f"-/scale_crop/100x100/{kind}/")
        with pytest.raises(OperationNotAvailable):
            parse(f"-/scale_crop/100x100/{kind}/center/")

    @pytest.mark.parametrize(
        "text", ["", "100", "0x1", "9x9/clever", "9x9/smart_", "9x9/smarty", "9x9/center/smart"]
    )
    def test_refuses_what_it_cannot_read(self, text):
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/scale_crop/{text}/")
        assert refusal.value.code == "bad_effects"
        assert refusal.value.operation == "scale_crop"


class TestSmartResize:
    @pytest.mark.parametrize(
        "size", [(100, 100), (100, 300), (600, 100), (900, 900), (1, 300), (600, 300)]
    )
    def test_gives_exactly_the_size(self, see, size):
        text = "-/smart_resize/{}x{}/".format(*size)
        assert see(ball_at(520, 150), text).size == size
        assert see(ball_at(520, 150), f"-/stretch/off/{text}").size == size

    def test_keeps_the_subject_and_its_proportions(self, see):
        image = see(ball_at(520, 150), "-/smart_resize/150x300/")
        left, top, right, bottom = image.convert("L").point(lambda level: level < 10, "1").getbbox()
        assert abs((right - left) - (bottom - top)) <= 1, "The spot is a square still."

    @pytest.mark.parametrize("text", ["", "100x", "x100", "100x100/center", "0x5"])
    def test_refuses_what_it_cannot_read(self, text):
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/smart_resize/{text}/")
        assert refusal.value.operation == "smart_resize"

    def test_refuses_a_size_over_the_limits(self, see):
        with pytest.raises(BadEffects, match="at most 3000"):
            see(ball_at(90, 90), "-/smart_resize/3001x10/")
