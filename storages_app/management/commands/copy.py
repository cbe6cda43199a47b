"""Copies of many files: count or start them, watch them, steer them."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError
from django_filters import ChoiceFilter, DateFilter

from storages_app.bulk_copies import services
from storages_app.bulk_copies.errors import FilterInvalid
from storages_app.library.filters import FileFilter
from storages_app.management.base import (
    ACTOR,
    Answer,
    OperatorCommand,
    add_storage,
    add_waiting,
    file_uuid,
    project_of,
    storage_of,
    table,
    wait_for,
)
from storages_app.management.storage_options import USAGE
from storages_app.models import BulkJob

State = BulkJob.State
What = BulkJob.What
# What their labels leave open.
_MORE = {
    "q": "A part of the name is enough.",
    "since": "As 2026-11-23, from its beginning, in UTC.",
    "until": "As 2026-11-23, to its end, in UTC.",
    "copied_to": "A storage's name; the original counts.",
    "not_copied_to": "A storage's name; the original counts.",
    "copy_failed": "A storage's name, or * for any.",
    "group": "Its id.",
}


class Command(OperatorCommand):
    help = "Copy many files to a storage; a worker does it, and this starts, shows and steers it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        family = self.family(parser)
        start = self.add(
            family,
            "start",
            self.start,
            "Copy all files, those of a filter, or some.",
            changes=None,
        )
        add_storage(start)
        start.add_argument(
            "--file",
            nargs="+",
            type=file_uuid,
            default=[],
            metavar="UUID",
            help="These files, up to 10,000.",
        )
        _add_filters(start)
        start.add_argument(
            "--effects",
            default="",
            metavar="TEXT",
            help="Copy processed pictures: --effects=-/resize/200x/",
        )
        start.add_argument(
            "--pattern", default="", metavar="TEXT", help="Names in the bucket; else the storage's."
        )
        start.add_argument(
            "--dry-run",
            action="store_true",
            dest="only_counts",
            help="Let a worker count, and copy nothing until `copy begin`.",
        )
        add_waiting(start)
        status = self.add(family, "status", self.status, "One job, or the newest of a project.")
        status.add_argument("id", nargs="?", type=int, help="The number of the job.")
        status.add_argument("--project", help="Its slug, name or public key.")
        add_waiting(status)
        for name, order, text in (
            ("begin", services.start, "Copy what a dry run has counted."),
            ("pause", services.pause, "Begin no more copies."),
            ("resume", services.resume, "Go on."),
            ("cancel", services.cancel, "End it; copies under way finish."),
            ("retry", services.retry, "Copy again what failed."),
        ):
            steer = self.add(family, name, _steering(order), text, changes=True)
            steer.add_argument("id", type=int, help="The number of the job.")

    def start(self, options: dict[str, Any]) -> Answer:
        """A dry run is a job that counts, and not one that is taken back."""
        filter_by = {name: options[name] for name in FileFilter.base_filters if options[name]}
        if options["file"] and filter_by:
            said = ", ".join(_option(name) for name in filter_by)
            raise CommandError(f"--file goes without {said}.", returncode=USAGE)
        what = What.SELECTION if options["file"] else What.FILTER if filter_by else What.ALL
        try:
            job = services.request(
                project=project_of(options),
                custom_storage=storage_of(options),
                asked_by=ACTOR,
                what=what.value,
                filter_by=filter_by,
                file_uuids=options["file"],
                effects=options["effects"],
                pattern=options["pattern"],
                is_dry_run=options["only_counts"],
            )
        except FilterInvalid as error:
            raise CommandError(f"{error.message} ({error.code})", returncode=USAGE) from error
        return _told(job, wait=options["wait"])

    def status(self, options: dict[str, Any]) -> Answer:
        if options["id"]:
            return _told(_job(options["id"]), wait=options["wait"])
        if not options["project"]:
            raise CommandError("Give the number of a job, or --project.", returncode=USAGE)
        jobs = BulkJob.objects.filter(project=project_of(options)).select_related("custom_storage")
        told = [_as_row(job) for job in jobs.order_by("-pk")[:20]]
        return Answer(table(told, empty="No jobs yet."), {"jobs": told})


def _add_filters(parser: ArgumentParser) -> None:
    """Those of the list of files, by the same names."""
    those = parser.add_argument_group("which files; all, if none of these is given")
    for name, known in FileFilter.base_filters.items():
        words = [value for value, _label in known.extra.get("choices", ())]
        is_day = isinstance(known, DateFilter)
        is_storage = isinstance(known, ChoiceFilter) and not words
        what = f"{known.label}: {', '.join(words)}." if words else f"{known.label}."
        those.add_argument(
            _option(name),
            dest=name,
            default="",
            choices=words or None,
            metavar="DAY" if is_day else "NAME" if is_storage else "WORD" if words else "TEXT",
            help=" ".join(filter(None, [what, _MORE.get(name)])),
        )


def _option(name: str) -> str:
    return "--query" if name == "q" else f"--{name.replace('_', '-')}"


def _steering(order: Callable[..., object]) -> Callable[[dict[str, Any]], Answer]:
    def steer(options: dict[str, Any]) -> Answer:
        job = _job(options["id"])
        order(bulk_job=job, actor=ACTOR)
        job.refresh_from_db()
        return Answer(table([_as_row(job)], empty=""), _as_row(job))

    return steer


def _told(job: BulkJob, *, wait: float) -> Answer:
    """A job that ended with gaps or failed is something found; one under way is not."""
    wait_for(job, _needs_nobody_now, seconds=wait)
    row = _as_row(job)
    good = {State.DONE, State.COUNTED} if wait else {*State} - {State.GAPS, State.FAILED}
    text = table([row], empty="")
    if job.state == State.COUNTED:
        text += f"\nCounted; nothing is copied yet. Copy with: python manage.py copy begin {job.pk}"
    return Answer(text, row, is_well=job.state in good)


def _needs_nobody_now(job: BulkJob) -> bool:
    return job.is_over or job.state == State.COUNTED


def _job(pk: int) -> BulkJob:
    job = BulkJob.objects.filter(pk=pk).select_related("project", "custom_storage").first()
    if job is None:
        raise CommandError(f"There is no job {pk}: copy status --project SLUG.", returncode=USAGE)
    return job


def _as_row(job: BulkJob) -> dict[str, Any]:
    return {
        "id": job.pk,
        "storage": job.custom_storage.name,
        "state": job.word,
        "files": job.n_files,
        "to_copy": job.n_to_copy,
        "there": job.n_there,
        "copied": job.n_copied,
        "gaps": job.n_gaps,
        "reason": job.reason,
    }
