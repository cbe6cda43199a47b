"""Who may see and change a page: one decorator in front of every page of a project."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from storages_app.custom_storages.errors import StorageGone
from storages_app.models import CustomStorage, Membership, Project, User
from storages_app.projects import sessions
from storages_app.projects.roles import Action, may, role_of

SAFE_METHODS = ("GET", "HEAD")


class PageRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: User
    htmx: HtmxDetails


class RoleTooLow(PermissionDenied):
    """A member asked for more than the role allows; the page says which role and whom to ask."""

    def __init__(self, *, role: str, owner: str) -> None:
        super().__init__("role too low")
        self.role = role
        self.owner = owner


PageView = Callable[..., HttpResponseBase]


def project_page(
    *,
    see: Action = Action.VIEW,
    change: Action | None = None,
    only_post: bool = False,
    step_up: bool = False,
) -> Callable[[PageView], PageView]:
    """Give the view its project: to whom may `see` it, and by POST to whom may `change` it.

    Another project's member gets 404, as if there were nothing. A page that names no `change`
    takes no POST at all. One with `step_up` is for people who signed in a short while ago, or
    confirm now who they are; a page that all members may read asks for that when it is sent.
    """

    def decorate(view: PageView) -> PageView:
        @never_cache
        @login_required
        @wraps(view)
        def guarded(request: HttpRequest, slug: str, **kwargs: Any) -> HttpResponseBase:
            page_request = cast("PageRequest", request)
            project = _project_for(page_request.user, slug)
            is_safe = request.method in SAFE_METHODS
            if (is_safe and only_post) or request.method not in (*SAFE_METHODS, "POST"):
                return HttpResponseNotAllowed(["POST"] if only_post else ["GET", "HEAD"])
            if not is_safe and change is None:
                return HttpResponseNotAllowed(SAFE_METHODS)
            needed = change if change and not is_safe else see
            if not may(page_request.user, project, needed):
                raise _role_too_low(page_request.user, project)
            is_open = is_safe and see == Action.VIEW
            if step_up and not is_open and not sessions.is_confirmed(page_request):
                back = page_request.get_full_path()
                if only_post:
                    overview = reverse("dashboard:overview", args=[project.slug])
                    back = sent_from(page_request, otherwise=overview)
                return confirm_first(page_request, back=back)
            try:
                return view(page_request, project, **kwargs)
            except StorageGone as error:  # disconnected by somebody else meanwhile
                raise Http404 from error

        return cast("PageView", guarded)

    return decorate


def confirm_first(request: PageRequest, *, back: str) -> HttpResponseBase:
    """To the page that asks for the password or passkey, and from there back to the form.

    What was sent is not kept by us, since it may hold a secret; the browser keeps what is none
    (`kept.js`).
    """
    address = f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}"
    if request.htmx:
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address)


def sent_from(request: HttpRequest, *, otherwise: str) -> str:
    """The page with the button, where the button's own address shows nothing."""
    page = urlsplit(request.headers.get("Referer", ""))
    if page.netloc == request.get_host():
        return urlunsplit(("", "", page.path, page.query, ""))
    return otherwise


def _project_for(user: User, slug: str) -> Project:
    project = Project.objects.live().filter(slug=slug).first()
    if project is None or not may(user, project, Action.VIEW):
        raise Http404
    return project


def _role_too_low(user: User, project: Project) -> RoleTooLow:
    owner = (
        Membership.objects.filter(project=project, role=Membership.Role.OWNER)
        .select_related("user")
        .order_by("pk")
        .first()
    )
    return RoleTooLow(
        role=role_of(user, project) or "not a member",
        owner=owner.user.email if owner else "the operator",
    )


def actor_of(request: PageRequest) -> str:
    """Who is written into events and orders, whose columns are shorter than an address may be."""
    return request.user.email[:200]


def storage_of(project: Project, storage_id: uuid.UUID) -> CustomStorage:
    """The project's storage, or 404; one that was disconnected has no page."""
    return get_object_or_404(CustomStorage.objects.live(), project=project, pk=storage_id)
