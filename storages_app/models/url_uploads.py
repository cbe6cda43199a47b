"""Files that are fetched from an address: the queue of these fetches, and what became of them."""

import uuid
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.fields import SealedField, seal, unseal
from storages_app.models.files import File
from storages_app.models.projects import Project


class UrlUpload(models.Model):
    """One address to fetch. The wire knows it by its token."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    token = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="url_uploads")
    # Never the origin: a worker that knows no seal would fetch the front page, and this it refuses.
    source_url = models.TextField(help_text="//host, or whole where an older version ordered it.")
    sealed_url = SealedField(
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Until it has ended; it may hold a password or a signature.",
    )
    url_hash = models.CharField(max_length=64, help_text="SHA-256 of the address.")
    is_remembered = models.BooleanField(
        default=False, help_text="check_URL_duplicates finds its file by the address."
    )
    original_filename = models.CharField(max_length=255, blank=True, help_text="As asked for.")
    store = models.CharField(max_length=10, blank=True, help_text="As asked for: 0, 1, auto.")
    metadata = models.JSONField(default=dict, blank=True)
    is_signed = models.BooleanField(
        null=True, editable=False, help_text="Whether the request bore a valid signature."
    )

    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    error_code = models.CharField(max_length=60, blank=True, help_text="Of the Upload API.")
    error = models.CharField(max_length=300, blank=True)
    file = models.ForeignKey(
        File, models.PROTECT, null=True, blank=True, related_name="url_uploads"
    )
    n_bytes_done = models.PositiveBigIntegerField(default=0)
    n_bytes_total = models.PositiveBigIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    run_after = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting", run_after__isnull=False)
                | (~Q(state="waiting") & Q(run_after=None)),
                name="url_upload_waits_until",
            ),
            models.CheckConstraint(
                condition=Q(state="running", lease_until__isnull=False)
                | (~Q(state="running") & Q(lease_until=None)),
                name="url_upload_leased_while_running",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(file__isnull=False), name="url_upload_done_has_file"
            ),
        ]
        indexes = [
            models.Index(
                fields=["run_after"], name="url_upload_due", condition=Q(run_after__isnull=False)
            ),
            models.Index(
                fields=["lease_until"],
                name="url_upload_leased",
                condition=Q(lease_until__isnull=False),
            ),
            models.Index(
                fields=["project", "url_hash"],
                name="url_upload_remembered",
                condition=Q(is_remembered=True, file__isnull=False),
            ),
            models.Index(fields=["finished_at"], name="url_upload_finished"),
        ]

    def __str__(self) -> str:
        return str(self.token)

    def seal_url(self, url: str) -> None:
        seal(self, "sealed_url", url)

    def unseal_url(self) -> str:
        return unseal(self, "sealed_url") if self.sealed_url else self.source_url

    @property
    def host(self) -> str:
        """All that is shown of the address."""
        try:
            return urlsplit(self.source_url).hostname or ""
        except ValueError:
            return ""
