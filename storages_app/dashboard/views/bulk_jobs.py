"""Copies of many files: asking for one, its page while it counts and copies, its end."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from storages_app.bulk_copies import figures, lists, services
from storages_app.dashboard import job_texts
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.bulk_jobs import BulkCopyForm, What
from storages_app.dashboard.frame import Frame, show
from storages_app.dashboard.once import only_once
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.reasons import explanations, why_waits
from storages_app.lib.errors import UcdashError
from storages_app.library.filters import FileFilter
from storages_app.models import BulkJob, Project
from storages_app.projects.roles import Action

_COUNTED_UP_TO = 10_000


@project_page(see=Action.MANAGE_FILES, change=Action.MANAGE_FILES)
def new(request: PageRequest, project: Project) -> HttpResponse:
    """`?file=…`, the filters of the list of files, or nothing; `storage` chooses the storage."""
    asked = request.POST if request.method == "POST" else request.GET
    offers = _offers(project, asked)
    if request.method == "POST":
        form = BulkCopyForm(request.POST, project=project, offers=offers)
        if form.is_valid():
            try:
                job = _ordered(request, project, form)
            except UcdashError as error:
                form.refuse(error, form.field_of(error))
            else:
                if job is None:
                    return redirect("dashboard:jobs", project.slug)
                return redirect("dashboard:bulk_job", project.slug, job.pk)
    else:
        initial = _initial(project, request.GET, offers)
        form = BulkCopyForm(project=project, offers=offers, initial=initial)
    context = {"form": form, "has_storages": form.has_storages, "offers": offers}
    return show(request, "dashboard/bulk_new.html", project, context, section="jobs")


def _ordered(request: PageRequest, project: Project, form: BulkCopyForm) -> BulkJob | None:
    order = partial(services.request, project=project, asked_by=actor_of(request), **form.order())
    return only_once(request, project, form.cleaned_data["once"], order, what="that job")


def _offers(project: Project, asked: QueryDict) -> list[tuple[str, str]]:
    """The choices of files, with their number, the nearest to what led here first."""
    offers = []
    n_chosen = len(set(asked.getlist("file")))
    if n_chosen:
        offers.append((What.SELECTION.value, f"The chosen files: {n_chosen:,}"))
    filter_by = FileFilter(asked, project=project).texts
    if filter_by:
        told = job_texts.filter_words(filter_by)
        n_found = _n_files(project, filter_by)
        offers.append((What.FILTER.value, f"Files of the filter {told}: {n_found}"))
    offers.append((What.ALL.value, f"All files: {_n_files(project, {})}"))
    return offers


def _n_files(project: Project, filter_by: dict[str, str]) -> str:
    found = services.number_of_files(project, filter_by, up_to=_COUNTED_UP_TO)
    return f"{found.at_least:,}{' or more' if found.is_cut else ''}"


def _initial(project: Project, asked: QueryDict, offers: list[tuple[str, str]]) -> dict[str, Any]:
    offered = [value for value, _ in offers]
    what = asked.get("what") if asked.get("what") in offered else offered[0]
    filter_by = FileFilter(asked, project=project).texts
    if what == What.SELECTION:
        known = services.Number(len(set(asked.getlist("file"))))
    else:
        wanted = filter_by if what == What.FILTER else {}
        known = services.number_of_files(project, wanted, up_to=services.COUNT_FIRST_OVER + 1)
    return filter_by | {
        "what": what,
        "custom_storage": asked.get("storage", ""),
        "file": asked.getlist("file"),
        "is_dry_run": known.is_over(services.COUNT_FIRST_OVER),
    }


# --- One job -----------------------------------------------------------------------------------


@project_page()
def page(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    context = _context(project, pk)
    return show(request, "dashboard/bulk_job.html", project, context, section="jobs")


@project_page()
def status(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """The job alone, asked for while a worker counts or copies."""
    context = _context(project, pk)
    context |= {
        "project": project,
        "frame": Frame(request, project, "jobs"),
        "is_new_word": request.GET.get("said") != context["said"],
        "is_part": True,
    }
    return poll_answer(
        request,
        version=context["version"],
        is_over=not context["is_busy"],
        render=lambda status: render(request, "dashboard/_bulk_job.html", context, status=status),
    )


def _context(project: Project, pk: int) -> dict[str, Any]:
    job = _job(project, pk)
    is_busy = not job.is_over and job.state != BulkJob.State.COUNTED
    progress = figures.progress(job)
    context: dict[str, Any] = {
        "job": job,
        "is_busy": is_busy,
        "progress": progress,
        "progress_text": job_texts.progress_text(progress),
        "spoken": job_texts.spoken(job),
        "filter_words": job_texts.filter_words(job.filter),
        "tab_title": job_texts.tab_title(job),
        "gaps": [(gap, explanations().get(gap.reason)) for gap in figures.gaps_of(job)],
        "may_retry": bool(figures.reasons_to_retry(job)),
    }
    if job.word == "Needs attention":
        context["why_waits"] = why_waits(job.custom_storage)
    if job.is_over:
        context["end_text"] = job_texts.end_text(job)
    if job.state == BulkJob.State.COUNTED:
        context["count_text"] = job_texts.count_text(job)
        context["clash_text"] = job_texts.clash_text(job) if job.n_clashes else ""
    if job.word == "Waiting" and is_busy:
        context["n_before"] = figures.n_jobs_before(job)
    context["said"] = _digest(context["spoken"])
    context["version"] = _digest(
        context["spoken"],
        job.word,
        context["progress_text"],
        job.n_files,
        job.n_copied,
        job.n_found,
        job.gaps,
        context.get("n_before"),
        job.is_stopping,
    )
    return context


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _job(project: Project, pk: int) -> BulkJob:
    jobs = BulkJob.objects.select_related("custom_storage", "project")
    return get_object_or_404(jobs, project=project, pk=pk)


@project_page(change=Action.MANAGE_FILES, only_post=True)
def start(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    return _do(request, project, pk, services.start)


@project_page(change=Action.MANAGE_FILES, only_post=True)
def pause(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    return _do(request, project, pk, services.pause)


@project_page(change=Action.MANAGE_FILES, only_post=True)
def resume(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    return _do(request, project, pk, services.resume)


@project_page(see=Action.MANAGE_FILES, change=Action.MANAGE_FILES)
def cancel(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """Asks once more on a page of its own, except where nothing has been copied yet."""
    if request.method == "POST":
        return _do(request, project, pk, services.cancel)
    context = {"job": _job(project, pk)}
    return show(request, "dashboard/bulk_job_cancel.html", project, context, section="jobs")


@project_page(change=Action.MANAGE_FILES, only_post=True)
def retry(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """The files of one `reason`, or all that ended without a copy."""
    reason = request.POST.get("reason", "")
    return _do(
        request,
        project,
        pk,
        lambda bulk_job, actor: services.retry(bulk_job=bulk_job, actor=actor, reason=reason),
    )


def _do(
    request: PageRequest, project: Project, pk: int, order: Callable[..., object]
) -> HttpResponse:
    job = _job(project, pk)
    try:
        order(bulk_job=job, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
    return redirect("dashboard:bulk_job", project.slug, pk)


@project_page()
def csv(request: PageRequest, project: Project, pk: int) -> StreamingHttpResponse:
    """Every file of the job, or with `?only=gaps` those that ended without a copy."""
    job = _job(project, pk)
    answer = StreamingHttpResponse(
        lists.as_csv(job, only_gaps=request.GET.get("only") == "gaps"),
        content_type="text/csv; charset=utf-8",
    )
    answer["Content-Disposition"] = f'attachment; filename="copy-{job.pk}.csv"'
    return answer
