"""The list of custom storages, and the pages of each."""

import uuid
from typing import Any

from django.conf import settings as installation
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from storages_app.custom_storages import grants, services
from storages_app.custom_storages.auto_copy_rules import Rule
from storages_app.custom_storages.errors import NotConnected
from storages_app.custom_storages.granting import wanted_for
from storages_app.dashboard import auto_copy_reports, granting, reports, storage_reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page, storage_of
from storages_app.dashboard.forms.base import DashboardForm, message_of, word_for
from storages_app.dashboard.forms.storages import (
    DisconnectForm,
    StorageSettingsForm,
)
from storages_app.dashboard.frame import show
from storages_app.dashboard.pages import page_of, read_number
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.reasons import explain
from storages_app.dashboard.storage_states import state_of
from storages_app.dashboard.views import patterns, storage_tests
from storages_app.lib.errors import UcdashError
from storages_app.models import (
    AccessChange,
    BackupPlan,
    ConnectionTest,
    CopyJob,
    CustomStorage,
    File,
    Project,
)
from storages_app.objectstores.providers import provider
from storages_app.projects.roles import Action

_N_COPIES_ON_A_PAGE = 50


@project_page()
def listing(request: PageRequest, project: Project) -> HttpResponse:
    context = {"rows": reports.storages(project)}
    return show(request, "dashboard/storages.html", project, context, section="storages")


@project_page()
def state(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """How the storage stands, alone; asked for while a test of it is under way."""
    now = state_of(storage_of(project, storage_id))
    context = {"project": project, "now": now}
    return poll_answer(
        request,
        version=now.version,
        is_over=now.asked_at is None,
        render=lambda status: render(
            request, "dashboard/_storage_state.html", context, status=status
        ),
    )


def show_storage(
    request: PageRequest,
    project: Project,
    storage: CustomStorage,
    tab: str,
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    """One tab of the storage, inside what all of them have in common."""
    common = {
        "storage": storage,
        "now": state_of(storage),
        "tab": tab,
        "provider": provider(storage.provider),
    }
    template = f"dashboard/storage_{tab}.html"
    return show(request, template, project, common | (context or {}), section="storages")


@project_page()
def health(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    last = storage_reports.newest_test(storage)
    # Who reads about a storage that works, with limits that may be wanted, does not mend it.
    watches = last is None or last.state != ConnectionTest.State.LIMITED
    context = {
        "history": storage_reports.history(storage),
        "sums": reports.storage_sums(storage),
        "rule": Rule.of(storage),
        "rule_types": auto_copy_reports.types_in_words(Rule.of(storage)),
        "tried": AccessChange.objects.filter(custom_storage=storage, state="tried").first(),
    }
    context |= storage_tests.panel(request, project, storage, test=last, watches=watches)
    return show_storage(request, project, storage, "health", context)


@project_page()
def copies(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """The files in it, and those on their way, by the ledger."""
    storage = storage_of(project, storage_id)
    page = page_of(
        CopyJob.objects.filter(custom_storage=storage).select_related("file", "custom_storage"),
        mark="pk",
        before=read_number(request.GET.get("before", "")),
        after=read_number(request.GET.get("after", "")),
        size=_N_COPIES_ON_A_PAGE,
    )
    context = {
        "page": page,
        "copies": [(job, explain(job)) for job in page.rows],
        "sums": reports.storage_sums(storage),
    }
    return show_storage(request, project, storage, "copies", context)


@project_page(see=Action.MANAGE_STORAGES, change=Action.MANAGE_STORAGES, step_up=True)
def settings(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    if request.method != "POST":
        form = StorageSettingsForm(storage=storage)
        return _show_settings(request, project, storage, form)
    if request.POST.get("do") == "nonce":
        services.proof_nonce(custom_storage=storage)
    if request.POST.get("do") in {"preview", "nonce"}:
        form = StorageSettingsForm.retyped(request.POST, storage=storage)
        return _show_settings(request, project, storage, form)
    form = StorageSettingsForm(request.POST, storage=storage)
    if form.is_valid():
        response = _change(request, project, storage_id, form)
        if response:
            return response
    return _show_settings(request, project, storage, form)


def _show_settings(
    request: PageRequest, project: Project, storage: CustomStorage, form: StorageSettingsForm
) -> HttpResponse:
    changes = AccessChange.objects.filter(custom_storage=storage)
    context = {
        "form": form,
        "pattern": patterns.editor(
            storage, pattern=request.POST.get("key_pattern"), prefix=request.POST.get("prefix")
        ),
        "principal_arn": installation.AWS_PRINCIPAL_ARN,
        "nonce": services.valid_nonce(storage),
        "change": storage_reports.told_of(changes.first()),
    }
    return show_storage(request, project, storage, "settings", context)


def _change(
    request: PageRequest, project: Project, storage_id: uuid.UUID, form: StorageSettingsForm
) -> HttpResponse | None:
    # A row of its own: a refused change must not show up in the page around the form.
    storage = storage_of(project, storage_id)
    actor = actor_of(request)
    try:
        test = services.change(
            custom_storage=storage, actor=actor, secret=form.secret, **form.storage_fields
        )
    except UcdashError as error:
        form.refuse(error, "name" if error.code == "storage_name_taken" else None)
        return None
    if test is None:
        messages.success(request, "Saved.")
        return redirect("dashboard:storage_settings", project.slug, storage.pk)
    messages.info(
        request, "The new settings are tested. The old ones stay in use until they have passed."
    )
    return redirect("dashboard:storage_test", project.slug, storage.pk, test.pk)


@project_page()
def rights(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    wanted = wanted_for(storage)
    context = {
        "grant": granting.shown(wanted),
        "smaller": granting.shown(wanted.smaller),
        "removable": grants.removable_rights(
            storage.uses,
            storage.public_mode,
            proves_ownership=storage.identity == CustomStorage.Identity.PRINCIPAL,
        ),
        "uses": _labels_of(storage),
        "advice": grants.advice(storage.public_mode),
    }
    return show_storage(request, project, storage, "rights", context)


def _labels_of(storage: CustomStorage) -> list[str]:
    chosen = {*(storage.uses or grants.DEFAULT_USES), *grants.ALWAYS}
    return [word_for(use) for use in grants.ALL_USES if use.slug in chosen]


@project_page()
def use(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    newest = File.objects.live().filter(project=project).order_by("-uploaded_at").first()
    context = {
        "api_url": installation.API_URL,
        "sample_uuid": newest.pk if newest else "FILE_UUID",
    }
    return show_storage(request, project, storage_of(project, storage_id), "use", context)


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def pause(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    try:
        services.pause(custom_storage=storage, actor=actor_of(request))
    except NotConnected as error:
        messages.error(request, message_of(error))
    else:
        messages.success(request, f"“{storage.name}” is paused. Copies wait. Nothing is lost.")
    return redirect("dashboard:storage", project.slug, storage.pk)


@project_page(change=Action.MANAGE_STORAGES, only_post=True)
def resume(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    services.resume(custom_storage=storage, actor=actor_of(request))
    messages.success(request, f"“{storage.name}” goes on with its copies.")
    return redirect("dashboard:storage", project.slug, storage.pk)


@project_page(see=Action.MANAGE_STORAGES, change=Action.MANAGE_STORAGES, step_up=True)
def disconnect(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    storage = storage_of(project, storage_id)
    data = request.POST if request.method == "POST" else None
    form = DisconnectForm(data, storage=storage)
    if form.is_valid() and _disconnected(request, storage, form):
        done = (
            f"The draft “{storage.name}” is deleted."
            if storage.is_draft
            else f"“{storage.name}” is disconnected. Its files stay in the bucket."
        )
        messages.success(request, done)
        return redirect("dashboard:storages", project.slug)
    jobs = CopyJob.objects.filter(custom_storage=storage)
    context = {
        "form": form,
        "n_waiting": jobs.waiting().count(),
        "n_done": jobs.filter(state="done").count(),
        "n_running": jobs.running().count(),
        "is_backup": BackupPlan.objects.filter(custom_storage=storage, is_on=True).exists(),
    }
    return show_storage(request, project, storage, "disconnect", context)


def _disconnected(request: PageRequest, storage: CustomStorage, form: DashboardForm) -> bool:
    try:
        services.disconnect(custom_storage=storage, actor=actor_of(request))
    except UcdashError as error:
        form.refuse(error)
        return False
    return True
