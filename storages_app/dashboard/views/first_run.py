"""The first page of whoever runs the instance: a checklist that ticks itself."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from storages_app.dashboard.access import PageRequest
from storages_app.dashboard.polling import poll_answer
from storages_app.models import Project
from storages_app.oversight import instance

OperatorView = Callable[[PageRequest], HttpResponse]


def operator_page(view: OperatorView) -> Callable[[HttpRequest], HttpResponse]:
    """For operators; to everybody else there is nothing."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        page_request = cast("PageRequest", request)
        if not page_request.user.is_staff:
            raise Http404
        return view(page_request)

    return guarded


@require_safe
@operator_page
def page(request: PageRequest) -> HttpResponse:
    return render(request, "dashboard/first_run.html", _context())


@require_safe
@operator_page
def lines(request: PageRequest) -> HttpResponse:
    """The checklist alone; it is asked for as long as the page is open, as lines may turn red."""
    context = _context() | {"is_part": True}
    return poll_answer(
        request,
        version=context["version"],
        is_over=False,
        render=lambda status: render(request, "dashboard/_first_run.html", context, status=status),
    )


@require_POST
@operator_page
def mail(request: PageRequest) -> HttpResponse:
    """Send a test mail to whoever asks."""
    line = instance.send_test_mail(to=request.user.email, actor=f"{request.user} (operator)")
    if line.is_red:
        messages.error(request, f"{line.says} {line.do}")
    else:
        messages.success(request, f"A test mail to {request.user.email} was taken.")
    return redirect("dashboard:first_run")


def _context() -> dict[str, Any]:
    found = instance.check()
    # Seconds go on counting: a line is new when its state is, or what to do.
    told = "\n".join(f"{line.name} {line.state} {line.do}" for line in found)
    has_projects = Project.objects.live().exists()
    return {
        "lines": found,
        "n_red": sum(line.is_red for line in found),
        "is_ready": instance.is_ready(found),
        "has_projects": has_projects,
        "version": hashlib.sha256(f"{told} {has_projects}".encode()).hexdigest()[:16],
    }
