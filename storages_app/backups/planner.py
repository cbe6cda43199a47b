"""Pure sums of a timetable: cron text in, moments out. All times are UTC."""

from datetime import datetime, timedelta
from itertools import islice

from cronsim import CronSim, CronSimError

from storages_app.backups.errors import BackupRefused

DEFAULT_CRON = "0 */3 * * *"
_LONGEST = 100
_WORDS = {
    "0 * * * *": "Every hour",
    "0 */3 * * *": "Every 3 hours",
    "0 */6 * * *": "Every 6 hours",
    "0 */12 * * *": "Every 12 hours",
    "0 3 * * *": "Every day at 03:00 UTC",
    "0 3 * * 0": "Every Sunday at 03:00 UTC",
}


def check_cron(cron: str, *, now: datetime) -> None:
    """BackupRefused unless the text is a schedule that will come round."""
    if len(cron) > _LONGEST or len(cron.split()) != 5:
        raise _no_schedule(cron)
    if not next_runs(cron, after=now, count=1):
        raise BackupRefused(f"“{cron}” never comes round.")


def next_runs(cron: str, *, after: datetime, count: int) -> list[datetime]:
    """The next moments of a schedule, strictly after `after`."""
    try:
        return list(islice(CronSim(cron, after), count))
    except CronSimError as error:
        raise _no_schedule(cron) from error


def _no_schedule(cron: str) -> BackupRefused:
    return BackupRefused(
        f"“{cron[:_LONGEST]}” is no schedule.",
        hint="Write five fields: minute, hour, day, month, weekday; such as 0 3 * * *.",
    )


def next_run(cron: str, *, after: datetime) -> datetime:
    runs = next_runs(cron, after=after, count=1)
    return runs[0] if runs else after + timedelta(days=365)


def in_words(cron: str) -> str:
    return _WORDS.get(cron) or CronSim(cron, datetime(2026, 1, 1)).explain()  # noqa: DTZ001


def choices() -> list[tuple[str, str]]:
    """Schedules to pick from, in words."""
    return list(_WORDS.items())
