"""What the five steps of the wizard share: their order, who may see them, and the page around."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, cast

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse

from storages_app.dashboard.access import PageRequest, PageView, project_page, storage_of
from storages_app.dashboard.frame import show
from storages_app.models import CustomStorage, Project
from storages_app.objectstores.providers import provider
from storages_app.projects.roles import Action


@dataclass(frozen=True)
class Step:
    """One step; `url_name` without its namespace."""

    number: int
    slug: str
    title: str

    @property
    def url_name(self) -> str:
        return f"setup_{self.slug}"


WHERE = Step(1, "where", "Where")
USES = Step(2, "uses", "What for")
ACCESS = Step(3, "access", "Access")
BUCKET = Step(4, "bucket", "Bucket policy / ACL checklist")
TEST = Step(5, "test", "Test and finish")
STEPS = (WHERE, USES, ACCESS, BUCKET, TEST)


@dataclass(frozen=True)
class StepLink:
    """A step as the row of steps shows it; no address where it was not reached yet."""

    step: Step
    url: str
    is_current: bool


def setup_page(step: Step, *, only_post: bool = False) -> Callable[[PageView], PageView]:
    """Give the view its draft, once the step was reached; a connected storage has its own page."""

    def decorate(view: PageView) -> PageView:
        @wraps(view)
        def guarded(
            request: PageRequest, project: Project, storage_id: uuid.UUID, **kwargs: Any
        ) -> HttpResponseBase:
            storage = storage_of(project, storage_id)
            if not storage.is_draft:
                return redirect("dashboard:storage", project.slug, storage.pk)
            if storage.setup_step < step.number:
                return to_step(furthest_step(storage), storage)
            return view(request, project, storage, **kwargs)

        manage = Action.MANAGE_STORAGES
        asks_for_secrets = step is ACCESS
        return project_page(
            see=manage, change=manage, only_post=only_post, step_up=asks_for_secrets
        )(cast("PageView", guarded))

    return decorate


def furthest_step(storage: CustomStorage) -> Step:
    return STEPS[min(storage.setup_step, len(STEPS)) - 1]


def url_of(step: Step, storage: CustomStorage, anchor: str = "step") -> str:
    """The step's heading takes the focus, with scripts or without: the anchor leads to it."""
    address = reverse(f"dashboard:{step.url_name}", args=[storage.project.slug, storage.pk])
    return f"{address}#{anchor}" if anchor else address


def to_step(step: Step, storage: CustomStorage, anchor: str = "step") -> HttpResponseRedirect:
    return HttpResponseRedirect(url_of(step, storage, anchor))


def show_step(
    request: PageRequest,
    project: Project,
    step: Step,
    storage: CustomStorage | None,
    context: dict[str, Any],
) -> HttpResponse:
    common = {
        "step": step,
        "n_steps": len(STEPS),
        "steps": [_link(each, step, storage) for each in STEPS],
        "storage": storage,
        "provider": provider(storage.provider) if storage else None,
        "service": service_name(storage.provider) if storage else "",
        "back": url_of(STEPS[step.number - 2], storage) if storage and step.number > 1 else "",
    }
    template = f"dashboard/setup_{step.slug}.html"
    return show(request, template, project, common | context, section="storages")


def service_name(slug: str) -> str:
    """The service in a sentence."""
    return "your service" if slug == "other" else provider(slug).name


def _link(each: Step, current: Step, storage: CustomStorage | None) -> StepLink:
    is_reached = storage is not None and each.number <= storage.setup_step
    url = url_of(each, storage) if storage and is_reached else ""
    return StepLink(each, url, is_current=each == current)
