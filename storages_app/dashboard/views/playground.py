"""The playground: an image with operations, what it becomes, and where a copy of it would go."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from storages_app.dashboard import trials
from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.forms.playground import (
    PlaygroundForm,
    newest_images,
    operation_names,
    read_uuid,
)
from storages_app.dashboard.frame import show
from storages_app.imaging.registry import all_operations
from storages_app.models import File, Project

_MOST_ADDED = 500


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    """`?file=…&effects=…`; with `do=add` the operation `add` comes to the others first."""
    text = request.GET.get("effects", "")
    file = _file_of(project, request.GET.get("file", ""))
    if request.GET.get("do") == "add" and file is not None:
        name, value = request.GET.get("add", ""), request.GET.get("value", "")[:_MOST_ADDED]
        if name in all_operations():
            text = trials.with_operation(text, name, value)
        return redirect(address(project, file, text))
    context = {
        "form": PlaygroundForm(initial={"effects": text}),
        "cdn_url": settings.CDN_URL,
        "file": file,
    } | (_shown(project, file, text) if file else {})
    return show(request, "dashboard/playground.html", project, context, section="playground")


def _shown(project: Project, file: File, text: str) -> dict[str, Any]:
    images = newest_images(project)
    known = all_operations()
    return {
        "images": images if file in images else [file, *images],
        "trial": trials.try_out(file, text),
        "steps": [
            (step.text, address(project, file, step.without)) for step in trials.steps_of(text)
        ],
        "operations": [
            {
                "name": name,
                "grammar": known[name].grammar,
                "limits": known[name].limits,
                "example": known[name].example,
                "address": address(project, file, known[name].example),
            }
            for name in operation_names()
        ],
    }


def address(project: Project, file: File, effects: str = "") -> str:
    """Of the page, with this file and these operations."""
    asked = {"file": file.pk} | ({"effects": effects} if effects else {})
    query = urlencode(asked, safe="/:,@~")  # web servers take lines of some length only
    return f"{reverse('dashboard:playground', args=[project.slug])}?{query}"


def _file_of(project: Project, text: str) -> File | None:
    """The one that the address names, else the newest image; None where there is no image."""
    if not text:
        return next(iter(newest_images(project)), None)
    file_uuid = read_uuid(text)
    file = file_uuid and File.objects.live().filter(project=project, pk=file_uuid).first()
    if not file:
        raise Http404
    return file
