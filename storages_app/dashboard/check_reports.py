"""Comparisons of a storage with the ledger, in the words of its tab Check."""

import hashlib
from dataclasses import dataclass

from storages_app.models import CustomStorage, Difference, Reconciliation

State = Reconciliation.State

_WORDS = {
    State.WAITING: "Waiting",
    State.RUNNING: "Running",
    State.CLEAN: "Done",
    State.DIFFERENT: "Needs attention",
    State.FAILED: "Failed",
}
_N_IN_HISTORY = 12


@dataclass(frozen=True)
class CheckReport:
    """One comparison as the page shows it."""

    run: Reconciliation

    @property
    def word(self) -> str:
        return _WORDS[State(self.run.state)]

    @property
    def kind(self) -> str:
        return "Whole check" if self.run.kind == Reconciliation.Kind.FULL else "Quick check"

    @property
    def is_busy(self) -> bool:
        return not self.run.is_over

    @property
    def sentence(self) -> str:
        run = self.run
        if run.state == State.WAITING:
            return "Waiting for a worker."
        if run.state == State.RUNNING:
            return f"{run.n_objects:,} objects listed, {run.n_copies:,} copies compared."
        if run.state == State.FAILED:
            return "It could not be finished, so it says nothing about what it did not reach."
        of_what = "1 copy" if run.n_copies == 1 else f"{run.n_copies:,} copies"
        if run.state == State.CLEAN:
            return f"No difference. Compared: {of_what}."
        n = run.n_differences
        found = "1 difference" if n == 1 else f"{n:,} differences"
        mended = f" {run.n_mended:,} of them put right or ordered anew." if run.n_mended else ""
        return f"{found} found.{mended} Compared: {of_what}."

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many of each kind, in words, the worst first."""
        labels = dict(Difference.Kind.choices)
        order = list(labels)
        found = sorted(self.run.counts.items(), key=lambda item: order.index(item[0]))
        return [(labels[kind], n) for kind, n in found]

    @property
    def n_not_kept(self) -> int:
        """Differences that were counted, of which no row was kept."""
        return max(0, self.run.n_differences - self.run.differences.count())

    @property
    def version(self) -> str:
        facts = f"{self.run.pk} {self.run.state} {self.sentence}"
        return hashlib.sha256(facts.encode()).hexdigest()[:16]


def newest(storage: CustomStorage) -> Reconciliation | None:
    """The one that is under way, else the one that ended last."""
    runs = storage.reconciliations
    return runs.filter(finished_at=None).first() or runs.order_by("-finished_at").first()


def history(storage: CustomStorage) -> list[CheckReport]:
    return [CheckReport(run) for run in storage.reconciliations.order_by("-pk")[:_N_IN_HISTORY]]
