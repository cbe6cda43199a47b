"""How text is to look: settings that `font`, `text_align` and `text_box` make for `text`."""

from dataclasses import dataclass

from storages_app.imaging.grammar import Colour

# What we ship. The other names are known to clients; they get the one that looks most like them.
FAMILIES = {
    "DejaVu": "DejaVu Sans",
    "DejaVuMono": "DejaVu Sans Mono",
    "DejaVuSerif": "DejaVu Serif",
    "Noto": "DejaVu Sans",
    "NotoMono": "DejaVu Sans Mono",
    "NotoSerif": "DejaVu Serif",
}
_BLACK, _WHITE = Colour(0, 0, 0), Colour(255, 255, 255)
WEIGHTS = ("regular", "bold")
STYLES = ("normal", "italic")
ACROSS = {"left": 0.0, "center": 0.5, "right": 1.0}
DOWN = {"top": 0.0, "center": 0.5, "bottom": 1.0}


@dataclass(frozen=True)
class Font:
    weight: str = "regular"
    style: str = "normal"
    size: int = 24  # pixels
    colour: Colour = _BLACK
    family: str = "DejaVu"


@dataclass(frozen=True)
class Alignment:
    """Of the lines across, and of all of them down the area of the text."""

    across: str = "left"
    down: str = "top"


@dataclass(frozen=True)
class TextBox:
    """What is painted below the text."""

    mode: str = "none"
    colour: Colour = _WHITE
    padding: int = 0  # pixels, on each side


@dataclass(frozen=True)
class Area:
    """The rectangle that a text is set in, in pixels."""

    left: int
    top: int
    width: int
    height: int
