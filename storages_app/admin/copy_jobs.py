"""The ledger of copies; an operator reads it and runs failed copies again."""

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, actor_of, counted, dashboard_link
from storages_app.copying import services
from storages_app.models import CopyJob
from storages_app.models.copy_jobs import CopyJobQuerySet, State


@admin.register(CopyJob)
class CopyJobAdmin(ReadOnlyAdmin):
    list_display = (
        "pk",
        "open_page",
        "file_name",
        "project",
        "custom_storage",
        "state",
        "reason",
        "lane",
        "attempts",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", "reason", "lane", "is_backup", "project")
    search_fields = (
        "key",
        "file__original_filename",
        "file__uuid__startswith",
        "custom_storage__name",
        "request_id",
    )
    date_hierarchy = "created_at"
    list_select_related = ("file", "project", "custom_storage")
    actions = ("run_again",)

    @admin.display(description="File")
    def file_name(self, job: CopyJob) -> str:
        return job.file.original_filename

    @admin.display(description="Dashboard")
    def open_page(self, job: CopyJob) -> SafeString:
        return dashboard_link("copy", job.project.slug, job.pk)

    @admin.action(description="Run failed copies again", permissions=["operate"])
    def run_again(self, request: HttpRequest, jobs: CopyJobQuerySet) -> None:
        actor = actor_of(request)
        failed = CopyJob.objects.filter(pk__in=list(jobs.values_list("pk", flat=True))).filter(
            state__in=[State.FAILED, State.UNVERIFIED]
        )
        n_again = services.retry(jobs=failed, actor=actor)
        self.message_user(request, f"{counted(n_again, 'job')} to run again.", messages.SUCCESS)
