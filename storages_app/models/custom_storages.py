"""Connected buckets of a project."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.fields import SealedField, seal, unseal
from storages_app.models.projects import Project


def provider_choices() -> list[tuple[str, str]]:
    from storages_app.objectstores import providers

    return [(provider.slug, provider.name) for provider in providers.all_providers()]


class CustomStorageQuerySet(models.QuerySet["CustomStorage"]):
    def live(self) -> "CustomStorageQuerySet":
        return self.filter(removed_at=None)

    def connected(self) -> "CustomStorageQuerySet":
        """Its required checks passed once; it may be paused or broken now."""
        return self.live().exclude(connected_at=None)

    def working(self) -> "CustomStorageQuerySet":
        """A worker may write to it now."""
        return self.connected().filter(paused_at=None, circuit_opened_at=None)


class CustomStorage(models.Model):
    """A named, connected bucket: `target` in the API."""

    class PublicMode(models.TextChoices):
        PRIVATE = "private", "Private"
        POLICY = "policy", "Public by bucket policy"
        ACL = "acl", "Public by ACL"

    class Identity(models.TextChoices):
        ACCESS_KEY = "access_key", "Access key"

    class OnClash(models.TextChoices):
        ERROR = "error", "Report it"
        SKIP = "skip", "Keep what is there"
        OVERWRITE = "overwrite", "Overwrite it"
        KEEP_BOTH = "keep_both", "Keep both"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="custom_storages")
    name = models.CharField(max_length=64, help_text="The value of `target` in the API.")
    provider = models.CharField(max_length=40, choices=provider_choices, default="aws")
    endpoint_url = models.CharField(max_length=255, blank=True)
    region = models.CharField(max_length=60, blank=True)
    account_id = models.CharField(max_length=12, blank=True)
    bucket = models.CharField(max_length=255)
    prefix = models.CharField(max_length=512, blank=True, help_text="Ends with / unless empty.")
    identity = models.CharField(
        max_length=20, choices=Identity.choices, default=Identity.ACCESS_KEY
    )
    access_key_id = models.CharField(max_length=128)
    sealed_secret = SealedField(editable=False)
    public_mode = models.CharField(
        max_length=10, choices=PublicMode.choices, default=PublicMode.PRIVATE
    )
    key_pattern = models.CharField(max_length=512, default="${default}")
    on_clash = models.CharField(max_length=10, choices=OnClash.choices, default=OnClash.ERROR)
    storage_class = models.CharField(max_length=40, blank=True)
    encryption = models.JSONField(default=dict, blank=True)
    uses = models.JSONField(default=list, blank=True)
    auto_copy = models.BooleanField(default=False)
    capabilities = models.JSONField(
        default=dict, blank=True, help_text="What the last connection test proved, with its date."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    connected_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    # The circuit breaker, shared by all workers (spec/RELIABILITY 5.7).
    circuit_opened_at = models.DateTimeField(null=True, blank=True, editable=False)
    circuit_reason = models.CharField(max_length=40, blank=True, editable=False)
    circuit_probe_after = models.DateTimeField(null=True, blank=True, editable=False)
    circuit_probes = models.PositiveIntegerField(default=0, editable=False)
    recent_outcomes = models.CharField(
        max_length=20, blank=True, editable=False, help_text="Last 20 copies: + or -."
    )
    last_served_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a worker last claimed for it."
    )

    objects = CustomStorageQuerySet.as_manager()

    class Meta:
        ordering = ["project", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                condition=Q(removed_at=None),
                name="custom_storage_name_unique_in_project",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def seal_secret(self, plaintext: str) -> None:
        seal(self, "sealed_secret", plaintext)

    def unseal_secret(self) -> str:
        return unseal(self, "sealed_secret")

    @property
    def is_draft(self) -> bool:
        return self.connected_at is None

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    @property
    def is_broken(self) -> bool:
        return self.circuit_opened_at is not None

    @property
    def state(self) -> str:
        """One of removed, draft, broken, paused, connected."""
        if self.removed_at:
            return "removed"
        if self.is_draft:
            return "draft"
        if self.is_paused:
            return "paused"
        return "broken" if self.is_broken else "connected"

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def can(self, capability: str) -> bool:
        """Whether the last connection test proved `capability`."""
        return bool(self.capabilities.get(capability))


class ConnectionTestQuerySet(models.QuerySet["ConnectionTest"]):
    def waiting(self) -> "ConnectionTestQuerySet":
        return self.filter(state=ConnectionTest.State.WAITING)


class ConnectionTest(models.Model):
    """One press of the test button, run by a worker."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        PASSED = "passed"
        LIMITED = "limited"  # required checks passed, an advised one did not
        FAILED = "failed"

    custom_storage = models.ForeignKey(
        CustomStorage, models.CASCADE, related_name="connection_tests"
    )
    asked_by = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveIntegerField(default=0)

    objects = ConnectionTestQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["custom_storage", "-id"], name="test_newest_of_storage")]

    def __str__(self) -> str:
        return f"Test {self.pk} of {self.custom_storage}"

    @property
    def is_over(self) -> bool:
        return self.finished_at is not None


class Finding(models.Model):
    """The answer to one question of a connection test (spec/DASHBOARD 1.12)."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        PASSED = "passed"
        FAILED = "failed"
        SKIPPED = "skipped"

    class Level(models.TextChoices):
        REQUIRED = "required"
        ADVISED = "advised"
        INFO = "info"

    connection_test = models.ForeignKey(ConnectionTest, models.CASCADE, related_name="findings")
    position = models.PositiveSmallIntegerField()
    check_id = models.CharField(max_length=20)
    name = models.CharField(max_length=60)
    level = models.CharField(max_length=10, choices=Level.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    title = models.TextField(blank=True, help_text="One line: what was found.")
    why = models.TextField(blank=True)
    fix = models.JSONField(default=list, blank=True, help_text="Numbered steps.")
    code = models.CharField(max_length=80, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    operation = models.CharField(max_length=60, blank=True)
    request_id = models.CharField(max_length=200, blank=True)
    milliseconds = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["connection_test", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection_test", "check_id"], name="finding_once_a_test"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    def as_json(self) -> dict[str, Any]:
        """The shape of spec/DASHBOARD 1.12, the same for REST and for scripts."""
        return {
            "id": self.check_id,
            "name": self.name,
            "level": self.level,
            "state": self.state,
            "title": self.title,
            "why": self.why,
            "fix": self.fix,
            "code": self.code,
            "status": self.http_status,
            "operation": self.operation,
            "request_id": self.request_id,
            "ms": self.milliseconds,
        }
