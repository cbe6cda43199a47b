"""The ledger of copies; an operator reads it and runs failed copies again."""

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, actor_of, asked_once, counted, dashboard_link
from storages_app.admin.lists import ProjectFilter
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
    list_filter = ("state", "reason", "lane", "is_backup", ProjectFilter)
    # Of its own table alone: a search through the names of a million files takes seconds.
    search_fields = ("key", "file__uuid__startswith", "request_id")
    search_help_text = "Key, the beginning of the file's UUID, or the request id of the bucket"
    date_hierarchy = "created_at"
    list_select_related = ("file", "project", "custom_storage")
    actions = ("run_again", "cancel")

    @admin.display(description="File")
    def file_name(self, job: CopyJob) -> str:
        return job.file.original_filename

    @admin.display(description="Dashboard")
    def open_page(self, job: CopyJob) -> SafeString:
        return dashboard_link("copy", job.project.slug, job.pk)

    @asked_once(
        "Run failed copies again",
        hint="Those that failed or could not be verified wait anew; others are left alone.",
    )
    def run_again(self, request: HttpRequest, jobs: CopyJobQuerySet) -> None:
        failed = jobs.filter(state__in=[State.FAILED, State.UNVERIFIED])
        n_again = services.retry(jobs=failed, actor=actor_of(request))
        self.message_user(request, f"{counted(n_again, 'job')} to run again.", messages.SUCCESS)

    @asked_once(
        "Cancel copies that wait",
        hint="Copies that are under way finish, and those that have ended stay as they are.",
    )
    def cancel(self, request: HttpRequest, jobs: CopyJobQuerySet) -> None:
        n_cancelled = services.cancel(jobs=jobs, actor=actor_of(request))
        self.message_user(request, f"{counted(n_cancelled, 'job')} cancelled.", messages.SUCCESS)
