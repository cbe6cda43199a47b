"""`-/json/` and `-/jsonp/`: what a picture is, instead of the picture (spec/UPLOADCARE 5.4)."""

import json
from dataclasses import asdict
from typing import Any

from django.http import HttpResponse, JsonResponse

from storages_app.imaging.effects import Effects
from storages_app.imaging.errors import NotAnImage, ProcessedTooLarge, ProcessingFailed
from storages_app.models import File
from storages_app.renditions import services as renditions

JSON = "-/json/"
JSONP = "-/jsonp/"
# Pages of the official service define a function of this name; a name of the caller's own choice
# would be text of a stranger in a script.
_CALLBACK = "uploadcare_callback"


def split_form(written: str) -> tuple[str, str]:
    """Cut the wish for information, which is the last operation, off the others."""
    for form in (JSON, JSONP):
        others = written.removesuffix(form)
        if others != written and (not others or others.endswith("/")):
            return others, form
    return written, ""


def answer_info(
    file: File,
    effects: Effects,
    form: str,
    *,
    accept: str,
    patience_s: float,
    others: renditions.Others,
) -> HttpResponse:
    """The facts as JSON or as a script; NotAnImage for what is none."""
    facts = (
        _of_original(file)
        if effects.is_empty
        else _of_processed(file, effects, accept=accept, patience_s=patience_s, others=others)
    )
    if form == JSON:
        return JsonResponse(facts)
    # ASCII, so that no line separator of Unicode ends the script's line.
    script = f"{_CALLBACK}({json.dumps(facts['id'])}, {json.dumps(facts)})"
    return HttpResponse(script, content_type="application/javascript; charset=utf-8")


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
