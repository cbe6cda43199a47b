"""Jobs: copies of many files, backup runs and restores."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.frame import show
from storages_app.dashboard.job_lists import page_of_jobs, version_of_jobs
from storages_app.dashboard.polling import poll_answer
from storages_app.models import Project


@project_page()
def listing(request: PageRequest, project: Project) -> HttpResponse:
    """The page, or for htmx the list alone, asked for while a job of it is under way."""
    page = page_of_jobs(
        project, before=request.GET.get("before", ""), after=request.GET.get("after", "")
    )
    context: dict[str, Any] = {
        "page": page,
        "is_busy": any(not job.is_over for job in page.rows),
        "version": version_of_jobs(page.rows),
    }
    if not request.htmx:
        return show(request, "dashboard/jobs.html", project, context, section="jobs")
    return poll_answer(
        request,
        version=context["version"],
        is_over=not context["is_busy"],
        render=lambda status: render(
            request, "dashboard/_jobs.html", context | {"project": project}, status=status
        ),
    )
