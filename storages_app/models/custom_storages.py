"""Connected buckets of a project."""

import uuid
from collections.abc import Sequence
from copy import copy
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.lib.crypto import CannotUnseal
from storages_app.models.fields import SealedField, seal, unseal
from storages_app.models.projects import Project


def new_external_id() -> str:
    return str(uuid.uuid4())


def provider_choices() -> list[tuple[str, str]]:
    from storages_app.objectstores import providers

    return [(provider.slug, provider.name) for provider in providers.all_providers()]


class CustomStorageQuerySet(models.QuerySet["CustomStorage"]):
    def live(self) -> "CustomStorageQuerySet":
        return self.filter(removed_at=None)

    def connected(self) -> "CustomStorageQuerySet":
        """Its required checks passed once; it may be paused or broken now."""
        return self.live().exclude(connected_at=None)

    def in_order(self) -> "CustomStorageQuerySet":
        """Connected, and neither paused nor broken."""
        return self.connected().filter(paused_at=None, circuit_opened_at=None)

    def working(self) -> "CustomStorageQuerySet":
        """A worker may write to it now; what a removed project has waits, as it may come back."""
        return self.in_order().filter(project__removed_at=None)


class CustomStorage(models.Model):
    """A named, connected bucket: `target` in the API."""

    class PublicMode(models.TextChoices):
        PRIVATE = "private", "Private"
        POLICY = "policy", "Public by bucket policy"
        ACL = "acl", "Public by ACL"

    class Identity(models.TextChoices):
        ACCESS_KEY = "access_key", "Access key"
        ROLE = "role", "IAM role"
        PRINCIPAL = "principal", "Bucket policy for our principal"

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
    account_id = models.CharField(max_length=32, blank=True)  # 12 digits at Amazon
    bucket = models.CharField(max_length=255)
    prefix = models.CharField(max_length=512, blank=True, help_text="Ends with / unless empty.")
    identity = models.CharField(
        max_length=20, choices=Identity.choices, default=Identity.ACCESS_KEY
    )
    access_key_id = models.CharField(max_length=128, blank=True)
    sealed_secret = SealedField(editable=False)
    role_arn = models.CharField(max_length=2048, blank=True)
    external_id = models.CharField(
        max_length=36,
        default=new_external_id,
        unique=True,
        editable=False,
        help_text="Made here, never chosen: what the role's trust policy asks for.",
    )
    # Our principal serves every project, so the owner of a bucket proves to be it (S047).
    proof_nonce = models.CharField(max_length=64, blank=True, editable=False)
    proof_until = models.DateTimeField(null=True, blank=True, editable=False)
    proved_at = models.DateTimeField(null=True, blank=True, editable=False)
    public_mode = models.CharField(
        max_length=10, choices=PublicMode.choices, default=PublicMode.PRIVATE
    )
    key_pattern = models.CharField(max_length=512, default="${default}")
    on_clash = models.CharField(max_length=10, choices=OnClash.choices, default=OnClash.ERROR)
    storage_class = models.CharField(max_length=40, blank=True)
    backup_class = models.CharField(
        max_length=40, blank=True, help_text="Class of the backup's files; empty: as others."
    )
    encryption = models.JSONField(default=dict, blank=True)
    uses = models.JSONField(default=list, blank=True)
    setup_step = models.PositiveSmallIntegerField(
        default=1, help_text="The furthest step of the wizard that was reached."
    )
    ticked = models.JSONField(
        default=list, blank=True, help_text="Lines of the checklist that a person ticked."
    )
    access_changed_at = models.DateTimeField(
        default=timezone.now, editable=False, help_text="Older tests say nothing any more."
    )
    auto_copy = models.BooleanField(default=False)
    auto_copy_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Files from then on are copied."
    )
    auto_copy_rule = models.JSONField(
        default=dict,
        blank=True,
        help_text="when, types, min_size, max_size, renditions; empty: every file on upload.",
    )
    mends_differences = models.BooleanField(
        default=True, help_text="A reconciliation orders missing and changed copies anew."
    )
    max_rate = models.PositiveIntegerField(
        null=True, blank=True, help_text="Copies begun a second; empty: no limit."
    )
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
    has_stale_states = models.BooleanField(
        default=False,
        editable=False,
        help_text="Some of its copies do not say yet that they wait for it, or still say so.",
    )
    last_served_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a worker last claimed for it."
    )
    next_claim_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="No copy is begun before: its rate says so, or the bucket asked for a rest.",
    )

    objects = CustomStorageQuerySet.as_manager()

    # (key, size) of copies that a change of address must not lose; set on a row that is tried.
    copies_to_find: Sequence[tuple[str, int]] = ()

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
    def has_secret(self) -> bool:
        """Whether a secret is stored that this installation can open."""
        try:
            return bool(self.sealed_secret) and bool(self.unseal_secret())
        except CannotUnseal:
            return False

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


class AccessChange(models.Model):
    """New access settings of a connected storage, kept only if their test passes.

    The old ones stay in use until then. `settings` holds cleaned values by column; a new secret is
    sealed in this row.
    """

    class State(models.TextChoices):
        TRIED = "tried"
        KEPT = "kept"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    custom_storage = models.ForeignKey(CustomStorage, models.CASCADE, related_name="access_changes")
    settings = models.JSONField(default=dict)
    sealed_secret = SealedField(blank=True, editable=False)
    asked_by = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State.choices, default=State.TRIED)
    created_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Change of {self.custom_storage}: {self.state}"

    def seal_secret(self, plaintext: str) -> None:
        seal(self, "sealed_secret", plaintext)

    def applied(self) -> CustomStorage:
        """The storage as it would be, in memory only."""
        row = copy(self.custom_storage)
        for name, value in self.settings.items():
            setattr(row, name, value)
        if self.sealed_secret:
            row.seal_secret(unseal(self, "sealed_secret"))
        return row


class ConnectionTestQuerySet(models.QuerySet["ConnectionTest"]):
    def waiting(self) -> "ConnectionTestQuerySet":
        return self.filter(state=ConnectionTest.State.WAITING)

    def of_kind(self, kind: str) -> "ConnectionTestQuerySet":
        return self.filter(kind=kind)

    def over(self) -> "ConnectionTestQuerySet":
        return self.exclude(finished_at=None)

    def of_current_settings(
        self, custom_storage: CustomStorage, *, kind: str = "test"
    ) -> "ConnectionTestQuerySet":
        """The tests that say something about the storage as it is now.

        Those that were ordered since its settings changed, and the one that made them change.
        """
        since = custom_storage.access_changed_at
        kept = AccessChange.State.KEPT
        return self.filter(
            Q(access_change=None, created_at__gte=since)
            | Q(access_change__state=kept, access_change__decided_at__gte=since),
            custom_storage=custom_storage,
            kind=kind,
        )

    def history(self) -> "ConnectionTestQuerySet":
        """Without those that found what the test before them had found."""
        return self.filter(kind=ConnectionTest.Kind.TEST, is_repeat=False)


class ConnectionTest(models.Model):
    """One run of the checks by a worker: the whole test, one row of it, or the checklist."""

    class Kind(models.TextChoices):
        TEST = "test"
        CHECKLIST = "checklist"  # reads the settings of the bucket and writes nothing

    class Trigger(models.TextChoices):
        PERSON = "person"
        WATCH = "watch"  # a page that is open
        SCHEDULE = "schedule"
        CHANGE = "change"  # of access settings
        BREAK = "break"  # copies failed, and the owner is to read why

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        PASSED = "passed"
        LIMITED = "limited"  # required checks passed, an advised one did not
        FAILED = "failed"

    custom_storage = models.ForeignKey(
        CustomStorage, models.CASCADE, related_name="connection_tests"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.TEST)
    trigger = models.CharField(max_length=10, choices=Trigger.choices, default=Trigger.PERSON)
    asked_by = models.CharField(max_length=200)
    access_change = models.ForeignKey(
        AccessChange, models.CASCADE, null=True, blank=True, related_name="tests"
    )
    again = models.CharField(
        max_length=20, blank=True, help_text="The one check that is run again; others are kept."
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    is_repeat = models.BooleanField(default=False, help_text="Found what the one before found.")
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

    @property
    def has_passed(self) -> bool:
        """Every required check has."""
        return self.state in {self.State.PASSED, self.State.LIMITED}

    @property
    def subject(self) -> CustomStorage:
        """The storage whose settings are tried: as it is, or as a change would have it."""
        return self.access_change.applied() if self.access_change else self.custom_storage


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
    said = models.TextField(blank=True, help_text="The provider's own words, cleaned.")
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

    @property
    def docs_path(self) -> str:
        """The page of this check in the product's own docs, at the entry of the code."""
        anchor = f"#{self.code.lower()}" if self.code else ""
        return f"/docs/checks/{self.check_id}/{anchor}"

    @property
    def docs_url(self) -> str:
        return f"{settings.DASHBOARD_URL}{self.docs_path}"

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
            "docs_url": self.docs_url,
            "request_id": self.request_id,
            "ms": self.milliseconds,
        }
