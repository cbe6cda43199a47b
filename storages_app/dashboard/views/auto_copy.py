"""The tab Auto-copy of a storage: its rule, what waits, and what was missed."""

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from storages_app.copying import services as copying
from storages_app.custom_storages import services
from storages_app.custom_storages.auto_copy_rules import Rule
from storages_app.custom_storages.errors import BadRule
from storages_app.dashboard import auto_copy_reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page, storage_of
from storages_app.dashboard.forms.auto_copy import AutoCopyForm
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.frame import Frame
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.views.storages import show_storage
from storages_app.lib.errors import UcdashError
from storages_app.models import CustomStorage, Project
from storages_app.projects.roles import Action


@project_page(change=Action.MANAGE_STORAGES)
def page(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    form = AutoCopyForm(request.POST if request.method == "POST" else None, storage=storage)
    if form.is_valid() and _is_saved(request, project, storage_id, form):
        return redirect("dashboard:storage_auto_copy", project.slug, storage.pk)
    context = {
        "form": form,
        "rule": Rule.of(storage),
        "rule_types": auto_copy_reports.types_in_words(Rule.of(storage)),
        "standing": auto_copy_reports.standing(storage),
        "gaps": auto_copy_reports.Gaps(storage),
    }
    return show_storage(request, project, storage, "auto_copy", context)


def _is_saved(
    request: PageRequest, project: Project, storage_id: uuid.UUID, form: AutoCopyForm
) -> bool:
    # A row of its own: a refused change must not show up in the page around the form.
    storage = storage_of(project, storage_id)
    was_on, on = storage.auto_copy, form.cleaned_data["on"]
    try:
        services.set_auto_copy(
            custom_storage=storage, on=on, actor=actor_of(request), rule=form.rule
        )
    except BadRule as error:
        form.refuse_rule(error)
        return False
    except UcdashError as error:
        form.refuse(error, "on")
        return False
    messages.success(request, _done(on) if on != was_on else "Saved. It holds for new files.")
    return True


def _done(on: bool) -> str:
    return "New files are copied here from now on." if on else "Auto-copy is off."


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def switch(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """On or off, with the rule as it is."""
    storage = storage_of(project, storage_id)
    on = request.POST.get("on") == "1"
    try:
        services.set_auto_copy(custom_storage=storage, on=on, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        messages.success(request, _done(on))
    return redirect("dashboard:storage_auto_copy", project.slug, storage.pk)


@project_page()
def standing(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """What waits, alone; asked for while something does."""
    storage = storage_of(project, storage_id)
    now = auto_copy_reports.standing(storage)
    context = {
        "project": project,
        "storage": storage,
        "standing": now,
        "frame": Frame(request, project, "storages"),
    }
    return poll_answer(
        request,
        version=now.version,
        is_over=not now.is_busy,
        render=lambda status: render(
            request, "dashboard/_auto_copy_standing.html", context, status=status
        ),
    )


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def missed(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """Order the copies that auto-copy has missed."""
    storage = storage_of(project, storage_id)
    try:
        n_files = copying.order_missed_copies(custom_storage=storage, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        messages.success(request, _ordered(n_files, storage))
    return redirect("dashboard:storage_auto_copy", project.slug, storage.pk)


def _ordered(n_files: int, storage: CustomStorage) -> str:
    if not n_files:
        return "Nothing was missed any more."
    files = "1 file is" if n_files == 1 else f"{n_files:,} files are"
    return f"{files} on the way to “{storage.name}”."
