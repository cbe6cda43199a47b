"""Copies of many files: count or start them, watch them, steer them."""

import uuid
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError

from storages_app.bulk_copies import services
from storages_app.management.base import (
    ACTOR,
    Answer,
    OperatorCommand,
    add_storage,
    add_waiting,
    project_of,
    storage_of,
    table,
    wait_for,
)
from storages_app.management.storage_options import USAGE
from storages_app.models import BulkJob

State = BulkJob.State
What = BulkJob.What


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
        start.add_argument("--file", nargs="+", type=_uuid, default=[], metavar="UUID")
        start.add_argument("--query", default="", metavar="TEXT", help="A part of the name.")
        start.add_argument("--stored", choices=["yes", "no"], default="")
        start.add_argument("--effects", default="", metavar="TEXT", help="--effects=-/resize/200x/")
        start.add_argument("--pattern", default="", help="Else that of the storage.")
        start.add_argument(
            "--dry-run",
            action="store_true",
            help="Let a worker count, and copy nothing until `copy begin`.",
        )
        add_waiting(start)
        status = self.add(family, "status", self.status, "One job, or the newest of a project.")
        status.add_argument("id", nargs="?", type=int)
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
            steer.add_argument("id", type=int)

    def start(self, options: dict[str, Any]) -> Answer:
        filter_by = {name: options[key] for name, key in (("q", "query"), ("stored", "stored"))}
        filter_by = {name: value for name, value in filter_by.items() if value}
        if options["file"] and filter_by:
            raise CommandError("--file goes without --query and --stored.", returncode=USAGE)
        what = What.SELECTION if options["file"] else What.FILTER if filter_by else What.ALL
        job = services.request(
            project=project_of(options),
            custom_storage=storage_of(options),
            asked_by=ACTOR,
            what=what.value,
            filter_by=filter_by,
            file_uuids=options["file"],
            effects=options["effects"],
            pattern=options["pattern"],
            is_dry_run=options["dry_run"],
        )
        return _told(job, wait=options["wait"])

    def handle(self, *args: Any, **options: Any) -> None:
        """A dry run of `start` is a job that counts, and not one that is taken back."""
        if options["what"] != "start":
            super().handle(*args, **options)
            return
        order = options["do"]
        is_counted = options.pop("dry_run")
        super().handle(
            *args,
            **options
            | {"dry_run": False, "do": lambda _: order(options | {"dry_run": is_counted})},
        )

    def status(self, options: dict[str, Any]) -> Answer:
        if options["id"]:
            return _told(_job(options["id"]), wait=options["wait"])
        if not options["project"]:
            raise CommandError("Give the number of a job, or --project.", returncode=USAGE)
        jobs = BulkJob.objects.filter(project=project_of(options)).select_related("custom_storage")
        told = [_as_row(job) for job in jobs.order_by("-pk")[:20]]
        return Answer(table(told, empty="No jobs yet."), {"jobs": told})


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


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no UUID") from error
