"""Make one picture after the other as somebody else does, and say how long each took.

It runs in a fresh process, under the Python that has the peer: `python image_peers.py thumbor`. It
reads one job a line and writes one answer a line, both JSON. Standard library and peers only.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def thumbor() -> Callable[[dict[str, Any]], bytes]:
    """Its engine, as its web server calls it: no network, no storage."""
    from thumbor.config import Config
    from thumbor.context import Context
    from thumbor.engines.pil import Engine

    context = Context(config=Config())

    def make(job: dict[str, Any]) -> bytes:
        engine = Engine(context)
        engine.load(Path(job["source"]).read_bytes(), Path(job["source"]).suffix)
        engine.resize(job["width"], job["height"])
        made: bytes = engine.read(f".{job['format']}", job["quality"])
        return made

    return make


def pillow() -> Callable[[dict[str, Any]], bytes]:
    """`draft` and `resize`, the way its documents advise."""
    from PIL import Image

    def make(job: dict[str, Any]) -> bytes:
        size = (job["width"], job["height"])
        body = io.BytesIO()
        with Image.open(job["source"]) as image:
            image.draft(None, size)
            pixels = image.convert("RGB") if image.mode == "P" else image
            small = pixels.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
            if job["format"] == "jpeg":
                small = small.convert("RGB")
            small.save(body, job["format"].upper(), quality=job["quality"])
        return body.getvalue()

    return make


def libvips() -> Callable[[dict[str, Any]], bytes]:
    """The bare call in this very process, with our options."""
    import pyvips

    def make(job: dict[str, Any]) -> bytes:
        image = pyvips.Image.thumbnail(
            job["source"], job["width"], height=job["height"], size="force"
        )
        suffix = {"jpeg": ".jpg"}.get(job["format"], f".{job['format']}")
        made: bytes = image.write_to_buffer(suffix, keep="none", **job["options"])
        return made

    return make


def main() -> None:
    make = {"thumbor": thumbor, "Pillow": pillow, "libvips": libvips}[sys.argv[1]]()
    for line in sys.stdin:
        job = json.loads(line)
        started = time.perf_counter()
        body = make(job)
        Path(job["target"]).write_bytes(body)
        print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main()
