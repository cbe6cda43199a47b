"""What pages say about a copy of many files (spec/DASHBOARD 1.15 and 1.18)."""

from collections.abc import Mapping

from storages_app.bulk_copies import figures
from storages_app.library.filters import ANY_STORAGE, FileFilter
from storages_app.models import BulkJob

State = BulkJob.State
_NBSP = "\u00a0"
_UNITS = ((10**15, "PB"), (10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_QUARTERS = 4


def progress_text(progress: figures.Progress) -> str:
    """`1,204 of 5,000 files, 3.1 of 9.8 GB, 42 MB/s, about 3 min left`."""
    parts = [
        f"{progress.n_ended:,} of {files(progress.n_files)}",
        part_of(progress.n_bytes_ended, progress.n_bytes),
    ]
    if progress.bytes_per_s:
        parts.append(f"{in_unit(progress.bytes_per_s)}/s")
    if progress.seconds_left is not None and progress.n_ended < progress.n_files:
        parts.append(f"about {about(progress.seconds_left)} left")
    return ", ".join(parts)


def files(n: int) -> str:
    return "1 file" if n == 1 else f"{n:,} files"


def part_of(part: float, whole: float) -> str:
    """Two sizes in the unit of the larger: `3.1 of 9.8 GB`."""
    factor, unit = _unit(whole)
    return f"{_short(part / factor)} of {_short(whole / factor)}{_NBSP}{unit}"


def in_unit(n_bytes: float) -> str:
    factor, unit = _unit(n_bytes)
    return f"{_short(n_bytes / factor)}{_NBSP}{unit}"


def _unit(n_bytes: float) -> tuple[int, str]:
    # From 999.5 on it would be shown as 1000 of the smaller unit.
    return next(((f, unit) for f, unit in _UNITS if n_bytes >= f * 0.9995), (1, "B"))


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"


def about(seconds: float) -> str:
    """A span as people say it: `40 s`, `3 min`, `2 h 10 min`, `4 d`."""
    if seconds < 90:
        return f"{max(round(seconds / 5) * 5, 5)}{_NBSP}s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes}{_NBSP}min"
    hours, minutes = divmod(round(minutes / 10) * 10, 60)
    if hours < 36:
        return f"{hours}{_NBSP}h {minutes}{_NBSP}min" if minutes else f"{hours}{_NBSP}h"
    return f"{round(hours / 24)}{_NBSP}d"


def filter_words(filter_by: Mapping[str, str]) -> str:
    """A filter of the list of files as people say it: `“cat”, stored, type: images`."""
    return ", ".join(_filter_word(name, value) for name, value in filter_by.items())


def _filter_word(name: str, value: str) -> str:
    known = FileFilter.base_filters[name]
    told = str(dict(known.extra.get("choices", ())).get(value, value))
    if name == "q":
        return f"“{value}”"
    if name == "stored":
        return told.lower()
    return f"{known.label.lower()}: {'any storage' if value == ANY_STORAGE else told}"


def count_text(job: BulkJob) -> str:
    """What the dry run found, in one sentence for each kind."""
    limit = "100 MB" if job.effects else "5 GB"
    return (
        f"{job.n_to_copy:,} to copy ({in_unit(job.n_bytes_to_copy)}), "
        f"{job.n_already:,} already there and the same, "
        f"{job.n_clashes:,} names taken by other files, "
        f"{job.n_too_large:,} over the {limit} limit. "
        f"About {job.n_requests:,} requests. "
        f"Takes about {about(figures.seconds_needed(job))}."
    )


def clash_text(job: BulkJob) -> str:
    """What becomes of names that other files have."""
    what = {
        "error": "are not copied, and reported as gaps",
        "skip": "are left out: what is there stays",
        "overwrite": "overwrite what is there",
        "keep_both": "are copied beside it under a name with a number",
    }[job.on_clash]
    return f"Files whose name is taken {what}."


def end_text(job: BulkJob) -> str:
    """The last sentence of a job."""
    if job.state == State.DONE and not job.n_to_do:
        return f"Nothing to copy: all {files(job.n_files)} are there."
    if job.state == State.DONE:
        return f"Done. {files(job.n_copied)} copied, {job.n_there:,} already there."
    if job.state == State.GAPS:
        reasons = "1 reason" if len(job.gaps) == 1 else f"{len(job.gaps):,} reasons"
        return f"Done with gaps. {job.n_copied:,} copied, {job.n_gaps:,} failed for {reasons}."
    if job.state == State.FAILED:
        began = "" if job.n_failed else " before it began"
        return f"Failed{began}: {job.reason}"
    return f"Cancelled by {job.ended_by} after {files(job.n_copied)}. What was copied stays."


def spoken(job: BulkJob) -> str:
    """What a screen reader is told: at the start, at each quarter and at the end."""
    if job.is_over:
        return end_text(job)
    if job.state == State.COUNTED:
        return "Counted. Nothing is copied yet."
    if job.state == State.COUNTING:
        return "Counting."
    if job.word in {"Paused", "Needs attention"}:
        return f"{job.word}."
    quarter = figures.progress(job).percent * _QUARTERS // 100
    return f"{quarter * 100 // _QUARTERS} % copied." if quarter else "Copying has begun."


def tab_title(job: BulkJob) -> str:
    """`42 % · Copy to archive`, so that the tab tells how far it is."""
    name = f"Copy to {job.custom_storage.name}"
    if job.is_over or job.state in {State.COUNTING, State.COUNTED}:
        return f"{job.word if job.is_over else job.get_state_display()} · {name}"
    return f"{figures.progress(job).percent} % · {name}"
