"""What was asked for under an Idempotency-Key, and what was answered."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

from storages_app.models.projects import Project

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    def old(self) -> "IdempotencyKeyQuerySet":
        return self.filter(created_at__lt=timezone.now() - KEPT_FOR)


class IdempotencyKey(models.Model):
    """One request that may come again; without a status it is still being answered."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="idempotency_keys")
    route = models.CharField(max_length=255, help_text="Method and path.")
    key = models.CharField(max_length=LONGEST_KEY)
    body_digest = models.CharField(max_length=64, help_text="SHA-256 of query and body.")
    fence = models.PositiveIntegerField(default=0, help_text="Who takes it over counts it up.")
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="A process that died lets it run out."
    )
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True, help_text="As JSON.")
    location = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "route", "key"], name="idempotency_key_once_a_route"
            ),
            models.CheckConstraint(
                condition=models.Q(status=None, lease_until__isnull=False)
                | models.Q(status__isnull=False, lease_until=None),
                name="idempotency_key_answered_or_leased",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route} under a key of {self.project}"
