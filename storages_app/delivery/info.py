"""`-/json/`, `-/jsonp/` and `-/main_colors/`: what a picture is, instead of the picture.

Their shapes are those of spec/UPLOADCARE 5.4.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from django.http import HttpResponse, JsonResponse

from storages_app.imaging.effects import Effects
from storages_app.imaging.errors import BadEffects, NotAnImage, ProcessedTooLarge, ProcessingFailed
from storages_app.models import File
from storages_app.renditions import services as renditions

_COLOURS, _MOST_COLOURS = 4, 32
_OF_ORIGINAL = (
    "width",
    "height",
    "format",
    "orientation",
    "geo_location",
    "datetime_original",
)
# Pages of the official service define a function of this name; a name of the caller's own choice
# would be text of a stranger in a script.
_CALLBACK = "uploadcare_callback"


@dataclass(frozen=True)
class Form:
    """What is asked for: `json`, `jsonp`, or `main_colors` with their number."""

    name: str
    n_colours: int = _COLOURS


def split_form(written: str) -> tuple[str, Form | None]:
    """Cut the wish for information, which is the last operation, off the others."""
    words = [word for word in written.split("/") if word]
    if "-" not in words:
        return written, None
    start = len(words) - 1 - words[::-1].index("-")
    name, *params = words[start + 1 :] or [""]
    if name == "main_colors":
        form = Form(name, _read_number(params))
    elif name in {"json", "jsonp"} and not params:
        form = Form(name)
    else:
        return written, None
    return "".join(f"{word}/" for word in words[:start]), form


def _read_number(params: list[str]) -> int:
    if not params:
        return _COLOURS
    is_number = len(params) == 1 and params[0].isascii() and params[0].isdigit()
    if is_number and len(params[0]) <= 2 and 1 <= int(params[0]) <= _MOST_COLOURS:
        return int(params[0])
    raise BadEffects(
        operation="main_colors", reason=f"write a whole number from 1 to {_MOST_COLOURS}."
    )


def answer_info(
    file: File,
    effects: Effects,
    form: Form,
    *,
    accept: str,
    patience_s: float,
    others: renditions.Others,
) -> HttpResponse:
    """The facts as JSON or as a script; NotAnImage for what is none."""
    wishes = {"accept": accept, "patience_s": patience_s, "others": others}
    if form.name == "main_colors":
        facts = _main_colors(file, effects, form.n_colours, **wishes)
    elif effects.is_empty:
        facts = _of_original(file)
    else:
        facts = _of_processed(file, effects, **wishes)
    if form.name != "jsonp":
        return JsonResponse(facts)
    # ASCII, so that no line separator of Unicode ends the script's line.
    script = f"{_CALLBACK}({json.dumps(facts['id'])}, {json.dumps(facts)})"
    return HttpResponse(script, content_type="application/javascript; charset=utf-8")


def _main_colors(file: File, effects: Effects, n_colours: int, **wishes: Any) -> dict[str, Any]:
    original = _image_of(file)
    found = renditions.main_colours(file=file, effects=effects, n_colours=n_colours, **wishes)
    made = original
    if not effects.is_empty:
        info = renditions.describe(file=file, effects=effects, **wishes)
        made = asdict(info) if info else original
    return {
        "id": f"/{file.uuid}/{effects.canonical}",
        "width": made["width"],
        "height": made["height"],
        "main_colors": found,
        "original": {
            "id": str(file.uuid),
            **{name: original.get(name) for name in _OF_ORIGINAL},
        },
    }


def _of_original(file: File) -> dict[str, Any]:
    info = _image_of(file)
    try:
        fingerprint = renditions.fingerprint(file=file)
    except (ProcessedTooLarge, ProcessingFailed):
        fingerprint = None  # a header can be well where the pixels are not
    return {"id": str(file.uuid), **info, "hash": fingerprint}


def _of_processed(file: File, effects: Effects, **wishes: Any) -> dict[str, Any]:
    original = _image_of(file)
    made = renditions.describe(file=file, effects=effects, **wishes)
    if made is None:
        raise NotAnImage
    return {
        "id": f"/{file.uuid}/{effects.canonical}",
        **asdict(made),
        "original": {"id": str(file.uuid), **original},
    }


def _image_of(file: File) -> dict[str, Any]:
    known: dict[str, Any] | None = (file.content_info or {}).get("image")
    if known:
        return known
    found = renditions.describe(file=file) if file.is_image else None
    if found is None:
        raise NotAnImage
    return asdict(found)
