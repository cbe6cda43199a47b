"""Tenants: a project, who may work in it, and the secret keys that programs use."""

import secrets
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.fields import SealedField, db_now, seal, unseal
from storages_app.models.users import User

TIME_TO_BRING_BACK = timedelta(days=7)


def new_public_key() -> str:
    return secrets.token_hex(10)


class ProjectQuerySet(models.QuerySet["Project"]):
    def live(self) -> "ProjectQuerySet":
        return self.filter(removed_at=None)

    def removed_lately(self) -> "ProjectQuerySet":
        """Those that can be brought back."""
        return self.filter(removed_at__gt=timezone.now() - TIME_TO_BRING_BACK)

    def for_user(self, user: User) -> "ProjectQuerySet":
        return self.live().filter(memberships__user=user)


class Project(models.Model):
    """A tenant: its members, keys, files and custom storages."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    public_key = models.CharField(max_length=40, unique=True, default=new_public_key)
    stores_by_default = models.BooleanField(
        default=True, help_text="What an upload with UPLOADCARE_STORE=auto means."
    )
    max_upload_size = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Bytes of one file; empty for the limit of the instance."
    )
    max_files = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Files that it may keep at once; empty for no limit."
    )
    max_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Bytes of these files together; empty for no limit."
    )
    accepted_types = models.TextField(
        blank=True,
        db_default="",
        help_text="Like image/png, audio/*; empty for all types. What the bytes are counts.",
    )
    accepts_url_uploads = models.BooleanField(
        default=True, db_default=True, help_text="Files may be fetched from the web (/from_url/)."
    )
    allowed_origins = models.TextField(
        blank=True,
        db_default="",
        help_text="Pages that may upload, like https://shop.example; empty for all.",
    )
    requires_signed_uploads = models.BooleanField(default=False)
    accepts_legacy_signatures = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Uploads signed by MD5 too, as programs of before 2018 do.",
    )
    requires_signed_urls = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The file host serves only addresses with a token.",
    )
    sealed_url_secret = SealedField(
        blank=True,
        db_default="",
        editable=False,
        help_text="Hexadecimal; signs the tokens of addresses.",
    )
    steps_hidden_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Nobody wants the first steps any more."
    )
    uploads_paused_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="From then on new uploads are refused."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def can_be_brought_back_until(self) -> datetime | None:
        """The end of the time in which its removal can be undone; None where it is not removed."""
        return self.removed_at + TIME_TO_BRING_BACK if self.removed_at else None

    def seal_url_secret(self, plaintext: str) -> None:
        seal(self, "sealed_url_secret", plaintext)

    def unseal_url_secret(self) -> str:
        return unseal(self, "sealed_url_secret")


class Membership(models.Model):
    """What one person may do in one project."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        MEMBER = "member"
        VIEWER = "viewer"

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["project", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=["owner", "admin", "member", "viewer"]),
                name="membership_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role} of {self.project}"


class SecretKeyQuerySet(models.QuerySet["SecretKey"]):
    def active(self) -> "SecretKeyQuerySet":
        """Those that open something now; the database's clock ends the ones that were rolled."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=db_now()), revoked_at=None)


class SecretKey(models.Model):
    """A secret key of a project. Uploadcare's HMAC needs it back: sealed, not hashed.

    A rolled one works until `ends_at`, beside the one that replaces it.
    """

    class Scope(models.TextChoices):
        FULL = "full"
        READ = "read", "read only"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="secret_keys")
    label = models.CharField(max_length=60)
    scope = models.CharField(max_length=4, choices=Scope.choices, default=Scope.FULL)
    sealed_secret = SealedField(editable=False)
    made_by = models.CharField(max_length=200, blank=True, db_default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_address = models.GenericIPAddressField(null=True, blank=True, editable=False)
    last_used_call = models.CharField(
        max_length=100, blank=True, db_default="", editable=False, help_text="Like GET /files/."
    )
    ends_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="It was rolled and works until then."
    )
    replaced_by = models.ForeignKey(
        "self", models.RESTRICT, null=True, blank=True, editable=False, related_name="replaces"
    )
    n_uses_since_roll = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    exposed_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="First sent where others could read it."
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = SecretKeyQuerySet.as_manager()

    class Meta:
        ordering = ["project", "created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True, replaced_by__isnull=True)
                | Q(ends_at__isnull=False, replaced_by__isnull=False),
                name="secret_key_ends_when_replaced",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def state(self) -> str:
        """As pages say it."""
        if self.revoked_at:
            return "deleted"
        if self.ends_at is None:
            return "active"
        return "rolled" if self.ends_at > timezone.now() else "ended"

    def seal_secret(self, plaintext: str) -> None:
        seal(self, "sealed_secret", plaintext)

    def unseal_secret(self) -> str:
        return unseal(self, "sealed_secret")
