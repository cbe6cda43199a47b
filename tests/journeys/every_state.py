"""A project in which everything is in every state, and the addresses of all pages that show it.

Runs inside an installation (`shell_json`). The routes come from the URL configuration, so that a
new page is walked as soon as it is there; one whose arguments nobody knows is told as `unknown`.
"""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from django.contrib import admin
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from storages_app.custom_storages import hand_offs, services
from storages_app.models import (
    BackupPlan,
    BackupRun,
    CopyJob,
    CustomStorage,
    Difference,
    Event,
    File,
    Membership,
    NotificationChannel,
    Project,
    Reconciliation,
    RestoreItem,
    RestoreRun,
    User,
    Webhook,
)
from storages_app.models.copy_jobs import (
    RUNNING_STATES,
    TERMINAL_STATES,
    WAITING_STATES,
    State,
)
from storages_app.notifications import links
from storages_app.notifications import services as notifications
from tests.factories import (
    make_bulk_job,
    make_channel,
    make_connection_test,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_group,
    make_incident,
    make_invitation,
    make_project,
    make_reconciliation,
    make_restore_run,
    make_secret_key,
    make_url_upload,
    make_user,
    make_webhook,
    make_webhook_delivery,
)
from tests.journeys import second_factors

HOSTILE_NAME = '"><svg onload=alert(1)>{{7*7}}\u202egpj.exe'  # S072
_SOMEBODY = "owner@example.com"
_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")
# Not pages of the product: two APIs, and what machines ask.
_NOT_WALKED = ("api:", "monitoring:", "admin:")
_NOT_WHILE_EMPTY = ("backup_turn_off",)


@transaction.atomic
def fill(slug: str, email: str) -> dict[str, Any]:
    """Rows in every state, then name → address of all routes, and the routes nobody can fill."""
    project = Project.objects.get(slug=slug)
    user = User.objects.get(email=email)
    empty = make_project("Nothing in it yet", owner=user)
    mailboxes = (
        make_channel(project),
        make_channel(project, confirmed_at=None, added_by=_SOMEBODY),
    )
    careful, of_passkey = second_factors.make()
    names = _rows(project, user) | of_passkey
    found: dict[str, str] = {}
    unknown = []
    for name, route in _routes():
        address = _filled(name, route, names)
        if address is None:
            unknown.append(f"{name} at {route}")
            continue
        found[name] = address
        is_of_project = route.startswith("projects/<slug:slug>/") and route.count("<") == 1
        if is_of_project and name not in _NOT_WHILE_EMPTY:
            found[f"{name}-empty"] = _filled(name, route, names | {"projects/slug": empty.slug})
    found |= _variants(project) | _by_mail(*mailboxes) | _of_operators()
    return {"addresses": found, "unknown": unknown, "careful": careful}


def _routes() -> Iterator[tuple[str, str]]:
    def walk(
        patterns: list[URLPattern | URLResolver], route: str, space: str
    ) -> Iterator[tuple[str, str]]:
        for pattern in patterns:
            here = route + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
                yield from walk(pattern.url_patterns, here, inner)
            elif pattern.name and not (space + pattern.name).startswith(_NOT_WALKED):
                yield (space + pattern.name).removeprefix("dashboard:"), here

    yield from walk(get_resolver().url_patterns, "", "")


def _filled(name: str, route: str, names: dict[str, object]) -> str | None:
    """The address with what stands for each argument: by route, or by the segment before it."""
    if name in names:
        return str(names[name])
    if "(?P<" in route:
        return None

    def value(found: re.Match[str]) -> str:
        before = route[: found.start()].rstrip("/").rpartition("/")[2]
        owner = "setup" if "/setup/" in route and found[1] == "storage_id" else before
        return quote(str(names[f"{owner}/{found[1]}"]), safe="/")

    try:
        return "/" + _ARGUMENT.sub(value, route).replace("^", "").replace("$", "")
    except KeyError:
        return None


def _rows(project: Project, user: User) -> dict[str, object]:
    """Everything once more in the states that a quiet installation does not come to by itself."""
    now = timezone.now()
    storage = CustomStorage.objects.get(project=project, name="photos")
    draft = CustomStorage.objects.get(project=project, name="archive")
    services.reach_step(custom_storage=draft, step=5)
    _, token = hand_offs.make(custom_storage=draft, actor=_SOMEBODY)
    file = File.objects.filter(project=project, is_image=True).latest("uploaded_at")
    hostile = make_file(project, name=HOSTILE_NAME, uploaded_at=now, stored_at=now)
    make_file(project, name="not-stored.txt", stored_at=None)
    group = make_group(project, file, hostile)
    storages = _storages(project)
    copies = _copies(hostile, storages["broken"])
    _bulk_jobs(storage)
    runs = _backup_runs(project)
    restores = _restores(storage)
    checks = _checks(storage)
    webhook, deliveries = _webhooks(project)
    _fetches(project)
    _events(project, file)
    key = make_secret_key(project)
    test = storage.connection_tests.filter(kind="test").latest("pk")
    member = Membership.objects.create(
        project=project, user=make_user("viewer@example.com"), role=Membership.Role.VIEWER
    )
    invitation = make_invitation(project, "guest@example.com")
    invited = invitation.new_token()
    invitation.save()
    make_incident(project, subject=HOSTILE_NAME)
    make_channel(project, confirmed_at=None)
    server = make_channel(project, "webhook")
    for _ in range(2):
        notifications.sign(channel=server, actor=_SOMEBODY)
    return {
        "projects/slug": project.slug,
        "storages/storage_id": storage.pk,
        "setup/storage_id": draft.pk,
        "setup_done": reverse("dashboard:setup_done", args=[project.slug, storage.pk]),
        "grant/filename": "ucdash-archive-policy.json",
        "files/file_uuid": file.pk,
        "groups/group_id": group.wire_id,
        "tests/pk": test.pk,
        "check/pk": checks["different"].pk,
        "runs/pk": runs["gaps"].pk,
        "copies/pk": copies["failed"].pk,
        "jobs/pk": storage.bulk_jobs.latest("pk").pk,
        "restores/pk": restores["counted"].pk,
        "keys/key_id": key.pk,
        "webhooks/pk": webhook.pk,
        "deliveries/delivery_id": deliveries["dead"].pk,
        "team/pk": member.pk,
        "sessions/pk": 1,
        "invitations/pk": invitation.pk,
        "invitations/token": invited,
        "notifications/pk": server.pk,
        "confirm/token": "used-or-too-old",
        "stop/token": "used-or-too-old",
        "h/token": token,
        f"{token}/filename": "ucdash-archive-policy.json",
        "hand_off_file": f"/h/{token}/ucdash-archive-policy.json",
        "docs/path": "errors",
        "docs_picture": "/docs/pictures/files.png",
        "account_confirm_email": "/accounts/confirm-email/used-or-too-old/",
        "account_reset_password_from_key": "/accounts/password/reset/key/1-set-password/",
    }


def _storages(project: Project) -> dict[str, CustomStorage]:
    now = timezone.now()
    broken = make_custom_storage(
        project,
        name="broken",
        bucket="acme-broken",
        circuit_opened_at=now - timedelta(minutes=40),
        circuit_reason="auth_denied",
        circuit_probe_after=now + timedelta(days=9),
    )
    make_connection_test(
        broken,
        state="failed",
        findings=(
            ("Reach", "passed", "required"),
            ("Identity", "passed", "required"),
            ("Write", "failed", "required"),
            ("Read", "skipped", "advised"),
        ),
    )
    paused = make_custom_storage(project, name="paused", paused_at=now)
    untested = make_custom_storage(project, name="untested")
    running = make_custom_storage(project, name="in-test", connected_at=None, setup_step=5)
    make_connection_test(
        running,
        state="running",
        findings=(("Reach", "passed", "required"), ("Write", "running", "required")),
    )
    return {"broken": broken, "paused": paused, "untested": untested, "running": running}


def _copies(file: File, storage: CustomStorage) -> dict[str, CopyJob]:
    """One in each state, with the facts that the ledger has of such a copy."""
    now = timezone.now()
    refused = {"error_code": "AccessDenied", "http_status": 403, "request_id": "4442587FB7D0A2F9"}
    facts: dict[str, dict[str, Any]] = {
        "retry_wait": {"reason": "server_error", "error_code": "InternalError", "attempts": 3},
        "unverified": {
            "reason": "dest_unverifiable",
            "detail": "Written, but nothing proves that the bytes are right; allow s3:GetObject.",
            "size": file.size,
            "sha256": file.sha256,
        },
        "failed": {"reason": "auth_denied", "detail": "Access Denied"} | refused,
        "skipped": {"reason": "key_exists_skipped", "detail": "Other bytes are under this key."},
        "cancelled": {"reason": "cancelled_by_user"},
    }
    unproved = {"evidence": "", "verified_at": None, "sha256": "", "size": None}
    later = now + timedelta(days=9)
    copies = {}
    for state in State.values:
        values: dict[str, Any] = {} if state == State.DONE else unproved.copy()
        values["finished_at"] = now if state in TERMINAL_STATES else None
        if state in WAITING_STATES:
            values["run_after"] = later
        if state in RUNNING_STATES:
            values["lease_until"] = later
        if state == State.DONE:
            values["verified_at"] = now
        copies[state] = make_copy_job(file, storage, state=state, **(values | facts.get(state, {})))
    return copies


def _bulk_jobs(storage: CustomStorage) -> None:
    now = timezone.now()
    counts = {
        "n_files": 1_240,
        "n_bytes": 9_100_000_000,
        "n_to_copy": 1_200,
        "n_bytes_to_copy": 8_900_000_000,
        "n_already": 40,
        "n_requests": 1_260,
    }
    copied = {"n_copied": 640, "n_bytes_ended": 4_000_000_000}
    gaps = {"n_copied": 1_188, "n_failed": 12, "gaps": {"auth_denied": 9, "too_large_5gb": 3}}
    for state, facts in {
        "counting": {"counted_at": None, "started_at": None, "n_files": 310},
        "counted": {"started_at": None},
        "copying": copied,
        "failed": {"reason": "The bucket does not exist."},
        "cancelled": copied | {"ended_by": _SOMEBODY},
        "done": {"n_copied": 1_200},
        "gaps": gaps,
    }.items():
        times = {
            "created_at": now - timedelta(minutes=30),
            "counted_at": now - timedelta(minutes=29),
            "started_at": now - timedelta(minutes=28),
            "finished_at": None if state in {"counting", "counted", "copying"} else now,
        }
        values = counts | times | facts
        make_bulk_job(storage, asked_by=_SOMEBODY, state=state, is_dry_run=False, **values)


def _backup_runs(project: Project) -> dict[str, BackupRun]:
    plan = BackupPlan.objects.get(project=project)
    now = timezone.now()
    made = {}
    for state, facts in {
        "done": {"n_new": 30},
        "failed": {"reason": "The bucket refused these credentials."},
        "cancelled": {},
        "gaps": {
            "n_gaps": 2,
            "n_failed": 2,
            "gaps": [{"reason": "auth_denied", "n": 2, "files": []}],
        },
        "copying": {"finished_at": None, "n_already": 600},
    }.items():
        ended = now if state != "copying" else None
        values = {"finished_at": ended, "n_files": 1_240, "n_already": 1_208} | facts
        made[state] = BackupRun.objects.create(
            plan=plan, asked_by=_SOMEBODY, state=state, started_at=now, snapshot_at=now, **values
        )
    return made


def _restores(storage: CustomStorage) -> dict[str, RestoreRun]:
    now = timezone.now()
    counts = {"restore": [12, 48_000_000], "same": [1_228, 9_000_000_000], "missing": [1, 700]}
    made = {}
    for state in ("counted", "reading", "restoring", "done", "gaps", "failed"):
        over = state in {"done", "gaps", "failed"}
        made[state] = make_restore_run(
            storage,
            asked_by=_SOMEBODY,
            state=state,
            reason="The manifest could not be read." if state == "failed" else "",
            counted_at=None if state == "reading" else now,
            has_read_all=state != "reading",
            started_at=now if state != "counted" else None,
            finished_at=now if over else None,
            plan_counts={} if state == "reading" else counts,
            n_files=310 if state == "reading" else 1_241,
            n_bytes=9_048_000_700,
            n_done={"counted": 0, "reading": 0, "done": 12}.get(state, 5),
            n_bytes_done=20_000_000,
            n_failed=1 if state == "gaps" else 0,
        )
    for plan in ("restore", "missing", "taken"):
        RestoreItem.objects.create(
            run=made["counted"],
            uuid=uuid.uuid4(),
            key=f"photos/{plan}.jpg",
            size=700,
            line={"original_filename": HOSTILE_NAME},
            plan=plan,
        )
    return made


def _checks(storage: CustomStorage) -> dict[str, Reconciliation]:
    made = {
        state: make_reconciliation(storage, state=state, **facts)
        for state, facts in {
            "failed": {"reason": "The bucket refused these credentials."},
            "clean": {"n_objects": 1_240, "n_copies": 1_240},
            "running": {"finished_at": None, "n_objects": 400, "n_copies": 310},
            "different": {
                "n_objects": 1_240,
                "n_copies": 1_240,
                "n_differences": len(Difference.Kind.values),
                "counts": dict.fromkeys(Difference.Kind.values, 1),
            },
        }.items()
    }
    for kind in Difference.Kind.values:
        Difference.objects.create(
            reconciliation=made["different"],
            kind=kind,
            key=f"photos/{kind}",
            expected="12",
            found="9",
        )
    return made


def _webhooks(project: Project) -> tuple[Webhook, dict[str, Any]]:
    webhook = make_webhook(project, secret="a secret of the tests")
    make_webhook(project, "file.stored", is_active=False)
    now = timezone.now()
    body = json.dumps({"initiator": {"type": "api"}, "hook": {"event": "file.uploaded"}})
    answers = {
        "delivered": {"status": 200, "duration_ms": 84, "response": "ok"},
        "dead": {"status": 500, "duration_ms": 31, "response": HOSTILE_NAME},
        "retry_wait": {"error": "No answer in 10 s.", "run_after": now + timedelta(days=9)},
        "pending": {"run_after": now + timedelta(days=9)},
        "leased": {"lease_until": now + timedelta(days=9)},
        "disabled": {},
    }
    return webhook, {
        state: make_webhook_delivery(webhook, state=state, body=body, **facts)
        for state, facts in answers.items()
    }


def _fetches(project: Project) -> None:
    now = timezone.now()
    failed = {"state": "failed", "run_after": None, "finished_at": now, "error": "Not found."}
    make_url_upload(project, "https://example.com/gone.jpg", **failed)
    make_url_upload(project, run_after=now + timedelta(days=9))


def _events(project: Project, file: File) -> None:
    for kind in ("storage.failed", "copy.failed", "backup.finished", "file.deleted"):
        Event.objects.record(
            kind, actor=_SOMEBODY, subject=HOSTILE_NAME, subject_id=file.pk, project=project
        )


def _variants(project: Project) -> dict[str, str]:
    """The same pages where they look different: one address for each state."""
    found = {"nothing-at-this-address": "/projects/nobody-has-this/"}
    rows: dict[str, Any] = {
        "copy": CopyJob.objects.filter(project=project),
        "bulk_job": project.bulk_jobs.all(),
        "backup_run": BackupRun.objects.filter(plan__project=project),
        "restore_run": project.restore_runs.all(),
    }
    for page, found_rows in rows.items():
        for row in found_rows.order_by("-pk"):
            found[f"{page}-{row.state}"] = reverse(f"dashboard:{page}", args=[project.slug, row.pk])
    for storage in project.custom_storages.all():
        for page in ("storage", "storage_copies"):
            args = [project.slug, storage.pk]
            found[f"{page}-{storage.name}"] = reverse(f"dashboard:{page}", args=args)
    draft = project.custom_storages.get(name="in-test")
    found["setup_test-running"] = reverse("dashboard:setup_test", args=[project.slug, draft.pk])
    for webhook in project.webhooks.all():
        for row in webhook.deliveries.all():
            args = [project.slug, webhook.pk, row.pk]
            found[f"delivery-{row.state}"] = reverse("dashboard:webhook_delivery", args=args)
    for run in Reconciliation.objects.filter(custom_storage__project=project):
        args = [project.slug, run.custom_storage_id, run.pk]
        found[f"check-{run.state}"] = reverse("dashboard:storage_check_run", args=args)
    hostile = project.files.get(original_filename=HOSTILE_NAME)
    found["file-hostile"] = reverse("dashboard:file", args=[project.slug, hostile.pk])
    listing = reverse("dashboard:files", args=[project.slug])
    found["files-no-match"] = f"{listing}?q=nothing-has-this-name"
    copied = CopyJob.objects.filter(project=project, state=State.DONE, file__is_image=True)
    args = [project.slug, (copy := copied.latest("pk")).file_id, copy.pk]
    return found | {"file_copy_remove": reverse("dashboard:file_copy_remove", args=args)}


def _by_mail(mailbox: NotificationChannel, asked: NotificationChannel) -> dict[str, str]:
    """Pages that a link of a mail opens: as long as it works, when it is used, when it is gone."""
    links_by_page = {
        "notification_confirm": links.confirm_link(asked),
        "notification_confirm-done": links.confirm_link(mailbox),
        "notification_stop": links.stop_link(mailbox),
        "notification_stop-done": links.stop_link(asked),
    }
    gone = {
        f"{page}-gone": reverse(f"dashboard:{page}", args=["used-or-too-old"])
        for page in ("notification_confirm", "notification_stop", "hand_off", "invitation")
    }
    return {page: urlsplit(link).path for page, link in links_by_page.items()} | gone


def _of_operators() -> dict[str, str]:
    """The start page of the admin, each list, and one row of each."""
    found = {"admin": reverse("admin:index")}
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found[f"admin-{model._meta.model_name}"] = reverse(f"{name}_changelist")
        if row := model._default_manager.order_by("-pk").first():
            found[f"admin-{model._meta.model_name}-row"] = reverse(f"{name}_change", args=[row.pk])
    return found
