"""Multipart uploads that were started: what each is to become, and its parts."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.projects import Project


class UploadSession(models.Model):
    """One multipart upload. Its UUID becomes the file's; the file's row comes with its bytes."""

    class State(models.TextChoices):
        OPEN = "open", "Parts may come"
        COMPLETING = "completing", "Being put together"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="upload_sessions")
    original_filename = models.CharField(max_length=255)
    mime_type = models.CharField(max_length=255, help_text="As the client declared it.")
    size = models.PositiveBigIntegerField(help_text="Bytes of the whole, as announced.")
    part_size = models.PositiveBigIntegerField(help_text="Bytes of each part but the last.")
    store = models.CharField(max_length=10, blank=True, help_text="As asked for: 0, 1, auto.")
    metadata = models.JSONField(default=dict, blank=True)
    is_signed = models.BooleanField(
        null=True, editable=False, help_text="Whether the request bore a valid signature."
    )
    upload_id = models.CharField(
        max_length=1024, blank=True, help_text="Of an upload storage that is an S3; else empty."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reason = models.CharField(max_length=100, blank=True, help_text="The code of the refusal.")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(
                fields=["expires_at"], name="upload_session_open", condition=Q(finished_at=None)
            ),
            models.Index(fields=["project", "-created_at"], name="upload_session_of_project"),
        ]

    def __str__(self) -> str:
        return f"{self.original_filename} ({self.uuid})"

    @property
    def n_parts(self) -> int:
        return -(-self.size // self.part_size)

    def size_of_part(self, number: int) -> int:
        """Bytes of a part, counted from 1."""
        return min(self.part_size, self.size - (number - 1) * self.part_size)


class UploadPart(models.Model):
    """A part that came, or is coming: the last who began to write it is its writer."""

    session = models.ForeignKey(UploadSession, models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField(help_text="From 1.")
    writer = models.UUIDField(help_text="Of the request that wrote it last.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Empty until all of it came.")
    received_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["session", "number"]
        constraints = [
            models.UniqueConstraint(fields=["session", "number"], name="upload_part_once"),
        ]

    def __str__(self) -> str:
        return f"Part {self.number} of {self.session_id}"
