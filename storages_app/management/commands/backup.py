"""The backup of a project: connect, run, look, pause and resume."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError

from storages_app.backups import services
from storages_app.management.base import (
    ACTOR,
    Answer,
    OperatorCommand,
    add_project,
    add_storage,
    add_waiting,
    project_of,
    storage_of,
    table,
    wait_for,
)
from storages_app.management.storage_options import USAGE
from storages_app.models import BackupPlan, BackupRun, Project

_WELL = {"backed_up", "running", "paused", "off"}


class Command(OperatorCommand):
    help = "Run and watch the backup of a project; the way back is `restore`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        family = self.family(parser)
        connect = self.add(
            family, "connect", self.connect, "Back a project up to this storage.", changes=True
        )
        add_storage(connect)
        connect.add_argument(
            "--cron", default="", help="When, in UTC, such as '0 3 * * *'; else every 3 hours."
        )
        connect.add_argument(
            "--keep-days",
            type=int,
            default=0,
            metavar="DAYS",
            help="How long manifests are kept; 0 is for ever.",
        )
        run = self.add(family, "run", self.run, "Begin a run now; a worker does it.", changes=True)
        add_project(run)
        add_waiting(run)
        status = self.add(family, "status", self.status, "Whether a project is backed up, or all.")
        status.add_argument("--project", help="Its slug, name or public key.")
        for name, order, text in (
            ("pause", services.pause, "Copy nothing until it is resumed."),
            ("resume", services.resume, "Go on; a run begins at once."),
        ):
            add_project(self.add(family, name, _steering(order), text, changes=True))

    def connect(self, options: dict[str, Any]) -> Answer:
        storage = storage_of(options)
        chosen = {"cron": options["cron"]} if options["cron"] else {}
        plan = services.connect(
            project=storage.project,
            custom_storage=storage,
            actor=ACTOR,
            keep_days=options["keep_days"],
            **chosen,
        )
        text = f"“{plan.project.name}” is backed up to “{storage.name}”. The first run has begun."
        return Answer(text, {"project": plan.project.slug, "storage": storage.name})

    def run(self, options: dict[str, Any]) -> Answer:
        run = services.request_run(plan=_plan_of(project_of(options)), asked_by=ACTOR)
        wait = 0 if options["dry_run"] else options["wait"]
        wait_for(run, lambda row: row.is_over, seconds=wait)
        row = _as_row(run)
        is_well = not wait or run.state == BackupRun.State.DONE
        return Answer(table([row], empty=""), row, is_well=is_well)

    def status(self, options: dict[str, Any]) -> Answer:
        """A project without a plan counts as well where all are asked, and not by itself."""
        if options["project"]:
            plans = [_plan_of(project_of(options))]
        else:
            live = BackupPlan.objects.filter(project__removed_at=None)
            plans = list(live.select_related("project", "custom_storage").order_by("project__name"))
        told = [_verdict(plan) for plan in plans]
        text = "\n".join(f"{one['project']}: {one['sentence']}" for one in told)
        is_well = all(one["state"] in _WELL for one in told)
        return Answer(text or "No project has a backup.", {"backups": told}, is_well=is_well)


def _steering(order: Callable[..., object]) -> Callable[[dict[str, Any]], Answer]:
    def steer(options: dict[str, Any]) -> Answer:
        plan = _plan_of(project_of(options))
        order(plan=plan, actor=ACTOR)
        plan.refresh_from_db()
        told = _verdict(plan)
        return Answer(f"{told['project']}: {told['sentence']}", told)

    return steer


def _plan_of(project: Project) -> BackupPlan:
    plans = BackupPlan.objects.filter(project=project).select_related("project", "custom_storage")
    plan = plans.first()
    if plan is None:
        raise CommandError(
            f"“{project.name}” has no backup: backup connect --project {project.slug}.",
            returncode=USAGE,
        )
    return plan


def _verdict(plan: BackupPlan) -> dict[str, Any]:
    verdict = services.verdict(plan)
    newest = plan.runs.order_by("-pk").first()
    return {
        "project": plan.project.slug,
        "storage": plan.custom_storage.name,
        "state": verdict.state,
        "sentence": verdict.sentence,
        "files": verdict.n_files,
        "missing": verdict.n_missing,
        "newest_run": _as_row(newest) if newest else None,
    }


def _as_row(run: BackupRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "state": run.state,
        "files": run.n_files,
        "new": run.n_new,
        "already": run.n_already,
        "gaps": run.n_gaps,
        "reason": run.reason,
    }
