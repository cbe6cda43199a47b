"""Copies of many files, ordered together: counted first, then started, watched and ended."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.copy_jobs import CopyJob
from storages_app.models.custom_storages import CustomStorage
from storages_app.models.files import File
from storages_app.models.projects import Project


class BulkJobQuerySet(models.QuerySet["BulkJob"]):
    def open(self) -> "BulkJobQuerySet":
        """Not ended: a worker counts or copies, or a person has to say whether to start."""
        return self.filter(finished_at=None)


class BulkJob(models.Model):
    """Many copies into one storage."""

    class What(models.TextChoices):
        ALL = "all", "All files"
        FILTER = "filter", "The files of a filter"
        SELECTION = "selection", "Selected files"

    class State(models.TextChoices):
        COUNTING = "counting", "Counting"
        COUNTED = "counted", "Waiting for you"  # a dry run has ended; nothing is copied yet
        COPYING = "copying", "Running"
        DONE = "done", "Done"
        GAPS = "gaps", "Done with gaps"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    project = models.ForeignKey(Project, models.PROTECT, related_name="bulk_jobs")
    custom_storage = models.ForeignKey(CustomStorage, models.PROTECT, related_name="bulk_jobs")
    asked_by = models.CharField(max_length=200)
    what = models.CharField(max_length=10, choices=What.choices)
    filter = models.JSONField(
        default=dict, blank=True, help_text="As in the address of the list of files."
    )
    effects = models.TextField(blank=True, help_text="Canonical image operations, or empty.")
    pattern = models.CharField(max_length=512, blank=True, help_text="Empty: the storage's own.")
    is_public = models.BooleanField(null=True, blank=True, help_text="Empty: the storage's mode.")
    on_clash = models.CharField(
        max_length=10,
        choices=CustomStorage.OnClash.choices,
        blank=True,
        help_text="Empty: the storage's own rule.",
    )
    is_dry_run = models.BooleanField(default=True, help_text="Count, then wait for a person.")

    state = models.CharField(max_length=10, choices=State.choices, default=State.COUNTING)
    reason = models.CharField(max_length=200, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    counted_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cursor = models.CharField(max_length=64, blank=True, help_text="How far the count has come.")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)

    n_files = models.PositiveBigIntegerField(default=0)
    n_bytes = models.PositiveBigIntegerField(default=0)
    n_to_copy = models.PositiveBigIntegerField(default=0)
    n_bytes_to_copy = models.PositiveBigIntegerField(default=0)
    n_already = models.PositiveBigIntegerField(default=0, help_text="There and the same.")
    n_clashes = models.PositiveBigIntegerField(default=0, help_text="Names of other files.")
    n_too_large = models.PositiveBigIntegerField(default=0)

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["project", "-id"], name="bulk_job_newest_of_project"),
            models.Index(
                fields=["lease_until"],
                name="bulk_job_open",
                condition=Q(finished_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"Copy to {self.custom_storage}"

    @property
    def is_over(self) -> bool:
        return self.finished_at is not None


class BulkItem(models.Model):
    """One file of a bulk job, with what is to become of it and the copy that does it."""

    class Plan(models.TextChoices):
        COPY = "copy"
        ALREADY = "already"
        CLASH = "clash"
        TOO_LARGE = "too_large"

    bulk_job = models.ForeignKey(BulkJob, models.CASCADE, related_name="items")
    file = models.ForeignKey(File, models.PROTECT, related_name="+")
    copy_job = models.ForeignKey(
        CopyJob, models.PROTECT, null=True, blank=True, related_name="bulk_items"
    )
    key = models.CharField(max_length=1024, blank=True)
    plan = models.CharField(max_length=10, choices=Plan.choices, blank=True)
    is_ordered = models.BooleanField(default=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["bulk_job", "file"], name="bulk_item_once"),
        ]
        indexes = [
            models.Index(fields=["bulk_job", "is_ordered", "plan"], name="bulk_item_next"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} in bulk job {self.bulk_job_id}"
