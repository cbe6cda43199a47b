"""Pure sums of a timetable: cron text in, moments out. All times are UTC."""

from datetime import datetime, timedelta
from itertools import islice

from cronsim import CronSim, CronSimError

from storages_app.backups.errors import BackupRefused

DEFAULT_CRON = "0 */3 * * *"
_WORDS = {
    "0 * * * *": "Every hour",
    "0 */3 * * *": "Every 3 hours",
    "0 */6 * * *": "Every 6 hours",
    "0 3 * * *": "Every day at 03:00 UTC",
    "0 3 * * 0": "Every Sunday at 03:00 UTC",
}


def check_cron(cron: str, *, now: datetime) -> None:
    """BackupRefused unless the text is a schedule that will come round."""
    next_runs(cron, after=now, count=1)


def next_runs(cron: str, *, after: datetime, count: int) -> list[datetime]:
    """The next moments of a schedule, strictly after `after`."""
    try:
        return list(islice(CronSim(cron, after), count))
    except CronSimError as error:
        raise BackupRefused(
            f"“{cron}” is no schedule: five fields, minute hour day month weekday."
        ) from error


def next_run(cron: str, *, after: datetime) -> datetime:
    runs = next_runs(cron, after=after, count=1)
    return runs[0] if runs else after + timedelta(days=365)


def in_words(cron: str) -> str:
    return _WORDS.get(cron) or CronSim(cron, datetime(2026, 1, 1)).explain()  # noqa: DTZ001


def choices() -> list[tuple[str, str]]:
    """Schedules to pick from, in words."""
    return list(_WORDS.items())
