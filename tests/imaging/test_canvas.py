"""Sizes without pixels: which operations give which size."""

import pytest

from storages_app.imaging.canvas import Canvas
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from storages_app.imaging.limits import LIMITS


def size_after(text: str, width: int = 4000, height: int = 3000) -> tuple[int, int]:
    canvas = Canvas(width, height, LIMITS)
    canvas.do(parse(text).operations)
    return canvas.width, canvas.height


class TestSizes:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("-/resize/200x/", (200, 150)),
            ("-/resize/x200/", (267, 200)),
            ("-/resize/200x200/", (200, 200)),
            ("-/resize/50px50p/", (2000, 1500)),
            ("-/resize/25%x/", (1000, 750)),
            ("-/resize/x10p/", (400, 300)),
            ("-/resize/10px300/", (400, 300)),
            ("-/preview/50px10p/", (400, 300)),
            ("-/preview/200x/", (200, 150)),
            ("-/preview/x150/", (200, 150)),
            ("-/preview/5000x/-/resize/10x/", (10, 8)),
            ("-/preview/", (2048, 1536)),
            ("-/preview/200x200/", (200, 150)),
            ("-/preview/1000x10/", (13, 10)),
            ("-/scale_crop/200x200/", (200, 200)),
            ("-/scale_crop/333x77/center/", (333, 77)),
            ("-/scale_crop/333x77/smart/right/", (333, 77)),
            ("-/smart_resize/333x77/", (333, 77)),
            ("-/crop/333x77/", (333, 77)),
            ("-/crop/1:1/-/preview/500x500/", (500, 500)),
            ("-/crop/50px50p/-/crop/50px50p/", (1000, 750)),
            ("-/preview/400x300/-/rotate/90/", (300, 400)),
            ("-/preview/400x300/-/rotate/-45/", (495, 495)),
            ("-/preview/400x300/-/border_radius/50p/-/flip/-/mirror/-/trim/", (400, 300)),
            ("-/resize/1000x/-/preview/100x100/", (100, 75)),
        ],
    )
    def test_of_a_large_picture(self, text, expected):
        assert size_after(text) == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("-/resize/200x/", (200, 100)),
            ("-/stretch/off/-/resize/200x/", (100, 50)),
            ("-/stretch/off/-/resize/x20/", (40, 20)),
            ("-/stretch/off/-/resize/200x20/", (100, 20)),
            ("-/stretch/fill/-/resize/200x/", (200, 100)),
            ("-/stretch/fill/-/resize/200x20/", (200, 20)),
            ("-/resize/200x/-/stretch/off/", (200, 100)),
            ("-/preview/", (100, 50)),
            ("-/scale_crop/200x200/", (200, 200)),
            ("-/stretch/off/-/scale_crop/200x200/", (100, 50)),
            ("-/stretch/off/-/scale_crop/200x20/", (100, 20)),
            ("-/stretch/fill/-/scale_crop/200x200/", (200, 200)),
        ],
    )
    def test_of_a_small_picture(self, text, expected):
        assert size_after(text, 100, 50) == expected

    def test_no_side_ever_becomes_zero(self):
        assert size_after("-/resize/1x/", 30_000, 10) == (1, 1)
        assert size_after("-/preview/10x10/", 30_000, 10) == (10, 1)

    def test_without_a_size_the_result_is_as_large_as_may_be(self):
        assert size_after("-/format/webp/", 6000, 3000) == (3000, 1500)
        assert size_after("-/format/jpeg/", 6000, 3000) == (5000, 2500)
        assert size_after("-/format/webp/", 600, 300) == (600, 300)


class TestLimits:
    @pytest.mark.parametrize(
        ("text", "side"), [("-/resize/{}x10/", 3000), ("-/format/jpeg/-/resize/{}x10/", 5000)]
    )
    def test_the_longest_side_passes_and_one_pixel_more_does_not(self, text, side):
        assert size_after(text.format(side)) == (side, 10)
        with pytest.raises(BadEffects, match=f"at most {side}×{side}"):
            size_after(text.format(side + 1))

    def test_what_lies_between_may_be_larger_than_the_result(self):
        assert size_after("-/resize/6000x/-/resize/600x/") == (600, 450)

    def test_refuses_a_step_of_more_pixels_than_a_source_may_have(self):
        with pytest.raises(BadEffects) as refusal:
            size_after("-/resize/30000x/-/resize/10x/")
        assert refusal.value.operation == "resize"

    def test_refuses_a_long_chain_of_large_steps(self):
        with pytest.raises(BadEffects, match="too much work"):
            size_after("-/resize/3000x3000/" * 200)
