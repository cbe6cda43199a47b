"""Uploaded originals."""

import uuid

from django.core.files import File as DjangoFile
from django.core.files.storage import storages
from django.db import models
from django.db.models import Count, F, Q, Sum
from django.utils import timezone

from storages_app.models.projects import Project


class FileQuerySet(models.QuerySet["File"]):
    def live(self) -> "FileQuerySet":
        """Ready and not removed: what a copy can be made of."""
        return self.filter(removed_at=None, is_ready=True)

    def readable(self) -> "FileQuerySet":
        """Live and not expired: the sweep may not have come yet for what has."""
        is_kept = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.live().filter(is_kept | Q(stored_at__isnull=False))

    def stored(self) -> "FileQuerySet":
        return self.live().filter(stored_at__isnull=False)

    def n_pairs_of_one_name(self, *, among: int = 20_000) -> int:
        """How many pairs of the newest of these files have the same name."""
        newest = self.order_by("-uploaded_at").values("pk")[:among]
        names = File.objects.filter(pk__in=newest).order_by().values("original_filename")
        counted = names.annotate(n=Count("pk")).filter(n__gt=1)
        pairs: int | None = counted.aggregate(pairs=Sum(F("n") * (F("n") - 1) / 2))["pairs"]
        return int(pairs or 0)


class File(models.Model):
    """One uploaded original. Its bytes never change; the row commits after they are durable."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="files")
    original_filename = models.CharField(max_length=255, help_text="As uploaded, not sanitised.")
    blob_name = models.CharField(
        max_length=255, editable=False, help_text="Its name in the upload storage."
    )
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64)
    md5 = models.CharField(max_length=32)
    mime_type = models.CharField(max_length=255, help_text="As the upload declared it.")
    detected_type = models.CharField(max_length=255, help_text="Decided by us from the bytes.")
    is_image = models.BooleanField(default=False)
    content_info = models.JSONField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    appdata = models.JSONField(null=True, blank=True)
    is_signed = models.BooleanField(
        null=True,
        editable=False,
        help_text="Whether a direct upload bore a valid signature; else NULL.",
    )
    is_ready = models.BooleanField(default=False)
    uploaded_at = models.DateTimeField()
    stored_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)
    bytes_removed_at = models.DateTimeField(null=True, blank=True)
    removal_due_at = models.DateTimeField(
        null=True, blank=True, help_text="Somebody wants it gone, and may think better until then."
    )
    # Empty is NULL here: SQLite adds such a column without writing a million files anew.
    removal_asked_by = models.CharField(max_length=200, null=True, blank=True, editable=False)
    is_backup_ordered = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="A backup run has seen its copy in the ledger; until then each run looks at it.",
    )

    objects = FileQuerySet.as_manager()

    class Meta:
        ordering = ["-uploaded_at"]
        constraints = [
            # The wire's pages are cut by this time: spec 1.1, seek pagination.
            models.UniqueConstraint(
                fields=["project", "uploaded_at"], name="file_time_unique_in_project"
            ),
            models.CheckConstraint(
                condition=Q(stored_at=None) | Q(removed_at=None),
                name="file_removed_is_not_stored",
            ),
        ]
        indexes = [
            # The wire's pages, one for each answer to `removed` and `stored`: a page of the few
            # among a million others is read from the index and not looked for.
            models.Index(
                fields=["project", "uploaded_at"], name="file_list", condition=Q(removed_at=None)
            ),
            models.Index(
                fields=["project", "uploaded_at"],
                name="file_list_stored",
                condition=Q(removed_at=None, stored_at__isnull=False),
            ),
            models.Index(
                fields=["project", "uploaded_at"],
                name="file_list_unstored",
                condition=Q(removed_at=None, stored_at=None),
            ),
            models.Index(
                fields=["project", "uploaded_at"],
                name="file_list_removed",
                condition=Q(removed_at__isnull=False),
            ),
            models.Index(
                fields=["expires_at"],
                name="file_expiring",
                condition=Q(removed_at=None, expires_at__isnull=False),
            ),
            models.Index(
                fields=["removal_due_at"],
                name="file_removal_due",
                condition=Q(removal_due_at__isnull=False),
            ),
            # What a backup covers, counted and summed by the index alone.
            models.Index(
                fields=["project", "stored_at", "uuid", "size", "is_ready", "removed_at"],
                name="file_stored_of_project",
                condition=Q(removed_at=None, is_ready=True, stored_at__isnull=False),
            ),
            # What a backup run still has to look at.
            models.Index(
                fields=["project", "stored_at", "uuid"],
                name="file_backup_unordered",
                condition=Q(
                    is_backup_ordered=False,
                    removed_at=None,
                    is_ready=True,
                    stored_at__isnull=False,
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.original_filename} ({self.uuid})"

    def open_bytes(self) -> "DjangoFile[bytes]":
        """The original, seekable, from the upload storage; FileNotFoundError if it is not there."""
        return storages["uploads"].open(self.blob_name)

    @property
    def is_stored(self) -> bool:
        return self.stored_at is not None

    @property
    def is_removed(self) -> bool:
        return self.removed_at is not None
