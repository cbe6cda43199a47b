"""Every route and method with every kind of caller, from one table."""

import pytest
from django.test import Client
from django.urls import get_resolver

from storages_app.api import urls
from storages_app.models import (
    BackupPlan,
    BackupRun,
    BulkJob,
    ConnectionTest,
    CopyJob,
    CustomStorage,
    File,
    Group,
    RestoreRun,
    Webhook,
    WebhookDelivery,
)
from tests.api.conftest import ACCEPT, Rest
from tests.api.test_v1 import make_job
from tests.factories import (
    make_backup_plan,
    make_backup_run,
    make_bulk_job,
    make_connection_test,
    make_file,
    make_group,
    make_reconciliation,
    make_restore_run,
    make_webhook,
    make_webhook_delivery,
)

pytestmark = pytest.mark.django_db

# route name → for each method: the status for its owner's full key and for a read-only key, and
# the status for another project's key. Upload routes know no secret keys.
OWN = {
    "files": {"GET": (200, 200, 200), "POST": (400, 403, 400)},
    "file": {"GET": (200, 200, 404), "DELETE": (200, 403, 404)},
    "file_storage": {
        "GET": (200, 200, 404),
        "PUT": (200, 403, 404),
        "POST": (200, 403, 404),
        "DELETE": (200, 403, 404),
    },
    "files_storage": {"PUT": (400, 403, 400), "DELETE": (400, 403, 400)},
    "local_copy": {"POST": (400, 403, 400)},
    "remote_copy": {"POST": (400, 403, 400)},
    "metadata": {"GET": (200, 200, 404)},
    "metadata_key": {
        "GET": (200, 200, 404),
        "PUT": (400, 403, 404),
        "DELETE": (204, 403, 404),
    },
    # None of these is here; the answers are those of a project without them.
    "documents": {"POST": (400, 403, 400)},
    "document": {"GET": (400, 400, 404)},
    "document_status": {"GET": (404, 404, 404)},
    "videos": {"POST": (400, 403, 400)},
    "video_status": {"GET": (404, 404, 404), "POST": (404, 403, 404)},
    "addon": {"POST": (400, 403, 400)},
    "addon_status": {"GET": (400, 400, 400)},
    "groups": {"GET": (200, 200, 200)},
    "group": {"GET": (200, 200, 404), "DELETE": (204, 403, 404)},
    "group_storage": {"PUT": (404, 403, 404)},  # of versions before 0.7
    "project": {"GET": (200, 200, 200)},
    "webhooks": {"GET": (200, 200, 200), "POST": (400, 403, 400)},
    "webhook": {
        "GET": (200, 200, 404),
        "PUT": (200, 403, 404),
        "POST": (200, 403, 404),
        "DELETE": (204, 403, 404),
    },
    # By POST in version 0.5 only.
    "webhook_unsubscribe": {"POST": (405, 403, 405), "DELETE": (400, 403, 400)},
    "webhook_deliveries": {"GET": (200, 200, 404)},
    "webhook_delivery": {"GET": (200, 200, 404)},
    "webhook_delivery_again": {"POST": (202, 403, 404)},
    "webhook_again": {"POST": (202, 403, 404)},
    "webhook_test": {"POST": (202, 403, 404)},
    "events": {"GET": (200, 200, 200)},
    "jobs": {"GET": (200, 200, 200)},
    "job": {"GET": (200, 200, 404)},
    "job_cancel": {"POST": (200, 403, 404)},
    "job_retry": {"POST": (409, 403, 404)},
    "bulk_jobs": {"GET": (200, 200, 200), "POST": (400, 403, 400)},
    "bulk_job": {"GET": (200, 200, 404)},
    "bulk_job_start": {"POST": (200, 403, 404)},
    "bulk_job_pause": {"POST": (409, 403, 404)},
    "bulk_job_resume": {"POST": (409, 403, 404)},
    "bulk_job_cancel": {"POST": (200, 403, 404)},
    "bulk_job_retry": {"POST": (409, 403, 404)},
    "bulk_job_items": {"GET": (200, 200, 404)},
    "backup": {
        "GET": (200, 200, 404),
        "PUT": (400, 403, 400),
        "PATCH": (200, 403, 404),
    },
    "backup_pause": {"POST": (200, 403, 404)},
    "backup_resume": {"POST": (200, 403, 404)},
    "backup_turn_off": {"POST": (200, 403, 404)},
    "backup_turn_on": {"POST": (200, 403, 404)},
    "backup_runs": {"GET": (200, 200, 404), "POST": (202, 403, 404)},
    "backup_run": {"GET": (200, 200, 404)},
    "restores": {"GET": (200, 200, 200), "POST": (400, 403, 400)},
    "restore": {"GET": (200, 200, 404)},
    "restore_start": {"POST": (200, 403, 404)},
    "restore_cancel": {"POST": (200, 403, 404)},
    "restore_thaw": {"POST": (400, 403, 404)},
    "restore_look_again": {"POST": (200, 403, 404)},
    "restore_files": {"GET": (200, 200, 404)},
    "storage_manifests": {"GET": (400, 400, 404)},
    "custom_storages": {"GET": (200, 200, 200), "POST": (400, 403, 400)},
    "custom_storage": {
        "GET": (200, 200, 404),
        "PATCH": (200, 403, 404),
        "DELETE": (400, 403, 404),
    },
    "storage_connect": {"POST": (200, 403, 404)},
    "storage_pause": {"POST": (200, 403, 404)},
    "storage_resume": {"POST": (200, 403, 404)},
    "storage_grant": {"GET": (200, 200, 404)},
    "storage_proof": {"POST": (400, 403, 404)},
    "storage_tests": {"GET": (200, 200, 404), "POST": (202, 403, 404)},
    "storage_test": {"GET": (200, 200, 404)},
    "reconciliations": {"GET": (200, 200, 404), "POST": (202, 403, 404)},
    "reconciliation": {"GET": (200, 200, 404)},
}
_OF_A_BULK_JOB = ("start", "pause", "resume", "cancel", "retry", "items")
UPLOAD = {
    *("base", "info", "group_make", "group_info"),
    *("from_url", "from_url_status"),
    *("multipart_start", "multipart_complete", "multipart_part"),
}
CASES = [
    (route, method, *statuses)
    for route, methods in OWN.items()
    for method, statuses in methods.items()
]


_OF_A_RESTORE = ("start", "cancel", "thaw", "look_again", "files")


@pytest.fixture
def paths(project):
    file = make_file(project, metadata={"pet": "cat"})
    group = f"/groups/{make_group(project, file).wire_id}/"
    job = make_job(project, file=file)
    storage = f"/api/v1/custom_storages/{job.custom_storage_id}/"
    restore = f"/api/v1/restores/{make_restore_run(job.custom_storage).pk}/"
    test = make_connection_test(job.custom_storage)
    run = make_backup_run(make_backup_plan(job.custom_storage))
    reconciliation = make_reconciliation(job.custom_storage)
    delivery = make_webhook_delivery(make_webhook(project), state="dead")
    webhook = f"/api/v1/webhooks/{delivery.webhook_id}/"
    bulk = f"/api/v1/bulk-jobs/{make_bulk_job(job.custom_storage, state='counted').pk}/"
    return {
        "files": "/files/",
        "file": f"/files/{file.uuid}/",
        "file_storage": f"/files/{file.uuid}/storage/",
        "files_storage": "/files/storage/",
        "local_copy": "/files/local_copy/",
        "remote_copy": "/files/remote_copy/",
        "metadata": f"/files/{file.uuid}/metadata/",
        "metadata_key": f"/files/{file.uuid}/metadata/pet/",
        "documents": "/convert/document/",
        "document": f"/convert/document/{file.uuid}/",
        "document_status": "/convert/document/status/1/",
        "videos": "/convert/video/",
        "video_status": "/convert/video/status/1/",
        "addon": "/addons/remove_bg/execute/",
        "addon_status": "/addons/remove_bg/execute/status/",
        "groups": "/groups/",
        "group": group,
        "group_storage": f"{group}storage/",
        "project": "/project/",
        "webhooks": "/webhooks/",
        "webhook": f"/webhooks/{delivery.webhook_id}/",
        "webhook_unsubscribe": "/webhooks/unsubscribe/",
        "webhook_deliveries": f"{webhook}deliveries/",
        "webhook_delivery": f"{webhook}deliveries/{delivery.pk}/",
        "webhook_delivery_again": f"{webhook}deliveries/{delivery.pk}/again/",
        "webhook_again": f"{webhook}again/",
        "webhook_test": f"{webhook}test/",
        "events": "/api/v1/events/",
        "jobs": "/api/v1/jobs/",
        "job": f"/api/v1/jobs/{job.pk}/",
        "job_cancel": f"/api/v1/jobs/{job.pk}/cancel/",
        "job_retry": f"/api/v1/jobs/{job.pk}/retry/",
        "bulk_jobs": "/api/v1/bulk-jobs/",
        "bulk_job": bulk,
        **{f"bulk_job_{name}": f"{bulk}{name}/" for name in _OF_A_BULK_JOB},
        "backup": "/api/v1/backup/",
        "backup_pause": "/api/v1/backup/pause/",
        "backup_resume": "/api/v1/backup/resume/",
        "backup_turn_off": "/api/v1/backup/turn_off/",
        "backup_turn_on": "/api/v1/backup/turn_on/",
        "backup_runs": "/api/v1/backup/runs/",
        "backup_run": f"/api/v1/backup/runs/{run.pk}/",
        "restores": "/api/v1/restores/",
        "restore": restore,
        **{f"restore_{name}": f"{restore}{name}/" for name in _OF_A_RESTORE},
        "storage_manifests": f"{storage}manifests/",
        "custom_storages": "/api/v1/custom_storages/",
        "custom_storage": storage,
        "storage_connect": f"{storage}connect/",
        "storage_pause": f"{storage}pause/",
        "storage_resume": f"{storage}resume/",
        "storage_grant": f"{storage}grant/",
        "storage_proof": f"{storage}proof/",
        "storage_tests": f"{storage}tests/",
        "storage_test": f"{storage}tests/{test.pk}/",
        "reconciliations": f"{storage}reconciliations/",
        "reconciliation": f"{storage}reconciliations/{reconciliation.pk}/",
    }


@pytest.fixture
def unchanged():
    """Nothing of the project changed."""

    def facts():
        files = list(
            File.objects.order_by("pk").values_list("pk", "stored_at", "removed_at", "metadata")
        )
        jobs = list(CopyJob.objects.order_by("pk").values_list("pk", "state"))
        tests = list(ConnectionTest.objects.order_by("pk").values_list("pk", "state"))
        bulk = list(BulkJob.objects.order_by("pk").values())
        bulk += BackupPlan.objects.order_by("pk").values()
        bulk += BackupRun.objects.order_by("pk").values()
        bulk += RestoreRun.objects.order_by("pk").values()
        bulk += Webhook.objects.order_by("pk").values()
        bulk += WebhookDelivery.objects.order_by("pk").values()
        bulk += Group.objects.order_by("pk").values()
        return files, jobs, tests, bulk, list(CustomStorage.objects.order_by("pk").values())

    return facts


@pytest.mark.parametrize(("route", "method", "own", "read_only", "foreign"), CASES)
def test_each_caller_gets_what_is_due(
    rest, reader, stranger, paths, unchanged, route, method, own, read_only, foreign
):
    path, before = paths[route], unchanged()
    body = {} if method == "POST" else None

    nobody = Client().generic(method, path, HTTP_ACCEPT=ACCEPT)
    wrong = Rest(rest.project, "wrong")(method, path, body)
    mixed = Rest(rest.project, stranger.secret)(method, path, body)
    by_public_key = Rest(rest.project, rest.project.public_key)(method, path, body)
    assert [answer.status_code for answer in (nobody, wrong, mixed, by_public_key)] == [401] * 4
    assert stranger(method, path, body).status_code == foreign
    if method != "GET":
        answer = reader(method, path, body)
        said = answer.json()
        assert answer.status_code == 403
        assert said.get("detail", said.get("what")) == "This key may only read."
    assert unchanged() == before

    if method == "GET":
        assert reader(method, path).status_code == read_only
    assert rest(method, path, body).status_code == own


def test_what_a_stranger_lists_is_not_ours(stranger, paths):
    assert stranger.get("/files/").json()["total"] == 0
    assert stranger.get("/files/").json()["totals"] == {"removed": 0, "stored": 0, "unstored": 0}
    assert stranger.get("/groups/").json()["total"] == 0
    assert stranger.get("/api/v1/custom_storages/").json() == {"results": []}


def test_no_route_is_without_a_row():
    named = {pattern.name for pattern in urls.urlpatterns}
    assert named == set(OWN) | UPLOAD
    for pattern in urls.urlpatterns:
        methods = set(pattern.callback.cls().allowed_methods) - {"OPTIONS", "HEAD"}
        if pattern.name not in UPLOAD:
            assert methods == set(OWN[pattern.name]), f"{pattern.name} has a method without a row"


def test_the_routes_are_served():
    assert "api" in get_resolver().app_dict
