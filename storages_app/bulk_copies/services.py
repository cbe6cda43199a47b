"""Copies of many files: asked for, started, paused, cancelled, tried again."""

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F, Sum
from django.utils import timezone

from storages_app.bulk_copies import figures, orders
from storages_app.bulk_copies.errors import (
    FilesUnknown,
    ImageTooLarge,
    NothingChosen,
    NotPublic,
    StorageNotConnected,
    StoragePaused,
    TooManyChosen,
    TooManyJobs,
    WrongMoment,
)
from storages_app.copying.orders import MAX_PROCESSED
from storages_app.custom_storages import key_patterns
from storages_app.custom_storages.processed import read_effects
from storages_app.models import BulkItem, BulkJob, CustomStorage, File, Project
from storages_app.renditions import services as renditions

State, ItemState, What = BulkJob.State, BulkItem.State, BulkJob.What

COUNT_FIRST_OVER = 100  # files; then a dry run comes first, unless said otherwise
_LOOKS_AT = 20_000  # files, for a number that is told before a worker counts


# --- Asking for one ---------------------------------------------------------------------------


def request(
    *,
    project: Project,
    custom_storage: CustomStorage,
    asked_by: str,
    what: str,
    filter_by: Mapping[str, str] | None = None,
    file_uuids: Collection[uuid.UUID] = (),
    effects: str = "",
    pattern: str = "",
    on_clash: str = "",
    make_public: bool | None = None,
    is_dry_run: bool | None = None,
) -> BulkJob:
    """Ask for copies of many files; a worker counts them first.

    What is not said follows the storage, as it is now. `is_dry_run` None means: wait for a person
    after the count if there are more than COUNT_FIRST_OVER files. BadPattern and BadEffects pass.
    """
    require_usable(custom_storage, project=project)
    parsed = read_effects(effects)
    renditions.find_others(project_id=project.pk, effects=parsed)
    pattern = pattern.strip() or custom_storage.key_pattern
    key_patterns.check_pattern(pattern, prefix=custom_storage.prefix)
    is_public = _is_public(custom_storage, make_public)
    chosen = _chosen(project, file_uuids) if what == What.SELECTION else []
    wanted = orders.filter_of(project, filter_by or {}).texts if what == What.FILTER else {}
    known = (
        Number(len(chosen))
        if what == What.SELECTION
        else number_of_files(project, wanted, up_to=COUNT_FIRST_OVER + 1)
    )
    if not known.at_least and not known.is_cut:
        raise NothingChosen("No file matches." if what != What.SELECTION else "")
    if len(chosen) == 1 and not parsed.is_empty:
        _require_small_image(chosen[0])
    with transaction.atomic():
        _require_room(project)
        job = BulkJob.objects.create(
            project=project,
            custom_storage=custom_storage,
            asked_by=asked_by[:200],
            what=what,
            filter=wanted,
            effects=parsed.canonical,
            pattern=pattern,
            is_public=is_public,
            on_clash=on_clash or custom_storage.on_clash,
            is_dry_run=known.is_over(COUNT_FIRST_OVER) if is_dry_run is None else is_dry_run,
        )
        BulkItem.objects.bulk_create(
            (BulkItem(bulk_job=job, file=file, state=ItemState.CHOSEN) for file in chosen),
            batch_size=500,
        )
        orders.record("bulk_copy.ordered", job, actor=asked_by, public=is_public)
        orders.wake_workers()
    return job


def require_usable(custom_storage: CustomStorage, *, project: Project) -> None:
    """Refuse a storage to which nothing can be copied now; a broken one only makes copies wait."""
    name = custom_storage.name
    if custom_storage.project_id != project.pk or custom_storage.removed_at:
        raise StorageNotConnected(f"Storage “{name}” is not connected.")
    if custom_storage.is_draft:
        raise StorageNotConnected(f"Storage “{name}” is not connected yet.")
    if custom_storage.paused_at:
        since = f"{custom_storage.paused_at:%Y-%m-%d %H:%M} UTC"
        raise StoragePaused(
            f"Storage “{name}” is paused since {since}. Resume it or choose another."
        )


def _is_public(custom_storage: CustomStorage, make_public: bool | None) -> bool:
    """Whether to send a public ACL: a bulk copy refuses where a single one would only warn."""
    modes = CustomStorage.PublicMode
    if custom_storage.public_mode == modes.ACL:
        return make_public is not False
    if custom_storage.public_mode == modes.POLICY and make_public is False:
        raise NotPublic("Everything in this storage is public by its bucket policy.")
    if custom_storage.public_mode == modes.PRIVATE and make_public:
        raise NotPublic("This storage keeps copies private.")
    return False


@dataclass(frozen=True)
class Number:
    """How many files there are; `is_cut` if nobody looked at the rest."""

    at_least: int
    is_cut: bool = False

    def is_over(self, n_files: int) -> bool:
        """Whether there are more, or may be."""
        return self.is_cut or self.at_least > n_files


def number_of_files(project: Project, filter_by: Mapping[str, Any], *, up_to: int) -> Number:
    """How many files a filter finds, counted no further than needed; FilterInvalid."""
    filters = orders.filter_of(project, filter_by)
    edge = filters.window(most=_LOOKS_AT, before=None, after=None)
    files = filters.files if edge is None else filters.files.filter(uploaded_at__gte=edge)
    n_files = files.order_by()[:up_to].count()
    return Number(n_files, is_cut=edge is not None or n_files >= up_to)


def _chosen(project: Project, file_uuids: Iterable[uuid.UUID]) -> list[File]:
    wanted = list(dict.fromkeys(file_uuids))
    if len(wanted) > orders.SELECTION_LIMIT:
        raise TooManyChosen(
            f"{len(wanted):,} files were chosen; {orders.SELECTION_LIMIT:,} are the most."
        )
    files = File.objects.live().filter(project=project).only("pk", "size", "project_id")
    found: dict[uuid.UUID, File] = {}
    for start in range(0, len(wanted), 500):
        found |= files.in_bulk(wanted[start : start + 500])
    unknown = [one for one in wanted if one not in found]
    if unknown:
        named = ", ".join(map(str, unknown[:3])) + (" …" if len(unknown) > 3 else "")
        raise FilesUnknown(f"{len(unknown):,} of {len(wanted):,} files are not here: {named}")
    return [found[one] for one in wanted]


def _require_small_image(file: File) -> None:
    if file.size > MAX_PROCESSED:
        raise ImageTooLarge(
            f"This image is {file.size / 1e6:,.1f} MB; processed copies are limited to 100 MB. "
            "Copy the original instead."
        )


def _require_room(project: Project) -> None:
    if BulkJob.objects.open().filter(project=project).count() >= orders.OPEN_JOBS_LIMIT:
        raise TooManyJobs(f"{orders.OPEN_JOBS_LIMIT} jobs of this project are open.")


# --- What people do with one ------------------------------------------------------------------


@transaction.atomic
def start(*, bulk_job: BulkJob, actor: str) -> None:
    """Begin to copy what a dry run has counted."""
    require_usable(bulk_job.custom_storage, project=bulk_job.project)
    counted = BulkJob.objects.filter(pk=bulk_job.pk, state=State.COUNTED)
    if not counted.update(state=State.COPYING, started_at=timezone.now()):
        raise WrongMoment(_not_now(bulk_job, "It has been started already."))
    bulk_job.refresh_from_db()
    orders.record("bulk_copy.started", bulk_job, actor=actor, files=bulk_job.n_to_order)
    orders.wake_workers()


@transaction.atomic
def pause(*, bulk_job: BulkJob, actor: str) -> None:
    """Order no more copies; the few that are in the ledger already are made."""
    running = BulkJob.objects.for_workers().filter(pk=bulk_job.pk, paused_at=None, ended_by="")
    if not running.update(paused_at=timezone.now(), pace=[]):
        raise WrongMoment(_not_now(bulk_job, "It does not run, so it cannot be paused."))
    bulk_job.refresh_from_db()
    orders.record("bulk_copy.paused", bulk_job, actor=actor)


@transaction.atomic
def resume(*, bulk_job: BulkJob, actor: str) -> None:
    """Go on from where it was paused."""
    paused = BulkJob.objects.open().filter(pk=bulk_job.pk, paused_at__isnull=False, ended_by="")
    if not paused.update(paused_at=None, pace=[]):
        raise WrongMoment(_not_now(bulk_job, "It is not paused."))
    bulk_job.refresh_from_db()
    orders.record("bulk_copy.resumed", bulk_job, actor=actor)
    orders.wake_workers()


@transaction.atomic
def cancel(*, bulk_job: BulkJob, actor: str) -> None:
    """Stop counting at once, or copying as soon as the copies under way have ended."""
    this = BulkJob.objects.open().filter(pk=bulk_job.pk, ended_by="")
    ended_at_once = this.exclude(state=State.COPYING).update(
        state=State.CANCELLED,
        ended_by=actor[:200],
        finished_at=timezone.now(),
        paused_at=None,
        lease_until=None,
    )
    if not ended_at_once and not this.update(ended_by=actor[:200]):
        raise WrongMoment(_not_now(bulk_job, "Somebody has cancelled it already."))
    bulk_job.refresh_from_db()
    orders.record("bulk_copy.cancelled", bulk_job, actor=actor, files=bulk_job.n_copied)
    orders.wake_workers()


@transaction.atomic
def retry(*, bulk_job: BulkJob, actor: str, reason: str = "") -> int:
    """Try the files again that ended without a copy, all or those of one reason; how many."""
    require_usable(bulk_job.custom_storage, project=bulk_job.project)
    job = BulkJob.objects.select_for_update().get(pk=bulk_job.pk)
    reasons = figures.reasons_to_retry(job)
    if reason:
        reasons &= {reason}
    if not reasons:
        raise WrongMoment("Nothing of this job can be tried again now.")
    n_by_state = {
        state: job.items.filter(state=state, reason__in=reasons).update(
            state=ItemState.WAITING, reason=""
        )
        for state in (ItemState.FAILED, ItemState.SKIPPED)
    }
    n_again = sum(n_by_state.values())
    n_bytes_again = 0
    if n_again:
        # What waits after an end is what was just put back.
        waiting = job.items.filter(state=ItemState.WAITING)
        n_bytes_again = waiting.aggregate(n=Sum("file__size"))["n"] or 0
    BulkJob.objects.filter(pk=job.pk).update(
        state=State.COPYING,
        reason="",
        finished_at=None,
        paused_at=None,
        started_at=job.started_at or timezone.now(),
        n_failed=F("n_failed") - n_by_state[ItemState.FAILED],
        n_skipped=F("n_skipped") - n_by_state[ItemState.SKIPPED],
        n_bytes_ended=F("n_bytes_ended") - n_bytes_again,
        gaps={name: n for name, n in job.gaps.items() if name not in reasons},
        pace=[],
    )
    bulk_job.refresh_from_db()
    orders.record("bulk_copy.retried", bulk_job, actor=actor, files=n_again)
    orders.wake_workers()
    return n_again


def _not_now(bulk_job: BulkJob, otherwise: str) -> str:
    bulk_job.refresh_from_db()
    return "The job has ended." if bulk_job.is_over else otherwise
