"""Which project a program speaks for, and whether it holds one of its secret keys."""

import hashlib
import hmac
from collections.abc import Callable, Container
from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from storages_app.lib.crypto import CannotUnseal
from storages_app.lib.origins import request_address
from storages_app.models import Event, Project, SecretKey
from storages_app.models.prepared import Bound, Prepared
from storages_app.projects.errors import (
    BadCredentials,
    ExpireMalformed,
    ExpireRequired,
    PublicKeyOfRemoved,
    SignatureExpired,
    SignatureInvalid,
    SignatureLivesTooLong,
    SignatureRequired,
    UnknownPublicKey,
    WrongSecretKey,
    WrongSignature,
)

_NOTE_USE_EVERY = timedelta(minutes=1)
_LONGEST_PUBLIC_KEY = 40
_LONGEST_CALL = 100
_BY_PUBLIC_KEY = Prepared(
    lambda: Project.objects.filter(
        public_key=Bound("public_key", Project._meta.get_field("public_key"))
    )
)
_ACTIVE_KEYS = Prepared(
    lambda: (
        SecretKey.objects.active()
        .filter(project=Bound("project", Project._meta.pk))
        .order_by("created_at")
    )
)
_KEYS_OF_PUBLIC_KEY = Prepared(
    lambda: (
        SecretKey.objects.active()
        .filter(
            project__public_key=Bound("public_key", Project._meta.get_field("public_key")),
            project__removed_at=None,
        )
        .select_related("project")
        .order_by("created_at")
    )
)


def find_project(public_key: str) -> Project:
    """The live project with this public key; an UnknownPublicKey if there is none."""
    _require_possible(public_key)
    found: list[Project] = _BY_PUBLIC_KEY.instances(public_key=public_key)
    if not found:
        raise UnknownPublicKey(public_key)
    if found[0].removed_at:
        raise PublicKeyOfRemoved(public_key)
    return found[0]


def find_keys(public_key: str) -> list[SecretKey]:
    """All active keys of the live project with this public key, each with its project.

    One query, for every REST request asks it; UnknownPublicKey if there is no such project.
    """
    _require_possible(public_key)
    keys: list[SecretKey] = _KEYS_OF_PUBLIC_KEY.instances(public_key=public_key)
    if not keys:
        find_project(public_key)
    return keys


def _require_possible(public_key: str) -> None:
    """Longer ones and NUL never match, and PostgreSQL refuses a NUL with an error of its own."""
    if len(public_key) > _LONGEST_PUBLIC_KEY or "\0" in public_key:
        raise UnknownPublicKey(public_key[:_LONGEST_PUBLIC_KEY])


def check_secret(*, keys: list[SecretKey], secret: str) -> SecretKey:
    """The one of `keys` with this secret (`Uploadcare.Simple`)."""
    key = _first_that_fits(keys, lambda own_secret: is_same(own_secret, secret))
    if key is None:
        raise WrongSecretKey
    return key


def check_signature(*, keys: list[SecretKey], message: bytes, signature: str) -> SecretKey:
    """The one of `keys` that signed `message` (`Uploadcare`: HMAC-SHA1, hex)."""

    def signed(secret: str) -> bool:
        return is_same(hmac.new(secret.encode(), message, hashlib.sha1).hexdigest(), signature)

    key = _first_that_fits(keys, signed)
    if key is None:
        raise WrongSignature
    return key


def check_upload_signature(
    *, project: Project, signature: str, expire: str, now: datetime
) -> SecretKey:
    """The active key that signed this upload (spec/UPLOADCARE 3.9).

    Whoever sees the signature can use it until it expires, so that may not be long. A key that may
    only read signs nothing, and the lower-case hexadecimal form is the only one.
    """
    if not signature:
        raise SignatureRequired
    if not expire:
        raise ExpireRequired
    if not (expire.isascii() and expire.isdigit() and len(expire) <= 12):
        raise ExpireMalformed
    if int(expire) < now.timestamp():
        raise SignatureExpired

    def signed(secret: str) -> bool:
        expected = hmac.new(secret.encode(), expire.encode(), hashlib.sha256).hexdigest()
        return is_same(expected, signature) | (
            project.accepts_legacy_signatures
            and is_same(_legacy_signature(secret, expire), signature)
        )

    keys: list[SecretKey] = _ACTIVE_KEYS.instances(project=project.pk)
    key = _first_that_fits(keys, signed, {SecretKey.Scope.FULL})
    if key is None:
        raise SignatureInvalid
    if int(expire) > (now + settings.SIGNED_UPLOADS_LIVE).timestamp():
        raise SignatureLivesTooLong
    return key


def _legacy_signature(secret: str, expire: str) -> str:
    """As programs of before 2018 make it: no HMAC, so only where a project wants it."""
    return hashlib.md5((secret + expire).encode(), usedforsecurity=False).hexdigest()


def record_use(key: SecretKey, *, call: str) -> None:
    """Note that the key was used now, by whom and for what, such as `GET /files/`.

    At most one write a minute, whatever the load; but of a key that was rolled each use is counted,
    since its owner waits for the last one.
    """
    if key.ends_at:
        late = F("n_uses_since_roll") + 1
        SecretKey.objects.filter(pk=key.pk).update(n_uses_since_roll=late)
    now = timezone.now()
    if key.last_used_at and key.last_used_at > now - _NOTE_USE_EVERY:
        return
    long_ago = Q(last_used_at=None) | Q(last_used_at__lte=now - _NOTE_USE_EVERY)
    SecretKey.objects.filter(long_ago, pk=key.pk).update(
        last_used_at=now,
        last_used_address=request_address(),
        last_used_call=_shown(call),
    )


def _shown(call: str) -> str:
    """Paths come as they were sent; PostgreSQL keeps no NUL, and a page has one line for them."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in call[:_LONGEST_CALL])


@transaction.atomic
def flag_exposed(*, public_key: str, secret: str) -> None:
    """The secret came where others could read it: its key is to be replaced (S063).

    Says nothing to the caller, whether the secret is right or wrong.
    """
    with suppress(BadCredentials):
        key = check_secret(keys=find_keys(public_key), secret=secret)
        if SecretKey.objects.filter(pk=key.pk, exposed_at=None).update(exposed_at=timezone.now()):
            Event.objects.record(
                "secret_key.exposed",
                project=key.project,
                actor="system",
                subject=key.label,
                subject_id=key.pk,
                data={"how": "Sent over plain HTTP."},
            )


def is_same(left: str, right: str) -> bool:
    """Compare secret material in constant time; the one place that does."""
    return hmac.compare_digest(
        left.encode(errors="surrogatepass"), right.encode(errors="surrogatepass")
    )


def _first_that_fits(
    keys: list[SecretKey],
    fits: Callable[[str], bool],
    scopes: Container[str] = SecretKey.Scope.values,
) -> SecretKey | None:
    """Ask every key, also after a match, so that time does not tell which one it was.

    One that cannot be opened any more stands in no other's way, but where none fits, that is why.
    """
    matches, unopened = [], None
    for key in keys:
        if key.scope not in scopes:
            continue
        try:
            if fits(key.unseal_secret()):
                matches.append(key)
        except CannotUnseal as error:
            unopened = error
    if unopened and not matches:
        raise unopened
    return matches[0] if matches else None
