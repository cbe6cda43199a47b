"""Connecting, testing, changing and disconnecting buckets."""

import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from time import monotonic, sleep
from typing import Any

from django.conf import settings as django_settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from storages_app.custom_storages import (
    addresses,
    auto_copy_rules,
    circuit,
    key_patterns,
    orders,
    tasks,
)
from storages_app.custom_storages.connect import identities_offered
from storages_app.custom_storages.errors import (
    AddressRefused,
    BadRule,
    IdentityNotOffered,
    NameTaken,
    NotConnected,
    NotTested,
    StorageGone,
    TooManyDrafts,
    TooManyStorages,
    TooManyTests,
)
from storages_app.custom_storages.probe import registry
from storages_app.imaging.effects import parse
from storages_app.imaging.operations.overlay import Overlay
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import (
    AccessChange,
    ConnectionTest,
    CopyJob,
    CustomStorage,
    Event,
    File,
    HandOff,
    Project,
)
from storages_app.models.copy_jobs import Reason, State
from storages_app.models.events import changes_of
from storages_app.objectstores import providers
from ucdash.celery import wake

Kind, Trigger = ConnectionTest.Kind, ConnectionTest.Trigger

_CLEANERS: dict[str, Callable[[Any], Any]] = {
    "name": addresses.clean_name,
    "bucket": addresses.clean_bucket,
    "prefix": addresses.clean_prefix,
    "endpoint_url": addresses.clean_endpoint,
    "region": addresses.clean_region,
    "account_id": addresses.clean_account_id,
    "access_key_id": lambda text: text and addresses.clean_access_key_id(text),
    "encryption": addresses.clean_encryption,
    "key_pattern": key_patterns.clean_pattern,
    "auto_copy_rule": auto_copy_rules.clean_rule,
}
_PLAIN = {
    "provider",
    "identity",
    "role_arn",  # cleaned beside the region, which has to fit
    "public_mode",
    "on_clash",
    "storage_class",
    "uses",
    "auto_copy",  # of a draft: copies wait until it is connected
}
# What a test has to prove anew.
_ACCESS = {
    *("provider", "endpoint_url", "region", "account_id", "bucket", "prefix"),
    *("identity", "access_key_id", "role_arn"),
    *("public_mode", "storage_class", "encryption", "uses"),
}
# What the proof of ownership was made for.
_PLACE = {"provider", "endpoint_url", "bucket", "prefix", "identity"}

PROOF_LASTS = timedelta(hours=24)
_PROOF_HOLDS = timedelta(hours=24)  # a passed test of a draft
_MAX_DRAFTS = 50
_TESTS_COUNTED_FOR = timedelta(minutes=10)
_MAX_TESTS_OF_PROJECT = 120  # a page that is open asks 60 times in that time


# --- Settings ----------------------------------------------------------------------------------


@transaction.atomic
def create_draft(*, project: Project, actor: str, secret: str = "", **fields: Any) -> CustomStorage:
    """Keep a new storage that nothing is copied to until it is connected."""
    _require_room(project)
    row = sketch(secret=secret, **fields)
    row.project = project
    _require_pictures(row)
    _save(row)
    _record("storage.drafted", row, actor)
    return row


def _require_room(project: Project) -> None:
    """Under a lock, so that requests side by side do not make one too many (S097)."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    storages = project.custom_storages.live()
    if storages.filter(connected_at=None).count() >= _MAX_DRAFTS:
        raise TooManyDrafts
    if storages.count() >= django_settings.STORAGES_OF_A_PROJECT:
        raise TooManyStorages


def sketch(*, secret: str = "", **fields: Any) -> CustomStorage:
    """A storage in memory only, with its settings cleaned and refused as a draft's are."""
    row = CustomStorage()
    for name, value in _with_endpoint(row, _clean(row, fields)).items():
        setattr(row, name, value)
    row.auto_copy_since = timezone.now() if row.auto_copy else None
    _require_offered(row)
    row.seal_secret(addresses.clean_secret(secret))
    return row


def change(
    *, custom_storage: CustomStorage, actor: str, secret: str = "", **fields: Any
) -> ConnectionTest | None:
    """Change settings; an empty secret, or its mask, keeps the stored one.

    New access settings of a connected storage are kept only if their test passes; the test that
    decides is returned, and the old ones stay in use. All else is kept at once.
    """
    with transaction.atomic():
        _hold(custom_storage)
        cleaned = _with_endpoint(custom_storage, _clean(custom_storage, fields))
        new = {n: value for n, value in cleaned.items() if getattr(custom_storage, n) != value}
        new_secret = _new_secret(custom_storage, secret)
        tried = {} if custom_storage.is_draft else {n: v for n, v in new.items() if n in _ACCESS}
        kept = sorted(new.keys() - tried.keys())
        told = changes_of(custom_storage, {name: new[name] for name in kept})
        for name in kept:
            setattr(custom_storage, name, new[name])
        if "auto_copy_rule" in new:
            _require_pictures(custom_storage)
        written = [*kept]
        if new.get("auto_copy"):
            custom_storage.auto_copy_since = timezone.now()
            written.append("auto_copy_since")
        if custom_storage.is_draft:
            written += _change_draft(custom_storage, new, new_secret)
        _require_offered(custom_storage, **tried)
        _save(custom_storage, update_fields=written)
        if new_secret and custom_storage.is_draft:
            kept.append("secret")
        if kept:
            _record("storage.changed", custom_storage, actor, changed=kept, **told, **_audited(new))
        if custom_storage.is_draft or not (tried or new_secret):
            return None
        return _try(custom_storage, actor, tried, new_secret)


def _change_draft(row: CustomStorage, new: dict[str, Any], new_secret: str) -> list[str]:
    """Which columns follow from what is new."""
    written = []
    if new_secret:
        row.seal_secret(new_secret)
        written.append("sealed_secret")
    if new_secret or new.keys() & _ACCESS:
        row.access_changed_at = timezone.now()
        written.append("access_changed_at")
    if new.keys() & _PLACE:
        row.proved_at = None
        written.append("proved_at")
    return written


def _try(
    row: CustomStorage, actor: str, settings: dict[str, Any], new_secret: str
) -> ConnectionTest:
    """Keep the new settings aside, and have them tested."""
    _require_patience(row.project_id)
    if settings.keys() & _PLACE:
        settings = settings | {"proved_at": None}
    tried = AccessChange(custom_storage=row, settings=settings, asked_by=actor)
    if new_secret:
        tried.seal_secret(new_secret)
    tried.save()
    test: ConnectionTest = ConnectionTest.objects.create(
        custom_storage=row, asked_by=actor, trigger=Trigger.CHANGE, access_change=tried
    )
    transaction.on_commit(partial(wake, "custom_storages.drain"))
    return test


def _audited(new: dict[str, Any]) -> dict[str, Any]:
    """What a reader of the activity has to see by its value."""
    names = ("public_mode", "auto_copy", "auto_copy_rule")
    return {name: new[name] for name in names if name in new}


def _clean(row: CustomStorage, fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - _CLEANERS.keys() - _PLAIN
    if unknown:
        raise TypeError(f"not a setting of a storage: {', '.join(sorted(unknown))}")
    cleaned = {
        name: _CLEANERS[name](value) if name in _CLEANERS else value
        for name, value in fields.items()
    }
    if cleaned.get("role_arn"):
        region = cleaned.get("region", row.region)
        cleaned["role_arn"] = addresses.clean_role_arn(cleaned["role_arn"], region=region)
    return cleaned


def _with_endpoint(row: CustomStorage, new: dict[str, Any]) -> dict[str, Any]:
    """The same with the address that follows from region and account, where none is typed.

    At Amazon nobody types one: this installation's own identity may be what signs, and goes to no
    server that a tenant names.
    """

    def value(name: str) -> str:
        return str(new.get(name, getattr(row, name)))

    provider = providers.provider(value("provider"))
    if not new.keys() & {"provider", "region", "account_id", "endpoint_url"}:
        return new
    if not provider.needs_endpoint:
        if new.get("endpoint_url"):
            raise AddressRefused(
                f"{provider.name} needs no address. Leave it empty, or choose another service."
            )
        if not _is_amazons_id(value("account_id")):
            raise AddressRefused("An AWS account id has twelve digits, like 1111-2222-3333.")
        return new | {"endpoint_url": ""}
    if not (provider.types_endpoint or new.get("endpoint_url")):
        address = _derived_endpoint(row, provider, value("region"), value("account_id"))
        new = new | {"endpoint_url": address}
    # The column is for an owner as Amazon names them; Cloudflare's id is in the address.
    return new if _is_amazons_id(value("account_id")) else new | {"account_id": ""}


def _derived_endpoint(
    row: CustomStorage, provider: providers.Provider, region: str, account_id: str
) -> str:
    """What follows from region and account; the address it has, where those are as they were."""
    known = row.endpoint_url if row.provider == provider.slug else ""
    if known and (region, account_id) == (row.region, row.account_id):
        return known
    return providers.endpoint_for(provider, region, account_id) or known


def _is_amazons_id(account_id: str) -> bool:
    return len(account_id) in {0, 12}


def _new_secret(row: CustomStorage, typed: str) -> str:
    """What was typed, unless it is nothing, the secret in use, or its mask (S117)."""
    secret = addresses.clean_secret(typed)
    if not secret or set(secret) <= set("*•…"):
        return ""
    try:
        known = row.unseal_secret()
    except CannotUnseal:
        return secret
    is_known = hmac.compare_digest(known.encode(), secret.encode())
    is_mask = bool(known) and secret.lstrip("*•…") == known[-4:] != secret
    return "" if is_known or is_mask else secret


def _require_offered(row: CustomStorage, **tried: Any) -> None:
    """The provider takes this way in, this installation can go it, and keys have room."""
    provider = providers.provider(tried.get("provider", row.provider))
    if provider.needs_endpoint and not tried.get("endpoint_url", row.endpoint_url):
        raise AddressRefused("This provider needs an address like https://s3.example.com.")
    if tried.get("identity", row.identity) not in identities_offered(provider.slug):
        raise IdentityNotOffered
    key_patterns.check_pattern(row.key_pattern, prefix=tried.get("prefix", row.prefix))
    _require_names_of_renditions(row)


def _require_names_of_renditions(row: CustomStorage) -> None:
    has_renditions = bool(row.auto_copy_rule.get("renditions"))
    if has_renditions and not key_patterns.tells_effects(row.key_pattern):
        raise BadRule(
            "renditions",
            f"With the naming pattern `{row.key_pattern}` processed images would get the name of "
            "their original.",
            hint="Put ${effects} into the naming pattern, or make no other sizes.",
        )


def _require_pictures(row: CustomStorage) -> None:
    """What its renditions lay over a picture is the project's own, when the rule is written.

    A file that goes later fails the copies that need it, and they say so.
    """
    named = {
        uuid for text in row.auto_copy_rule.get("renditions", ()) for uuid in parse(text).files
    }
    known = File.objects.readable().filter(project_id=row.project_id).in_bulk(named)
    for missing in sorted(named - known.keys(), key=str):
        raise BadRule("renditions", Overlay.unknown(str(missing)).message)


def _save(row: CustomStorage, *, update_fields: list[str] | None = None) -> None:
    try:
        with transaction.atomic():
            row.save(update_fields=update_fields)
    except IntegrityError as error:
        raise NameTaken(f"This project already has a storage called {row.name}.") from error


def reach_step(*, custom_storage: CustomStorage, step: int) -> None:
    """Remember how far the wizard has come; it is never forgotten by going back."""
    CustomStorage.objects.filter(pk=custom_storage.pk, setup_step__lt=step).update(setup_step=step)
    custom_storage.setup_step = max(custom_storage.setup_step, step)


@transaction.atomic
def tick(*, custom_storage: CustomStorage, line: str, on: bool) -> None:
    """A person says that a line of the checklist is done, or is not."""
    _hold(custom_storage)
    ticked = {*custom_storage.ticked, line} if on else {*custom_storage.ticked} - {line}
    custom_storage.ticked = sorted(ticked)
    custom_storage.save(update_fields=["ticked"])


@transaction.atomic
def proof_nonce(*, custom_storage: CustomStorage) -> str:
    """What the owner puts into ``{prefix}.ucdash-proof``; a new one where the last ran out."""
    _hold(custom_storage)
    if not valid_nonce(custom_storage):
        custom_storage.proof_nonce = secrets.token_urlsafe(24)
        custom_storage.proof_until = timezone.now() + PROOF_LASTS
        custom_storage.save(update_fields=["proof_nonce", "proof_until"])
    return custom_storage.proof_nonce


def valid_nonce(custom_storage: CustomStorage) -> str:
    """The nonce that would be taken now, or ""."""
    until = custom_storage.proof_until
    return custom_storage.proof_nonce if until and until > timezone.now() else ""


# --- Tests -------------------------------------------------------------------------------------


@transaction.atomic
def request_test(
    *,
    custom_storage: CustomStorage,
    asked_by: str,
    kind: ConnectionTest.Kind = Kind.TEST,
    trigger: ConnectionTest.Trigger = Trigger.PERSON,
    again: str = "",
) -> ConnectionTest:
    """Have a worker ask the questions; a test that still waits is not doubled.

    `again` names the one check whose row is run anew, with those it requires; what is no check
    means all of them. TooManyTests where the project has asked too often.
    """
    _hold(custom_storage)  # one asker at a time
    again = again if again in registry else ""
    waiting = orders.waiting_test(custom_storage=custom_storage, kind=kind, again=again)
    if waiting:
        wake("custom_storages.drain")
        return waiting
    if trigger != Trigger.SCHEDULE:
        _require_patience(custom_storage.project_id)
    return orders.order_test(
        custom_storage=custom_storage, asked_by=asked_by, kind=kind, trigger=trigger, again=again
    )


def _require_patience(project_id: int) -> None:
    """Each test sends some thirty requests to whatever address a tenant has typed (S100)."""
    since = timezone.now() - _TESTS_COUNTED_FOR
    tests = ConnectionTest.objects.filter(
        custom_storage__project=project_id, created_at__gt=since
    ).exclude(trigger=Trigger.SCHEDULE)
    if tests.count() < _MAX_TESTS_OF_PROJECT:
        return
    oldest = tests.order_by("created_at").values_list("created_at", flat=True)[0]
    wait = oldest + _TESTS_COUNTED_FOR - timezone.now()
    raise TooManyTests(retry_after=max(1, round(wait.total_seconds())))


_WAITS_FOR_WORKER_S = 60  # a test ends after 30 s


def run_test_now(
    *, custom_storage: CustomStorage, asked_by: str, test: ConnectionTest | None = None
) -> ConnectionTest:
    """Run the connection test in this process and return it finished (for scripts)."""
    _require_live(custom_storage)
    test = test or ConnectionTest.objects.create(custom_storage=custom_storage, asked_by=asked_by)
    tasks.run_now(test_id=test.pk)
    test.refresh_from_db()
    gives_up_at = monotonic() + _WAITS_FOR_WORKER_S
    while not test.is_over and monotonic() < gives_up_at:  # a worker was quicker, and has it
        sleep(0.2)
        test.refresh_from_db()
    custom_storage.refresh_from_db()
    return test


# --- Life --------------------------------------------------------------------------------------


@transaction.atomic
def connect(*, custom_storage: CustomStorage, actor: str) -> bool:
    """Copies may go to the bucket from now on; NotTested unless its settings have passed.

    False if somebody has connected it meanwhile.
    """
    _hold(custom_storage)
    if not custom_storage.is_draft:
        return False
    tests = ConnectionTest.objects.of_current_settings(custom_storage).over().order_by("-pk")
    last = tests.first()
    if last is None or not last.has_passed:
        raise NotTested
    if last.finished_at and last.finished_at < timezone.now() - _PROOF_HOLDS:
        raise NotTested("The connection test passed too long ago to be relied on.")
    custom_storage.connected_at = timezone.now()
    custom_storage.save(update_fields=["connected_at"])
    _record("storage.connected", custom_storage, actor, public_mode=custom_storage.public_mode)
    circuit.release(custom_storage)
    links = HandOff.objects.filter(custom_storage=custom_storage, revoked_at=None)
    links.update(revoked_at=timezone.now())
    transaction.on_commit(partial(wake, "copying.drain"))
    return True


@transaction.atomic
def pause(*, custom_storage: CustomStorage, actor: str) -> None:
    """Let copies wait; nothing is lost. Those of a draft wait anyway."""
    _hold(custom_storage)
    if custom_storage.is_draft:
        raise NotConnected
    if custom_storage.is_paused:
        return
    custom_storage.paused_at = timezone.now()
    custom_storage.save(update_fields=["paused_at"])
    circuit.park(custom_storage)
    _record("storage.paused", custom_storage, actor)


@transaction.atomic
def resume(*, custom_storage: CustomStorage, actor: str) -> None:
    """Let waiting copies go on."""
    _hold(custom_storage)
    if not custom_storage.is_paused:
        return
    custom_storage.paused_at = None
    custom_storage.save(update_fields=["paused_at"])
    circuit.release(custom_storage)
    _record("storage.resumed", custom_storage, actor)
    transaction.on_commit(partial(wake, "copying.drain"))


@transaction.atomic
def set_auto_copy(*, custom_storage: CustomStorage, on: bool, actor: str, rule: Any = None) -> None:
    """Copy new files to this storage from now on, by `rule` if one is given, or stop doing so."""
    _hold(custom_storage)
    if on and custom_storage.is_draft:
        raise NotConnected
    if rule is not None:
        _set_rule(custom_storage, auto_copy_rules.clean_rule(rule), actor)
    if custom_storage.auto_copy == on:
        return
    custom_storage.auto_copy = on
    if on:
        custom_storage.auto_copy_since = timezone.now()
    custom_storage.save(update_fields=["auto_copy", "auto_copy_since"])
    _record("storage.auto_copy_on" if on else "storage.auto_copy_off", custom_storage, actor)


def _set_rule(row: CustomStorage, rule: dict[str, Any], actor: str) -> None:
    if row.auto_copy_rule == rule:
        return
    row.auto_copy_rule = rule
    _require_names_of_renditions(row)
    _require_pictures(row)
    row.save(update_fields=["auto_copy_rule"])
    _record("storage.changed", row, actor, changed=["auto_copy_rule"], auto_copy_rule=rule)


@transaction.atomic
def disconnect(*, custom_storage: CustomStorage, actor: str) -> int:
    """Forget the bucket: waiting copies are cancelled, objects in it stay. Returns how many waited.

    The row stays for the ledger's sake; its secret, and one that was being tried, is overwritten.
    """
    _hold(custom_storage)
    custom_storage.removed_at = timezone.now()
    custom_storage.auto_copy = False
    custom_storage.seal_secret("")
    custom_storage.save(update_fields=["removed_at", "auto_copy", "sealed_secret"])
    _end_tests(custom_storage)
    n_cancelled = (
        CopyJob.objects.filter(custom_storage=custom_storage)
        .waiting()
        .update(
            state=State.CANCELLED,
            reason=Reason.STORAGE_DELETED,
            run_after=None,
            finished_at=timezone.now(),
        )
    )
    _record("storage.disconnected", custom_storage, actor, cancelled=n_cancelled)
    return n_cancelled


def _end_tests(custom_storage: CustomStorage) -> None:
    """No worker begins another one, nor decides anything by the one that it runs."""
    now = timezone.now()
    tried = custom_storage.access_changes.filter(state=AccessChange.State.TRIED)
    tried.update(state=AccessChange.State.REFUSED, decided_at=now, sealed_secret="")
    custom_storage.connection_tests.filter(finished_at=None).update(
        state=ConnectionTest.State.FAILED, finished_at=now, lease_until=None, fence=F("fence") + 1
    )


def _hold(custom_storage: CustomStorage) -> None:
    """Hold the row until the transaction ends, as others have left it since it was read."""
    custom_storage.refresh_from_db(from_queryset=CustomStorage.objects.select_for_update())
    _require_live(custom_storage)


def _require_live(custom_storage: CustomStorage) -> None:
    if custom_storage.removed_at:
        raise StorageGone


def _record(kind: str, row: CustomStorage, actor: str, **data: Any) -> None:
    Event.objects.record(
        kind, actor=actor, subject=row.name, subject_id=row.pk, project=row.project, data=data
    )
