"""The ledger of copies: the queue itself and the evidence for what was copied."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from storages_app.models.custom_storages import CustomStorage
from storages_app.models.fields import db_now, read_db_now
from storages_app.models.files import File
from storages_app.models.projects import Project


class Reason(models.TextChoices):
    """Why a job ended or waits; the closed list of spec/RELIABILITY 3.1."""

    AUTH_DENIED = "auth_denied"
    CREDENTIALS_EXPIRED = "credentials_expired"
    BUCKET_MISSING = "bucket_missing"
    BUCKET_OWNER_MISMATCH = "bucket_owner_mismatch"
    REGION_REDIRECT = "region_redirect"
    ACL_NOT_SUPPORTED = "acl_not_supported"
    ACL_DENIED = "acl_denied"
    KEY_INVALID = "key_invalid"
    KEY_CONFLICT = "key_conflict"
    TOO_LARGE_5GB = "too_large_5gb"
    PROCESSED_TOO_LARGE_100MB = "processed_too_large_100mb"
    SOURCE_MISSING = "source_missing"
    SOURCE_CHECKSUM_MISMATCH = "source_checksum_mismatch"
    DEST_CHECKSUM_MISMATCH = "dest_checksum_mismatch"
    DEST_UNVERIFIABLE = "dest_unverifiable"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER_ERROR = "server_error"
    TLS_ERROR = "tls_error"
    ENDPOINT_FORBIDDEN = "endpoint_forbidden"
    QUOTA = "quota"
    PROCESSING_FAILED = "processing_failed"
    CANCELLED_BY_USER = "cancelled_by_user"
    STORAGE_DELETED = "storage_deleted"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    ALREADY_THERE = "already_there"
    EXCLUDED_BY_RULE = "excluded_by_rule"
    FILE_DELETED = "file_deleted"
    KEY_EXISTS_SKIPPED = "key_exists_skipped"
    KMS_DENIED = "kms_denied"
    KMS_KEY_UNUSABLE = "kms_key_unusable"
    STORAGE_CLASS_INVALID = "storage_class_invalid"
    CLOCK_SKEW = "clock_skew"
    ARCHIVED = "archived"
    WORKER_CRASHED = "worker_crashed"
    DISK_FULL = "disk_full"
    INTEGRITY_UNSUPPORTED = "integrity_unsupported"
    INTERNAL = "internal"


class State(models.TextChoices):
    PENDING = "pending"
    LEASED = "leased"
    WRITTEN = "written"
    RETRY_WAIT = "retry_wait"
    BLOCKED = "blocked"
    DONE = "done"
    UNVERIFIED = "unverified"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


WAITING_STATES = (State.PENDING, State.RETRY_WAIT, State.BLOCKED)
RUNNING_STATES = (State.LEASED, State.WRITTEN)
TERMINAL_STATES = (
    State.DONE,
    State.UNVERIFIED,
    State.FAILED,
    State.SKIPPED,
    State.CANCELLED,
)
MAX_CRASHES = 3
ClaimableRow = tuple[int, UUID, str]  # primary key, storage, key in its bucket
_WAS_RUNNING = Case(When(lease_until__isnull=False, then=1), default=0)


def taken_whole(take: Callable[[int], list[int]], limit: int) -> list[int]:
    """What `take` takes in a transaction of its own, with half the limit after each failure.

    It fails where somebody began to write one of the keys between the look and the update.
    """
    while limit:
        try:
            with transaction.atomic():
                return take(limit)
        except IntegrityError:
            limit //= 2
    return []


class CopyJobQuerySet(models.QuerySet["CopyJob"]):
    def waiting(self) -> "CopyJobQuerySet":
        return self.filter(state__in=WAITING_STATES)

    def running(self) -> "CopyJobQuerySet":
        return self.filter(state__in=RUNNING_STATES)

    def over(self) -> "CopyJobQuerySet":
        return self.filter(state__in=TERMINAL_STATES)

    def due(self) -> "CopyJobQuerySet":
        """Its time to be claimed has come; `run_after` is set exactly while a job waits."""
        return self.filter(run_after__lte=db_now())

    def lapsed(self) -> "CopyJobQuerySet":
        """Its worker has let the lease run out, so that another may take it over."""
        return self.filter(lease_until__lt=db_now())

    def suspect(self) -> "CopyJobQuerySet":
        """Workers died over it twice: whoever makes it does nothing else meanwhile.

        A first death may have had any cause. Only rows that are still leased can be suspects:
        an attempt that ends, or is given back, clears the count.
        """
        return self.filter(lease_until__lt=db_now(), crashes__gt=0)

    def without_suspects(self) -> "CopyJobQuerySet":
        return self.filter(Q(lease_until=None) | Q(crashes=0))

    def without_rival(self) -> "CopyJobQuerySet":
        """Leave out a job whose key another job is writing at this moment.

        `lease_until` and not the state, which would be a bound parameter on SQLite: no partial
        index can serve that.
        """
        rivals = CopyJob.objects.filter(
            custom_storage=OuterRef("custom_storage"),
            key=OuterRef("key"),
            lease_until__isnull=False,
        ).exclude(pk=OuterRef("pk"))
        return self.filter(~Exists(rivals))

    def claim(self, *, limit: int, worker: str, lease: timedelta) -> list["CopyJob"]:
        """Take up to `limit` due or lapsed jobs of this set for `worker`; nobody else gets them."""
        take = partial(CopyJob.take, self.claimable, worker=worker, lease=lease)
        return CopyJob.objects.taken(taken_whole(take, limit))

    def claimable(self, lane: int | None, limit: int) -> "models.QuerySet[CopyJob, ClaimableRow]":
        """What `CopyJob.take` reads: this set's due jobs of a lane or, without one, the lapsed."""
        free = self.without_rival().select_for_update(skip_locked=True, of=("self",), no_key=True)
        found = (
            free.lapsed().order_by("lease_until")
            if lane is None
            else free.due().filter(lane=lane).order_by("run_after")
        )
        return found.values_list("pk", "custom_storage_id", "key")[:limit]

    def taken(self, pks: list[int]) -> list["CopyJob"]:
        """The claimed rows with all that making a copy needs; rows of one storage share it."""
        if not pks:
            return []
        found = self.filter(pk__in=pks).select_related("file").order_by("pk")
        rows = list(found.defer("file__content_info", "file__metadata", "file__appdata"))
        storages = CustomStorage.objects.select_related("project").in_bulk(
            {job.custom_storage_id for job in rows}
        )
        for job in rows:
            job.custom_storage = storages[job.custom_storage_id]
            job.project = job.custom_storage.project
        return rows

    def note_duplicate(self) -> None:
        """Somebody was called to make these, or has made them, and another was first."""
        self.update(duplicates=F("duplicates") + 1)

    def hear_late_holder(self) -> None:
        """One that was too late reports: it did not die, and it may have written until now.

        Whoever took these over blamed it for a death; and what that one proves, or has proved, may
        not be what is in the bucket any more.
        """
        self.update(
            crashes=Greatest(F("crashes") - 1, Value(0)), late_holders=F("late_holders") + 1
        )

    def wait_again(self, **values: Any) -> int:
        """Let these running copies be claimed anew, at once; nobody died over them."""
        return self.update(
            state=State.PENDING, run_after=db_now(), lease_until=None, crashes=0, **values
        )

    def held(self, *, pk: int, fence: int) -> "CopyJobQuerySet":
        """The row if this fence still holds it; an update of zero rows means: stop."""
        return self.filter(pk=pk, fence=fence, state__in=RUNNING_STATES)


class CopyJob(models.Model):
    """One file, original or processed, into one custom storage under one key."""

    class Lane(models.IntegerChoices):
        INTERACTIVE = 0
        AUTO_COPY = 1
        BULK = 2
        BACKUP = 3

    project = models.ForeignKey(Project, models.PROTECT, related_name="copy_jobs")
    file = models.ForeignKey(File, models.PROTECT, related_name="copy_jobs")
    custom_storage = models.ForeignKey(CustomStorage, models.PROTECT, related_name="copy_jobs")
    effects = models.TextField(blank=True, help_text="Canonical image operations, or empty.")
    key = models.CharField(max_length=1024, help_text="Computed when ordered, then fixed.")
    is_public = models.BooleanField(default=False, help_text="Send the ACL public-read.")
    on_clash = models.CharField(max_length=10, choices=CustomStorage.OnClash.choices)
    lane = models.PositiveSmallIntegerField(choices=Lane.choices)
    asked_by = models.CharField(max_length=200, help_text="Who or which rule ordered it.")
    is_backup = models.BooleanField(
        default=False, help_text="This is the copy that the project's backup counts."
    )
    record = models.ForeignKey(
        "BackupSegment",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="copy_jobs",
        help_text="Where the backup's record of this file stands; empty: to be written.",
    )

    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=30, choices=Reason.choices, blank=True)
    detail = models.CharField(max_length=1000, blank=True, help_text="What the bucket said.")
    error_code = models.CharField(max_length=80, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    request_id = models.CharField(max_length=200, blank=True)
    run_after = models.DateTimeField(
        null=True, blank=True, help_text="By the clock of the database."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    leased_by = models.CharField(max_length=100, blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    crashes = models.PositiveSmallIntegerField(default=0, help_text="Workers that died over it.")
    takeovers = models.PositiveIntegerField(default=0)
    duplicates = models.PositiveIntegerField(
        default=0, help_text="Calls and outcomes that came to nothing: it was another's by then."
    )
    late_holders = models.PositiveIntegerField(
        default=0, help_text="Who reported on this copy when another had it."
    )
    upload_id = models.CharField(
        max_length=1024, blank=True, help_text="Multipart upload that is open in the bucket."
    )
    created_at = models.DateTimeField(default=timezone.now)
    first_attempt_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    # The evidence: `done` is never without it.
    size = models.PositiveBigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    content_type = models.CharField(max_length=255, blank=True)
    evidence = models.CharField(
        max_length=20,
        blank=True,
        choices=[
            ("checksum", "The provider verified a checksum"),
            ("etag", "The ETag is the MD5 of the bytes"),
            ("read_back", "Read back and compared"),
        ],
    )
    evidence_checksum = models.CharField(max_length=120, blank=True)
    etag = models.CharField(max_length=200, blank=True)
    version_id = models.CharField(max_length=1024, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)

    objects = CopyJobQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["file", "custom_storage", "effects", "key"], name="copy_job_once"
            ),
            models.UniqueConstraint(
                fields=["custom_storage", "key"],
                condition=Q(lease_until__isnull=False),
                name="copy_job_one_writer_a_key",
            ),
            models.CheckConstraint(
                condition=~Q(state="done")
                | (~Q(evidence="") & ~Q(sha256="") & Q(size__isnull=False)),
                name="copy_job_done_has_evidence",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["done", "unverified"])
                | ~Q(state__in=["failed", "skipped", "cancelled"])
                | ~Q(reason=""),
                name="copy_job_end_has_reason",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "retry_wait", "blocked"], run_after__isnull=False)
                | (~Q(state__in=["pending", "retry_wait", "blocked"]) & Q(run_after=None)),
                name="copy_job_waiting_has_time",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["leased", "written"], lease_until__isnull=False)
                | (~Q(state__in=["leased", "written"]) & Q(lease_until=None)),
                name="copy_job_running_has_lease",
            ),
        ]
        indexes = [
            models.Index(
                fields=["custom_storage", "lane", "run_after"],
                name="copy_job_claimable",
                condition=Q(run_after__isnull=False),
            ),
            models.Index(
                fields=["lease_until"],
                name="copy_job_leases",
                condition=Q(lease_until__isnull=False),
            ),
            models.Index(fields=["project", "-id"], name="copy_job_newest_of_project"),
            models.Index(fields=["custom_storage", "state"], name="copy_job_state_of_storage"),
            # How long the oldest has waited, and what ended on a day: told by the index alone.
            models.Index(
                fields=["custom_storage", "created_at"],
                name="copy_job_waiting_since",
                condition=Q(run_after__isnull=False),
            ),
            models.Index(
                fields=["project", "state", "finished_at"],
                name="copy_job_ended",
                condition=Q(finished_at__isnull=False),
            ),
            models.Index(
                fields=["custom_storage"],
                name="copy_job_without_record",
                condition=Q(is_backup=True, record=None),
            ),
            # Which files a backup lacks, told by the index alone; SQLite wants all columns in it.
            models.Index(
                fields=["custom_storage", "state", "file", "is_backup"],
                name="copy_job_of_backup",
                condition=Q(is_backup=True),
            ),
        ]

    def __str__(self) -> str:
        return f"Copy {self.pk} to {self.url}"

    @property
    def url(self) -> str:
        """``s3://<bucket>/<key>``, as remote_copy answers (spec/UPLOADCARE 4.6)."""
        return f"s3://{self.custom_storage.bucket}/{self.key}"

    @property
    def is_over(self) -> bool:
        return self.state in TERMINAL_STATES

    @property
    def is_running(self) -> bool:
        return self.state in RUNNING_STATES

    @property
    def word(self) -> str:
        """The state in the words of the pages (spec/DASHBOARD 1.0)."""
        if self.state == State.BLOCKED:
            return "Paused" if self.custom_storage.is_paused else "Needs attention"
        return _WORDS[State(self.state)]

    @classmethod
    def take(
        cls,
        read: Callable[[int | None, int], Iterable[ClaimableRow]],
        limit: int,
        *,
        worker: str,
        lease: timedelta,
        lanes: Iterable[int | None] = (None, *Lane.values),
    ) -> list[int]:
        """The keys of up to `limit` rows that are the worker's now; `read` is as `claimable`.

        Each taken row has a new fence: a former holder's writes no longer match. A row that was
        running counts a crash of its worker, and a takeover. Whoever knows them names the lanes in
        which copies wait. Another worker may be first with a key: call it by `taken_whole`.
        """
        rows: list[ClaimableRow] = []
        # Lane by lane, each a short walk along an index: asked for all lanes at once the database
        # would pass by every row of a lane whose time has not come.
        for lane in lanes:
            if len(rows) < limit:
                rows += read(lane, limit - len(rows))
        first_for_each_key = {(storage, key): pk for pk, storage, key in reversed(rows)}
        pks = list(first_for_each_key.values())
        cls.objects.filter(pk__in=pks).update(
            crashes=F("crashes") + _WAS_RUNNING,
            takeovers=F("takeovers") + _WAS_RUNNING,
            state=State.LEASED,
            run_after=None,
            lease_until=db_now() + lease,
            leased_by=worker,
            fence=F("fence") + 1,
            attempts=F("attempts") + 1,
            first_attempt_at=Coalesce("first_attempt_at", db_now()),
        )
        return pks

    @classmethod
    @transaction.atomic
    def renew_leases(cls, *, fences: dict[int, int], lease: timedelta) -> None:
        """Prolong the leases of these jobs (pk → fence) as far as they are still held."""
        for pk, fence in fences.items():
            cls.objects.held(pk=pk, fence=fence).update(lease_until=db_now() + lease)

    @classmethod
    def finish_done(cls, jobs: Sequence["CopyJob"]) -> set[int]:
        """Write `state`, `reason` and the evidence of many finished copies in one go.

        Each row is written under its fence, and only if no late holder has reported since it was
        claimed; the pks of those that are written. One prepared statement instead of one ORM
        update a file: the ledger's cost stays far under 1 ms a file.
        """
        names = [*_DONE_FIELDS, "finished_at", "verified_at"]
        sets = ", ".join(f"{name} = %s" for name in names)
        now = connection.ops.adapt_datetimefield_value(read_db_now())
        rows = [
            [*job._done_values(), now, now, job.pk, job.fence, job.late_holders] for job in jobs
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                f"UPDATE {cls._meta.db_table} SET {sets}, lease_until = NULL, upload_id = '' "  # noqa: S608 - names are ours
                "WHERE id = %s AND fence = %s AND late_holders = %s "
                "AND state IN ('leased', 'written')",
                rows,
            )
            n_written = cursor.rowcount
        fences = {job.pk: job.fence for job in jobs}
        if n_written == len(rows):
            return set(fences)
        found = cls.objects.filter(pk__in=fences, state=State.DONE).values_list("pk", "fence")
        return {pk for pk, fence in found if fences[pk] == fence}

    def _done_values(self) -> list[Any]:
        """Texts and one number, which every database takes as they are."""
        values = (getattr(self, name) for name in _DONE_FIELDS)
        return [str(value) if isinstance(value, str) else value for value in values]


_DONE_FIELDS = (
    "state", "reason", "detail", "size", "sha256", "content_type", "evidence",
    "evidence_checksum", "etag", "version_id",
)  # fmt: skip


_WORDS = {
    State.PENDING: "Waiting",
    State.RETRY_WAIT: "Waiting",
    State.LEASED: "Running",
    State.WRITTEN: "Running",
    State.DONE: "Done",
    State.UNVERIFIED: "Needs attention",
    State.FAILED: "Failed",
    State.SKIPPED: "Skipped",
    State.CANCELLED: "Cancelled",
}
