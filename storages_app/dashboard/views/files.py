"""The list of files, one file, and what people do with them."""

import logging
import uuid
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from storages_app.copying import services as copying
from storages_app.dashboard import file_facts, file_lists, reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.files import (
    PAGE_SIZE,
    CopyForm,
    MetadataForm,
    SelectionForm,
)
from storages_app.dashboard.frame import Frame, show
from storages_app.dashboard.pages import read_moment, status_of_list
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.views.playground import address as playground_address
from storages_app.lib.errors import UcdashError
from storages_app.library import services as library
from storages_app.library.filters import FileFilter
from storages_app.models import CopyJob, File, Project
from storages_app.models.files import FileQuerySet
from storages_app.projects.roles import Action
from storages_app.reconciliation import by_hand
from storages_app.uploads import metadata as values

log = logging.getLogger(__name__)

_STORED = "files_just_stored"
_LONGEST_SHOWN = 2_000  # of operations in an address, of which web servers take 4,094 characters


@project_page()
def listing(request: PageRequest, project: Project) -> HttpResponse:
    filters = FileFilter(request.GET, project=project)
    context = {
        "filters": filters,
        "more_filters": [filters.form[name] for name in filters.seldom],
        "is_grid": request.GET.get("view") == "grid",
        "upload_url": settings.UPLOAD_URL,
    }
    try:
        context |= _found(request, project, filters)
    except DatabaseError:
        log.exception("The list of files of %s could not be read", project.slug)
        context["failure"] = request.request_id  # type: ignore[attr-defined]
    context |= _just_stored(request, project)
    status = status_of_list(request, has_failed="failure" in context)
    return show(request, "dashboard/files.html", project, context, section="files", status=status)


def _found(request: PageRequest, project: Project, filters: FileFilter) -> dict[str, Any]:
    found = file_lists.find(
        filters,
        before=read_moment(request.GET.get("before", "")),
        after=read_moment(request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    return {
        "page": found.page,
        "looked_at": found.looked_at,
        "rows": reports.with_copies(project, found.page.rows),
        "removals": library.removals_of(project),
    }


@project_page()
def download(request: PageRequest, project: Project) -> StreamingHttpResponse:
    """Everything that the filters find, as a table."""
    return _as_csv(project, FileFilter(request.GET, project=project).files)


def _as_csv(project: Project, files: FileQuerySet) -> StreamingHttpResponse:
    lines = file_lists.as_csv(files)
    answer = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{project.slug}-files.csv"'
    return answer


@project_page(change=Action.MANAGE_FILES, only_post=True)
def selection(request: PageRequest, project: Project) -> HttpResponseBase:
    """Do something with the ticked files; copying and deleting ask once more on a page.

    The address carries the filters of the list, to which it leads back.
    """
    form = SelectionForm(request.POST, project=project)
    if not form.is_valid():
        messages.error(request, form.all_errors)
        return redirect(_list_address(request, project))
    files, do = form.cleaned_data["file"], form.cleaned_data["do"]
    if do == SelectionForm.LIST:
        return _as_csv(project, File.objects.live().filter(pk__in=[file.pk for file in files]))
    if do == SelectionForm.STORE:
        return _store(request, project, files)
    if do == SelectionForm.COPY:
        chosen = urlencode({"file": [file.pk for file in files]}, doseq=True)
        return redirect(f"{reverse('dashboard:bulk_new', args=[project.slug])}?{chosen}")
    return _delete(request, project, files)


def _store(request: PageRequest, project: Project, files: list[File]) -> HttpResponse:
    try:
        storing = library.store_together(project=project, files=files, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
        return redirect(_back(request, project, files))
    n_files = storing.n_files
    if storing.may_be_undone:
        request.session[_STORED] = [project.slug, storing.at.isoformat(), n_files]
    elif n_files:
        messages.success(request, f"{n_files} {'file' if n_files == 1 else 'files'} stored")
    else:
        messages.info(request, "They are stored already, or are gone.")
    return redirect(_back(request, project, files))


def _just_stored(request: PageRequest, project: Project) -> dict[str, Any]:
    """What this person has stored a moment ago, told once with its Undo."""
    slug, at, n_files = request.session.pop(_STORED, ("", "", 0))
    return {"stored": {"at": at, "n_files": n_files}} if slug == project.slug else {}


def _order_copy(request: PageRequest, form: CopyForm, file: File) -> bool:
    storage = form.cleaned_data["custom_storage"]
    try:
        copying.order_copies(
            files=[file],
            custom_storage=storage,
            effects=form.cleaned_data["effects"],
            asked_by=actor_of(request),
            lane=CopyJob.Lane.BULK,
        )
    except UcdashError as error:
        form.refuse(error)
        return False
    messages.success(request, f"1 copy to {storage.name} ordered.")
    return True


def _delete(request: PageRequest, project: Project, files: list[File]) -> HttpResponse:
    if "confirmed" not in request.POST:
        context = {"files": files}
        return show(request, "dashboard/files_delete.html", project, context, section="files")
    removal = library.remove_later(project=project, files=files, actor=actor_of(request))
    if removal is None:
        messages.info(request, "They leave already, or are gone.")
    return redirect(_list_address(request, project))


@project_page(change=Action.MANAGE_FILES, only_post=True)
def undo(request: PageRequest, project: Project) -> HttpResponse:
    """Keep the files that were to leave at `due_at`, or forget that others were stored."""
    if "stored_at" in request.POST:
        return _undo_storing(request, project)
    due_at = read_moment(request.POST.get("due_at", ""))
    n_kept = (
        library.undo_removal(project=project, due_at=due_at, actor=actor_of(request))
        if due_at
        else 0
    )
    if n_kept:
        stay = "file stays" if n_kept == 1 else "files stay"
        messages.success(request, f"{n_kept} {stay}.")
    else:
        messages.error(request, "It was too late: they had left the project.")
    return redirect(_list_address(request, project))


def _undo_storing(request: PageRequest, project: Project) -> HttpResponse:
    stored_at = read_moment(request.POST["stored_at"])
    n_undone = (
        library.undo_storing(project=project, stored_at=stored_at, actor=actor_of(request))
        if stored_at
        else 0
    )
    if n_undone:
        are = "file is not stored any more" if n_undone == 1 else "files are not stored any more"
        messages.success(request, f"{n_undone} {are}.")
    else:
        late = "Too late: ten minutes are over, or copies and webhooks have begun."
        messages.error(request, late)
    return redirect(_list_address(request, project))


def _back(request: PageRequest, project: Project, files: list[File]) -> str:
    """To the file's page if the form was there, else to the list."""
    if request.POST.get("from") == "file" and len(files) == 1:
        return reverse("dashboard:file", args=[project.slug, files[0].pk])
    return _list_address(request, project)


def _list_address(request: PageRequest, project: Project) -> str:
    filters = f"?{request.GET.urlencode()}" if request.GET else ""
    return reverse("dashboard:files", args=[project.slug]) + filters


@project_page()
def page(request: PageRequest, project: Project, file_uuid: uuid.UUID) -> HttpResponse:
    file = _file(project, file_uuid)
    return _show_file(request, project, file, CopyForm(project=project))


@project_page(change=Action.MANAGE_FILES, only_post=True)
def copy(request: PageRequest, project: Project, file_uuid: uuid.UUID) -> HttpResponse:
    file = _file(project, file_uuid)
    form = CopyForm(request.POST, project=project)
    if form.is_valid() and _order_copy(request, form, file):
        return redirect("dashboard:file", project.slug, file.pk)
    if effects := request.POST.get("effects", "")[:_LONGEST_SHOWN]:
        messages.error(request, f"Nothing was copied. {form.all_errors}")
        return redirect(playground_address(project, file, effects))
    return _show_file(request, project, file, form)


def _file(project: Project, file_uuid: uuid.UUID) -> File:
    return get_object_or_404(File.objects.live(), project=project, pk=file_uuid)


@project_page()
def copies(request: PageRequest, project: Project, file_uuid: uuid.UUID) -> HttpResponse:
    """Where the file is, alone; asked for while copies of it wait or run."""
    file = _file(project, file_uuid)
    frame = Frame(request, project, "files")
    context = _copies_context(file) | {"project": project, "file": file, "frame": frame}
    return poll_answer(
        request,
        version=context["version"],
        is_over=not context["is_busy"],
        render=lambda status: render(request, "dashboard/_where.html", context, status=status),
    )


def _show_file(
    request: PageRequest,
    project: Project,
    file: File,
    form: CopyForm,
    *,
    metadata_form: MetadataForm | None = None,
    link: str = "",
) -> HttpResponse:
    context = _copies_context(file) | {
        "file": file,
        "form": form,
        "metadata_form": metadata_form or MetadataForm(),
        "link": link,
        "cdn_url": settings.CDN_URL,
        "odd_extension": file_facts.odd_extension(file),
        "groups": file_facts.groups_of(file),
        "deliveries": file_facts.deliveries_about(file),
        "removals": _removals_with(file),
    }
    context |= _just_stored(request, file.project)
    return show(request, "dashboard/file.html", project, context, section="files")


def _removals_with(file: File) -> list[library.Removal]:
    """The lot that the file leaves with, if it does."""
    if file.removal_due_at is None:
        return []
    return [lot for lot in library.removals_of(file.project) if lot.due_at == file.removal_due_at]


def _copies_context(file: File) -> dict[str, Any]:
    rows = file_facts.copy_rows(file)
    jobs = [row.job for row in rows]
    return {
        "copies": [row for row in rows if not row.job.effects],
        "processed": [row for row in rows if row.job.effects],
        "manifest": file_facts.newest_manifest(rows),
        "is_busy": any(not job.is_over for job in jobs),
        "version": reports.version_of(jobs),
    }


# --- Metadata ------------------------------------------------------------------------------------


@project_page(change=Action.MANAGE_FILES, only_post=True)
def metadata(request: PageRequest, project: Project, file_uuid: uuid.UUID) -> HttpResponse:
    """Set one value, or with `do=remove` forget it."""
    file = _file(project, file_uuid)
    form = MetadataForm(request.POST)
    if request.POST.get("do") == "remove":
        values.remove(file=file, key=request.POST.get("key", ""))
        messages.success(request, "The value is gone.")
        return redirect("dashboard:file", project.slug, file.pk)
    if form.is_valid() and _put_value(request, form, file):
        return redirect("dashboard:file", project.slug, file.pk)
    return _show_file(request, project, file, CopyForm(project=project), metadata_form=form)


def _put_value(request: PageRequest, form: MetadataForm, file: File) -> bool:
    try:
        is_new = values.put(
            file=file, key=form.cleaned_data["key"], value=form.cleaned_data["value"]
        )
    except UcdashError as error:
        form.refuse(error)
        return False
    messages.success(request, "Value added." if is_new else "Value changed.")
    return True


# --- One copy of the file ------------------------------------------------------------------------


def _job(project: Project, file_uuid: uuid.UUID, pk: int) -> CopyJob:
    jobs = CopyJob.objects.select_related("file", "custom_storage", "project")
    return get_object_or_404(jobs, project=project, file=file_uuid, pk=pk, file__removed_at=None)


@project_page(change=Action.MANAGE_FILES, only_post=True)
def link(request: PageRequest, project: Project, file_uuid: uuid.UUID, pk: int) -> HttpResponse:
    """The page of the file with a link in it, which is kept nowhere."""
    job = _job(project, file_uuid, pk)
    try:
        found = by_hand.link(copy_job=job)
    except UcdashError as error:
        messages.error(request, message_of(error))
        return redirect("dashboard:file", project.slug, file_uuid)
    return _show_file(request, project, job.file, CopyForm(project=project), link=found)


@project_page(change=Action.MANAGE_FILES, only_post=True)
def verify(request: PageRequest, project: Project, file_uuid: uuid.UUID, pk: int) -> HttpResponse:
    job = _job(project, file_uuid, pk)
    name = job.custom_storage.name
    try:
        found = by_hand.verify(copy_job=job, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        if found == by_hand.Found.WRONG:
            messages.error(request, f"The copy in {name} is not what was copied. Look below.")
        elif found == by_hand.Found.OTHER_METADATA:
            messages.info(request, f"{name} has the same bytes, with other metadata.")
        else:
            messages.success(request, f"{name} has the same bytes.")
    return redirect("dashboard:file", project.slug, file_uuid)


@project_page(see=Action.MANAGE_FILES, change=Action.MANAGE_FILES)
def remove_copy(
    request: PageRequest, project: Project, file_uuid: uuid.UUID, pk: int
) -> HttpResponse:
    """Asks on a page of its own."""
    job = _job(project, file_uuid, pk)
    if request.method != "POST":
        context = {"job": job, "file": job.file}
        return show(request, "dashboard/file_copy_remove.html", project, context, section="files")
    try:
        by_hand.remove(copy_job=job, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        messages.success(request, f"Removed from {job.custom_storage.name}.")
    return redirect("dashboard:file", project.slug, file_uuid)
