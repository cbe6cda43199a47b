"""What the page of a backup run says (spec/DASHBOARD 1.18 and 1.19)."""

from storages_app.backups.services import Progress
from storages_app.models import BackupRun

State = BackupRun.State
_SPOKEN_EVERY = 25  # percent


def sentence(run: BackupRun, progress: Progress | None) -> str:
    """The one on top, while it runs and when it has ended."""
    if run.state == State.WAITING:
        return "Waiting for a free worker."
    if progress:
        files = "file is" if progress.n_files == 1 else "files are"
        return f"{progress.n_there:,} of {progress.n_files:,} {files} there"
    return _end_sentence(run)


def _end_sentence(run: BackupRun) -> str:
    if run.state == State.DONE:
        all_files = (
            "The 1 stored file is" if run.n_files == 1 else f"All {run.n_files:,} stored files are"
        )
        return f"Done. {all_files} there: {run.n_new:,} new, {run.n_already:,} already there."
    if run.state == State.GAPS:
        are = "is" if run.n_gaps == 1 else "are"
        return f"Done with gaps. {run.n_gaps:,} of {run.n_files:,} files {are} missing."
    return f"{run.get_state_display()}. {run.reason}".strip()


def spoken(run: BackupRun, progress: Progress | None) -> str:
    """What a screen reader is told: at the start, at each quarter and at the end."""
    if progress is None:
        return sentence(run, progress)
    quarter = progress.percent // _SPOKEN_EVERY * _SPOKEN_EVERY
    return f"{quarter} % of the files are there." if quarter else "The backup run has begun."


def tab_title(run: BackupRun, progress: Progress | None) -> str:
    """`42 % · Backup to archive`, so that the tab tells how far it is."""
    how_far = f"{progress.percent} %" if progress else run.get_state_display()
    return f"{how_far} · Backup to {run.plan.custom_storage.name}"
