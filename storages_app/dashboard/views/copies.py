"""The ledger of copies: a list with filters, and one job with its evidence."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from storages_app.copying import services
from storages_app.dashboard import reports
from storages_app.dashboard.access import PageRequest, actor_of, project_page
from storages_app.dashboard.copy_texts import spoken, trouble_of
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.forms.copies import CopyFilterForm
from storages_app.dashboard.frame import show
from storages_app.dashboard.pages import page_of, read_number
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.reasons import explain
from storages_app.lib.errors import UcdashError
from storages_app.models import CopyJob, Project
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.projects.roles import Action

PAGE_SIZE = 50


@project_page()
def listing(request: PageRequest, project: Project) -> HttpResponse:
    return show(
        request, "dashboard/copies.html", project, _list_context(request, project), section="jobs"
    )


@project_page()
def rows(request: PageRequest, project: Project) -> HttpResponse:
    """The table alone, asked for while copies of it wait or run."""
    context = _list_context(request, project) | {"project": project}
    return poll_answer(
        request,
        version=context["version"],
        is_over=not context["is_busy"],
        render=lambda status: render(request, "dashboard/_copies.html", context, status=status),
    )


def _list_context(request: PageRequest, project: Project) -> dict[str, Any]:
    filters = CopyFilterForm(request.GET or {"state": "", "storage": ""}, project=project)
    page = page_of(
        filters.apply(CopyJob.objects.filter(project=project)).select_related(
            "file", "custom_storage"
        ),
        mark="pk",
        before=read_number(request.GET.get("before", "")),
        after=read_number(request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    return {
        "filters": filters,
        "page": page,
        "jobs": [(job, explain(job)) for job in page.rows],
        "n_failed": filters.of_storage(_failed(project)).count(),
        "is_busy": any(not job.is_over for job in page.rows),
        "version": reports.version_of(page.rows),
    }


def _failed(project: Project) -> CopyJobQuerySet:
    return CopyJob.objects.filter(project=project, state=State.FAILED)


@project_page(change=Action.MANAGE_FILES, only_post=True)
def retry_failed(request: PageRequest, project: Project) -> HttpResponse:
    filters = CopyFilterForm(request.POST, project=project)
    _retry(request, filters.of_storage(_failed(project)))
    return redirect("dashboard:copies", project.slug)


def _retry(request: PageRequest, jobs: CopyJobQuerySet) -> None:
    try:
        n_retried = services.retry(jobs=jobs, actor=actor_of(request))
    except UcdashError as error:
        messages.error(request, message_of(error))
        return
    what = "1 copy runs" if n_retried == 1 else f"{n_retried} copies run"
    messages.success(request, f"{what} again.")


@project_page()
def page(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    context = _job_context(project, pk)
    return show(request, "dashboard/copy.html", project, context, section="jobs")


@project_page()
def status(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """The job's facts alone, asked for while it waits or runs; the last answer tells the end."""
    context = _job_context(project, pk) | {"project": project, "is_part": True}
    job = context["job"]
    return poll_answer(
        request,
        version=context["version"],
        is_over=job.is_over,
        render=lambda status: render(request, "dashboard/_copy.html", context, status=status),
    )


def _job_context(project: Project, pk: int) -> dict[str, Any]:
    jobs = CopyJob.objects.select_related("file", "custom_storage")
    job = get_object_or_404(jobs, project=project, pk=pk)
    trouble = trouble_of(job)
    return {
        "job": job,
        "trouble": trouble,
        "spoken": spoken(job, trouble),
        "version": reports.version_of([job]),
    }


@project_page(change=Action.MANAGE_FILES, only_post=True)
def retry(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    get_object_or_404(CopyJob, project=project, pk=pk)
    _retry(request, CopyJob.objects.filter(project=project, pk=pk))
    return redirect("dashboard:copy", project.slug, pk)


@project_page(change=Action.MANAGE_FILES, only_post=True)
def cancel(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    get_object_or_404(CopyJob, project=project, pk=pk)
    try:
        n_cancelled = services.cancel(
            jobs=CopyJob.objects.filter(project=project, pk=pk), actor=actor_of(request)
        )
    except UcdashError as error:
        messages.error(request, message_of(error))
    else:
        done = "Cancelled." if n_cancelled else "It had ended or was running already."
        messages.info(request, done)
    return redirect("dashboard:copy", project.slug, pk)
