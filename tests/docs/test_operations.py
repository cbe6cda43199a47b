"""The pages of the image operations, and the golden pictures on them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageEnhance, ImageFilter

from docs import operations
from docs.operations import FOLDER, PICTURES, Example, examples
from storages_app.imaging import effects
from tests.similarity import difference

WITH_PICTURES = [each for each in examples() if each.has_picture]


def facts(path: Path) -> dict[str, Any]:
    """What a picture is, besides what it shows."""
    with Image.open(path) as picture:
        exif = picture.getexif()
        return {
            "size": picture.size,
            "format": picture.format,
            "mode": picture.mode,
            "progressive": bool(picture.info.get("progressive")),
            "icc": bool(picture.info.get("icc_profile")),
            "exif": sorted(set(exif) | set(exif.get_ifd(0x8769)) | set(exif.get_ifd(0x8825))),
        }


def looks_different(one: Path, other: Path) -> bool:
    with Image.open(one) as first, Image.open(other) as second:
        return difference(first, second).is_visible


class TestPages:
    def test_are_as_the_registry_and_the_pictures_say(self):
        written = {path: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
        stale = [
            path.name for path, text in operations.pages().items() if written.get(path) != text
        ]
        assert not stale, "run `python -m docs.operations`"
        assert written.keys() == operations.pages().keys(), "a page of no operation is left over"

    def test_have_no_picture_too_many_and_weigh_little(self):
        assert set(PICTURES.iterdir()) == operations.pictures()
        assert sum(path.stat().st_size for path in PICTURES.iterdir()) < 3_000_000


class TestExamples:
    @pytest.mark.parametrize("example", WITH_PICTURES, ids=lambda each: each.name)
    def test_give_the_golden_picture(self, example: Example, tmp_path):
        made = example.render(tmp_path)
        assert facts(made) == facts(example.result)
        assert not looks_different(made, example.result)

    def test_give_every_look_of_filter(self, tmp_path):
        assert not looks_different(operations.sheet_of_looks(tmp_path), operations.EVERY_LOOK)

    def test_give_the_main_colours(self):
        with Image.open(operations._COLOURS) as swatches:
            made = operations.swatches()
            seen, wanted = made.getcolors(), swatches.convert("RGB").getcolors()
        assert seen == wanted
        assert len(seen) == 4

    @pytest.mark.parametrize("example", WITH_PICTURES, ids=lambda each: each.name)
    def test_show_what_the_operation_does(self, example: Example, tmp_path):
        """Without it the result is another one, so the golden pictures would notice."""
        steps = effects.parse(example.kind.example).steps
        rest = effects.Effects(tuple(step for step in steps if not isinstance(step, example.kind)))
        without = example.render(tmp_path, rest.canonical or "-/autorotate/yes/")
        if example.name in IS_SEEN_IN_BYTES:
            assert without.stat().st_size != example.result.stat().st_size
        elif example.name not in CHANGES_NOTHING_HERE:
            assert facts(without) != facts(example.result) or looks_different(
                without, example.result
            )


# A bitmap is what a drawing becomes anyway.
CHANGES_NOTHING_HERE = {"rasterize"}
IS_SEEN_IN_BYTES = {"quality"}


class TestDifference:
    @pytest.fixture
    def lake(self):
        with Image.open(PICTURES / "lake.jpg") as picture:
            return picture.convert("RGB")

    def test_of_a_picture_and_itself_is_nothing(self, lake):
        found = difference(lake, lake)
        assert (found.colour, found.worst_colour) == (0, 0)
        assert abs(found.structure) < 1e-6

    def test_is_not_seen_in_another_encoding(self, lake, tmp_path):
        for quality in (96, 98):
            lake.save(tmp_path / "again.jpg", quality=quality)
            with Image.open(tmp_path / "again.jpg") as again:
                assert not difference(lake, again).is_visible

    @pytest.mark.parametrize(
        "change",
        [
            lambda lake: ImageEnhance.Brightness(lake).enhance(1.04),
            lambda lake: ImageEnhance.Color(lake).enhance(1.1),
            lambda lake: ImageEnhance.Contrast(lake).enhance(1.05),
            lambda lake: lake.filter(ImageFilter.GaussianBlur(0.7)),
            lambda lake: ImageChops.offset(lake, 1, 0),
            lambda lake: lake.rotate(0.3, Image.Resampling.BICUBIC),
            lambda lake: Image.merge("RGB", lake.split()[::-1]),
            lambda lake: lake.point(lambda value: 255 * (value / 255) ** 1.05),
            lambda lake: Image.composite(lake, lake.filter(ImageFilter.MinFilter(5)), spot(lake)),
        ],
        ids=["light", "colour", "contrast", "blur", "place", "turn", "bands", "gamma", "spot"],
    )
    def test_is_seen_where_people_would_hardly_notice(self, lake, change):
        assert difference(lake, change(lake)).is_visible


def spot(picture: Image.Image) -> Image.Image:
    """All but a small part of it."""
    mask = Image.new("L", picture.size, 255)
    mask.paste(0, (150, 60, 190, 100))
    return mask


def test_the_script_does_not_write_where_nothing_changed():
    before = {path: path.read_bytes() for path in FOLDER.glob("*.md")}
    done = subprocess.run(
        [sys.executable, "-m", "docs.operations", "no-such-operation"],
        capture_output=True,
        cwd=FOLDER.parent.parent,
        check=False,
    )
    assert done.returncode != 0
    assert before == {path: path.read_bytes() for path in FOLDER.glob("*.md")}
