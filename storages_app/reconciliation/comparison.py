"""The parts of a comparison that light and full ones share, and what they are made with."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Exists, OuterRef

from storages_app.copying import auto_copy, orders
from storages_app.copying.orders import Order
from storages_app.lib.errors import UcdashError
from storages_app.models import (
    BackupPlan,
    CopyJob,
    CustomStorage,
    Difference,
    File,
    Reconciliation,
)
from storages_app.models.copy_jobs import CopyJobQuerySet, State
from storages_app.models.fields import read_db_now
from storages_app.objectstores.errors import AccessDenied, NotSupported, ObjectStoreError
from storages_app.reconciliation import mending, orphans
from storages_app.reconciliation.looking import Bucket, Seen, look
from storages_app.reconciliation.notebook import Notebook

log = logging.getLogger(__name__)
Kind, Resolution = Difference.Kind, Difference.Resolution
Item = TypeVar("Item")
Result = TypeVar("Result")

_TOGETHER = 500
_WAIT_S = 5  # for a thread, between two signs of life
_GIVE_UP_AFTER = 50  # objects in a row about which the bucket gives no answer
_NEWEST = 20_000  # files without an order that one comparison orders
_BACKUP_HAS_TIME = timedelta(minutes=15)
_NO_LIST_OF_UPLOADS = "Open multipart uploads may not be listed, so none was looked for."
NO_LOOK = "Copies may not be looked at one by one; only the listing was compared."


@dataclass
class Comparison:
    """One run at work."""

    run: Reconciliation
    bucket: Bucket
    notebook: Notebook
    pool: ThreadPoolExecutor
    beat: Callable[[], None]  # still here; raises where another worker has taken over
    n_unanswered: int = field(default=0)

    @property
    def custom_storage(self) -> CustomStorage:
        return self.run.custom_storage

    @property
    def asked_by(self) -> str:
        return f"reconciliation {self.run.pk}"

    @property
    def mends(self) -> bool:
        return self.custom_storage.mends_differences

    def rows(self) -> CopyJobQuerySet:
        """The storage's ledger with all that a look needs, and no more."""
        rows = CopyJob.objects.filter(custom_storage=self.custom_storage).select_related("file")
        return rows.only(
            "state", "reason", "key", "size", "sha256", "etag", "version_id", "verified_at",
            "content_type", "fence", "effects", "is_backup", "on_clash", "custom_storage_id",
            "file__md5", "file__original_filename", "file__removed_at",
        )  # fmt: skip

    def in_threads(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """The results in the order of the items; reading a large object must not cost the lease."""
        for future in [self.pool.submit(work, item) for item in items]:
            while not wait([future], timeout=_WAIT_S).done:
                self.beat()
            self.beat()
            yield future.result()

    # --- proved copies -----------------------------------------------------------------------

    def judge(
        self,
        jobs: list[CopyJob],
        *,
        otherwise: Callable[[CopyJob], Seen | None] = lambda job: None,
    ) -> None:
        """Look at each copy in the bucket, and settle what is wrong.

        `otherwise` says what is known of a copy that may not be looked at.
        """
        for job in jobs:
            job.custom_storage = self.custom_storage
        seen_there = self.in_threads(lambda job: look(self.bucket, job), jobs)
        for job, seen in zip(jobs, seen_there, strict=True):
            self._conclude(job, self._or_else(job, seen, otherwise))

    def _or_else(
        self, job: CopyJob, seen: Seen, otherwise: Callable[[CopyJob], Seen | None]
    ) -> Seen:
        if not isinstance(seen.error, AccessDenied):
            return seen
        known = otherwise(job)
        if known is None:
            return seen
        self.notebook.note(NO_LOOK)
        return known

    def _conclude(self, job: CopyJob, seen: Seen) -> None:
        if seen.error:
            self.notebook.unknown(f"{seen.error.message} ({seen.error.code})")
            self.n_unanswered += 1
            if self.n_unanswered >= _GIVE_UP_AFTER:
                raise seen.error
            return
        self.n_unanswered = 0
        if seen.proof:
            mending.renew_proof(job, seen.proof)
        if not seen.kind:
            return
        resolution = mending.settle(job, seen, asked_by=self.asked_by)
        if resolution:
            self.notebook.difference(
                seen.kind,
                job.key,
                job=job,
                expected=seen.expected,
                found=seen.found,
                resolution=resolution,
            )

    # --- what was never ordered --------------------------------------------------------------

    def order_what_is_missing(self) -> None:
        """Stored files × what wants them, without a row."""
        for file in auto_copy.missed(self.custom_storage):
            self.beat()
            self._order(file, self._missing_by_rule(file))
        for file in self._without_backup():
            self.beat()
            order = auto_copy.backup_order(file=file, custom_storage=self.custom_storage)
            self._order(file, [order])

    def _missing_by_rule(self, file: File) -> Iterator[Order]:
        """Not what has its copy, which may be under a key of an older pattern."""
        yield from auto_copy.missing_orders([file.pk], self.custom_storage)

    def _order(self, file: File, wanted: Iterable[Order]) -> None:
        resolution, found = Resolution.REPORTED, ""
        try:
            wanted = list(wanted)
            if not wanted:  # ordered or removed meanwhile
                return
            if self.mends:
                with transaction.atomic():
                    lane = CopyJob.Lane.BACKUP if wanted[0].is_backup else CopyJob.Lane.AUTO_COPY
                    orders.place(wanted, lane=lane, asked_by=self.asked_by, again=False)
                resolution = Resolution.ORDERED
        except UcdashError as error:  # no key can be made of this name
            found = error.message
        self.notebook.difference(
            Kind.NOT_ORDERED,
            wanted[0].key if isinstance(wanted, list) else str(file.pk),
            expected=f"a copy of {file.original_filename}",
            found=found or "no order",
            resolution=resolution,
        )

    def _without_backup(self) -> Iterator[File]:
        plan = BackupPlan.objects.filter(
            custom_storage=self.custom_storage, is_on=True, paused_at=None
        ).first()
        # A run that is open orders them itself, and the very first one has not looked yet.
        if plan is None or plan.runs.filter(finished_at=None).exists():
            return
        if not plan.runs.filter(has_ordered_all=True).exists():
            return
        rows = CopyJob.objects.filter(
            file=OuterRef("pk"), custom_storage=self.custom_storage, is_backup=True
        )
        settled = read_db_now() - _BACKUP_HAS_TIME * settings.TIME_SCALE
        files = File.objects.stored().filter(project=plan.project_id, stored_at__lte=settled)
        newest = files.order_by("-uploaded_at").values("pk")[:_NEWEST]
        yield from File.objects.filter(~Exists(rows), pk__in=newest)

    # --- left-over uploads -------------------------------------------------------------------

    def sweep_uploads(self) -> None:
        """Abort multipart uploads of ours that nobody goes on with; others are reported."""
        begun_before = read_db_now() - settings.ORPHAN_GRACE
        store = self.bucket.store
        try:
            found = list(orphans.find(store, self.custom_storage, begun_before=begun_before))
        except (AccessDenied, NotSupported):
            self.notebook.note(_NO_LIST_OF_UPLOADS)
            return
        except ObjectStoreError as error:  # the copies can be looked at all the same
            self.notebook.unknown(f"Open uploads: {error.message} ({error.code})")
            return
        for orphan in found:
            self.beat()
            resolution, words = Resolution.REPORTED, f"open since {orphan.upload.started_at:%c} UTC"
            if orphan.is_ours:
                try:
                    store.abort_multipart(orphan.key, orphan.upload.upload_id)
                    resolution = Resolution.ABORTED
                except ObjectStoreError as error:
                    words = f"{words}; {error.message}"
            self.notebook.difference(
                Kind.OPEN_UPLOAD, orphan.key, found=words, resolution=resolution
            )

    # --- originals ---------------------------------------------------------------------------

    def look_at_originals(self, newest: int) -> None:
        """The upload storage has the originals of the newest files."""
        files = File.objects.live().filter(project=self.custom_storage.project_id)
        upload_storage = storages["uploads"]
        pks = files.order_by("-uploaded_at").values("pk")[:newest]
        fields = ("uuid", "blob_name", "size", "original_filename")
        for n, file in enumerate(File.objects.filter(pk__in=pks).only(*fields).iterator(500)):
            if n % _TOGETHER == 0:
                self.beat()
            try:
                found = f"{upload_storage.size(file.blob_name)} bytes"
            except FileNotFoundError:
                found = "nothing"
            except OSError as error:
                self.notebook.unknown(f"An original cannot be looked at: {error.strerror}.")
                continue
            expected = f"{file.size} bytes"
            if found != expected and files.filter(pk=file.pk).exists():
                self.notebook.difference(
                    Kind.ORIGINAL_MISSING, str(file.pk), expected=expected, found=found
                )

    def proved(self) -> CopyJobQuerySet:
        return self.rows().filter(state=State.DONE)
