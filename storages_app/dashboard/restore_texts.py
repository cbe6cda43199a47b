"""The words of a restore's page (spec/DASHBOARD 1.20 and 1.27)."""

from datetime import datetime
from typing import Any

from storages_app.models import RestoreItem, RestoreRun
from storages_app.restores import thawing, verdicts
from storages_app.restores.holding import AT_WORK, RunState

Plan, OnTaken = RestoreItem.Plan, RestoreRun.OnTaken
_PLANS: dict[str, tuple[str, str]] = {  # text and tone
    Plan.RESTORE: ("Will be restored", "busy"),
    Plan.REVIVE: ("Removed here, will come back", "busy"),
    Plan.HEAL: ("Lost or damaged here, will be mended", "busy"),
    Plan.SAME: ("Here already, and the same", "good"),
    Plan.MISSING: ("Not in the bucket", "bad"),
    Plan.ARCHIVED: ("In an archive class, to be thawed first", "warn"),
}
_TAKEN: dict[str, tuple[str, str]] = {
    OnTaken.SKIP: ("UUID taken: the file here stays", "warn"),
    OnTaken.REPLACE: ("UUID taken: the file here will be replaced", "bad"),
    OnTaken.NEW_UUID: ("UUID taken: will be restored under a new UUID", "busy"),
}
_SPOKEN_EVERY = 25  # percent


def of(run: RestoreRun) -> dict[str, Any]:
    """All that the templates say of a run."""
    percent = _percent(run)
    kind = "Drill" if run.is_drill else "Restore"
    title = f"{kind} from {run.custom_storage.name}"
    spoken = _spoken(run, percent)
    n_todo = verdicts.n_entering(run)
    if run.on_taken == OnTaken.SKIP:
        n_todo -= verdicts.n_planned(run, Plan.TAKEN)
    return {
        "title": title,
        "tab_title": f"{percent} % · {title}" if run.state == RunState.RESTORING else title,
        "word": verdicts.word_of(run),
        "tone": _tone(run),
        "sentence": verdicts.sentence(run),
        "percent": percent,
        "plans": _plans(run),
        "n_todo": n_todo,
        "thaw": thawing.estimate(run) if verdicts.n_planned(run, Plan.ARCHIVED) else None,
        "is_of_another": _is_of_another(run),
        "snapshot": _snapshot(run),
        "spoken": spoken,
        "said": f"{run.state}-{percent // _SPOKEN_EVERY}",
        "version": f"{run.state}-{run.n_files}-{run.n_done}-{run.n_failed}-{run.stalls}",
    }


def _percent(run: RestoreRun) -> int:
    n_all = verdicts.n_entering(run)
    n_ended = run.n_done + run.n_failed + run.n_skipped
    return min(100 * n_ended // n_all, 100) if n_all else 0


def _spoken(run: RestoreRun, percent: int) -> str:
    if run.state != RunState.RESTORING:
        return verdicts.sentence(run) if run.state not in AT_WORK else "Reading the manifest"
    quarter = percent // _SPOKEN_EVERY * _SPOKEN_EVERY
    return f"{quarter} percent {'read' if run.is_drill else 'restored'}"


def _tone(run: RestoreRun) -> tuple[str, str]:
    """Icon and colour of the sentence on top."""
    looks = {
        RunState.DONE: ("shield-check", "good"),
        RunState.GAPS: ("circle-dashed", "warn"),
        RunState.FAILED: ("octagon-x", "bad"),
        RunState.CANCELLED: ("ban", "quiet"),
        RunState.COUNTED: ("list-checks", "quiet"),
    }
    return looks.get(RunState(run.state), ("loader", "busy"))


def _plans(run: RestoreRun) -> list[dict[str, Any]]:
    """The rows of the dry run: what happens to how many files."""
    texts = _PLANS | {Plan.TAKEN: _TAKEN[run.on_taken]}
    if run.is_drill:
        texts = texts | {Plan.RESTORE: ("Will be read and compared", "busy")}
    rows = []
    for plan, (text, tone) in texts.items():
        n_files, n_bytes = run.plan_counts.get(plan, (0, 0))
        if n_files:
            rows.append({"text": text, "tone": tone, "n_files": n_files, "n_bytes": n_bytes})
    return rows


def _snapshot(run: RestoreRun) -> str:
    """As of when the backup is; a manifest may say anything there."""
    try:
        moment = datetime.fromisoformat(str(run.manifest_head.get("snapshot_at")))
    except ValueError:
        return ""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def of_gap(item: RestoreItem) -> str:
    """Why one file is not here."""
    if item.plan == Plan.MISSING:
        return verdicts.text_of("object_missing")
    if item.plan == Plan.ARCHIVED:
        return verdicts.text_of("archived")
    return verdicts.text_of(item.reason)


def _is_of_another(run: RestoreRun) -> bool:
    """Whether the backup is that of another project than the one restored into."""
    public_key = run.manifest_head.get("public_key")
    return bool(public_key) and public_key != run.project.public_key
