"""The main colours of a picture, told by the image process."""

import pytest
from PIL import Image, ImageDraw

from storages_app.imaging import pipeline
from storages_app.imaging.errors import NotAnImage, ProcessingFailed
from tests import pictures

SKY, GRASS, SUN = [100, 150, 250], [40, 160, 40], [250, 220, 30]


@pytest.fixture
def scene(tmp_path):
    image = Image.new("RGB", (900, 600), tuple(SKY))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 400, 900, 600), tuple(GRASS))
    draw.rectangle((50, 50, 200, 200), tuple(SUN))
    path = tmp_path / "scene"
    image.save(path, "PNG")
    return path


def near(seen: list[int], wanted: list[int]) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(seen, wanted, strict=True))


def test_are_told_with_the_most_frequent_first(scene):
    found = pipeline.main_colours(scene, 3)
    assert all(near(*pair) for pair in zip(found, [SKY, GRASS, SUN], strict=True))


@pytest.mark.parametrize("n_colours", [1, 2, 32])
def test_are_at_most_as_many_as_asked_for(scene, n_colours):
    found = pipeline.main_colours(scene, n_colours)
    assert 1 <= len(found) <= n_colours
    assert len({tuple(colour) for colour in found}) == len(found)


def test_are_the_same_every_time(scene):
    assert pipeline.main_colours(scene, 5) == pipeline.main_colours(scene, 5)


def test_of_what_cannot_be_seen_do_not_count(tmp_path):
    path = tmp_path / "half"
    path.write_bytes(pictures.transparent_png())
    assert pipeline.main_colours(path, 1) == [[*pictures.RED]]
    Image.new("RGBA", (20, 20), (1, 2, 3, 0)).save(path, "PNG")
    assert pipeline.main_colours(path, 4) == []


def test_of_grey_are_grey(tmp_path):
    path = tmp_path / "grey"
    Image.new("L", (20, 20), 77).save(path, "PNG")
    assert pipeline.main_colours(path, 4) == [[77, 77, 77]]


def test_of_what_is_no_picture_are_refused(tmp_path):
    path = tmp_path / "text"
    path.write_text("some text")
    with pytest.raises(NotAnImage):
        pipeline.main_colours(path, 4)
    path.write_bytes(pictures.truncated_jpeg())
    with pytest.raises(ProcessingFailed):
        pipeline.main_colours(path, 4)
