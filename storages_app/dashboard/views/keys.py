"""The public key, and the secret keys that programs use."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.projects import SecretKeyForm
from storages_app.dashboard.frame import show
from storages_app.lib.errors import UcdashError
from storages_app.models import Project, SecretKey
from storages_app.projects import services
from storages_app.projects.roles import Action

# The forms that made a key: a reload of the page with the secret sends its form once more.
_MADE_BY = "forms_that_made_a_key"


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    context = {
        "secret_keys": project.secret_keys.order_by("revoked_at", "-created_at"),
        "form": SecretKeyForm(),
        "upload_url": settings.UPLOAD_URL,
        "api_url": settings.API_URL,
    }
    return show(request, "dashboard/keys.html", project, context, section="keys")


@project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT)
def new(request: PageRequest, project: Project) -> HttpResponse:
    """Make a key and show its secret in this one answer: no redirect could carry it safely."""
    form = SecretKeyForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return show(request, "dashboard/key_new.html", project, {"form": form}, section="keys")
    once = str(form.cleaned_data.pop("once") or "")
    if once in request.session.get(_MADE_BY, []):
        messages.info(request, "The page was reloaded: that key exists, and no second was made.")
        return redirect("dashboard:keys", project.slug)
    try:
        key, secret = services.create_secret_key(
            project=project, actor=actor_of(request), **form.cleaned_data
        )
    except UcdashError as error:
        form.refuse(error, "label")
        return show(request, "dashboard/key_new.html", project, {"form": form}, section="keys")
    if once:
        request.session[_MADE_BY] = [*request.session.get(_MADE_BY, [])[-9:], once]
    context = {"key": key, "secret": secret, "api_url": settings.API_URL}
    return show(request, "dashboard/key_shown.html", project, context, section="keys")


@project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT)
def revoke(request: PageRequest, project: Project, key_id: uuid.UUID) -> HttpResponse:
    key = get_object_or_404(SecretKey.objects.active(), project=project, pk=key_id)
    if request.method != "POST":
        return show(request, "dashboard/key_revoke.html", project, {"key": key}, section="keys")
    services.revoke_secret_key(key=key, actor=actor_of(request))
    messages.success(request, f"“{key.label}” is revoked. Requests with it fail from now on.")
    return redirect("dashboard:keys", project.slug)
