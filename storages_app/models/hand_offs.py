"""Pages for a colleague who has rights at the provider, and no account here."""

import hashlib
import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone

from storages_app.models.custom_storages import CustomStorage

VALID_FOR = timedelta(days=7)


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class HandOffQuerySet(models.QuerySet["HandOff"]):
    def open_(self) -> "HandOffQuerySet":
        """Those whose link still works."""
        return self.filter(
            expires_at__gt=timezone.now(),
            revoked_at=None,
            custom_storage__removed_at=None,
            custom_storage__project__removed_at=None,
        )

    def by_token(self, token: str) -> "HandOff | None":
        found = self.open_().select_related("custom_storage__project")
        return found.filter(token_digest=digest_of(token)).first()


class HandOff(models.Model):
    """A link that shows the grant and the steps of one storage, without its secrets, for 7 days.

    Whoever has the link may report back: the ARN of the role that was made, or that all is done.
    """

    custom_storage = models.ForeignKey(CustomStorage, models.CASCADE, related_name="hand_offs")
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField(null=True, blank=True)
    report = models.CharField(max_length=200, blank=True, help_text="What came back, in words.")

    objects = HandOffQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Hand-off of {self.custom_storage}"

    def new_token(self) -> str:
        """Give the row its token and return it: only its digest is kept."""
        token = secrets.token_urlsafe(32)
        self.token_digest = digest_of(token)
        return token
