"""The way in: home, the list of projects, a new project, and the colours of the pages."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from storages_app.dashboard import reports
from storages_app.dashboard.access import PageRequest
from storages_app.dashboard.forms.projects import NewProjectForm
from storages_app.dashboard.frame import projects_of
from storages_app.lib.errors import UcdashError
from storages_app.models import User
from storages_app.projects import accounts, browsers, services


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("dashboard:projects")


@require_safe
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    user = cast("PageRequest", request).user
    return render(request, "dashboard/projects.html", {"rows": reports.projects(projects_of(user))})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new(request: HttpRequest) -> HttpResponse:
    form = NewProjectForm(request.POST or None)
    if form.is_valid():
        owner = cast("PageRequest", request).user
        try:
            project = services.create_project(name=form.cleaned_data["name"], owner=owner)
        except UcdashError as error:
            form.refuse(error, "name")
        else:
            ready = f"Project “{project.name}” is ready. Its public key is below."
            messages.success(request, f"{ready} Make a secret key for REST calls.")
            return redirect("dashboard:keys", project.slug)
    return render(request, "dashboard/project_new.html", {"form": form})


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
