"""What happened in a project."""

from django.http import HttpResponse, StreamingHttpResponse

from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.activity_lines import as_csv, line_of
from storages_app.dashboard.forms.activity import ActivityForm
from storages_app.dashboard.frame import show
from storages_app.dashboard.pages import page_of, read_number
from storages_app.models import Event, Project

PAGE_SIZE = 100


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    form = ActivityForm(request.GET)
    events = page_of(
        form.choose(Event.objects.filter(project=project)),
        mark="pk",
        before=read_number(request.GET.get("before", "")),
        after=read_number(request.GET.get("after", "")),
        size=PAGE_SIZE,
    )
    context = {
        "form": form,
        "page": events,
        "lines": [line_of(event) for event in events.rows],
    }
    return show(request, "dashboard/activity.html", project, context, section="activity")


@project_page()
def csv(request: PageRequest, project: Project) -> StreamingHttpResponse:
    """What the filters of the page leave, all of it."""
    events = ActivityForm(request.GET).choose(Event.objects.filter(project=project))
    answer = StreamingHttpResponse(as_csv(events), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="activity-{project.slug}.csv"'
    return answer
