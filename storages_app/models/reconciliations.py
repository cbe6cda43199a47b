"""Ledger against bucket against upload storage: each comparison and what it found."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.copy_jobs import CopyJob
from storages_app.models.custom_storages import CustomStorage


class Reconciliation(models.Model):
    """One comparison of a storage: hourly and light, or weekly and full."""

    class Kind(models.TextChoices):
        LIGHT = "light", "Light"
        FULL = "full", "Full"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        CLEAN = "clean", "No difference"
        DIFFERENT = "different", "Differences found"
        FAILED = "failed", "Failed"

    custom_storage = models.ForeignKey(
        CustomStorage, models.PROTECT, related_name="reconciliations"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    asked_by = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)
    n_objects = models.PositiveBigIntegerField(default=0, help_text="Objects of the bucket seen.")
    n_copies = models.PositiveBigIntegerField(default=0, help_text="Proved copies looked for.")
    n_differences = models.PositiveBigIntegerField(default=0)
    n_mended = models.PositiveBigIntegerField(default=0, help_text="Ordered anew or adopted.")
    clock_offset_s = models.FloatField(
        null=True, blank=True, help_text="Seconds by which our clock is ahead of the bucket's."
    )
    counts = models.JSONField(
        default=dict, blank=True, help_text="Differences by kind; exact, however many are kept."
    )

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["custom_storage", "kind"],
                condition=Q(finished_at=None),
                name="reconciliation_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} reconciliation {self.pk} of {self.custom_storage}"

    @property
    def is_over(self) -> bool:
        return self.finished_at is not None


class Difference(models.Model):
    """One thing that ledger, bucket and upload storage do not agree about."""

    class Kind(models.TextChoices):
        MISSING = "missing", "Not in the bucket"
        SIZE = "size", "Another size"
        CONTENT = "content", "Other bytes"
        METADATA = "metadata", "Other metadata"
        EXTRA = "extra", "Unknown to the ledger"
        NOT_ORDERED = "not_ordered", "Never ordered"
        OPEN_UPLOAD = "open_upload", "Unowned multipart upload"
        ORIGINAL_MISSING = "original_missing", "Original not in the upload storage"

    class Resolution(models.TextChoices):
        REPORTED = "reported", "Reported"
        ORDERED = "ordered", "Ordered anew"
        ADOPTED = "adopted", "Taken into the ledger"
        ABORTED = "aborted", "Aborted"

    reconciliation = models.ForeignKey(Reconciliation, models.CASCADE, related_name="differences")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    key = models.CharField(max_length=1024)
    copy_job = models.ForeignKey(CopyJob, models.PROTECT, null=True, blank=True, related_name="+")
    expected = models.CharField(max_length=200, blank=True)
    found = models.CharField(max_length=200, blank=True)
    resolution = models.CharField(
        max_length=10, choices=Resolution.choices, default=Resolution.REPORTED
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["reconciliation", "kind"], name="difference_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.key}"
