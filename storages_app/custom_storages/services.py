"""Connecting, testing, changing and disconnecting buckets."""

import hmac
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from storages_app.custom_storages import addresses, circuit, key_patterns, tasks
from storages_app.custom_storages.errors import AddressRefused, NameTaken, NotConnected, StorageGone
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import ConnectionTest, CopyJob, CustomStorage, Event, Project
from storages_app.models.copy_jobs import Reason, State
from storages_app.objectstores import providers
from ucdash.celery import wake

_CLEANERS = {
    "name": addresses.clean_name,
    "bucket": addresses.clean_bucket,
    "prefix": addresses.clean_prefix,
    "endpoint_url": addresses.clean_endpoint,
    "region": addresses.clean_region,
    "access_key_id": addresses.clean_access_key_id,
    "key_pattern": key_patterns.clean_pattern,
}
_ACCESS = {"provider", "endpoint_url", "region", "bucket", "prefix", "access_key_id", "public_mode"}
_PLAIN = {
    "provider",
    "account_id",
    "public_mode",
    "on_clash",
    "storage_class",
    "auto_copy",  # of a draft: copies wait until it is connected
}


def _clean(fields: dict[str, Any]) -> dict[str, Any]:
    unknown = fields.keys() - _CLEANERS.keys() - _PLAIN
    if unknown:
        raise TypeError(f"not a setting of a storage: {', '.join(sorted(unknown))}")
    return {
        name: _CLEANERS[name](value) if name in _CLEANERS else value
        for name, value in fields.items()
    }


def create_draft(*, project: Project, actor: str, secret: str, **fields: Any) -> CustomStorage:
    """Keep a new storage that nothing is copied to until its required checks have passed."""
    row = CustomStorage(project=project, **_clean(fields))
    _require_endpoint(row)
    row.seal_secret(_clean_new_secret(secret))
    _save(row)
    _record("storage.drafted", row, actor)
    return row


def _clean_new_secret(secret: str) -> str:
    cleaned = addresses.clean_secret(secret)
    if not cleaned:
        raise AddressRefused("The secret access key is missing.")
    return cleaned


def _require_endpoint(row: CustomStorage) -> None:
    if providers.provider(row.provider).needs_endpoint and not row.endpoint_url:
        raise AddressRefused("This provider needs an address like https://s3.example.com.")


def _save(row: CustomStorage) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise NameTaken(f"This project already has a storage called {row.name}.") from error


def change(
    *, custom_storage: CustomStorage, actor: str, secret: str = "", **fields: Any
) -> CustomStorage:
    """Change settings; an empty secret keeps the stored one.

    New settings that touch access make the storage a draft again until a test has passed: copies
    wait, none is lost.
    """
    _require_live(custom_storage)
    cleaned = _clean(fields)
    changed = {name for name, value in cleaned.items() if getattr(custom_storage, name) != value}
    for name, value in cleaned.items():
        setattr(custom_storage, name, value)
    _require_endpoint(custom_storage)
    if secret.strip() and not _is_secret_of(custom_storage, secret):
        custom_storage.seal_secret(_clean_new_secret(secret))
        changed.add("secret")
    if changed & (_ACCESS | {"secret"}):
        custom_storage.connected_at = None
    with transaction.atomic():
        _save(custom_storage)
        if changed:
            _record("storage.changed", custom_storage, actor, changed=sorted(changed))
    return custom_storage


def _is_secret_of(custom_storage: CustomStorage, secret: str) -> bool:
    try:
        stored = custom_storage.unseal_secret()
    except CannotUnseal:
        return False
    return hmac.compare_digest(stored.encode(), addresses.clean_secret(secret).encode())


@transaction.atomic
def request_test(*, custom_storage: CustomStorage, asked_by: str) -> ConnectionTest:
    """Have a worker run the connection test; a test that still waits is not doubled."""
    _require_live(custom_storage)
    CustomStorage.objects.select_for_update().get(pk=custom_storage.pk)  # one asker at a time
    waiting = custom_storage.connection_tests.waiting().first()
    test: ConnectionTest = waiting or ConnectionTest.objects.create(
        custom_storage=custom_storage, asked_by=asked_by
    )
    transaction.on_commit(partial(wake, "custom_storages.drain"))
    return test


def run_test_now(*, custom_storage: CustomStorage, asked_by: str) -> ConnectionTest:
    """Run the connection test in this process and return it finished (for scripts)."""
    _require_live(custom_storage)
    test = ConnectionTest.objects.create(custom_storage=custom_storage, asked_by=asked_by)
    tasks.run_now(test_id=test.pk)
    test.refresh_from_db()
    custom_storage.refresh_from_db()
    return test


@transaction.atomic
def pause(*, custom_storage: CustomStorage, actor: str) -> None:
    """Let copies wait; nothing is lost."""
    _require_live(custom_storage)
    if custom_storage.is_paused:
        return
    custom_storage.paused_at = timezone.now()
    custom_storage.save(update_fields=["paused_at"])
    circuit.park(custom_storage)
    _record("storage.paused", custom_storage, actor)


@transaction.atomic
def resume(*, custom_storage: CustomStorage, actor: str) -> None:
    """Let waiting copies go on."""
    _require_live(custom_storage)
    if not custom_storage.is_paused:
        return
    custom_storage.paused_at = None
    custom_storage.save(update_fields=["paused_at"])
    circuit.release(custom_storage)
    _record("storage.resumed", custom_storage, actor)
    transaction.on_commit(partial(wake, "copying.drain"))


@transaction.atomic
def set_auto_copy(*, custom_storage: CustomStorage, on: bool, actor: str) -> None:
    """Copy every new file to this storage from now on, or stop doing so."""
    _require_live(custom_storage)
    if on and custom_storage.is_draft:
        raise NotConnected
    if custom_storage.auto_copy == on:
        return
    custom_storage.auto_copy = on
    custom_storage.save(update_fields=["auto_copy"])
    _record("storage.auto_copy_on" if on else "storage.auto_copy_off", custom_storage, actor)


@transaction.atomic
def disconnect(*, custom_storage: CustomStorage, actor: str) -> int:
    """Forget the bucket: waiting copies are cancelled, objects in it stay. Returns how many waited.

    The row stays for the ledger's sake; its secret is overwritten.
    """
    _require_live(custom_storage)
    custom_storage.removed_at = timezone.now()
    custom_storage.auto_copy = False
    custom_storage.seal_secret("")
    custom_storage.save(update_fields=["removed_at", "auto_copy", "sealed_secret"])
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


def _require_live(custom_storage: CustomStorage) -> None:
    if custom_storage.removed_at:
        raise StorageGone


def _record(kind: str, row: CustomStorage, actor: str, **data: Any) -> None:
    Event.objects.record(
        kind, actor=actor, subject=row.name, subject_id=row.pk, project=row.project, data=data
    )
