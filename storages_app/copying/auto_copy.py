"""Which custom storages, and the backup, want a new or stored file; and what was missed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from storages_app.copying import orders
from storages_app.copying.orders import Order
from storages_app.custom_storages.auto_copy_rules import STORE, UPLOAD, Rule
from storages_app.imaging import effects
from storages_app.models import BackupPlan, CopyJob, CustomStorage, File
from storages_app.models.files import FileQuerySet

AUTO_COPY, BACKUP = "auto-copy", "backup"
BACKUP_PATTERN = "${uuid}/${filename}${ext}"
# Of how many new files it is looked whether a copy was ordered: a page must not wait for more.
LOOKED_AT = 20_000


def orders_for_new_file(file: File) -> list[Order]:
    """What auto-copy and backup want of a file without any copy yet, each key once.

    Storages that are paused or broken are no exception.
    """
    moments = {UPLOAD, STORE} if file.is_stored else {UPLOAD}
    wanted = {_row(order): order for order in _by_rules(file, moments)}
    for order in backup_orders(file):
        same = wanted.get(_row(order))
        wanted[_row(order)] = replace(same, is_backup=True) if same else order
    return list(wanted.values())


def orders_for_stored_file(file: File) -> list[Order]:
    """What auto-copy wants of a file as soon as it is stored."""
    return list(_by_rules(file, {STORE}))


def backup_orders(file: File) -> list[Order]:
    """The order of the project's backup, which covers stored files only."""
    if not (_can_be_copied(file) and file.is_stored):
        return []
    plans = BackupPlan.objects.filter(
        project_id=file.project_id,
        is_on=True,
        paused_at=None,
        custom_storage__removed_at=None,
    )
    return [
        backup_order(file=file, custom_storage=plan.custom_storage)
        for plan in plans.select_related("custom_storage")
    ]


def backup_order(*, file: File, custom_storage: CustomStorage) -> Order:
    """A backup's layout is fixed: ``<prefix>/<uuid>/<name>``, never public by ACL."""
    return orders.order_for(
        file=file,
        custom_storage=custom_storage,
        pattern=BACKUP_PATTERN,
        is_public=False,
        is_backup=True,
        asked_by=BACKUP,
    )


def orders_by_rule(file: File, custom_storage: CustomStorage) -> Iterator[Order]:
    """The original, and of an image the renditions; the file is one that the rule takes."""
    yield orders.order_for(file=file, custom_storage=custom_storage)
    for text in Rule.of(custom_storage).renditions if file.is_image else ():
        yield orders.order_for(
            file=file,
            custom_storage=custom_storage,
            effects=text,
            key_text=effects.parse(text).key_text,
        )


def missing_orders(files: Sequence[UUID], custom_storage: CustomStorage) -> list[Order]:
    """What the rule wants of these files, which it takes, and was never ordered."""
    jobs = CopyJob.objects.filter(file__in=files, custom_storage=custom_storage)
    known = set(jobs.values_list("file", "effects"))
    return [
        order
        for file in File.objects.live().filter(pk__in=files)
        for order in orders_by_rule(file, custom_storage)
        if (file.pk, order.effects) not in known
    ]


def missed(custom_storage: CustomStorage) -> FileQuerySet:
    """Files that the rule takes, new since auto-copy was switched on, with a copy never ordered.

    There are some where the rule was another when they came. A copy that failed or was cancelled
    was ordered, and is not among them. Looks at the newest LOOKED_AT files.
    """
    if not custom_storage.auto_copy or custom_storage.auto_copy_since is None:
        return File.objects.none()
    rule = Rule.of(custom_storage)
    moment = "stored_at" if rule.on_store else "uploaded_at"
    new = File.objects.live().filter(
        **{f"{moment}__gte": custom_storage.auto_copy_since}, project=custom_storage.project_id
    )
    return _lacking(custom_storage, new.filter(rule.files), ("", *rule.renditions))


def older(custom_storage: CustomStorage) -> FileQuerySet:
    """Files of before auto-copy was switched on, of which no copy was ever ordered.

    Of any type and size; looks at the newest LOOKED_AT.
    """
    files = File.objects.live().filter(project=custom_storage.project_id)
    if custom_storage.auto_copy and custom_storage.auto_copy_since:
        files = files.filter(uploaded_at__lt=custom_storage.auto_copy_since)
    return _lacking(custom_storage, files, ("",))


def _lacking(
    custom_storage: CustomStorage, files: FileQuerySet, all_effects: Iterable[str]
) -> FileQuerySet:
    newest = files.order_by("-uploaded_at").values("pk")[:LOOKED_AT]
    return File.objects.filter(_lacks(custom_storage, all_effects), pk__in=newest)


def _lacks(custom_storage: CustomStorage, all_effects: Iterable[str]) -> Q:
    """That one of these copies was never ordered; processed ones are of images only."""
    copies = CopyJob.objects.filter(file=OuterRef("pk"), custom_storage=custom_storage)
    lacks = Q()
    for text in all_effects:
        has_none = Q(~Exists(copies.filter(effects=text)))
        lacks |= has_none & Q(is_image=True) if text else has_none
    return lacks


def _by_rules(file: File, moments: set[str]) -> Iterator[Order]:
    if not _can_be_copied(file):
        return
    switched_on = CustomStorage.objects.live().filter(project_id=file.project_id, auto_copy=True)
    for custom_storage in switched_on:
        rule = Rule.of(custom_storage)
        if rule.when in moments and rule.takes(file):
            yield from orders_by_rule(file, custom_storage)


def _row(order: Order) -> tuple[object, str, str]:
    """What two orders that are one row of the ledger have in common."""
    return order.custom_storage.pk, order.effects, order.key


def _can_be_copied(file: File) -> bool:
    return file.is_ready and not file.is_removed
