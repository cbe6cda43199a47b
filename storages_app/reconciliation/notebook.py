"""What a comparison has found: each difference while there is room, the counts in any case."""

from collections import Counter

from storages_app.models import CopyJob, Difference, Reconciliation

KEPT = 10_000  # of one comparison; a bucket that was emptied has as many differences as copies
_TOGETHER = 500


class Notebook:
    """Collects differences and writes them many at a time."""

    def __init__(self, run: Reconciliation) -> None:
        self.run = run
        self.counts: Counter[str] = Counter()
        self.n_mended = 0
        self.n_unknown = 0
        self.notes: list[str] = []  # sentences about what could not be looked at
        self._waiting: list[Difference] = []

    def difference(
        self,
        kind: str,
        key: str,
        *,
        job: CopyJob | None = None,
        expected: str = "",
        found: str = "",
        resolution: str = Difference.Resolution.REPORTED,
    ) -> None:
        if self.counts.total() < KEPT:
            self._waiting.append(
                Difference(
                    reconciliation=self.run,
                    kind=kind,
                    key=_storable(key)[:1024],
                    copy_job=job,
                    expected=_storable(expected)[:200],
                    found=_storable(found)[:200],
                    resolution=resolution,
                )
            )
        self.counts[kind] += 1
        self.n_mended += resolution != Difference.Resolution.REPORTED
        if len(self._waiting) >= _TOGETHER:
            self.flush()

    def unknown(self, why: str) -> None:
        """Something could not be looked at, so that the comparison cannot be called clean."""
        self.n_unknown += 1
        if self.n_unknown == 1:
            self.notes.append(why)

    def note(self, sentence: str) -> None:
        """Something was not looked at, by the owner's own choice of rights."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def flush(self) -> None:
        Difference.objects.bulk_create(self._waiting)
        self._waiting.clear()


def _storable(text: str) -> str:
    """PostgreSQL takes no zero character, and what a bucket says of itself may have one."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
