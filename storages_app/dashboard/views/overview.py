"""What a project looks like at this moment."""

from django.http import HttpResponse

from storages_app.backups import services as backups
from storages_app.dashboard import reports
from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.frame import show
from storages_app.models import BackupPlan, Project


@project_page()
def page(request: PageRequest, project: Project) -> HttpResponse:
    steps = reports.get_started(project)
    plan = BackupPlan.objects.filter(project=project).select_related("custom_storage").first()
    context = {
        "steps": steps,
        "n_steps_done": sum(step.is_done for step in steps),
        "is_started": all(step.is_done for step in steps),
        "figures": reports.figures(project),
        "storages": reports.storages(project),
        "plan": plan,
        "verdict": backups.verdict(plan) if plan else None,
        "events": reports.last_events(project, 10),
    }
    return show(request, "dashboard/overview.html", project, context, section="overview")
