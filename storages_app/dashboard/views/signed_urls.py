"""Signed URLs: the switch, and the secret that signs."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.signed_urls import SignedUrlsForm, UrlSecretForm
from storages_app.dashboard.frame import show
from storages_app.dashboard.once import only_once
from storages_app.lib.errors import UcdashError
from storages_app.models import Project
from storages_app.projects import signed_urls
from storages_app.projects.roles import Action

_SECTION = "signed_urls"


@project_page(change=Action.MANAGE_PROJECT, step_up=True)
def page(request: PageRequest, project: Project) -> HttpResponse:
    form = SignedUrlsForm.of(project)
    if request.method == "POST":
        form = SignedUrlsForm(request.POST)
        if form.is_valid() and _save(request, project, form):
            return redirect("dashboard:signed_urls", project.slug)
    context = {
        "form": form,
        "cdn_host": urlsplit(settings.CDN_URL).netloc,
        "kept_days": settings.FILES_KEPT_BY_CACHES_S // 86_400,
    }
    return show(request, "dashboard/signed_urls.html", project, context, section=_SECTION)


@project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT, step_up=True)
def secret(request: PageRequest, project: Project) -> HttpResponse:
    """Make a secret and show it in this one answer: no redirect could carry it safely."""
    form = UrlSecretForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        template = "dashboard/url_secret_new.html"
        return show(request, template, project, {"form": form}, section=_SECTION)
    actor = actor_of(request)
    made = only_once(
        request,
        project,
        form.cleaned_data["once"],
        lambda: signed_urls.make_secret(project=project, actor=actor),
        what="that secret",
    )
    if made is None:
        return redirect("dashboard:signed_urls", project.slug)
    context = {"secret": made}
    return show(request, "dashboard/url_secret_shown.html", project, context, section=_SECTION)


def _save(request: PageRequest, project: Project, form: SignedUrlsForm) -> bool:
    is_required = form.cleaned_data["is_required"]
    try:
        signed_urls.require(project=project, is_required=is_required, actor=actor_of(request))
    except UcdashError as error:
        form.refuse(error, "is_required")
        return False
    messages.success(
        request,
        "Saved. Files are served by signed URLs only"
        if is_required
        else "Saved. Files are served to everybody who has their address",
    )
    return True
