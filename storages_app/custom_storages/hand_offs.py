"""Pages for a colleague: made here, opened by whoever has the link, reported back by them."""

from django.db import transaction
from django.utils import timezone

from storages_app.custom_storages import addresses
from storages_app.custom_storages.errors import AlreadyConnected, HandOffGone, StorageGone
from storages_app.models import CustomStorage, Event, HandOff
from storages_app.models.hand_offs import VALID_FOR


@transaction.atomic
def make(*, custom_storage: CustomStorage, actor: str) -> tuple[HandOff, str]:
    """A new link for 7 days and its token, which is told only now; older links end."""
    if custom_storage.removed_at:
        raise StorageGone
    revoke(custom_storage=custom_storage)
    hand_off = HandOff(
        custom_storage=custom_storage, made_by=actor, expires_at=timezone.now() + VALID_FOR
    )
    token = hand_off.new_token()
    hand_off.save()
    _record("storage.handed_off", custom_storage, actor)
    return hand_off, token


def revoke(*, custom_storage: CustomStorage) -> None:
    """End every link of this storage."""
    open_links = HandOff.objects.filter(custom_storage=custom_storage, revoked_at=None)
    open_links.update(revoked_at=timezone.now())


def opened(*, token: str) -> HandOff:
    """The page behind a link; HandOffGone where it was replaced, is too old or never was."""
    hand_off = HandOff.objects.by_token(token)
    if hand_off is None:
        raise HandOffGone
    if hand_off.opened_at is None:
        hand_off.opened_at = timezone.now()
        hand_off.save(update_fields=["opened_at"])
    return hand_off


@transaction.atomic
def report(*, token: str, role_arn: str = "") -> HandOff:
    """What the colleague has done: the role they made, or that the rest is in place.

    A link from outside never changes a storage that is connected.
    """
    hand_off = opened(token=token)
    row = CustomStorage.objects.select_for_update().get(pk=hand_off.custom_storage_id)
    if not row.is_draft:
        raise AlreadyConnected
    if row.identity == CustomStorage.Identity.ROLE:
        row.role_arn = addresses.clean_role_arn(role_arn, region=row.region)
        row.access_changed_at = timezone.now()
        row.save(update_fields=["role_arn", "access_changed_at"])
        hand_off.report = "Role ARN received"
    else:
        hand_off.report = "Reported as done"
    hand_off.reported_at = timezone.now()
    hand_off.save(update_fields=["report", "reported_at"])
    _record("storage.hand_off_reported", row, "the colleague with the link")
    return hand_off


def _record(kind: str, row: CustomStorage, actor: str) -> None:
    Event.objects.record(
        kind, actor=actor, subject=row.name, subject_id=row.pk, project=row.project
    )
