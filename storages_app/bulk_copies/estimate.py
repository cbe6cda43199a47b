"""What a copy of many files will cost: requests to the bucket, and time."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from django.conf import settings

from storages_app.models import CopyJob, CustomStorage
from storages_app.models.copy_jobs import State

_N_COPIES = 300
_LONGEST_PAUSE_S = 1.0  # a longer one between two copies is no work
_FEW = 10


@dataclass(frozen=True)
class Pace:
    """Files and bytes a second."""

    files: float
    n_bytes: float

    def seconds_for(self, *, n_files: int, n_bytes: int) -> float:
        return max(n_files / self.files, n_bytes / self.n_bytes)


_UNMEASURED = Pace(files=50, n_bytes=20_000_000)


def pace_of(custom_storage: CustomStorage) -> Pace:
    """How fast the latest copies to this storage went, without the time in which nothing ran.

    A careful guess for a storage that has hardly any copies.
    """
    done = CopyJob.objects.filter(custom_storage=custom_storage, state=State.DONE)
    latest = done.order_by("-pk").values_list("finished_at", "size")[:_N_COPIES]
    ends = sorted((moment, size) for moment, size in latest if moment)
    if len(ends) < _FEW:
        return _UNMEASURED
    longest = timedelta(seconds=_LONGEST_PAUSE_S)
    busy = sum((min(b - a, longest) for (a, _), (b, _) in pairwise(ends)), timedelta())
    busy_s = max(busy.total_seconds(), 0.05)
    n_bytes = sum(size or 0 for _, size in ends[1:])
    # A batch of small files says little about large ones, and the other way round.
    return Pace((len(ends) - 1) / busy_s, max(n_bytes / busy_s, _UNMEASURED.n_bytes))


def n_requests(*, size: int, custom_storage: CustomStorage) -> int:
    """Requests that one copy makes if nothing goes wrong, as `copying.making` does it."""
    if size > settings.MULTIPART_THRESHOLD:
        n_writes = 2 + -(-size // settings.MULTIPART_PART_SIZE)
    else:
        n_writes = 1
    n_looks_before = 0 if custom_storage.can("conditional_put") else 1
    n_proofs = 0 if custom_storage.can("verifies_checksum") else 1
    return n_looks_before + n_writes + n_proofs
