"""/api/v1/custom_storages/<id>/reconciliations/: the bucket against the ledger."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.parsers import choice, number, single
from storages_app.api.refusals import NoSuchThing, ParameterInvalid
from storages_app.api.v1.custom_storages import StorageView
from storages_app.api.v1.pages import page
from storages_app.api.v1.storage_fields import json_object
from storages_app.api.wire import number_in_path, timestamp
from storages_app.models import Difference, Reconciliation
from storages_app.reconciliation import services

_DIFFERENCES = 100
_DIFFERENCES_AT_MOST = 1000
_LARGEST = 10**18 - 1


class ReconciliationsView(StorageView):
    """The newest comparisons of a storage, and asking for one more."""

    @schema.list_reconciliations
    def get(self, request: Request, storage_id: str) -> Response:
        runs = self.get_storage(storage_id).reconciliations.all()
        return page(runs, request, reconciliation_object)

    @schema.request_reconciliation
    def post(self, request: Request, storage_id: str) -> Response:
        """A worker makes it; the answer is 202, and the comparison is at its Location."""
        storage = self.get_storage(storage_id)
        kind = json_object(request.data, ("kind",)).get("kind", Reconciliation.Kind.FULL)
        if not isinstance(kind, str):
            raise ParameterInvalid("`kind` parameter should be a text.")
        run = services.request(
            custom_storage=storage,
            kind=choice("kind", kind, Reconciliation.Kind.values),
            asked_by=self.caller.name,
        )
        where = f"/api/v1/custom_storages/{storage.pk}/reconciliations/{run.pk}/"
        return Response(reconciliation_object(run), status=202, headers={"Location": where})


class ReconciliationView(StorageView):
    """One comparison, and the differences that it kept, in the order they were found."""

    @schema.get_reconciliation
    def get(self, request: Request, storage_id: str, reconciliation_id: str) -> Response:
        runs = self.get_storage(storage_id).reconciliations
        run = runs.filter(pk=number_in_path(reconciliation_id)).first()
        if run is None:
            raise NoSuchThing
        after = single("after", request.query_params)
        mark = number("after", after, at_least=0, at_most=_LARGEST) if after else 0
        limit = single("limit", request.query_params) or str(_DIFFERENCES)
        n_shown = number("limit", limit, at_least=1, at_most=_DIFFERENCES_AT_MOST)
        found = list(
            run.differences.filter(pk__gt=mark)
            .select_related("copy_job")
            .order_by("pk")[: n_shown + 1]
        )
        differences = [_difference_object(difference) for difference in found[:n_shown]]
        return Response(
            reconciliation_object(run)
            | {
                "differences": differences,
                "next_after": found[n_shown - 1].pk if len(found) > n_shown else None,
            }
        )


def reconciliation_object(run: Reconciliation) -> dict[str, Any]:
    return {
        "id": run.pk,
        "kind": run.kind,
        "state": run.state,
        "reason": run.reason or None,
        "asked_by": run.asked_by,
        "created_at": timestamp(run.created_at),
        "started_at": timestamp(run.started_at),
        "finished_at": timestamp(run.finished_at),
        "objects": run.n_objects,
        "copies": run.n_copies,
        "differences_found": run.n_differences,
        "mended": run.n_mended,
        "counts": run.counts,
    }


def _difference_object(difference: Difference) -> dict[str, Any]:
    job = difference.copy_job
    return {
        "id": difference.pk,
        "kind": difference.kind,
        "key": difference.key,
        "uuid": str(job.file_id) if job else None,
        "job": job.pk if job else None,
        "expected": difference.expected or None,
        "found": difference.found or None,
        "resolution": difference.resolution,
    }
