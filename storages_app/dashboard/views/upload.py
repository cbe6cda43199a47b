"""Try an upload: the official widget, and plain forms beside it."""

import contextlib

from csp.constants import UNSAFE_INLINE
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.fetch_reports import fetches_of
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.files import FetchForm, UploadForm
from storages_app.dashboard.forms.upload_settings import instance_limit
from storages_app.dashboard.frame import show
from storages_app.dashboard.polling import poll_answer
from storages_app.groups import services as groups
from storages_app.groups.errors import GroupNotFound
from storages_app.lib.errors import UcdashError
from storages_app.models import File, Project
from storages_app.projects import signed_urls, upload_signatures
from storages_app.projects.roles import Action
from storages_app.uploads import services
from storages_app.uploads.parts import origin_of_parts
from storages_app.uploads.receiving import PartsToDisk
from storages_app.url_uploads import services as url_uploads

_ROOM_FOR_FIELDS = 100_000
_DRAIN_CHUNK = 1_048_576


@csrf_exempt  # checked in `_receive`, once the upload handler is in place
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
    uploads = form.cleaned_data["file"]
    files = services.receive_all(project=project, uploads=uploads, store="auto", metadata={})
    if form.cleaned_data["as_group"]:
        return _put_together(request, project, files)
    if len(files) > 1:
        messages.success(request, f"Uploaded {len(files)} files.")
        return redirect("dashboard:files", project.slug)
    messages.success(request, f"Uploaded {files[0].original_filename}.")
    return redirect("dashboard:file", project.slug, files[0].pk)


def _put_together(request: PageRequest, project: Project, files: list[File]) -> HttpResponse:
    made = groups.create(project=project, files=[str(file.pk) for file in files])
    address = f"{settings.CDN_URL}/{made.wire_id}/"
    messages.success(request, f"Uploaded {len(files)} files as one group: {address}")
    return redirect("dashboard:files", project.slug)


@project_page(see=Action.UPLOAD)
def group(request: PageRequest, project: Project, group_id: str) -> HttpResponse:
    """To the group on the file host, with a token where one is needed."""
    try:
        found = groups.find(project=project, group_id=group_id)
    except GroupNotFound as error:
        raise Http404 from error
    return redirect(signed_urls.address(project=project, file_path=f"{found.wire_id}/"))


@project_page(change=Action.UPLOAD, only_post=True)
def fetch(request: PageRequest, project: Project) -> HttpResponse:
    """Have a file fetched from the web; what becomes of it is told below the form."""
    form = FetchForm(request.POST)
    if form.is_valid():
        try:
            url_uploads.order(project=project, store="auto", **form.cleaned_data)
        except UcdashError as error:
            form.refuse(error, "source_url")
        else:
            messages.success(request, "The file is being fetched.")
            return redirect(reverse("dashboard:upload", args=[project.slug]) + "#fetches")
    return _show(request, project, UploadForm(), fetch_form=form, status=400)


@project_page(see=Action.UPLOAD)
def fetches(request: PageRequest, project: Project) -> HttpResponse:
    """The part that changes while something is fetched."""
    found = fetches_of(project)
    context = {"project": project, "fetches": found}
    return poll_answer(
        request,
        version=found.version,
        is_over=not found.is_busy,
        render=lambda status: render(request, "dashboard/_fetches.html", context, status=status),
    )


@project_page(see=Action.UPLOAD)
def signature(request: PageRequest, project: Project) -> HttpResponse:
    """What the widget sends with uploads where the project takes signed ones only."""
    signed = upload_signatures.sign_upload(project=project, now=timezone.now())
    if signed is None:
        return JsonResponse({}, status=409)
    return JsonResponse({"secureSignature": signed.signature, "secureExpire": signed.expire})


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
    request: PageRequest,
    project: Project,
    form: UploadForm,
    *,
    fetch_form: FetchForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "fetch_form": fetch_form or FetchForm(),
        "fetches": fetches_of(project),
        "upload_url": settings.UPLOAD_URL,
        "cdn_url": settings.CDN_URL,
        "form_limit": instance_limit(),
        "can_sign": True,
        "signature_url": "",
    }
    if project.requires_signed_uploads:
        context["can_sign"] = upload_signatures.find_key(project) is not None
        context["signature_url"] = reverse("dashboard:upload_signature", args=[project.slug])
    template = "dashboard/upload.html"
    shown = show(request, template, project, context, section="upload", status=status)
    shown._csp_update = _policy()  # type: ignore[attr-defined]  # as `csp_update` does
    return shown


def _policy() -> dict[str, list[str]]:
    """What the widget needs beyond the policy of all other pages (spec/DASHBOARD 3.3)."""
    parts = origin_of_parts()
    return {
        "connect-src": [settings.UPLOAD_URL, *([parts] if parts else [])],
        "img-src": [settings.CDN_URL],
        "media-src": ["blob:"],  # what its camera recorded, before it is uploaded
        "style-src-attr": [UNSAFE_INLINE],
    }
