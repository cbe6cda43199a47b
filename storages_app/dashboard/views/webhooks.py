"""Who is told what happens, and what became of each telling."""

import json
import uuid
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from storages_app.dashboard import reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.webhooks import NewWebhookForm, WebhookForm
from storages_app.dashboard.frame import show
from storages_app.dashboard.pages import page_of, read_moment
from storages_app.dashboard.polling import poll_answer
from storages_app.lib.errors import UcdashError
from storages_app.models import Project, Webhook, WebhookDelivery
from storages_app.models.webhooks import FAILED_STATES
from storages_app.projects.roles import Action
from storages_app.webhooks import services

State = WebhookDelivery.State
_PAGE_SIZE = 50

# Addresses may hold a token, and bodies tell of every file: only who may change them sees them.
managers_page = project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT)
secrets_page = project_page(see=Action.MANAGE_PROJECT, change=Action.MANAGE_PROJECT, step_up=True)
managers_post = project_page(change=Action.MANAGE_PROJECT, only_post=True)


@project_page()
def listing(request: PageRequest, project: Project) -> HttpResponse:
    newest = WebhookDelivery.objects.filter(webhook=OuterRef("pk"))
    newest = newest.order_by("-created_at", "-pk")
    webhooks = Webhook.objects.kept().filter(project=project)
    webhooks = webhooks.annotate(
        last_state=Subquery(newest.values("state")[:1]),
        last_at=Subquery(newest.values("created_at")[:1]),
    )
    rows = [
        (webhook, _host(webhook), _word(webhook.last_state))
        for webhook in cast("Iterable[Any]", webhooks)
    ]
    context = {"rows": rows, "are_possible": bool(settings.WEBHOOKS_OF_A_PROJECT)}
    return show(request, "dashboard/webhooks.html", project, context, section="webhooks")


@secrets_page
def new(request: PageRequest, project: Project) -> HttpResponse:
    form = NewWebhookForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            n_made = _create(request, project, form.cleaned_data)
        except UcdashError as error:
            form.refuse_field(error)
        else:
            what = "The webhook listens" if n_made == 1 else f"{n_made} webhooks listen"
            messages.success(request, f"{what} from now on.")
            return redirect("dashboard:webhooks", project.slug)
    return show(request, "dashboard/webhook_new.html", project, {"form": form}, section="webhooks")


@transaction.atomic
def _create(request: PageRequest, project: Project, values: dict[str, Any]) -> int:
    """All of them, or none."""
    for event in values["events"]:
        services.create(
            project=project,
            event=event,
            target_url=values["target_url"],
            signing_secret=values["signing_secret"],
            actor=actor_of(request),
        )
    return len(values["events"])


@secrets_page
def page(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """Its settings and its deliveries; a POST changes the settings."""
    webhook = _webhook_of(project, pk)
    form = WebhookForm(request.POST if request.method == "POST" else None, webhook=webhook)
    if form.is_bound and form.is_valid():
        values = {name: form.cleaned_data[name] for name in ("target_url", "is_active")}
        try:
            services.change(
                webhook=webhook,
                values=values,
                signing_secret=form.secret,
                actor=actor_of(request),
            )
        except UcdashError as error:
            form.refuse_field(error)
        else:
            messages.success(request, "Saved.")
            return redirect("dashboard:webhook", project.slug, pk)
    failed = webhook.deliveries.filter(state__in=FAILED_STATES, is_test=False)
    context = {"form": form, "n_failed": failed.count()} | _deliveries_context(request, webhook)
    return show(request, "dashboard/webhook.html", project, context, section="webhooks")


@managers_page
def deliveries(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """The list alone, asked for while some of it waits or runs."""
    context = _deliveries_context(request, _webhook_of(project, pk)) | {"project": project}
    return poll_answer(
        request,
        version=context["version"],
        is_over=not context["is_busy"],
        render=lambda status: render(request, "dashboard/_deliveries.html", context, status=status),
    )


def _deliveries_context(request: PageRequest, webhook: Webhook) -> dict[str, Any]:
    listed = page_of(
        webhook.deliveries.defer("body", "response", "log"),
        mark="created_at",
        before=read_moment(request.GET.get("before", "")),
        after=read_moment(request.GET.get("after", "")),
        size=_PAGE_SIZE,
    )
    return {
        "webhook": webhook,
        "host": _host(webhook),
        "page": listed,
        "deliveries": [(row, _word(row.state)) for row in listed.rows],
        "is_busy": any(not row.is_over for row in listed.rows),
        "version": reports.version_of_deliveries(listed.rows),
    }


@secrets_page
def delete(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    webhook = _webhook_of(project, pk)
    if request.method != "POST":
        context = {"webhook": webhook, "host": _host(webhook)}
        return show(request, "dashboard/webhook_delete.html", project, context, section="webhooks")
    services.remove(webhook=webhook, actor=actor_of(request))
    messages.success(request, f"Nothing of {webhook.event} is sent to {_host(webhook)} any more.")
    return redirect("dashboard:webhooks", project.slug)


@managers_post
def send_test(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    webhook = _webhook_of(project, pk)
    try:
        delivery = services.send_test(webhook=webhook, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
        return redirect("dashboard:webhook", project.slug, pk)
    return redirect("dashboard:webhook_delivery", project.slug, pk, delivery.pk)


@managers_post
def send_failed_again(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    try:
        n_again = services.send_failed_again(
            webhook=_webhook_of(project, pk), actor=actor_of(request)
        )
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        what = "1 delivery is" if n_again == 1 else f"{n_again} deliveries are"
        messages.success(request, f"{what} sent again.")
    return redirect("dashboard:webhook", project.slug, pk)


@managers_page
def delivery(
    request: PageRequest, project: Project, pk: int, delivery_id: uuid.UUID
) -> HttpResponse:
    """What was sent and what came back; a POST sends it again."""
    context = _delivery_context(project, pk, delivery_id)
    if request.method == "POST":
        try:
            services.send_again(delivery=context["delivery"], actor=actor_of(request))
        except UcdashError as error:
            messages.error(request, message_of(error))
        return redirect("dashboard:webhook_delivery", project.slug, pk, delivery_id)
    return show(request, "dashboard/webhook_delivery.html", project, context, section="webhooks")


@managers_page
def delivery_status(
    request: PageRequest, project: Project, pk: int, delivery_id: uuid.UUID
) -> HttpResponse:
    """The delivery alone, asked for while it waits or runs."""
    context = _delivery_context(project, pk, delivery_id) | {"project": project}
    return poll_answer(
        request,
        version=context["version"],
        is_over=context["delivery"].is_over,
        render=lambda status: render(request, "dashboard/_delivery.html", context, status=status),
    )


def _delivery_context(project: Project, pk: int, delivery_id: uuid.UUID) -> dict[str, Any]:
    webhook = _webhook_of(project, pk)
    row = get_object_or_404(webhook.deliveries.select_related("webhook"), pk=delivery_id)
    return {
        "webhook": webhook,
        "host": _host(webhook),
        "delivery": row,
        "word": _word(row.state),
        "attempts": [attempt | {"at": read_moment(attempt.get("at", ""))} for attempt in row.log],
        "body": json.dumps(json.loads(row.body), indent=2, ensure_ascii=False),
        "version": reports.version_of_deliveries([row]),
    }


def _webhook_of(project: Project, pk: int) -> Webhook:
    return get_object_or_404(Webhook.objects.kept(), project=project, pk=pk)


def _host(webhook: Webhook) -> str:
    return urlsplit(webhook.target_url).hostname or ""


def _word(state: str | None) -> str:
    return State(state).label if state else ""
