"""The way in: home, the list of projects, a new project, and the colours of the pages."""

import logging
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from storages_app.dashboard import new_keys, project_lists
from storages_app.dashboard.access import PageRequest, actor_of, confirm_first
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.projects import NewProjectForm
from storages_app.dashboard.frame import projects_of
from storages_app.lib.errors import UcdashError
from storages_app.models import User
from storages_app.oversight import health
from storages_app.projects import accounts, browsers, lifecycle, services, sessions

log = logging.getLogger(__name__)

_MOST_SHOWN = 100  # an operator sees those of everybody
_LONGEST_NAME = 100


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("dashboard:projects")


@require_safe
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    user = cast("PageRequest", request).user
    asked = request.GET.get("q", "").strip()[:_LONGEST_NAME].replace("\0", "")
    found = projects_of(user).filter(name__icontains=asked)
    try:
        rows = project_lists.rows_of(found[: _MOST_SHOWN + 1])
        context = {
            "rows": rows[:_MOST_SHOWN],
            "has_more": len(rows) > _MOST_SHOWN,
            "asked": asked,
            "removed": list(project_lists.removed_projects(user)),
        }
    except DatabaseError:
        if health.is_being_migrated():
            raise
        log.exception("The projects of a person could not be read")
        return render(request, "dashboard/projects.html", {"are_unread": True}, status=500)
    return render(request, "dashboard/projects.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new(request: HttpRequest) -> HttpResponseBase:
    """A new project with its first key, which is shown: so for whom a key would be made, too."""
    page_request = cast("PageRequest", request)
    if not sessions.is_confirmed(request):
        return confirm_first(page_request, back=request.get_full_path())
    form = NewProjectForm(request.POST or None)
    if form.is_valid():
        try:
            project, key = services.create_project_with_key(
                name=form.cleaned_data["name"], owner=page_request.user
            )
        except UcdashError as error:
            form.refuse(error, "name")
        else:
            new_keys.tell_later(page_request, key)
            messages.success(request, f"Project “{project.name}” is ready. Its keys are below")
            return redirect("dashboard:overview", project.slug)
    return render(request, "dashboard/project_new.html", {"form": form})


@require_POST
@login_required
def bring_back(request: HttpRequest, slug: str) -> HttpResponse:
    """Undo the removal of a project, for whom its row in the list is shown."""
    page_request = cast("PageRequest", request)
    project = get_object_or_404(project_lists.removed_projects(page_request.user), slug=slug)
    try:
        lifecycle.bring_back(project=project, actor=actor_of(page_request))
    except UcdashError as error:
        messages.error(request, message_of(error))
        return redirect("dashboard:projects")
    messages.success(request, f"“{project.name}” is back, with all it had.")
    return redirect("dashboard:overview", project.slug)


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen colours: in the account of who is signed in, and in this browser."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    chosen = request.POST.get("theme", "")
    theme = chosen if chosen in User.Theme.values else User.Theme.SYSTEM
    if request.user.is_authenticated:
        accounts.choose_theme(user=cast("PageRequest", request).user, theme=theme)
    browsers.keep_theme(response, theme)
    return response
