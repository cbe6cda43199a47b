"""Try an upload: the official widget, and a plain form below it."""

from csp.constants import UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.forms.files import UploadForm
from storages_app.dashboard.forms.projects import instance_limit
from storages_app.dashboard.frame import show
from storages_app.lib.errors import UcdashError
from storages_app.models import File, Project
from storages_app.projects.roles import Action
from storages_app.uploads import services

# What the widget needs beyond the policy of all other pages (spec/DASHBOARD 3.3).
_FOR_THE_WIDGET = {
    "connect-src": [settings.UPLOAD_URL],
    "img-src": [settings.CDN_URL],
    "style-src-attr": [UNSAFE_INLINE],
}


@csp_update(_FOR_THE_WIDGET)
@project_page(see=Action.UPLOAD, change=Action.UPLOAD)
def page(request: PageRequest, project: Project) -> HttpResponse:
    is_post = request.method == "POST"
    form = UploadForm(request.POST, request.FILES) if is_post else UploadForm()
    if is_post and form.is_valid():
        file = _receive(project, form)
        if file:
            messages.success(request, f"Uploaded {file.original_filename}.")
            return redirect("dashboard:file", project.slug, file.pk)
    context = {
        "form": form,
        "upload_url": settings.UPLOAD_URL,
        "cdn_url": settings.CDN_URL,
        "max_size": min(project.max_upload_size or instance_limit(), instance_limit()),
    }
    return show(request, "dashboard/upload.html", project, context, section="upload")


def _receive(project: Project, form: UploadForm) -> File | None:
    try:
        return services.receive(
            project=project, upload=form.cleaned_data["file"], store="auto", metadata={}
        )
    except UcdashError as error:
        form.refuse(error, "file")
        return None
