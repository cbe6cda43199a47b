"""The wizard "Connect S3 bucket": five steps, each its own address, all kept in a draft."""

import secrets
import uuid
from typing import Any

from django.conf import settings as installation
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from storages_app.bulk_copies import services as bulk_copies
from storages_app.custom_storages import grants, services
from storages_app.custom_storages.connect import identities_offered, operator_identity
from storages_app.custom_storages.granting import wanted_for
from storages_app.dashboard import checklists
from storages_app.dashboard.access import PageRequest, actor_of, project_page, storage_of
from storages_app.dashboard.forms.base import DashboardForm, message_of
from storages_app.dashboard.forms.setup import (
    ACCESS_FORMS,
    COPY_STORED,
    OptionsForm,
    UsesForm,
    WhereForm,
)
from storages_app.dashboard.granting import shown
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.setup_frame import (
    ACCESS,
    BUCKET,
    TEST,
    USES,
    WHERE,
    furthest_step,
    setup_page,
    show_step,
    to_step,
)
from storages_app.dashboard.views import storage_tests
from storages_app.dashboard.views.setup_grants import grant_context
from storages_app.lib.errors import UcdashError
from storages_app.models import BulkJob, ConnectionTest, CustomStorage, Project, Tally
from storages_app.objectstores.providers import provider
from storages_app.projects.roles import Action

Identity, Kind = CustomStorage.Identity, ConnectionTest.Kind


# --- Step 1, Where -----------------------------------------------------------------------------


@project_page(see=Action.MANAGE_STORAGES, change=Action.MANAGE_STORAGES, step_up=True)
def new(request: PageRequest, project: Project) -> HttpResponse:
    """Step 1 of a new draft, which is there once its place is known."""
    return _where(request, project, None)


@setup_page(WHERE)
def where(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    return _where(request, project, storage)


def _where(request: PageRequest, project: Project, storage: CustomStorage | None) -> HttpResponse:
    do = request.POST.get("do", "")
    data = request.POST if request.method == "POST" else None
    form = WhereForm(data, project=project, storage=storage, is_partial=do in {"read", "use"})
    is_valid = form.is_valid()
    notes = form.reading.notes if form.reading else []
    if do == "use" and form.reading:
        form = WhereForm(project=project, storage=storage, initial=form.filled)
        return _show_where(request, project, storage, form, notes=notes, is_filled=True)
    if do or not is_valid:
        return _show_where(request, project, storage, form, notes=notes)
    if form.is_to_be_looked_at:
        form = WhereForm(project=project, storage=storage, initial=form.filled)
        return _show_where(request, project, storage, form, notes=notes, is_filled=True)
    kept = _keep_where(request, project, storage, form)
    return to_step(USES, kept) if kept else _show_where(request, project, storage, form)


def _show_where(
    request: PageRequest,
    project: Project,
    storage: CustomStorage | None,
    form: WhereForm,
    **context: Any,
) -> HttpResponse:
    return show_step(request, project, WHERE, storage, {"form": form} | context)


def _keep_where(
    request: PageRequest, project: Project, storage: CustomStorage | None, form: WhereForm
) -> CustomStorage | None:
    values, actor = form.storage_fields, actor_of(request)
    try:
        if storage is None:
            storage = services.create_draft(project=project, actor=actor, **values)
        else:
            values |= _still_possible(storage, values["provider"])
            # A row of its own: a refused change must not show up in the page around the form.
            storage = storage_of(project, storage.pk)
            services.change(custom_storage=storage, actor=actor, **values)
    except UcdashError as error:
        form.refuse(error, "name" if error.code == "storage_name_taken" else None)
        return None
    services.reach_step(custom_storage=storage, step=USES.number)
    return storage


def _still_possible(storage: CustomStorage, slug: str) -> dict[str, Any]:
    """What another service does not have is chosen anew in the steps that ask for it."""
    chosen, values = provider(slug), {}
    if storage.identity not in identities_offered(slug):
        values["identity"] = Identity.ACCESS_KEY.value
    has_mode = {"private": True, "policy": chosen.has_bucket_policy, "acl": chosen.has_acl}
    if not has_mode[storage.public_mode]:
        values["public_mode"] = CustomStorage.PublicMode.PRIVATE.value
    if storage.storage_class not in {"", *chosen.storage_classes}:
        values["storage_class"] = ""
    return values


# --- Step 2, What for --------------------------------------------------------------------------


@setup_page(USES)
def uses(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    form = UsesForm(request.POST if request.method == "POST" else None, storage=storage)
    is_sent = request.POST.get("do") != "show" and form.is_valid()
    if is_sent and _keep_uses(request, project, storage, form):
        return to_step(ACCESS, storage)
    if request.POST.get("do") == "show":
        form.errors.clear()
    chosen = (*grants.ALWAYS, *form.chosen_uses)
    wanted = wanted_for(storage, uses=chosen, public_mode=form.chosen_mode)
    rights = grants.grant_for(wanted).rights
    context = {
        "form": form,
        "rights": [right for right in rights if not right.setup_only],
        "setup_rights": [right for right in rights if right.setup_only],
        "rights_text": grants.actions_text([right for right in rights if not right.setup_only]),
        "advice": grants.advice(form.chosen_mode),
    }
    return show_step(request, project, USES, storage, context)


def _keep_uses(
    request: PageRequest, project: Project, storage: CustomStorage, form: UsesForm
) -> bool:
    row = storage_of(project, storage.pk)
    try:
        services.change(custom_storage=row, actor=actor_of(request), **form.storage_fields)
    except UcdashError as error:
        form.refuse(error)
        return False
    services.reach_step(custom_storage=storage, step=ACCESS.number)
    return True


# --- Step 3, Access ----------------------------------------------------------------------------


@setup_page(ACCESS)
def access(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    actions = {"way": _choose_way, "nonce": _new_nonce, "check": _check_proof}
    action = actions.get(request.POST.get("do", ""))
    if action:
        return action(request, storage)
    form = ACCESS_FORMS[storage.identity](
        request.POST if request.method == "POST" else None, storage=storage
    )
    if form.is_valid() and _keep_access(request, project, storage, form):
        return to_step(BUCKET, storage)
    return show_step(request, project, ACCESS, storage, access_context(storage, form))


def access_context(storage: CustomStorage, form: DashboardForm | None = None) -> dict[str, Any]:
    return {
        "form": form or ACCESS_FORMS[storage.identity](storage=storage),
        "ways": identities_offered(storage.provider),
        "lacks_identity": storage.provider == "aws" and operator_identity() is None,
        "principal_arn": installation.AWS_PRINCIPAL_ARN,
        "proof": proof_of(storage),
        "hand_off": storage.hand_offs.order_by("-pk").first(),
        "now": timezone.now(),
        "once": secrets.token_hex(8),
    } | grant_context(storage)


def _choose_way(request: PageRequest, storage: CustomStorage) -> HttpResponse:
    identity = request.POST.get("identity", "")
    try:
        services.change(custom_storage=storage, actor=actor_of(request), identity=identity)
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        if identity == Identity.PRINCIPAL:
            services.proof_nonce(custom_storage=storage)
    return to_step(ACCESS, storage, "way")


def _new_nonce(request: PageRequest, storage: CustomStorage) -> HttpResponse:
    if storage.identity == Identity.PRINCIPAL:
        services.proof_nonce(custom_storage=storage)
    return to_step(ACCESS, storage, "proof")


def _check_proof(request: PageRequest, storage: CustomStorage) -> HttpResponse:
    """Look for the object with the nonce; the answer is in the part that asks for news."""
    try:
        services.request_test(
            custom_storage=storage,
            asked_by=actor_of(request),
            kind=Kind.CHECKLIST,
            again="proof",
        )
    except UcdashError as error:
        messages.error(request, message_of(error))
    if request.htmx:
        return _proof_part(request, storage)
    return to_step(ACCESS, storage, "proof")


def proof_of(storage: CustomStorage) -> checklists.Proof:
    return checklists.proof_of(storage)


@setup_page(ACCESS)
def proof(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    found = proof_of(storage)
    return poll_answer(
        request,
        version=found.version,
        is_over=not found.is_busy,
        render=lambda status: _proof_part(request, storage, status=status),
    )


def _proof_part(request: PageRequest, storage: CustomStorage, *, status: int = 200) -> HttpResponse:
    context = {"project": storage.project, "storage": storage, "proof": proof_of(storage)}
    return render(request, "dashboard/_setup_proof.html", context, status=status)


def _keep_access(request: PageRequest, project: Project, storage: CustomStorage, form: Any) -> bool:
    row = storage_of(project, storage.pk)
    try:
        services.change(custom_storage=row, actor=actor_of(request), **form.storage_fields)
    except UcdashError as error:
        form.refuse(error)
        return False
    services.reach_step(custom_storage=storage, step=BUCKET.number)
    return True


# --- Step 4, Bucket policy / ACL checklist -----------------------------------------------------


@setup_page(BUCKET)
def bucket(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    if request.method == "POST":
        services.reach_step(custom_storage=storage, step=TEST.number)
        return to_step(TEST, storage)
    report = checklists.report_of(storage)
    context = {
        "checklist": report,
        "advice": grants.advice(storage.public_mode),
        "lifecycle": grants.lifecycle_script(wanted_for(storage)),
        "permissions_url": wanted_for(storage).link("permissions"),
    }
    return show_step(request, project, BUCKET, storage, context | grant_context(storage))


@setup_page(BUCKET, only_post=True)
def read_bucket(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    """Have a worker read the bucket's settings."""
    try:
        services.request_test(
            custom_storage=storage, asked_by=actor_of(request), kind=Kind.CHECKLIST
        )
    except UcdashError as error:
        messages.error(request, message_of(error))
    if request.htmx:
        return _checklist_part(request, storage)
    return to_step(BUCKET, storage, "checklist")


@setup_page(BUCKET, only_post=True)
def tick(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    """A person says that a line is as it should be, where we may not read it."""
    line = request.POST.get("line", "")
    if line in {each.id for each in checklists.report_of(storage).lines}:
        services.tick(custom_storage=storage, line=line, on=request.POST.get("on") == "1")
    if request.htmx:
        return _checklist_part(request, storage)
    return to_step(BUCKET, storage, "checklist")


@setup_page(BUCKET)
def checklist(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    report = checklists.report_of(storage)
    return poll_answer(
        request,
        version=report.version,
        is_over=not report.is_busy,
        render=lambda status: _checklist_part(request, storage, status=status),
    )


def _checklist_part(
    request: PageRequest, storage: CustomStorage, *, status: int = 200
) -> HttpResponse:
    report = checklists.report_of(storage)
    context = {
        "project": storage.project,
        "storage": storage,
        "checklist": report,
        "is_update": True,
    }
    return render(request, "dashboard/_setup_checklist.html", context, status=status)


# --- Step 5, Test and finish -------------------------------------------------------------------


@setup_page(TEST)
def test(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    """The test, live, and how copies are made; connecting needs a test that has passed."""
    do = request.POST.get("do", "")
    if do == "test":
        return _start_test(request, storage)
    form = OptionsForm(request.POST if request.method == "POST" else None, storage=storage)
    if do in {"connect", "save"} and form.is_valid():
        response = _keep_options(request, project, storage, form)
        if response:
            return response
    context = {"form": form} | _test_context(request, project, storage, form)
    return show_step(request, project, TEST, storage, context)


test.__test__ = False  # type: ignore[attr-defined]  # not a test of ours, whatever pytest thinks


def _test_context(
    request: PageRequest, project: Project, storage: CustomStorage, form: OptionsForm
) -> dict[str, Any]:
    from storages_app.dashboard.views import patterns

    typed = str(form["key_pattern"].value() or "")
    return {
        **storage_tests.panel(request, project, storage),
        "finish": checklists.finish_of(storage),
        "readers": UsesForm(storage=storage).chosen_word,
        "pattern": patterns.editor(storage, pattern=typed),
    }


def _start_test(request: PageRequest, storage: CustomStorage) -> HttpResponse:
    try:
        services.request_test(custom_storage=storage, asked_by=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    return to_step(TEST, storage, "test")


def _keep_options(
    request: PageRequest, project: Project, storage: CustomStorage, form: OptionsForm
) -> HttpResponse | None:
    row, actor = storage_of(project, storage.pk), actor_of(request)
    before = row.access_changed_at
    try:
        services.change(custom_storage=row, actor=actor, **form.storage_fields)
        copies_stored = form.cleaned_data[COPY_STORED] and form.n_stored > 0
        services.tick(custom_storage=row, line=COPY_STORED, on=copies_stored)
        if request.POST["do"] == "save":
            messages.success(request, f"“{row.name}” is saved as a draft. Nothing is copied yet.")
            return redirect("dashboard:storages", project.slug)
        if row.access_changed_at != before:
            services.request_test(custom_storage=row, asked_by=actor)
            messages.info(
                request,
                "You changed how copies are written, so the test runs anew. Connect when it has "
                "passed.",
            )
            return to_step(TEST, row, "test")
        if services.connect(custom_storage=row, actor=actor) and copies_stored:
            _count_stored(request, row)
    except UcdashError as error:
        form.refuse(error)
        return None
    return redirect("dashboard:setup_done", project.slug, row.pk)


def _count_stored(request: PageRequest, storage: CustomStorage) -> None:
    """A dry run of the copies of what is stored already; somebody says yes or no to its count."""
    try:
        bulk_copies.request(
            project=storage.project,
            custom_storage=storage,
            asked_by=actor_of(request),
            what=BulkJob.What.FILTER,
            filter_by={"stored": "yes"},
            is_dry_run=True,
        )
    except UcdashError as error:
        messages.error(request, message_of(error))


@setup_page(TEST)
def finish(request: PageRequest, project: Project, storage: CustomStorage) -> HttpResponse:
    """The buttons at the end, asked for while the test runs: Connect comes when it has passed."""
    found = checklists.finish_of(storage)
    context = {"project": project, "storage": storage, "finish": found}
    return poll_answer(
        request,
        version=found.version,
        is_over=found.is_ready,
        render=lambda status: render(
            request, "dashboard/_setup_finish.html", context, status=status
        ),
    )


@project_page(see=Action.MANAGE_STORAGES)
def done(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """What to do next, and the rights that were for setting up only."""
    storage = storage_of(project, storage_id)
    if storage.is_draft:
        return to_step(furthest_step(storage), storage)
    by_principal = storage.identity == Identity.PRINCIPAL
    wanted = wanted_for(storage, with_setup=False)
    context = {
        "storage": storage,
        "removable": grants.removable_rights(
            storage.uses, storage.public_mode, proves_ownership=by_principal
        ),
        "grant": shown(wanted),
        "api_url": installation.API_URL,
        "n_stored": Tally.objects.of(project)["n_stored"],
        "counted": storage.bulk_jobs.order_by("-pk").first(),
    }
    return show_done(request, project, context)


def show_done(request: PageRequest, project: Project, context: dict[str, Any]) -> HttpResponse:
    from storages_app.dashboard.frame import show

    return show(request, "dashboard/setup_done.html", project, context, section="storages")


@project_page(see=Action.MANAGE_STORAGES)
def furthest(request: PageRequest, project: Project, storage_id: uuid.UUID) -> HttpResponse:
    """Where a draft goes on."""
    storage = storage_of(project, storage_id)
    if not storage.is_draft:
        return redirect("dashboard:storage", project.slug, storage.pk)
    return to_step(furthest_step(storage), storage)
