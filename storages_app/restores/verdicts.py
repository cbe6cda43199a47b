"""What is to be said of a run: how it ended, why, and who is told."""

from django.db.models import Count

from storages_app.lib import disk
from storages_app.lib.errors import UcdashError
from storages_app.models import Event, RestoreItem, RestoreRun

NO_ROOM = "There is no room left on the disk of this instance (disk_full)."
Plan, RunState = RestoreItem.Plan, RestoreRun.State
_EARLIER = "What was deleted before this backup was made is in an earlier one."

REASONS = {
    "not_in_backup": "Asked for, but not in this backup",
    "object_missing": "Not in the bucket",
    "changed": "Not the bytes that were backed up",
    "archived": "In an archive class, to be thawed first",
    "uuid_taken": "The UUID is taken by another file, which stays",
    "uuid_of_other_project": "The UUID is taken by a file of another project",
    "auth_denied": "The bucket refused to let it be read",
    "kms_denied": "The KMS key refused to decrypt it",
    "disk_full": "No room left on the disk of this instance",
    "internal": "Something went wrong on our side; the log says what, then restore again",
}


_WORDS: dict[str, str] = {
    RunState.READING: "Running",
    RunState.THAWING: "Running",
    RunState.COUNTED: "Waiting",
}


def word_of(run: RestoreRun) -> str:
    """One of the nine words of all pages (spec/DASHBOARD 1.0)."""
    return _WORDS.get(run.state) or RunState(run.state).label


def said_by(error: Exception) -> str:
    """One line: what went wrong, with its code."""
    if isinstance(error, UcdashError):
        return f"{error.message} ({error.code})"[:200]
    if code_of(error) == "disk_full":
        return NO_ROOM
    return "Something went wrong on our side; it is in the log (internal)."


def code_of(error: Exception) -> str:
    if isinstance(error, UcdashError):
        return error.code
    if disk.is_full(error):
        return "disk_full"
    return "internal"


def of(run: RestoreRun) -> tuple[RestoreRun.State, str]:
    """How a run that has come to its end is to be called: DONE only if nothing is missing."""
    run.refresh_from_db(fields=["n_done", "n_skipped", "n_failed"])
    n_gaps = n_not_done(run)
    if not n_gaps:
        return RunState.DONE, ""
    n_good = run.n_done + n_planned(run, Plan.SAME)
    return (RunState.GAPS if n_good else RunState.FAILED), _why(run)


def n_planned(run: RestoreRun, *plans: RestoreItem.Plan) -> int:
    return sum(run.plan_counts.get(plan, (0, 0))[0] for plan in plans)


def n_not_done(run: RestoreRun) -> int:
    """Files that were asked for and are not here, or, by a drill, could not be read."""
    lost = n_planned(run, Plan.MISSING, Plan.ARCHIVED)
    return run.n_failed + run.n_skipped + lost + _n_unknown(run)


def _n_unknown(run: RestoreRun) -> int:
    """UUIDs that were asked for by themselves, and that the manifest does not have."""
    if run.what != RestoreRun.What.SELECTION or run.counted_at is None:
        return 0
    return max(len(run.filter.get("uuids", [])) - run.n_files, 0)


def problems(run: RestoreRun) -> dict[str, int]:
    """Reason → how many files; the most frequent first."""
    counted = dict(
        run.items.exclude(state__in=[RestoreItem.State.WAITING, RestoreItem.State.DONE])
        .order_by()
        .values_list("reason")
        .annotate(n=Count("pk"))
    )
    for plan, reason in ((Plan.MISSING, "object_missing"), (Plan.ARCHIVED, "archived")):
        if n := n_planned(run, plan):
            counted[reason] = counted.get(reason, 0) + n
    if n := _n_unknown(run):
        counted["not_in_backup"] = n
    return dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))


def text_of(reason: str) -> str:
    return REASONS.get(reason, f"The bucket answered: {reason}")


def _why(run: RestoreRun) -> str:
    told = [f"{text_of(reason)}: {n:,}" for reason, n in problems(run).items()]
    return ". ".join(told)[:200]


# --- Sentences ---------------------------------------------------------------------------------


def files(n: int, *, verb: bool = False) -> str:
    return f"{n:,} file{'' if n == 1 else 's'}" + (" is" if n == 1 else " are") * verb


def sentence(run: RestoreRun) -> str:
    """The one sentence on top of the page (spec/DASHBOARD 1.20 and 1.27)."""
    if run.state == RunState.READING:
        return "Reading the manifest…" + (f" {files(run.n_files)} so far." if run.n_files else "")
    if run.state == RunState.COUNTED:
        return "Nothing was written yet. This is what would happen."
    if run.state == RunState.THAWING:
        return "Asking the bucket to thaw the files…"
    if run.state == RunState.RESTORING:
        doing = "read" if run.is_drill else "restored"
        return f"{run.n_done:,} of {files(n_entering(run))} {doing}."
    return _end_sentence(run)


def n_entering(run: RestoreRun) -> int:
    """Files that the run is to bring back, or to read."""
    return n_planned(run, Plan.RESTORE, Plan.REVIVE, Plan.HEAL, Plan.TAKEN)


def _end_sentence(run: RestoreRun) -> str:
    if run.state == RunState.CANCELLED:
        kept = "Nothing was written." if run.is_drill else "What was restored stays."
        return f"Cancelled by {run.ended_by} after {files(run.n_done)}. {kept}"
    if run.state == RunState.FAILED and not run.n_done:
        return f"Failed: {run.reason or 'no file could be restored.'}"
    n_same = n_planned(run, Plan.SAME)
    if run.state == RunState.DONE and not run.n_done:
        verb = "read" if run.is_drill else "restore"
        return f"Nothing to {verb}: {_found(run, n_same)} {_EARLIER}"
    if run.is_drill:
        return _drill_sentence(run)
    said = [f"{files(run.n_done)} restored, all match."]
    if n_same:
        said.append(f"{n_same:,} {'was' if n_same == 1 else 'were'} here already, and the same.")
    return " ".join([*_how(run), *said, *_gaps(run)])


def _found(run: RestoreRun, n_same: int) -> str:
    if n_same:
        return f"{files(n_same, verb=True)} here already, and the same."
    has_all = run.what == RestoreRun.What.ALL
    return "this backup is of no files." if has_all else "this backup has no such file."


def _drill_sentence(run: RestoreRun) -> str:
    if run.state == RunState.DONE:
        return (
            f"Drill passed: {files(run.n_done)} read, all match the manifest. Nothing was written."
        )
    read = f"{files(run.n_done)} read, all match."
    return " ".join(["Drill not passed.", read, *_gaps(run), "Nothing was written."])


def _how(run: RestoreRun) -> list[str]:
    if run.state == RunState.GAPS:
        return ["Done with gaps."]
    return [f"Stopped: {run.reason}"] if run.state == RunState.FAILED else []


def _gaps(run: RestoreRun) -> list[str]:
    found = problems(run)
    said = []
    if n := found.pop("object_missing", 0):
        said.append(f"{files(n)} in the manifest {'is' if n == 1 else 'are'} not in the bucket.")
    if n := found.pop("changed", 0):
        are = "is not the one that was" if n == 1 else "are not the ones that were"
        said.append(f"{files(n)} in the bucket {are} backed up.")
    if n := found.pop("archived", 0):
        said.append(f"{files(n, verb=True)} in Glacier and must be thawed first.")
    if n := found.pop("uuid_taken", 0):
        said.append(f"{files(n)} left as {'it is' if n == 1 else 'they are'}: the UUID is taken.")
    if n := found.pop("not_in_backup", 0):
        said.append(f"{files(n)} asked for {'is' if n == 1 else 'are'} not in this backup.")
    if n := sum(found.values()):
        said.append(f"{files(n)} could not be {'read' if run.is_drill else 'restored'}.")
    return said


# --- Activity ----------------------------------------------------------------------------------


def record(run: RestoreRun, kind: str, *, actor: str) -> None:
    """Into the activity of the project, and of the project whose storage is read."""
    for project in {run.project, run.custom_storage.project}:
        Event.objects.record(
            kind,
            project=project,
            actor=actor,
            subject=f"{'Drill' if run.is_drill else 'Restore'} from {run.custom_storage.name}",
            subject_id=run.pk,
            data={
                "state": run.state,
                "manifest": run.manifest_key,
                "into": run.project.name,
                "files": run.n_files,
                "restored": 0 if run.is_drill else run.n_done,
                "reason": run.reason,
            },
        )
