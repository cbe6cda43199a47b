"""The backup of a project: its timetable and what each run found and ordered."""

from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q

from storages_app.lib.crypto import CannotUnseal
from storages_app.models.custom_storages import CustomStorage
from storages_app.models.fields import SealedField, seal, unseal
from storages_app.models.projects import Project


class BackupPlan(models.Model):
    """The timetable of a project's one backup, into one custom storage."""

    project = models.OneToOneField(Project, models.PROTECT, related_name="backup_plan")
    custom_storage = models.ForeignKey(CustomStorage, models.PROTECT, related_name="backup_plans")
    cron = models.CharField(max_length=100, default="0 */3 * * *", help_text="In UTC.")
    is_on = models.BooleanField(default=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    keep_days = models.PositiveIntegerField(
        default=0, help_text="Days that manifests and their records are kept; 0 is for ever."
    )
    sample_size = models.PositiveIntegerField(
        default=10, help_text="Files that each run reads back."
    )
    ping_url = models.CharField(
        max_length=2048, blank=True, help_text="Called after each run: //host, the rest is sealed."
    )
    sealed_ping_url = SealedField(blank=True, default="", db_default="", editable=False)
    sample_cursor = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="The last copy that was read back; the next follow."
    )
    next_run_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["project"]

    def __str__(self) -> str:
        return f"Backup of {self.project} to {self.custom_storage}"

    def seal_ping_url(self, url: str) -> None:
        """For a saved row. Whoever knows a monitor's address can call it."""
        self.ping_url = f"//{urlsplit(url).netloc}" if url else ""
        self.sealed_ping_url = ""
        if url:
            seal(self, "sealed_ping_url", url)

    def unseal_ping_url(self) -> str:
        """Empty as well where its key is lost: then it is entered again."""
        try:
            return unseal(self, "sealed_ping_url") if self.sealed_ping_url else self.ping_url
        except CannotUnseal:
            return ""

    @property
    def storage_class(self) -> str:
        """Of the files; empty is the storage's own. Kept where a worker has it at hand."""
        return self.custom_storage.backup_class


class BackupSegment(models.Model):
    """Records of some files in the bucket, one JSON line each; a manifest names many segments."""

    plan = models.ForeignKey(BackupPlan, models.PROTECT, related_name="segments")
    custom_storage = models.ForeignKey(CustomStorage, models.PROTECT, related_name="+")
    key = models.CharField(max_length=1024)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Empty until it is written.")
    size = models.PositiveBigIntegerField(default=0)
    n_lines = models.PositiveIntegerField(default=0)
    version_id = models.CharField(max_length=1024, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(
        null=True, blank=True, help_text="Later manifests do not name it any more."
    )
    removed_at = models.DateTimeField(null=True, blank=True, help_text="Gone from the bucket.")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.key


class BackupRun(models.Model):
    """One pass over what changed; ends with a manifest in the bucket."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        COPYING = "copying", "Running"
        DONE = "done", "Done"
        GAPS = "gaps", "Done with gaps"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    plan = models.ForeignKey(BackupPlan, models.PROTECT, related_name="runs")
    asked_by = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    snapshot_at = models.DateTimeField(
        null=True, blank=True, help_text="Files stored up to this moment belong to the run."
    )
    has_ordered_all = models.BooleanField(default=False)
    cursor = models.CharField(
        max_length=80, blank=True, help_text="Missing files up to this one were ordered."
    )
    has_read_sample = models.BooleanField(default=False)
    n_tries = models.PositiveSmallIntegerField(
        default=0, help_text="Of writing records and manifest, where the bucket failed."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)

    n_files = models.PositiveBigIntegerField(default=0, help_text="Stored files in the snapshot.")
    n_new = models.PositiveBigIntegerField(
        default=0, help_text="Copied since the manifest before this one."
    )
    n_already = models.PositiveBigIntegerField(default=0, help_text="Were there, with evidence.")
    n_changed = models.PositiveBigIntegerField(
        default=0, help_text="Files whose record was written anew, or that were removed."
    )
    n_gaps = models.PositiveBigIntegerField(default=0, help_text="Not in the bucket with evidence.")
    n_skipped = models.PositiveBigIntegerField(default=0, help_text="Gaps whose copy was skipped.")
    n_failed = models.PositiveBigIntegerField(default=0, help_text="Gaps whose copy has failed.")
    gaps = models.JSONField(
        default=list, blank=True, help_text="Gaps by reason: how many, and some of the files."
    )
    n_bytes = models.PositiveBigIntegerField(default=0, help_text="Bytes of the new copies.")
    n_sampled = models.PositiveIntegerField(default=0, help_text="Read back at the end.")
    n_sample_matches = models.PositiveIntegerField(default=0)
    custom_storage = models.ForeignKey(
        CustomStorage,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Where its manifest is; empty: where no storage leads any more.",
    )
    manifest_key = models.CharField(
        max_length=1024,
        blank=True,
        help_text="Without a checksum: it was about to be written, and may be there.",
    )
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    note = models.CharField(
        max_length=200,
        blank=True,
        help_text="What the owner may want to know; no fault of the run.",
    )
    pinged_at = models.DateTimeField(null=True, blank=True)
    ping_answer = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan"],
                condition=Q(state__in=["waiting", "copying"]),
                name="backup_run_one_at_a_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"], name="backup_run_open", condition=Q(finished_at=None)
            ),
            models.Index(
                fields=["finished_at"],
                name="backup_run_unpinged",
                condition=Q(pinged_at=None, finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} of {self.plan}"

    @property
    def is_over(self) -> bool:
        return self.finished_at is not None

    @property
    def seconds(self) -> float | None:
        """How long it took; None before it has ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()
