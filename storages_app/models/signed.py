"""Who is sent requests that a secret signs: that secret, and for a while the one before it."""

from datetime import datetime, timedelta

from django.db import models

from storages_app.lib.crypto import CannotUnseal
from storages_app.models.fields import SealedField, seal, unseal


class Signed(models.Model):
    """Without a secret nothing is signed."""

    sealed_secret = SealedField(blank=True, default="", db_default="", editable=False)
    sealed_old_secret = SealedField(
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Signs beside the new one for a while.",
    )
    old_secret_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def seal_secret(self, plaintext: str) -> None:
        """For a saved row: the seal is bound to its number."""
        seal(self, "sealed_secret", plaintext)

    def unseal_secret(self) -> str:
        return unseal(self, "sealed_secret") if self.sealed_secret else ""

    def seal_old_secret(self, plaintext: str) -> None:
        seal(self, "sealed_old_secret", plaintext)

    def unseal_old_secret(self) -> str:
        return unseal(self, "sealed_old_secret") if self.sealed_old_secret else ""

    def replace_secret(self, secret: str, *, now: datetime, overlap: timedelta) -> None:
        """Until the overlap is over both sign; an empty secret ends signing at once."""
        old = self._old_one()
        if secret and secret == old:
            return
        self.sealed_secret, self.sealed_old_secret, self.old_secret_until = "", "", None
        if secret and old:
            self.seal_old_secret(old)
            self.old_secret_until = now + overlap
        if secret:
            self.seal_secret(secret)

    def _old_one(self) -> str:
        """Nothing where its key is lost: then it is only made anew."""
        try:
            return self.unseal_secret()
        except CannotUnseal:
            return ""

    def secrets_at(self, now: datetime) -> tuple[str, ...] | None:
        """What signs: the secret, and for a while the one that it has replaced.

        None where their key is lost: whoever expects a signature is sent nothing without.
        """
        is_old_alive = self.old_secret_until is not None and self.old_secret_until > now
        try:
            old = self.unseal_old_secret() if is_old_alive else ""
            return tuple(secret for secret in (self.unseal_secret(), old) if secret)
        except CannotUnseal:
            return None
