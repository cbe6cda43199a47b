"""A page of a manifest, held against the bucket and against what is here."""

from dataclasses import dataclass

from storages_app.models import File, RestoreItem, RestoreRun
from storages_app.objectstores.base import ObjectInfo, ObjectStore
from storages_app.objectstores.errors import AccessDenied, Archived, ObjectStoreError
from storages_app.restores import fetching
from storages_app.restores.lines import Line

Plan = RestoreItem.Plan

# A page of keys may lie thinly in a full bucket: further on, each key is asked for by itself.
_MAX_LISTED = 5_000
_FEW = 20  # are asked for at once, which is quicker than a listing
_SOME_ARCHIVE = "an archive class"


@dataclass
class Sight:
    """What a listing has shown of the bucket; None where nobody listed it."""

    store: ObjectStore
    may_list: bool = True

    def of(self, keys: list[str]) -> dict[str, ObjectInfo]:
        """The objects among these keys that a short listing finds; what is missing may be there."""
        if not self.may_list or len(keys) <= _FEW:
            return {}
        wanted, last = set(keys), max(keys, key=str.encode)
        first = min(keys, key=str.encode)
        prefix = _common_prefix(first, last)
        found: dict[str, ObjectInfo] = {}
        try:
            listing = self.store.list_objects(prefix, start_after=first[:-1])
            for n_seen, info in enumerate(listing):
                if n_seen >= _MAX_LISTED or info.key.encode() > last.encode():
                    break
                if info.key in wanted:
                    found[info.key] = info
        except AccessDenied:
            self.may_list = False
        return found


def _common_prefix(first: str, last: str) -> str:
    n_same = next((n for n, pair in enumerate(zip(first, last, strict=False)) if len({*pair}) > 1),
                  min(len(first), len(last)))  # fmt: skip
    return first[:n_same]


@dataclass(frozen=True)
class Found:
    """What is to become of one file."""

    plan: Plan
    storage_class: str = ""  # of one that is archived


def look(
    run: RestoreRun, store: ObjectStore, line: Line, *, known: File | None, info: ObjectInfo | None
) -> Found:
    """Compare one file; for a thread. What is here and intact needs nothing of the bucket."""
    plan = _plan_here(run, line, known)
    if plan == Plan.SAME:
        return Found(plan)
    storage_class = info.storage_class if info else ""
    if info and storage_class not in fetching.ARCHIVES:
        return Found(plan)
    try:
        return Found(plan if fetching.is_readable(store, line) else Plan.MISSING)
    except Archived:
        return Found(Plan.ARCHIVED, storage_class or _class_of(store, line))


def plan_unseen(run: RestoreRun, line: Line, known: File | None) -> Plan:
    """The plan of a file about which nothing can be learned now: its bytes are asked for.

    What is here and seems the same is brought once more, since nobody could see its bytes.
    """
    if run.is_drill or known is None:
        return Plan.RESTORE
    if known.project_id != run.project_id:
        return Plan.TAKEN
    if known.is_removed:
        return Plan.REVIVE
    if (known.size, known.sha256) != (line.size, line.sha256) or not known.is_ready:
        return Plan.TAKEN
    return Plan.HEAL


def _plan_here(run: RestoreRun, line: Line, known: File | None) -> Plan:
    plan = plan_unseen(run, line, known)
    if plan != Plan.HEAL or known is None:
        return plan
    is_intact = fetching.is_intact(known.blob_name, size=line.size, sha256=line.sha256)
    return Plan.SAME if is_intact else Plan.HEAL


def _class_of(store: ObjectStore, line: Line) -> str:
    try:
        return store.head(line.key).storage_class or _SOME_ARCHIVE
    except ObjectStoreError:
        return _SOME_ARCHIVE
