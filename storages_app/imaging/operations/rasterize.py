"""`rasterize`: a drawing becomes pixels."""

from dataclasses import dataclass
from typing import ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import BareOperation


@operation
@dataclass(frozen=True)
class Rasterize(BareOperation):
    """Make pixels of a drawing (SVG); of pictures, which have pixels, nothing changes."""

    name: ClassVar[str] = "rasterize"
    example: ClassVar[str] = "-/rasterize/"
