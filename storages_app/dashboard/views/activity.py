"""What happened in a project."""

from django.http import HttpResponse

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.frame import show
from storages_app.dashboard.pages import page_of, read_number
from storages_app.models import Event, Project

PAGE_SIZE = 100


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    events = page_of(
        Event.objects.filter(project=project),
        mark="pk",
        before=read_number(request.GET.get("before", "")),
        after=read_number(request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    return show(request, "dashboard/activity.html", project, {"page": events}, section="activity")
