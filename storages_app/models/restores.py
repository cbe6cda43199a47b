"""The way back: files made again from what a backup left in a bucket."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.custom_storages import CustomStorage
from storages_app.models.projects import Project


class RestoreRun(models.Model):
    """Files of one manifest, read back from a bucket into a project; or a drill that only reads."""

    class What(models.TextChoices):
        ALL = "all", "Everything"
        FILTER = "filter", "The files of a filter"
        SELECTION = "selection", "Selected files"

    class OnTaken(models.TextChoices):
        SKIP = "skip", "Keep the file that is there"
        REPLACE = "replace", "Replace it"
        NEW_UUID = "new_uuid", "Restore under a new UUID"

    class State(models.TextChoices):
        READING = "reading", "Reading the manifest"
        COUNTED = "counted", "Waiting for you"  # the dry run has ended; nothing is written yet
        THAWING = "thawing", "Asking for the thaw"
        RESTORING = "restoring", "Running"
        DONE = "done", "Done"
        GAPS = "gaps", "Done with gaps"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    project = models.ForeignKey(Project, models.PROTECT, related_name="restore_runs")
    custom_storage = models.ForeignKey(CustomStorage, models.PROTECT, related_name="restore_runs")
    asked_by = models.CharField(max_length=200)
    manifest_key = models.CharField(max_length=1024)
    what = models.CharField(max_length=10, choices=What.choices, default=What.ALL)
    filter = models.JSONField(default=dict, blank=True, help_text="name, uuids, before, after.")
    on_taken = models.CharField(max_length=10, choices=OnTaken.choices, default=OnTaken.SKIP)
    is_drill = models.BooleanField(default=False, help_text="Read and compare, write nothing.")

    state = models.CharField(max_length=10, choices=State.choices, default=State.READING)
    reason = models.CharField(max_length=200, blank=True)
    ended_by = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    counted_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)

    manifest_head = models.JSONField(
        default=dict, blank=True, help_text="What the manifest says of itself."
    )
    has_read_all = models.BooleanField(default=False, help_text="Each file has its item.")
    stalls = models.PositiveIntegerField(
        default=0, help_text="Tries in a row in which the bucket let nothing through."
    )
    thaw_asked_at = models.DateTimeField(null=True, blank=True)
    plan_counts = models.JSONField(
        default=dict, blank=True, help_text="Plan of an item → how many, and their bytes."
    )

    n_files = models.PositiveBigIntegerField(default=0, help_text="Chosen of the manifest.")
    n_bytes = models.PositiveBigIntegerField(default=0)
    n_done = models.PositiveBigIntegerField(default=0, help_text="Restored; or read, by a drill.")
    n_bytes_done = models.PositiveBigIntegerField(default=0)
    n_skipped = models.PositiveBigIntegerField(default=0, help_text="Left as they are here.")
    n_failed = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["project", "-id"], name="restore_newest_of_project"),
            models.Index(
                fields=["lease_until"], name="restore_open", condition=Q(finished_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"Restore {self.pk} of {self.project}"

    @property
    def is_over(self) -> bool:
        return self.finished_at is not None


class RestoreItem(models.Model):
    """One file of a restore, as the manifest describes it."""

    class Plan(models.TextChoices):
        RESTORE = "restore", "To be restored"
        REVIVE = "revive", "Was removed here and comes back"
        HEAL = "heal", "Its bytes are lost or damaged here"
        SAME = "same", "There and the same"
        TAKEN = "taken", "Its UUID is taken by another file"
        MISSING = "missing", "Not in the bucket"
        ARCHIVED = "archived", "In an archive class"

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        SKIPPED = "skipped"
        FAILED = "failed"

    run = models.ForeignKey(RestoreRun, models.CASCADE, related_name="items")
    uuid = models.UUIDField(help_text="As in the manifest.")
    new_uuid = models.UUIDField(null=True, blank=True)
    key = models.CharField(max_length=1024)
    size = models.PositiveBigIntegerField()
    line = models.JSONField(help_text="What the manifest says of the file.")
    storage_class = models.CharField(max_length=40, blank=True, help_text="If it is an archive.")
    plan = models.CharField(max_length=10, choices=Plan.choices, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "uuid"], name="restore_item_once"),
        ]
        indexes = [
            models.Index(fields=["run", "state"], name="restore_item_state"),
            # Compared with a listing of the bucket, so in the order of keys.
            models.Index(fields=["run", "plan", "key"], name="restore_item_plan"),
        ]

    def __str__(self) -> str:
        return f"{self.uuid} in restore {self.run_id}"
