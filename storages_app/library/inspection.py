"""What is in a file: the `content_info` of spec/UPLOADCARE 1.3."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from storages_app.imaging import pipeline
from storages_app.imaging.errors import ImagingBusy, ImagingError

log = logging.getLogger(__name__)


def inspect(path: Path | None, detected_type: str) -> dict[str, Any]:
    """`content_info` of the file at `path`; `image` is in it only if it can be read as one.

    No path: nobody looks into the file.
    """
    kind, _, subtype = detected_type.partition("/")
    info: dict[str, Any] = {"mime": {"mime": detected_type, "type": kind, "subtype": subtype}}
    image = _inspect_image(path) if path and kind == "image" else None
    if image:
        info["image"] = image
    return info


def _inspect_image(path: Path) -> dict[str, Any] | None:
    try:
        found = pipeline.inspect(path)
    except ImagingBusy:
        raise
    except ImagingError as error:  # too many pixels, broken, … : then it is a file like any other
        log.info("An upload looks like an image but cannot be read as one: %s", error.code)
        return None
    return None if found is None else dataclasses.asdict(found)
