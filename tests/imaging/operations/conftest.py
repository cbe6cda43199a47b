from collections.abc import Callable

import pytest
from PIL import Image

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from tests import pictures


@pytest.fixture
def see(tmp_path) -> Callable[[bytes, str], Image.Image]:
    """Make a picture, and read it with Pillow, which has no part in the making."""

    def run(body: bytes, text: str) -> Image.Image:
        source = tmp_path / "source"
        source.write_bytes(body)
        made = pipeline.render(source, parse(text), tmp_path)
        image = pictures.read(made.path.read_bytes())
        assert image.size == (made.width, made.height)
        return image

    return run
