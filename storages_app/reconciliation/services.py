"""Checking a storage against the ledger: asking for it, and what is to follow from it."""

from django.db import transaction

from storages_app.models import CustomStorage, Event, Reconciliation
from storages_app.reconciliation import orders
from storages_app.reconciliation.errors import StorageNotConnected


def request(*, custom_storage: CustomStorage, kind: str, asked_by: str) -> Reconciliation:
    """Compare the storage with the ledger soon; an open comparison of this kind is the answer."""
    if custom_storage.state in {"removed", "draft"}:
        raise StorageNotConnected
    with transaction.atomic():
        run = orders.begin(custom_storage, kind=kind, asked_by=asked_by)
    # The one that was open is the newest of its kind, even if it has ended at this very moment.
    return run or custom_storage.reconciliations.filter(kind=kind).latest("pk")


@transaction.atomic
def set_policy(*, custom_storage: CustomStorage, mends_differences: bool, actor: str) -> None:
    """Whether a check orders missing and changed copies anew, or only reports them."""
    changed = CustomStorage.objects.filter(
        pk=custom_storage.pk, mends_differences=not mends_differences
    ).update(mends_differences=mends_differences)
    custom_storage.mends_differences = mends_differences
    if changed:
        Event.objects.record(
            "storage.changed",
            actor=actor,
            subject=custom_storage.name,
            subject_id=custom_storage.pk,
            project=custom_storage.project,
            data={"mends_differences": mends_differences},
        )
