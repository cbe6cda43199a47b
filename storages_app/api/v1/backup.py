"""/api/v1/backup/: the backup of the caller's project, its settings, switches and runs."""

from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api.parsers import number
from storages_app.api.refusals import NoSuchThing, ParameterInvalid, ParameterMissing
from storages_app.api.v1 import backup_schema as schema
from storages_app.api.v1.base import V1View
from storages_app.api.v1.pages import page
from storages_app.api.v1.storage_fields import json_object
from storages_app.api.wire import number_in_path, timestamp
from storages_app.backups import planner, services
from storages_app.models import BackupPlan, BackupRun, CustomStorage

# What a body may set → its name in `Options`.
_OPTIONS = {"schedule": "cron"} | {
    name: name for name in ("keep_days", "storage_class", "sample_size", "ping_url")
}
_NUMBERS = {"keep_days": services.MAX_KEEP_DAYS, "sample_size": services.MAX_SAMPLE}


class PlanView(V1View):
    """Of the project's one backup; there is none until it was set up."""

    def get_plan(self) -> BackupPlan:
        plan = self.find_plan()
        if plan is None:
            raise NoSuchThing
        return plan

    def find_plan(self) -> BackupPlan | None:
        plans = BackupPlan.objects.select_related("custom_storage", "project")
        return plans.filter(project=self.project).first()


class BackupView(PlanView):
    """The backup as it is set, and how it stands."""

    @schema.get_backup
    def get(self, request: Request) -> Response:
        return Response(backup_object(self.get_plan()))

    @schema.put_backup
    def put(self, request: Request) -> Response:
        """Set it up, or set all of it anew: what is left out gets its default."""
        plan = self.find_plan()
        changes = self._read(request.data, plan)
        if "custom_storage" not in changes:
            raise ParameterMissing("custom_storage")
        if plan and plan.is_on and not plan.custom_storage.removed_at:
            defaults = vars(services.Options())
            services.change(plan=plan, actor=self.caller.name, **(defaults | changes))
            return Response(backup_object(self.get_plan()))
        services.connect(project=self.project, actor=self.caller.name, **changes)
        return Response(backup_object(self.get_plan()), status=201)

    @schema.patch_backup
    def patch(self, request: Request) -> Response:
        plan = self.get_plan()
        services.change(plan=plan, actor=self.caller.name, **self._read(request.data, plan))
        return Response(backup_object(self.get_plan()))

    def _read(self, data: Any, plan: BackupPlan | None) -> dict[str, Any]:
        body = dict(json_object(data, ("custom_storage", *_OPTIONS)))
        known = plan.unseal_ping_url() if plan else ""
        if known and body.get("ping_url") == masked_url(known):
            body["ping_url"] = known
        changes = {
            _OPTIONS[name]: _value(name, value) for name, value in body.items() if name in _OPTIONS
        }
        if "custom_storage" in body:
            changes["custom_storage"] = self._storage(body["custom_storage"])
        return changes

    def _storage(self, named: object) -> CustomStorage:
        for storage in services.usable_storages(self.project):
            if named in (storage.name, str(storage.pk)):
                return storage
        raise ParameterInvalid("`custom_storage` parameter names no connected storage.")


def _value(name: str, value: object) -> object:
    if name in _NUMBERS:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return number(name, str(value) if is_whole else "", at_least=0, at_most=_NUMBERS[name])
    if not isinstance(value, str) or "\0" in value or len(value) > 2048:
        raise ParameterInvalid(f"`{name}` parameter should be a text.")
    return value


class PauseView(PlanView):
    """Copy nothing until it is resumed."""

    @schema.pause_backup
    def post(self, request: Request) -> Response:
        services.pause(plan=self.get_plan(), actor=self.caller.name)
        return Response(backup_object(self.get_plan()))


class ResumeView(PlanView):
    """Go on; a run begins at once."""

    @schema.resume_backup
    def post(self, request: Request) -> Response:
        services.resume(plan=self.get_plan(), actor=self.caller.name)
        return Response(backup_object(self.get_plan()))


class TurnOffView(PlanView):
    """Files in the bucket stay; the next run is cancelled."""

    @schema.turn_backup_off
    def post(self, request: Request) -> Response:
        services.turn_off(plan=self.get_plan(), actor=self.caller.name)
        return Response(backup_object(self.get_plan()))


class TurnOnView(PlanView):
    """Go on with the same storage; a run begins at once."""

    @schema.turn_backup_on
    def post(self, request: Request) -> Response:
        services.turn_on(plan=self.get_plan(), actor=self.caller.name)
        return Response(backup_object(self.get_plan()))


class RunsView(PlanView):
    """The newest runs, and asking for one."""

    @schema.list_backup_runs
    def get(self, request: Request) -> Response:
        return page(self.get_plan().runs.all(), request, run_object)

    @schema.request_backup_run
    def post(self, request: Request) -> Response:
        """A worker makes it; the one that is open is answered if there is one."""
        run = services.request_run(plan=self.get_plan(), asked_by=self.caller.name)
        where = {"Location": f"/api/v1/backup/runs/{run.pk}/"}
        return Response(run_object(run), status=202, headers=where)


class RunView(PlanView):
    """One run."""

    @schema.get_backup_run
    def get(self, request: Request, run_id: str) -> Response:
        run = self.get_plan().runs.filter(pk=number_in_path(run_id)).first()
        if run is None:
            raise NoSuchThing
        return Response(run_object(run))


def masked_url(url: str) -> str:
    """Who knows a monitor's address can call it: only the host is shown."""
    return f"{urlsplit(url).scheme}://{urlsplit(url).hostname}/****" if url else ""


def backup_object(plan: BackupPlan) -> dict[str, Any]:
    storage, goes_on = plan.custom_storage, plan.is_on and not plan.paused_at
    following = planner.next_runs(plan.cron, after=timezone.now(), count=3) if goes_on else []
    return {
        "custom_storage": {"id": str(storage.pk), "name": storage.name, "state": storage.state},
        "shares_fate": services.shares_fate(storage),
        "schedule": plan.cron,
        "schedule_in_words": planner.in_words(plan.cron),
        "next_runs": [timestamp(moment) for moment in following],
        "keep_days": plan.keep_days,
        "storage_class": plan.storage_class,
        "sample_size": plan.sample_size,
        "ping_url": masked_url(plan.unseal_ping_url()),
        "is_on": plan.is_on,
        "paused_at": timestamp(plan.paused_at),
        "created_at": timestamp(plan.created_at),
        "standing": _standing_object(plan),
    }


def _standing_object(plan: BackupPlan) -> dict[str, Any]:
    found = services.verdict(plan)
    return {
        "state": found.state,
        "sentence": found.sentence,
        "files": found.n_files,
        "missing": found.n_missing,
        "unverified": found.n_unverified,
        "since": timestamp(found.since),
    }


def run_object(run: BackupRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "state": run.state,
        "reason": run.reason or None,
        "note": run.note or None,
        "asked_by": run.asked_by,
        "created_at": timestamp(run.created_at),
        "started_at": timestamp(run.started_at),
        "snapshot_at": timestamp(run.snapshot_at),
        "finished_at": timestamp(run.finished_at),
        "files": run.n_files,
        "new": run.n_new,
        "changed": run.n_changed,
        "already": run.n_already,
        "missing": run.n_gaps,
        "skipped": run.n_skipped,
        "failed": run.n_failed,
        "bytes": run.n_bytes,
        "sampled": run.n_sampled,
        "sample_matches": run.n_sample_matches,
        "gaps": [_gap_object(gap) for gap in run.gaps],
        "manifest": _manifest_object(run),
    }


def _gap_object(gap: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": gap["state"],
        "reason": gap["reason"] or None,
        "files": gap["n"],
        "examples": [file["uuid"] for file in gap["files"]],
    }


def _manifest_object(run: BackupRun) -> dict[str, Any] | None:
    if not run.manifest_sha256:
        return None
    return {"key": run.manifest_key or None, "sha256": run.manifest_sha256}
