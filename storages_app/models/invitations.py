"""Invitations into a project: for one address, once, for a week."""

import secrets
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.hand_offs import digest_of
from storages_app.models.projects import Membership, Project

VALID_FOR = timedelta(days=7)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def pending(self) -> "InvitationQuerySet":
        """Neither taken up nor taken back; it may have grown too old."""
        return self.filter(accepted_at=None, revoked_at=None)

    def open_(self) -> "InvitationQuerySet":
        """Those whose link works."""
        in_time = self.pending().filter(expires_at__gt=timezone.now())
        return in_time.filter(project__removed_at=None)


class Invitation(models.Model):
    """Whoever has the link may join as the person with this address."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="invitations")
    email = models.EmailField(help_text="In lower case, as the addresses of accounts are.")
    role = models.CharField(max_length=10, choices=Membership.Role.choices)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="sent_invitations"
    )
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "email"],
                name="invitation_pending_once",
                condition=Q(accepted_at=None, revoked_at=None),
            ),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "admin", "member", "viewer"]),
                name="invitation_role_known",
            ),
        ]
        indexes = [models.Index(fields=["invited_by", "sent_at"], name="invitation_sent_by")]

    def __str__(self) -> str:
        return f"{self.email} as {self.role} of project {self.project_id}"

    @property
    def is_too_old(self) -> bool:
        return self.expires_at <= timezone.now()

    def new_token(self) -> str:
        """Give the row a new token for a week and return it: only its digest is kept."""
        token = secrets.token_urlsafe(32)
        self.token_digest = digest_of(token)
        self.sent_at = timezone.now()
        self.expires_at = self.sent_at + VALID_FOR
        return token
