"""`inline`: show or save."""

from dataclasses import dataclass
from typing import ClassVar

from storages_app.imaging.registry import operation
from storages_app.imaging.simple import SwitchOperation


@operation
@dataclass(frozen=True)
class Inline(SwitchOperation):
    """Ask the browser to show the file (yes) or to save it (no); the bytes stay the same."""

    name: ClassVar[str] = "inline"
    grammar: ClassVar[str] = "yes or no"
    example: ClassVar[str] = "-/inline/yes/"
    limits: ClassVar[str] = "Only pictures, sound and video can be shown; the rest is saved."
    shapes_picture: ClassVar[bool] = False
