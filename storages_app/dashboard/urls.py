"""The pages. All are under /projects/, since /project/, /files/ and others are the REST API's."""

from django.urls import URLPattern, URLResolver, include, path

from storages_app.dashboard.views import (
    activity,
    backup,
    docs,
    files,
    hand_offs,
    jobs,
    keys,
    overview,
    patterns,
    projects,
    setup,
    setup_grants,
    storage_tests,
    storages,
    upload,
    upload_settings,
)

app_name = "dashboard"

_STORAGE: list[URLPattern | URLResolver] = [
    path("", storages.health, name="storage"),
    path("copies/", storages.copies, name="storage_copies"),
    path("settings/", storages.settings, name="storage_settings"),
    path("pattern/", patterns.preview, name="pattern_preview"),
    path("rights/", storages.rights, name="storage_rights"),
    path("use/", storages.use, name="storage_use"),
    path("test/", storage_tests.start, name="storage_test_start"),
    path("tests/<int:pk>/", storage_tests.page, name="storage_test"),
    path("tests/<int:pk>/rows/", storage_tests.rows, name="storage_test_rows"),
    path("tests/<int:pk>/watch/", storage_tests.watch, name="storage_test_watch"),
    path("pause/", storages.pause, name="storage_pause"),
    path("resume/", storages.resume, name="storage_resume"),
    path("auto-copy/", storages.auto_copy, name="storage_auto_copy"),
    path("disconnect/", storages.disconnect, name="storage_disconnect"),
]

_SETUP: list[URLPattern | URLResolver] = [
    path("", setup.furthest, name="setup"),
    path("where/", setup.where, name="setup_where"),
    path("uses/", setup.uses, name="setup_uses"),
    path("access/", setup.access, name="setup_access"),
    path("access/proof/", setup.proof, name="setup_proof"),
    path("access/grant/<str:filename>", setup_grants.grant_file, name="setup_grant_file"),
    path("access/merge/", setup_grants.merge, name="setup_merge"),
    path("access/hand-off/", setup_grants.hand_off, name="setup_hand_off"),
    path("bucket/", setup.bucket, name="setup_bucket"),
    path("bucket/lines/", setup.checklist, name="setup_checklist"),
    path("bucket/read/", setup.read_bucket, name="setup_read_bucket"),
    path("bucket/tick/", setup.tick, name="setup_tick"),
    path("test/", setup.test, name="setup_test"),
    path("test/finish/", setup.finish, name="setup_finish"),
    path("connected/", setup.done, name="setup_done"),
]

_PROJECT: list[URLPattern | URLResolver] = [
    path("", overview.page, name="overview"),
    path("files/", files.listing, name="files"),
    path("files/selection/", files.selection, name="files_selection"),
    path("files/<uuid:file_uuid>/", files.page, name="file"),
    path("files/<uuid:file_uuid>/copy/", files.copy, name="file_copy"),
    path("files/<uuid:file_uuid>/copies/", files.copies, name="file_copies"),
    path("upload/", upload.page, name="upload"),
    path("storages/", storages.listing, name="storages"),
    path("storages/connect/", setup.new, name="connect"),
    path("storages/<uuid:storage_id>/setup/", include(_SETUP)),
    path("storages/<uuid:storage_id>/", include(_STORAGE)),
    path("backup/", backup.page, name="backup"),
    path("backup/connect/", backup.connect, name="backup_connect"),
    path("backup/runs/", backup.runs, name="backup_runs"),
    path("backup/run/", backup.run, name="backup_run"),
    path("backup/turn-off/", backup.turn_off, name="backup_turn_off"),
    path("backup/turn-on/", backup.turn_on, name="backup_turn_on"),
    path("jobs/", jobs.listing, name="jobs"),
    path("jobs/rows/", jobs.rows, name="jobs_rows"),
    path("jobs/retry/", jobs.retry_failed, name="jobs_retry"),
    path("jobs/<int:pk>/", jobs.page, name="job"),
    path("jobs/<int:pk>/status/", jobs.status, name="job_status"),
    path("jobs/<int:pk>/retry/", jobs.retry, name="job_retry"),
    path("jobs/<int:pk>/cancel/", jobs.cancel, name="job_cancel"),
    path("settings/uploads/", upload_settings.page, name="upload_settings"),
    path("keys/", keys.page, name="keys"),
    path("keys/new/", keys.new, name="key_new"),
    path("keys/<uuid:key_id>/revoke/", keys.revoke, name="key_revoke"),
    path("activity/", activity.page, name="activity"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", projects.home, name="home"),
    path("preferences/theme/", projects.theme, name="theme"),
    path("new-project/", projects.new, name="project_new"),
    path("projects/", projects.listing, name="projects"),
    path("projects/<slug:slug>/", include(_PROJECT)),
    path("h/<str:token>/", hand_offs.page, name="hand_off"),
    path("h/<str:token>/<str:filename>", hand_offs.grant_file, name="hand_off_file"),
    path("docs/", docs.page, name="docs"),
    path("docs/<path:path>/", docs.page, name="docs_page"),
]
