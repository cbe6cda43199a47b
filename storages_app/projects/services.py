"""Make projects and their secret keys."""

import re
import secrets
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from storages_app.models import Event, Membership, Project, SecretKey, User
from storages_app.models.events import changes_of
from storages_app.models.fields import read_db_now
from storages_app.projects.errors import (
    BadMediaType,
    BadName,
    BadRollTime,
    BadScope,
    PublicKeyTaken,
    SecretKeyEnds,
)
from storages_app.projects.upload_origins import parse_origins

FIRST_KEY = "First key"
LONGEST_ROLL = timedelta(days=30)
_SLUG_TRIES = 1_000
_MOST_TYPES = 100
_TYPE_NAME = r"[a-z0-9][a-z0-9!#$&^_.+\-]{0,99}"
_MEDIA_TYPE = re.compile(rf"{_TYPE_NAME}/(?:\*|{_TYPE_NAME})|\*/\*")
_PUBLIC_KEY = re.compile(r"[0-9a-zA-Z]{1,40}", re.ASCII)


@transaction.atomic
def create_project(*, name: str, owner: User | None, actor: str = "") -> Project:
    """A new project; its slug is made of the name and a number if others have that name.

    `actor` is who makes it, if that is not its owner.
    """
    name = checked_name(name, longest=100)
    project = _insert_with_free_slug(name)
    if owner:
        Membership.objects.create(project=project, user=owner, role=Membership.Role.OWNER)
    Event.objects.record(
        "project.created",
        project=project,
        actor=actor or (owner.email if owner else "an operator"),
        subject=name,
        subject_id=project.pk,
    )
    return project


@transaction.atomic
def create_project_with_key(*, name: str, owner: User) -> tuple[Project, SecretKey]:
    """A new project that REST can be asked for at once; the secret is told by who opens it."""
    project = create_project(name=name, owner=owner)
    key, _ = create_secret_key(project=project, label=FIRST_KEY, actor=owner.email)
    return project, key


@transaction.atomic
def bring_back_public_key(*, project: Project, public_key: str, actor: str) -> None:
    """Let clients know a project again that was made anew; PublicKeyTaken if another has the key.

    Operators only: whoever has a backup could else take a name that is not theirs.
    """
    if not _PUBLIC_KEY.fullmatch(public_key):
        raise PublicKeyTaken("This is no public key.")
    if Project.objects.filter(public_key=public_key).exclude(pk=project.pk).exists():
        raise PublicKeyTaken
    project.public_key = public_key
    project.save(update_fields=["public_key"])
    Event.objects.record(
        "project.public_key_brought_back",
        project=project,
        actor=actor,
        subject=project.name,
        subject_id=project.pk,
        data={"public_key": public_key},
    )


@transaction.atomic
def create_secret_key(
    *, project: Project, label: str, actor: str, scope: str = "full"
) -> tuple[SecretKey, str]:
    """A new key and its secret, which nobody is shown a second time."""
    if scope not in SecretKey.Scope.values:
        raise BadScope
    key, secret = _make_key(project, checked_name(label, longest=60), scope, actor)
    _record_key_event("secret_key.created", key, actor)
    return key, secret


@transaction.atomic
def rename_secret_key(*, key: SecretKey, label: str, actor: str) -> None:
    """Another label; the secret stays."""
    before, key.label = key.label, checked_name(label, longest=60)
    if key.label == before:
        return
    key.save(update_fields=["label"])
    _record_key_event("secret_key.renamed", key, actor, before=before, after=key.label)


@transaction.atomic
def roll_secret_key(
    *, key: SecretKey, works_on_for: timedelta, actor: str
) -> tuple[SecretKey, str]:
    """A key with a new secret in this one's place, which works on for a while and ends by itself.

    Of two who roll it at once one is refused with SecretKeyEnds, so that one replaces it.
    """
    if not timedelta(0) <= works_on_for <= LONGEST_ROLL:
        raise BadRollTime
    new_key, secret = _make_key(key.project, key.label, key.scope, actor)
    ends_at = read_db_now() + works_on_for
    n_rolled = (
        SecretKey.objects.active()
        .filter(pk=key.pk, ends_at=None)
        .update(ends_at=ends_at, replaced_by=new_key)
    )
    if not n_rolled:
        raise SecretKeyEnds
    key.refresh_from_db()
    _record_key_event("secret_key.rolled", key, actor, works_until=f"{ends_at:%Y-%m-%d %H:%M} UTC")
    return new_key, secret


@transaction.atomic
def revoke_secret_key(*, key: SecretKey, actor: str) -> SecretKey:
    """From now on the key opens nothing; revoking twice changes nothing."""
    n_revoked = SecretKey.objects.active().filter(pk=key.pk).update(revoked_at=timezone.now())
    if n_revoked:
        _record_key_event("secret_key.deleted", key, actor)
    key.refresh_from_db()
    return key


def _make_key(project: Project, label: str, scope: str, actor: str) -> tuple[SecretKey, str]:
    key = SecretKey(project=project, label=label, scope=scope, made_by=actor[:200])
    secret = secrets.token_hex(10)
    key.seal_secret(secret)
    key.save()
    return key, secret


def _record_key_event(kind: str, key: SecretKey, actor: str, **data: str) -> None:
    Event.objects.record(
        kind,
        project=key.project,
        actor=actor,
        subject=key.label,
        subject_id=key.pk,
        data={"scope": key.scope} | data,
    )


def checked_name(name: str, *, longest: int) -> str:
    name = name.strip()
    if not name or len(name) > longest or not name.isprintable():
        raise BadName(hint=f"Write 1 to {longest} characters without line breaks.")
    return name


def _insert_with_free_slug(name: str) -> Project:
    stem = slugify(name)[:50] or "project"
    taken = set(Project.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    candidates = [stem, *(f"{stem}-{n}" for n in range(2, _SLUG_TRIES))]
    for slug in candidates:
        if slug in taken:
            continue
        try:
            with transaction.atomic():
                return Project.objects.create(name=name, slug=slug)
        except IntegrityError:  # another request took it meanwhile
            continue
    raise BadName("Too many projects have this name.", hint="Choose another name.")


@transaction.atomic
def change_upload_settings(
    *,
    project: Project,
    stores_by_default: bool,
    max_upload_size: int | None,
    accepted_types: str,
    allowed_origins: str,
    accepts_url_uploads: bool,
    requires_signed_uploads: bool,
    accepts_legacy_signatures: bool,
    actor: str,
) -> None:
    """How new uploads are treated from now on; types and origins as people write them."""
    chosen = {
        "stores_by_default": stores_by_default,
        "max_upload_size": max_upload_size,
        "accepted_types": parse_accepted_types(accepted_types),
        "allowed_origins": parse_origins(allowed_origins),
        "accepts_url_uploads": accepts_url_uploads,
        "requires_signed_uploads": requires_signed_uploads,
        "accepts_legacy_signatures": accepts_legacy_signatures,
    }
    told = changes_of(project, chosen)
    if not told:
        return
    for name, value in chosen.items():
        setattr(project, name, value)
    project.save(update_fields=list(chosen))
    Event.objects.record(
        "project.upload_settings_changed",
        project=project,
        actor=actor,
        subject=project.name,
        subject_id=project.pk,
        data=told,
    )


def parse_accepted_types(text: str) -> str:
    """Types such as `image/png` or `audio/*`, in the form that is kept; empty takes all."""
    words = list(dict.fromkeys(text.lower().replace(",", " ").replace(";", " ").split()))
    unknown = next((word for word in words if not _MEDIA_TYPE.fullmatch(word)), None)
    if unknown is not None:
        raise BadMediaType(f"`{unknown[:100]}` is no type of files.")
    if len(words) > _MOST_TYPES:
        raise BadMediaType(f"At most {_MOST_TYPES} types can be named.")
    return "" if "*/*" in words else ", ".join(words)
