"""What a light and a full comparison look at."""

import random
from itertools import islice
from uuid import UUID

from storages_app.copying.evidence import Evidence, Expected
from storages_app.custom_storages.grants.policies import PROOF_NAME, TEST_FOLDER
from storages_app.models import CopyJob, CustomStorage, Difference, File
from storages_app.models.copy_jobs import State
from storages_app.models.fields import read_db_now
from storages_app.models.paging import in_pages
from storages_app.objectstores.base import ObjectInfo
from storages_app.objectstores.errors import AccessDenied, NotSupported, ObjectStoreError
from storages_app.reconciliation import mending
from storages_app.reconciliation.comparison import Comparison
from storages_app.reconciliation.inventory import Inventory, Listed, read_listing
from storages_app.reconciliation.looking import Seen, identify, needs_a_look, prove

Kind, Resolution = Difference.Kind, Difference.Resolution

_NEWEST_COPIES = 200
_NEWEST_ORIGINALS = {"light": 200, "full": 100_000}
_AROUND = 100  # keys that begin with a key, of which the key itself should be the first
_LOOKS = 20_000  # at copies of which the listing leaves no doubt
_EXTRAS_ASKED = 10_000  # objects unknown to the ledger that are asked whose they are
_NO_LIST = (
    "The bucket may not be listed: each copy was asked for by itself, "
    "and what is extra was not looked for."
)
_OURS = (".ucdash-backup", TEST_FOLDER.rstrip("/"), PROOF_NAME)


def light(comparison: Comparison) -> None:
    """What costs a few hundred requests: enough to notice within the hour."""
    comparison.order_what_is_missing()
    comparison.sweep_uploads()
    newest = list(comparison.proved().order_by("-pk")[:_NEWEST_COPIES])
    comparison.run.n_copies = len(newest)
    comparison.judge(newest)
    comparison.look_at_originals(_NEWEST_ORIGINALS["light"])


def full(comparison: Comparison) -> None:
    """Everything: the whole listing against the whole ledger."""
    comparison.order_what_is_missing()
    comparison.sweep_uploads()
    with Inventory() as inventory:
        listing = _Listing(comparison, inventory)
        listing.read()
        listing.compare()
        if listing.is_there:
            listing.look_at_extras()
    comparison.look_at_originals(_NEWEST_ORIGINALS["full"])


class _Listing:
    """The listing of a storage's prefix against its ledger.

    The listing is read first. Every object was ordered before it was written, so what is in the
    listing and not in the ledger afterwards is nobody's copy. What the ledger has and the listing
    has not is asked for by itself: it may have been written meanwhile, or left out.
    """

    def __init__(self, comparison: Comparison, inventory: Inventory) -> None:
        self.comparison = comparison
        self.inventory = inventory
        self.is_there = False
        self.begun_at = read_db_now()
        self.listed: dict[str, Listed] = {}

    def read(self) -> None:
        comparison = self.comparison

        def after_page() -> None:
            comparison.run.n_objects = len(self.inventory)
            comparison.beat()

        try:
            read_listing(
                comparison.bucket.store,
                comparison.custom_storage.prefix,
                self.inventory,
                after_page=after_page,
            )
        except (AccessDenied, NotSupported):
            comparison.notebook.note(_NO_LIST)
        else:
            self.is_there = True

    def compare(self) -> None:
        comparison = self.comparison
        share = min(1.0, _LOOKS / max(1, comparison.proved().count()))
        for page in in_pages(comparison.rows()):
            self.listed = self.inventory.take([job.key for job in page])
            proved = [job for job in page if job.state == State.DONE]
            comparison.run.n_copies += len(proved)
            doubtful = [job for job in proved if self._is_doubtful(job, share)]
            comparison.judge(doubtful, otherwise=self._by_listing)
            comparison.beat()

    def _is_doubtful(self, job: CopyJob, share: float) -> bool:
        if not self.is_there or random.random() < share:  # noqa: S311 - a sample
            return True
        return needs_a_look(self.comparison.bucket, job, self.listed.get(job.key))

    def _by_listing(self, job: CopyJob) -> Seen | None:
        """What the listing alone says of a copy that may not be looked at."""
        if not self.is_there:
            return None
        try:
            listed = self.listed.get(job.key) or self._listed_alone(job.key)
        except ObjectStoreError:
            return None
        if listed is None:
            was_there_then = job.verified_at and job.verified_at < self.begun_at
            missing = Seen(Kind.MISSING, f"{job.size} bytes", "not listed")
            return missing if was_there_then else Seen()
        if listed.size != job.size:
            return Seen(Kind.SIZE, f"{job.size} bytes", f"{listed.size} bytes")
        if job.etag and listed.etag != job.etag:
            return Seen(Kind.CONTENT, f"ETag {job.etag}", f"ETag {listed.etag}")
        return Seen()

    def _listed_alone(self, key: str) -> Listed | None:
        """A listing of everything may have left a key out, and a good copy would go for lost."""
        for info in islice(self.comparison.bucket.store.list_objects(key), _AROUND):
            if info.key == key:
                return Listed(info.key, info.size, info.etag, info.last_modified)
        return None

    # --- objects that the ledger of this storage does not know -------------------------------

    def look_at_extras(self) -> None:
        """Adopt copies that the ledger has forgotten; name the others, and never touch them."""
        self._leave_out_other_storages()
        left = _EXTRAS_ASKED
        for page in self.inventory.unknown():
            extras = [listed for listed in page if not _is_housekeeping(listed.key)]
            self._name(extras[:left], is_asked=True)
            self._name(extras[left:], is_asked=False)
            left = max(0, left - len(extras))
            self.comparison.beat()

    def _leave_out_other_storages(self) -> None:
        """Another storage of this installation may use the same bucket; its copies are known."""
        custom_storage = self.comparison.custom_storage
        others = CustomStorage.objects.filter(
            bucket=custom_storage.bucket, endpoint_url=custom_storage.endpoint_url
        ).exclude(pk=custom_storage.pk)
        for page in in_pages(CopyJob.objects.filter(custom_storage__in=others).only("key")):
            self.inventory.take([job.key for job in page])
            self.comparison.beat()

    def _name(self, extras: list[Listed], *, is_asked: bool) -> None:
        infos: list[ObjectInfo | None] = []
        if is_asked:
            infos = list(self.comparison.in_threads(self._identify, extras))
        known = self._files_of(infos)
        adopted = self._adopt(infos, known) if self.comparison.mends else {}
        for n, listed in enumerate(extras):
            info = infos[n] if is_asked else _as_info(listed)
            if info is None:
                continue  # it has gone meanwhile, or the listing spelled it wrongly
            job = adopted.get(listed.key)
            self.comparison.notebook.difference(
                Kind.EXTRA,
                listed.key,
                job=job,
                found=_words(info, known),
                resolution=Resolution.ADOPTED if job else Resolution.REPORTED,
            )

    def _identify(self, listed: Listed) -> ObjectInfo | None:
        try:
            return identify(self.comparison.bucket, listed)
        except ObjectStoreError:
            return _as_info(listed)

    def _files_of(self, infos: list[ObjectInfo | None]) -> dict[UUID, File]:
        """The project's live files that the objects say to be copies of."""
        uuids = {uuid for info in infos if info and (uuid := _uuid_of(info))}
        files = File.objects.live().filter(project=self.comparison.custom_storage.project_id)
        return files.in_bulk(list(uuids))

    def _adopt(self, infos: list[ObjectInfo | None], known: dict[UUID, File]) -> dict[str, CopyJob]:
        """Copies whose files have none here by the ledger, as after its return to an older day."""
        custom_storage = self.comparison.custom_storage
        have_one = set(
            CopyJob.objects.filter(
                file__in=known, custom_storage=custom_storage, effects="", state=State.DONE
            ).values_list("file_id", flat=True)
        )
        wanted = [
            (info, file)
            for info in infos
            if info and (file := known.get(_uuid_of(info) or UUID(int=0)))
            if (info.metadata.get("sha256"), info.size) == (file.sha256, file.size)
            if file.pk not in have_one and "\0" not in info.key
        ]
        adopted = {}
        proofs = self.comparison.in_threads(self._prove, wanted)
        for (info, file), proof in zip(wanted, proofs, strict=True):
            if proof is None or file.pk in have_one:
                continue
            job = mending.adopt(
                file, custom_storage, info.key, proof, asked_by=self.comparison.asked_by
            )
            if job:
                have_one.add(file.pk)
                adopted[info.key] = job
        return adopted

    def _prove(self, pair: tuple[ObjectInfo, File]) -> Evidence | None:
        info, file = pair
        expected = Expected(file.size, file.sha256, file.md5)
        try:
            return prove(self.comparison.bucket, info.key, expected, uuid=str(file.pk))
        except ObjectStoreError:
            return None


def _is_housekeeping(key: str) -> bool:
    return any(part in _OURS for part in key.split("/"))


def _as_info(listed: Listed) -> ObjectInfo:
    return ObjectInfo(listed.key, listed.size, listed.etag)


def _uuid_of(info: ObjectInfo) -> UUID | None:
    try:
        return UUID(info.metadata.get("uuid", ""))
    except ValueError:
        return None


def _words(info: ObjectInfo, known: dict[UUID, File]) -> str:
    uuid = _uuid_of(info)
    if uuid is None:
        return f"{info.size} bytes"
    whose = "of file" if uuid in known else "of a file that is not here:"
    return f"{info.size} bytes, a copy {whose} {uuid}"
