"""Signatures for uploads from our own pages (spec/UPLOADCARE 3.9); others sign on their servers."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from storages_app.models import Project, SecretKey

# The official uploader asks for a new one when ten minutes are left.
LIFE = timedelta(hours=1)


@dataclass(frozen=True)
class UploadSignature:
    """What goes with an upload: until when, and the proof that a secret key said so."""

    expire: str
    signature: str


def find_key(project: Project) -> SecretKey | None:
    """The key that signs here, rather one that stays; a key that may only read signs nothing."""
    keys = project.secret_keys.active().filter(scope=SecretKey.Scope.FULL)
    return keys.order_by(F("ends_at").desc(nulls_first=True), "created_at").first()


def sign_upload(
    *, project: Project, now: datetime, life: timedelta = LIFE
) -> UploadSignature | None:
    """A signature that holds for an hour, or `life`; None where the project has no key for it."""
    key = find_key(project)
    if key is None:
        return None
    expire = str(int((now + life).timestamp()))
    digest = hmac.new(key.unseal_secret().encode(), expire.encode(), hashlib.sha256)
    return UploadSignature(expire=expire, signature=digest.hexdigest())
