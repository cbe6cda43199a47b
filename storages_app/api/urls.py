"""Addresses of the REST API, the Upload API and our own additions; none collides with a page."""

from django.urls import URLPattern, path, re_path

from storages_app.api.rest import addons, conversions
from storages_app.api.rest.batches import FilesStorageView
from storages_app.api.rest.copies import LocalCopyView, RemoteCopyView
from storages_app.api.rest.files import FileStorageView, FilesView, FileView
from storages_app.api.rest.groups import GroupStorageView, GroupsView, GroupView
from storages_app.api.rest.metadata import MetadataKeyView, MetadataView
from storages_app.api.rest.project import ProjectView
from storages_app.api.rest.webhooks import UnsubscribeView, WebhooksView, WebhookView
from storages_app.api.upload.direct import DirectUploadView
from storages_app.api.upload.from_url import FromUrlStatusView, FromUrlView
from storages_app.api.upload.groups import GroupInfoView
from storages_app.api.upload.groups import GroupView as GroupUploadView
from storages_app.api.upload.info import InfoView
from storages_app.api.upload.multipart import CompleteView, PartView
from storages_app.api.upload.multipart import StartView as MultipartStartView
from storages_app.api.v1 import backup, bulk_jobs, custom_storages, restores, webhooks
from storages_app.api.v1 import jobs as copy_jobs
from storages_app.api.v1.events import EventsView
from storages_app.api.v1.reconciliations import ReconciliationsView, ReconciliationView
from storages_app.api.v1.storage_tests import StorageTestsView, StorageTestView

app_name = "api"

_JOB = "api/v1/jobs/<str:job_id>/"
_BULK_JOBS = "api/v1/bulk-jobs/"
_BULK_JOB = f"{_BULK_JOBS}<str:job_id>/"
_BACKUP = "api/v1/backup/"
_STORAGES = "api/v1/custom_storages/"
_STORAGE = f"{_STORAGES}<str:storage_id>/"
_RESTORES = "api/v1/restores/"
_RESTORE = f"{_RESTORES}<str:restore_id>/"
_WEBHOOK = "api/v1/webhooks/<str:webhook_id>/"
_DELIVERY = f"{_WEBHOOK}deliveries/<str:delivery_id>/"
_RECONCILIATIONS = f"{_STORAGE}reconciliations/"

_rest: list[URLPattern] = [
    path("files/", FilesView.as_view(), name="files"),
    path("files/local_copy/", LocalCopyView.as_view(), name="local_copy"),
    path("files/remote_copy/", RemoteCopyView.as_view(), name="remote_copy"),
    path("files/storage/", FilesStorageView.as_view(), name="files_storage"),
    path("files/<str:file_uuid>/", FileView.as_view(), name="file"),
    path("files/<str:file_uuid>/storage/", FileStorageView.as_view(), name="file_storage"),
    path("files/<str:file_uuid>/metadata/", MetadataView.as_view(), name="metadata"),
    path(
        "files/<str:file_uuid>/metadata/<str:key>/", MetadataKeyView.as_view(), name="metadata_key"
    ),
    path("groups/", GroupsView.as_view(), name="groups"),
    path("groups/<str:group_id>/", GroupView.as_view(), name="group"),
    path("groups/<str:group_id>/storage/", GroupStorageView.as_view(), name="group_storage"),
    path("convert/document/", conversions.DocumentsView.as_view(), name="documents"),
    path(
        "convert/document/status/<str:token>/",
        conversions.DocumentStatusView.as_view(),
        name="document_status",
    ),
    path("convert/document/<str:file_uuid>/", conversions.DocumentView.as_view(), name="document"),
    path("convert/video/", conversions.VideosView.as_view(), name="videos"),
    path(
        "convert/video/status/<str:token>/",
        conversions.VideoStatusView.as_view(),
        name="video_status",
    ),
    path("addons/<str:name>/execute/", addons.AddonView.as_view(), name="addon"),
    path(
        "addons/<str:name>/execute/status/", addons.AddonStatusView.as_view(), name="addon_status"
    ),
    path("project/", ProjectView.as_view(), name="project"),
    path("webhooks/", WebhooksView.as_view(), name="webhooks"),
    path("webhooks/unsubscribe/", UnsubscribeView.as_view(), name="webhook_unsubscribe"),
    path("webhooks/<str:webhook_id>/", WebhookView.as_view(), name="webhook"),
]
# Official clients double slashes, before these where their base address ends in one, and after.
_upload: list[URLPattern] = [
    re_path(r"^/*base/+$", DirectUploadView.as_view(), name="base"),
    re_path(r"^/*from_url/+$", FromUrlView.as_view(), name="from_url"),
    re_path(r"^/*from_url/+status/+$", FromUrlStatusView.as_view(), name="from_url_status"),
    re_path(r"^/*info/+$", InfoView.as_view(), name="info"),
    re_path(r"^/*multipart/+start/+$", MultipartStartView.as_view(), name="multipart_start"),
    re_path(r"^/*multipart/+complete/+$", CompleteView.as_view(), name="multipart_complete"),
    re_path(
        r"^/*multipart/+(?P<session_uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/+"
        r"(?P<number>[0-9]{1,5})/+$",
        PartView.as_view(),
        name="multipart_part",
    ),
    re_path(r"^/*group/+$", GroupUploadView.as_view(), name="group_make"),
    re_path(r"^/*group/+info/+$", GroupInfoView.as_view(), name="group_info"),
]
_v1: list[URLPattern] = [
    path("api/v1/events/", EventsView.as_view(), name="events"),
    path("api/v1/jobs/", copy_jobs.JobsView.as_view(), name="jobs"),
    path(_JOB, copy_jobs.JobView.as_view(), name="job"),
    path(f"{_JOB}cancel/", copy_jobs.CancelView.as_view(), name="job_cancel"),
    path(f"{_JOB}retry/", copy_jobs.RetryView.as_view(), name="job_retry"),
    path(_BULK_JOBS, bulk_jobs.BulkJobsView.as_view(), name="bulk_jobs"),
    path(_BULK_JOB, bulk_jobs.BulkJobView.as_view(), name="bulk_job"),
    path(f"{_BULK_JOB}start/", bulk_jobs.StartView.as_view(), name="bulk_job_start"),
    path(f"{_BULK_JOB}pause/", bulk_jobs.PauseView.as_view(), name="bulk_job_pause"),
    path(f"{_BULK_JOB}resume/", bulk_jobs.ResumeView.as_view(), name="bulk_job_resume"),
    path(f"{_BULK_JOB}cancel/", bulk_jobs.CancelView.as_view(), name="bulk_job_cancel"),
    path(f"{_BULK_JOB}retry/", bulk_jobs.RetryView.as_view(), name="bulk_job_retry"),
    path(f"{_BULK_JOB}items/", bulk_jobs.ItemsView.as_view(), name="bulk_job_items"),
    path(_BACKUP, backup.BackupView.as_view(), name="backup"),
    path(f"{_BACKUP}pause/", backup.PauseView.as_view(), name="backup_pause"),
    path(f"{_BACKUP}resume/", backup.ResumeView.as_view(), name="backup_resume"),
    path(f"{_BACKUP}turn_off/", backup.TurnOffView.as_view(), name="backup_turn_off"),
    path(f"{_BACKUP}turn_on/", backup.TurnOnView.as_view(), name="backup_turn_on"),
    path(f"{_BACKUP}runs/", backup.RunsView.as_view(), name="backup_runs"),
    path(f"{_BACKUP}runs/<str:run_id>/", backup.RunView.as_view(), name="backup_run"),
    path(_RESTORES, restores.RestoresView.as_view(), name="restores"),
    path(_RESTORE, restores.RestoreView.as_view(), name="restore"),
    path(f"{_RESTORE}start/", restores.StartView.as_view(), name="restore_start"),
    path(f"{_RESTORE}cancel/", restores.CancelView.as_view(), name="restore_cancel"),
    path(f"{_RESTORE}thaw/", restores.ThawView.as_view(), name="restore_thaw"),
    path(f"{_RESTORE}look_again/", restores.LookAgainView.as_view(), name="restore_look_again"),
    path(f"{_RESTORE}files/", restores.FilesView.as_view(), name="restore_files"),
    path(f"{_STORAGE}manifests/", restores.ManifestsView.as_view(), name="storage_manifests"),
    path(f"{_WEBHOOK}deliveries/", webhooks.DeliveriesView.as_view(), name="webhook_deliveries"),
    path(f"{_WEBHOOK}again/", webhooks.SendFailedAgainView.as_view(), name="webhook_again"),
    path(f"{_WEBHOOK}test/", webhooks.SendTestView.as_view(), name="webhook_test"),
    path(_DELIVERY, webhooks.DeliveryView.as_view(), name="webhook_delivery"),
    path(f"{_DELIVERY}again/", webhooks.SendAgainView.as_view(), name="webhook_delivery_again"),
    path(_STORAGES, custom_storages.CustomStoragesView.as_view(), name="custom_storages"),
    path(_STORAGE, custom_storages.CustomStorageView.as_view(), name="custom_storage"),
    path(f"{_STORAGE}connect/", custom_storages.ConnectView.as_view(), name="storage_connect"),
    path(f"{_STORAGE}pause/", custom_storages.PauseView.as_view(), name="storage_pause"),
    path(f"{_STORAGE}resume/", custom_storages.ResumeView.as_view(), name="storage_resume"),
    path(f"{_STORAGE}grant/", custom_storages.GrantView.as_view(), name="storage_grant"),
    path(f"{_STORAGE}proof/", custom_storages.ProofView.as_view(), name="storage_proof"),
    path(_RECONCILIATIONS, ReconciliationsView.as_view(), name="reconciliations"),
    path(
        f"{_RECONCILIATIONS}<str:reconciliation_id>/",
        ReconciliationView.as_view(),
        name="reconciliation",
    ),
    path(f"{_STORAGE}tests/", StorageTestsView.as_view(), name="storage_tests"),
    path(f"{_STORAGE}tests/<str:test_id>/", StorageTestView.as_view(), name="storage_test"),
]
urlpatterns = _rest + _upload + _v1
