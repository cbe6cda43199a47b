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

    def for_workers(self) -> "BulkJobQuerySet":
        """Open, and not waiting for a person."""
        return self.open().exclude(state=BulkJob.State.COUNTED)


class BulkJob(models.Model):
    """Many copies into one storage.

    The counts are sums over its items, kept up to date by whoever moves an item, so that a page
    about a million files reads one row.
    """

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
    pattern = models.CharField(max_length=512, help_text="Of the keys, fixed when ordered.")
    is_public = models.BooleanField(default=False, help_text="Send the ACL public-read.")
    on_clash = models.CharField(max_length=10, choices=CustomStorage.OnClash.choices)
    is_dry_run = models.BooleanField(default=True, help_text="Count, then wait for a person.")

    state = models.CharField(max_length=10, choices=State.choices, default=State.COUNTING)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it failed, in words.")
    paused_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(
        max_length=200, blank=True, help_text="Who cancelled it; copies under way still end."
    )
    created_at = models.DateTimeField(default=timezone.now)
    counted_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    cursor = models.CharField(max_length=64, blank=True, help_text="How far the count has come.")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)

    # What the count found.
    n_files = models.PositiveBigIntegerField(default=0)
    n_bytes = models.PositiveBigIntegerField(default=0)
    n_to_copy = models.PositiveBigIntegerField(default=0)
    n_bytes_to_copy = models.PositiveBigIntegerField(default=0, help_text="Clashes included.")
    n_already = models.PositiveBigIntegerField(default=0, help_text="There and the same.")
    n_clashes = models.PositiveBigIntegerField(default=0, help_text="Names of other files.")
    n_too_large = models.PositiveBigIntegerField(default=0)
    n_requests = models.PositiveBigIntegerField(default=0, help_text="To the bucket, estimated.")

    # What became of them.
    n_copied = models.PositiveBigIntegerField(default=0)
    n_found = models.PositiveBigIntegerField(
        default=0, help_text="The same bytes were in the bucket when their turn came."
    )
    n_failed = models.PositiveBigIntegerField(default=0)
    n_skipped = models.PositiveBigIntegerField(default=0)
    n_bytes_ended = models.PositiveBigIntegerField(default=0)
    gaps = models.JSONField(default=dict, blank=True, help_text="Reason → number of files.")
    pace = models.JSONField(
        default=list, blank=True, help_text="Latest [seconds since 1970, files, bytes] ended."
    )

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["done", "gaps", "failed", "cancelled"])
                & Q(finished_at__isnull=False)
                | ~Q(state__in=["done", "gaps", "failed", "cancelled"]) & Q(finished_at=None),
                name="bulk_job_end_has_time",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-created_at"], name="bulk_job_newest_of_project"),
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

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None and not self.is_over

    @property
    def is_stopping(self) -> bool:
        """Cancelled, while copies that were under way still end."""
        return bool(self.ended_by) and not self.is_over

    @property
    def n_to_do(self) -> int:
        """Files that are not there yet."""
        return self.n_files - self.n_already

    @property
    def n_to_order(self) -> int:
        """Files for which a copy is ordered: the bucket decides what becomes of a taken name."""
        return self.n_to_copy + self.n_clashes

    @property
    def n_expected(self) -> int:
        """Files that are copied if all goes well."""
        rule = CustomStorage.OnClash
        writes_taken_names = self.on_clash in {rule.OVERWRITE, rule.KEEP_BOTH}
        return self.n_to_order if writes_taken_names else self.n_to_copy

    @property
    def n_ended(self) -> int:
        return self.n_copied + self.n_found + self.n_gaps

    @property
    def n_gaps(self) -> int:
        """Files that are not proved to be there, and that nobody tries any more."""
        return self.n_failed + self.n_skipped

    @property
    def n_there(self) -> int:
        """Files that need no copy, known from the count or found in the bucket."""
        return self.n_already + self.n_found

    @property
    def n_waiting(self) -> int:
        return max(self.n_to_do - self.n_ended, 0)

    @property
    def word(self) -> str:
        """The state in the words of the pages (spec/DASHBOARD 1.0)."""
        if self.is_paused and not self.is_stopping:
            return "Paused"
        if self.state == self.State.COPYING and self.custom_storage.state != "connected":
            return "Needs attention"
        if self.state == self.State.COUNTING:
            return "Running" if self.fence else "Waiting"
        if self.state == self.State.COUNTED:
            return "Waiting"
        return self.State(self.state).label


class BulkItem(models.Model):
    """One file of a bulk job: what the count says of it, its copy, and what became of that."""

    class Plan(models.TextChoices):
        COPY = "copy"
        ALREADY = "already"
        CLASH = "clash"
        TOO_LARGE = "too_large"

    class State(models.TextChoices):
        CHOSEN = "chosen"  # selected by hand, and not counted yet
        WAITING = "waiting"
        ORDERED = "ordered"  # its copy is in the ledger and has not ended
        COPIED = "copied"
        ALREADY = "already"
        FAILED = "failed"
        SKIPPED = "skipped"

    bulk_job = models.ForeignKey(BulkJob, models.CASCADE, related_name="items", db_index=False)
    # Their order is by chance, so an index more would cost a million random writes.
    file = models.ForeignKey(File, models.PROTECT, related_name="+", db_index=False)
    copy_job = models.ForeignKey(
        CopyJob, models.PROTECT, null=True, blank=True, related_name="bulk_items"
    )
    key = models.CharField(max_length=1024, blank=True)
    contested_key = models.CharField(
        max_length=1024,
        null=True,
        blank=True,
        help_text="The key once more, where other files may have it too.",
    )
    plan = models.CharField(max_length=10, choices=Plan.choices, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=30, blank=True, help_text="Of the ledger's list.")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["bulk_job", "file"], name="bulk_item_once"),
        ]
        indexes = [
            models.Index(fields=["bulk_job", "state", "reason", "id"], name="bulk_item_next"),
            # The list is read in its order, a page at a time.
            models.Index(fields=["bulk_job", "id"], name="bulk_item_list"),
            models.Index(
                fields=["bulk_job", "contested_key"],
                name="bulk_item_key",
                condition=Q(contested_key__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} in bulk job {self.bulk_job_id}"
