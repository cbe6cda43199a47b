"""/api/v1/restores/: bringing a backup back into the caller's own project, by programs."""

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api.parsers import boolean, choice, number, single
from storages_app.api.refusals import NoSuchThing, ParameterInvalid, ParameterMissing
from storages_app.api.v1 import restore_schema as schema
from storages_app.api.v1.base import V1View
from storages_app.api.v1.custom_storages import StorageView
from storages_app.api.v1.pages import page
from storages_app.api.v1.storage_fields import json_object
from storages_app.api.wire import number_in_path, timestamp
from storages_app.models import CustomStorage, RestoreItem, RestoreRun
from storages_app.restores import lists, services, verdicts
from storages_app.restores.errors import FilterInvalid, ManifestUnknown

_FILES_PER_PAGE, _FILES_AT_MOST = 100, 1000
_ORDER = ("custom_storage", "manifest", "only", "on_taken", "drill")


class ManifestsView(StorageView):
    """The manifests of backups that a bucket lists, newest first."""

    @schema.list_manifests
    def get(self, request: Request, storage_id: str) -> Response:
        offered = services.manifests_in(custom_storage=self.get_storage(storage_id))
        told = [
            {
                "key": one.info.key,
                "public_key": one.info.public_key,
                "at": timestamp(one.info.moment),
                "run": one.run.pk if one.run else None,
            }
            for one in offered
        ]
        return Response({"results": told})


class RestoresView(StorageView):
    """The restores into the caller's project, newest first, and asking for one more."""

    @cached_property
    def order(self) -> dict[str, Any]:
        """What is asked for; where no manifest is named, the bucket is asked for its newest."""
        order = _read_order(self.request.data)
        storage = self.get_storage(order.pop("custom_storage"))
        key = order.pop("manifest") or _newest(storage)
        return {"custom_storage": storage, "manifest_key": key, **order}

    def ask_outside(self) -> None:
        _ = self.order

    @schema.list_restores
    def get(self, request: Request) -> Response:
        return page(_runs().filter(project=self.project), request, restore_object)

    @schema.create_restore
    def post(self, request: Request) -> Response:
        """A worker compares first; a drill goes on by itself, a restore waits for `start`."""
        run = services.request(project=self.project, asked_by=self.caller.name, **self.order)
        location = {"Location": f"/api/v1/restores/{run.pk}/"}
        return Response(restore_object(run), status=202, headers=location)


def _read_order(data: Any) -> dict[str, Any]:
    body = json_object(data, _ORDER)
    if not body.get("custom_storage"):
        raise ParameterMissing("custom_storage")
    for name in ("custom_storage", "manifest", "on_taken"):
        if not isinstance(body.get(name, ""), str):
            raise ParameterInvalid(f"`{name}` parameter should be a text.")
    is_drill = body.get("drill", False)
    if not isinstance(is_drill, bool):
        raise ParameterInvalid("`drill` parameter should be `true` or `false`.")
    only = body.get("only", {})
    if not isinstance(only, dict):
        raise FilterInvalid("`only` is an object.")
    on_taken = body.get("on_taken", RestoreRun.OnTaken.SKIP)
    return {
        "custom_storage": body["custom_storage"],
        "manifest": body.get("manifest", ""),
        "only": only,
        "on_taken": choice("on_taken", on_taken, RestoreRun.OnTaken.values),
        "is_drill": is_drill,
    }


def _newest(storage: CustomStorage) -> str:
    offered = services.manifests_in(custom_storage=storage, at_most=1)
    if not offered:
        raise ManifestUnknown
    return offered[0].info.key


class _OneRestoreView(V1View):
    """Of one restore; another project's is not found."""

    def get_run(self, restore_id: str) -> RestoreRun:
        run = _runs().filter(project=self.project, pk=number_in_path(restore_id)).first()
        if run is None:
            raise NoSuchThing
        return run


class RestoreView(_OneRestoreView):
    """One restore: what the dry run found, and how far it is."""

    @schema.get_restore
    def get(self, request: Request, restore_id: str) -> Response:
        return Response(whole_restore_object(self.get_run(restore_id)))


class StartView(_OneRestoreView):
    """Do what the dry run has found. Where files are replaced, the project's name is given."""

    @schema.start_restore
    def post(self, request: Request, restore_id: str) -> Response:
        run = self.get_run(restore_id)
        name = json_object(request.data or {}, ("name",)).get("name", "")
        if not isinstance(name, str):
            raise ParameterInvalid("`name` parameter should be a text.")
        services.start(run=run, actor=self.caller.name, typed_name=name)
        return Response(whole_restore_object(run))


class CancelView(_OneRestoreView):
    """Stop; what was restored stays."""

    @schema.cancel_restore
    def post(self, request: Request, restore_id: str) -> Response:
        run = services.cancel(run=self.get_run(restore_id), actor=self.caller.name)
        return Response(whole_restore_object(run))


class ThawView(_OneRestoreView):
    """Ask the bucket to thaw what is archived; it takes hours and costs."""

    @schema.thaw_restore
    def post(self, request: Request, restore_id: str) -> Response:
        run = services.start_thaw(run=self.get_run(restore_id), actor=self.caller.name)
        return Response(whole_restore_object(run))


class LookAgainView(_OneRestoreView):
    """Compare anew what was archived or missing."""

    @schema.look_again
    def post(self, request: Request, restore_id: str) -> Response:
        run = services.look_again(run=self.get_run(restore_id), actor=self.caller.name)
        return Response(whole_restore_object(run))


class FilesView(_OneRestoreView):
    """The files of a restore, page by page."""

    @schema.list_files
    def get(self, request: Request, restore_id: str) -> Response:
        query = request.query_params
        limit, after = single("limit", query), single("after", query)
        n_shown = (
            number("limit", limit, at_least=1, at_most=_FILES_AT_MOST) if limit else _FILES_PER_PAGE
        )
        items = lists.items_of(
            self.get_run(restore_id), only_gaps=boolean("gaps", single("gaps", query) or "false")
        )
        if after:
            items = items.filter(pk__gt=number("after", after, at_least=0, at_most=10**18 - 1))
        page = list(items.order_by("pk")[:n_shown])
        next_after = page[-1].pk if len(page) == n_shown else None
        return Response(
            {"results": [_file_object(item) for item in page], "next_after": next_after}
        )


def _runs() -> QuerySet[RestoreRun]:
    return RestoreRun.objects.select_related("project", "custom_storage__project")


def restore_object(run: RestoreRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "state": run.state,
        "word": verdicts.word_of(run),
        "sentence": verdicts.sentence(run),
        "reason": run.reason or None,
        "drill": run.is_drill,
        "custom_storage": run.custom_storage.name,
        "manifest": run.manifest_key,
        "manifest_head": run.manifest_head,
        "on_taken": run.on_taken,
        "only": run.filter,
        "asked_by": run.asked_by,
        "files": run.n_files,
        "bytes": run.n_bytes,
        "plans": {
            plan: {"files": n_files, "bytes": n_bytes}
            for plan, (n_files, n_bytes) in run.plan_counts.items()
        },
        "done": run.n_done,
        "bytes_done": run.n_bytes_done,
        "skipped": run.n_skipped,
        "failed": run.n_failed,
        "replaces": services.n_replaced(run),
        "created_at": timestamp(run.created_at),
        "counted_at": timestamp(run.counted_at),
        "started_at": timestamp(run.started_at),
        "finished_at": timestamp(run.finished_at),
        "thaw_asked_at": timestamp(run.thaw_asked_at),
    }


def whole_restore_object(run: RestoreRun) -> dict[str, Any]:
    return restore_object(run) | {"problems": verdicts.problems(run)}


def _file_object(item: RestoreItem) -> dict[str, Any]:
    return {
        "id": item.pk,
        "uuid": str(item.uuid),
        "new_uuid": str(item.new_uuid) if item.new_uuid else None,
        "name": item.line.get("original_filename", ""),
        "size": item.size,
        "key": item.key,
        "plan": item.plan,
        "state": item.state,
        "reason": item.reason or None,
    }
