from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from tests import pictures


@pytest.fixture
def repaint(tmp_path: Path) -> Callable[[Image.Image, str], Image.Image]:
    """Carry out effects, and read what came of it with Pillow, which has no part in the making."""

    def run(source: Image.Image, text: str) -> Image.Image:
        body = BytesIO()
        source.save(body, "PNG")
        path = tmp_path / "source"
        path.write_bytes(body.getvalue())
        made = pipeline.render(path, parse(text), tmp_path)
        assert made.content_type == "image/png"
        image = pictures.read(made.path.read_bytes())
        assert image.size == source.size
        return image

    return run


@pytest.fixture
def see(tmp_path: Path) -> Callable[[bytes, str], Image.Image]:
    """The same for the bytes of a file, whatever comes of its size and format."""

    def run(body: bytes, text: str) -> Image.Image:
        source = tmp_path / "source"
        source.write_bytes(body)
        made = pipeline.render(source, parse(text), tmp_path)
        image = pictures.read(made.path.read_bytes())
        assert image.size == (made.width, made.height)
        return image

    return run
