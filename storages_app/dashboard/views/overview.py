"""What a project looks like at this moment."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpResponse
from django.shortcuts import redirect

from storages_app.backups import services as backups
from storages_app.dashboard import new_keys, reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.frame import show
from storages_app.models import BackupPlan, Project
from storages_app.projects import first_steps
from storages_app.projects.roles import Action

log = logging.getLogger(__name__)

T = TypeVar("T")
_N_EVENTS = 10


@dataclass(frozen=True)
class Card(Generic[T]):
    """A part of the page that is read by itself; one that fails leaves the others as they are."""

    value: T | None
    is_read: bool = True

    @classmethod
    def of(cls, read: Callable[[], T]) -> "Card[T]":
        try:
            return cls(read())
        except DatabaseError:
            log.exception("A card of the overview could not be read")
            return cls(None, is_read=False)


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    new_key = new_keys.told_now(request, project)
    context = {
        "new_key": new_key,
        "steps": Card.of(lambda: reports.first_steps(project, is_key_told_now=bool(new_key))),
        "figures": Card.of(lambda: reports.figures(project)),
        "storages": Card.of(lambda: reports.standing(project)),
        "backup": Card.of(lambda: _backup(project)),
        "events": Card.of(lambda: reports.last_events(project, _N_EVENTS)),
    }
    return show(request, "dashboard/overview.html", project, context, section="overview")


def _backup(project: Project) -> tuple[BackupPlan, backups.Verdict] | None:
    plan = BackupPlan.objects.filter(project=project).select_related("custom_storage").first()
    return (plan, backups.verdict(plan)) if plan else None


@project_page(change=Action.MANAGE_PROJECT, only_post=True)
def steps(request: PageRequest, project: Project) -> HttpResponse:
    """Hide the first steps, or with `do=show` bring them back."""
    if request.POST.get("do") == "show":
        first_steps.show(project=project, actor=actor_of(request))
    else:
        first_steps.hide(project=project, actor=actor_of(request))
        messages.info(request, "The first steps are hidden. The button below brings them back.")
    return redirect("dashboard:overview", project.slug)
