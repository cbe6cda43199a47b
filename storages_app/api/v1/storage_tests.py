"""/api/v1/custom_storages/<id>/tests/: the connection tests of a storage."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.parsers import choice
from storages_app.api.refusals import NoSuchThing, ParameterInvalid
from storages_app.api.v1.custom_storages import StorageView, path_of
from storages_app.api.v1.pages import page
from storages_app.api.v1.storage_fields import json_object
from storages_app.api.wire import number_in_path, timestamp
from storages_app.custom_storages import services
from storages_app.custom_storages.checks import what_works
from storages_app.custom_storages.probe import checks_for
from storages_app.models import AccessChange, ConnectionTest, CustomStorage


class StorageTestsView(StorageView):
    """The newest tests of a storage, and asking for one more."""

    @schema.list_storage_tests
    def get(self, request: Request, storage_id: str) -> Response:
        tests = self.get_storage(storage_id).connection_tests.select_related("access_change")
        return page(tests, request, connection_test_object)

    @schema.request_storage_test
    def post(self, request: Request, storage_id: str) -> Response:
        """A worker runs it; the answer is 202, and the test is at its Location."""
        storage = self.get_storage(storage_id)
        kind, again = _read_order(request.data, storage)
        test = services.request_test(
            custom_storage=storage, asked_by=self.caller.name, kind=kind, again=again
        )
        return Response(
            connection_test_object(test), status=202, headers={"Location": path_of(test)}
        )


class StorageTestView(StorageView):
    """One test with all its rows, and what works of the storage now."""

    @schema.get_storage_test
    def get(self, request: Request, storage_id: str, test_id: str) -> Response:
        storage = self.get_storage(storage_id)
        test = storage.connection_tests.filter(pk=number_in_path(test_id)).first()
        if test is None:
            raise NoSuchThing
        findings = [finding.as_json() for finding in test.findings.all()]
        works = [
            {"feature": feature, "works": is_working, "why": why or None}
            for feature, is_working, why in what_works(storage)
        ]
        return Response(connection_test_object(test) | {"findings": findings, "what_works": works})


def _read_order(data: Any, storage: CustomStorage) -> tuple[ConnectionTest.Kind, str]:
    body = json_object(data, ("kind", "again"))
    kind, again = body.get("kind", "test"), body.get("again") or ""
    if not isinstance(kind, str) or not isinstance(again, str):
        raise ParameterInvalid("`kind` and `again` parameters should be texts.")
    asked = ConnectionTest.Kind(choice("kind", kind, ConnectionTest.Kind.values))
    checks = [check.check_id for check, _level in checks_for(storage, asked)]
    return asked, choice("again", again, checks) if again else ""


def connection_test_object(test: ConnectionTest) -> dict[str, Any]:
    return {
        "id": test.pk,
        "kind": test.kind,
        "trigger": test.trigger,
        "again": test.again or None,
        "state": test.state,
        "asked_by": test.asked_by,
        "created_at": timestamp(test.created_at),
        "started_at": timestamp(test.started_at),
        "finished_at": timestamp(test.finished_at),
        "access_change": _change_object(test.access_change),
    }


def _change_object(change: AccessChange | None) -> dict[str, Any] | None:
    """What was tried, by name only: a value may be a key."""
    if change is None:
        return None
    changed = sorted(change.settings.keys() - {"proved_at"})
    return {
        "state": change.state,
        "changed": changed,
        "decided_at": timestamp(change.decided_at),
    }
