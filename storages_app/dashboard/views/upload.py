"""Try an upload: the official widget, and a plain form below it."""

import contextlib

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.datastructures import MultiValueDict
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.files import UploadForm
from storages_app.dashboard.forms.projects import instance_limit
from storages_app.dashboard.frame import show
from storages_app.lib.errors import UcdashError
from storages_app.models import Project
from storages_app.projects.roles import Action
from storages_app.uploads import services
from storages_app.uploads.receiving import PartsToDisk

_ROOM_FOR_FIELDS = 100_000
_DRAIN_CHUNK = 1_048_576
# What the widget needs beyond the policy of all other pages (spec/DASHBOARD 3.3).
_FOR_THE_WIDGET = {
    "connect-src": [settings.UPLOAD_URL],
    "img-src": [settings.CDN_URL],
    "style-src-attr": [UNSAFE_INLINE],
}


@csrf_exempt  # checked in `_receive`, once the upload handler is in place
@csp_update(_FOR_THE_WIDGET)
@project_page(see=Action.UPLOAD, change=Action.UPLOAD)
def page(request: PageRequest, project: Project) -> HttpResponse:
    if request.method != "POST":
        return _show(request, project, UploadForm())
    if _length(request) > instance_limit() + _ROOM_FOR_FIELDS:
        return _refuse_large(request, project)
    # The parts go to disk and are hashed on the way, as in the Upload API. Django reads the body
    # when it looks for the CSRF token, so the handler has to be there before.
    handler = PartsToDisk()
    request.upload_handlers = [handler]
    try:
        return _receive(request, project)
    except UcdashError as error:
        return _show_refusal(request, project, message_of(error))
    finally:
        handler.discard()


@csrf_protect
def _receive(request: PageRequest, project: Project) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, project, form)
    upload = form.cleaned_data["file"]
    file = services.receive(project=project, upload=upload, store="auto", metadata={})
    messages.success(request, f"Uploaded {file.original_filename}.")
    return redirect("dashboard:file", project.slug, file.pk)


def _length(request: PageRequest) -> int:
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _refuse_large(request: PageRequest, project: Project) -> HttpResponse:
    """Read on for a while, or the browser reports a broken connection instead of our answer."""
    if _length(request) <= 2 * instance_limit():
        with contextlib.suppress(OSError):
            while request.read(_DRAIN_CHUNK):
                pass
    limit = f"{instance_limit():,} bytes"
    return _show_refusal(request, project, f"The file is too large: at most {limit} in one form.")


def _show_refusal(request: PageRequest, project: Project, message: str) -> HttpResponse:
    form = UploadForm({}, MultiValueDict())
    form.errors.clear()
    form.add_error("file", message)
    return _show(request, project, form, status=400)


def _show(
    request: PageRequest, project: Project, form: UploadForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "upload_url": settings.UPLOAD_URL,
        "cdn_url": settings.CDN_URL,
        "max_size": min(project.max_upload_size or instance_limit(), instance_limit()),
    }
    template = "dashboard/upload.html"
    return show(request, template, project, context, section="upload", status=status)
