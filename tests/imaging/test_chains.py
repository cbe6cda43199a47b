"""Operations one after the other, as nobody would write them: each is made, or refused by name."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from storages_app.imaging import pipeline
from storages_app.imaging.canvas import Canvas
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from storages_app.imaging.limits import LIMITS
from storages_app.imaging.registry import OPERATIONS
from tests import pictures

LENGTHS = st.integers(1, 60).map(str) | st.integers(1, 250).map("{}p".format)
SIZES = st.tuples(LENGTHS, LENGTHS).map("x".join)
OFFSETS = st.integers(-70, 70).map(str) | st.integers(-50, 150).map("{}p".format)
PLACES = st.tuples(OFFSETS, OFFSETS).map(",".join) | st.sampled_from(
    ("center", "top", "left,bottom", "right")
)
MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK")


def _step(name: str, *params: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*params).map(lambda words: "/".join(("-", name, *words, "")))


STEPS = st.one_of(
    _step("crop", SIZES, PLACES),
    _step("crop", st.sampled_from(("1:1", "16:9", "1:50", "50:1")), PLACES),
    _step("scale_crop", SIZES, PLACES),
    _step("scale_crop", SIZES, st.just("smart")),
    _step("smart_resize", SIZES),
    _step("resize", SIZES),
    _step("preview", SIZES),
    _step("rotate", st.integers(-360, 360).map(str)),
    _step("rotate", st.sampled_from(("0", "90", "-180", "270"))),
    _step("border_radius", LENGTHS, LENGTHS),
    _step("trim", st.integers(0, 100).map(str)),
    _step("stretch", st.sampled_from(("on", "off", "fill"))),
    _step("setfill", st.sampled_from(("fff", "00000000", "ff880080"))),
    _step("format", st.sampled_from(("jpeg", "png", "webp"))),
    _step("autorotate", st.sampled_from(("yes", "no"))),
    st.sampled_from(("-/flip/", "-/mirror/")),
    st.sampled_from([kind.example for kind in OPERATIONS if not parse(kind.example).files]),
)


class TestChains:
    @given(
        size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
        mode=st.sampled_from(MODES),
        orientation=st.sampled_from((1, 6, 7)),
        steps=st.lists(STEPS, min_size=1, max_size=6),
    )
    @settings(max_examples=60, deadline=None)
    def test_give_the_size_that_was_foretold_or_are_refused(self, size, mode, orientation, steps):
        effects = parse("".join(steps))
        exif = Image.Exif()
        exif[0x0112] = orientation
        kind = "TIFF" if mode == "CMYK" else "PNG"
        foretold = Canvas(*size, LIMITS, swaps_sides=orientation > 4)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "source")
            source.write_bytes(pictures._bytes(pictures.two_halves(*size, mode), kind, exif=exif))
            try:
                foretold.do(effects.operations)
                made = pipeline.render(source, effects, Path(folder))
            except BadEffects:
                return
            image = pictures.read(made.path.read_bytes())
        assert image.size == (made.width, made.height)
        if "-/trim/" not in "".join(steps):
            assert image.size == (foretold.width, foretold.height)
