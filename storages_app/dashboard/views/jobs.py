"""Jobs: copies of many files, backup runs and restores."""

from django.http import HttpResponse

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.frame import show
from storages_app.dashboard.job_lists import page_of_jobs
from storages_app.models import Project


@project_page()
def listing(request: PageRequest, project: Project) -> HttpResponse:
    page = page_of_jobs(
        project, before=request.GET.get("before", ""), after=request.GET.get("after", "")
    )
    return show(request, "dashboard/jobs.html", project, {"page": page}, section="jobs")
