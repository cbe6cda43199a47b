"""Rows for tests, as plain functions; each takes what matters and invents the rest."""

import hashlib
import itertools
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from urllib.parse import urlsplit

from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.models import (
    BackupPlan,
    BackupRun,
    BulkJob,
    ConnectionTest,
    CopyJob,
    CustomStorage,
    File,
    Finding,
    Group,
    GroupMember,
    IdempotencyKey,
    Incident,
    Invitation,
    Membership,
    NotificationChannel,
    NotificationDelivery,
    Project,
    Reconciliation,
    RestoreRun,
    SecretKey,
    UploadSession,
    UrlUpload,
    User,
    Webhook,
    WebhookDelivery,
)
from storages_app.models.copy_jobs import RUNNING_STATES, WAITING_STATES
from storages_app.models.fields import read_db_now

_counter = itertools.count(1)
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def make_user(email: str = "", **fields: object) -> User:
    return User.objects.create_user(email or f"person{next(_counter)}@example.com", **fields)


def make_project(name: str = "", *, owner: User | None = None, **fields: object) -> Project:
    n = next(_counter)
    project = Project.objects.create(name=name or f"Project {n}", slug=f"project-{n}", **fields)
    if owner:
        Membership.objects.create(project=project, user=owner, role=Membership.Role.OWNER)
    return project


def make_invitation(project: Project, email: str = "", **fields: object) -> Invitation:
    """Sent by the first member an hour ago; nobody knows its token."""
    invitation = Invitation(
        project=project, email=email or f"guest{next(_counter)}@example.com", role="viewer"
    )
    invitation.new_token()
    values = {
        "invited_by": project.memberships.order_by("pk")[0].user,
        "sent_at": timezone.now() - timedelta(hours=1),
    }
    for name, value in (values | fields).items():
        setattr(invitation, name, value)
    invitation.save()
    return invitation


def make_secret_key(project: Project, secret: str = "a secret of the tests") -> SecretKey:
    key = SecretKey(project=project, label=f"key {next(_counter)}")
    key.seal_secret(secret)
    key.save()
    return key


def make_file(
    project: Project,
    content: bytes = b"some bytes",
    *,
    name: str = "notes.txt",
    detected_type: str = "text/plain",
    **fields: object,
) -> File:
    """A ready, stored file whose bytes are in the upload storage."""
    n = next(_counter)
    file_uuid = uuid.uuid4()
    blob_name = f"{file_uuid.hex[:2]}/{file_uuid}"
    storages["uploads"].save(blob_name, DjangoFile(BytesIO(content)))
    moment = _EPOCH + timedelta(seconds=n)
    values: dict[str, object] = {
        "uuid": file_uuid,
        "project": project,
        "original_filename": name,
        "blob_name": blob_name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "md5": hashlib.md5(content).hexdigest(),
        "mime_type": detected_type,
        "detected_type": detected_type,
        "is_image": detected_type.startswith("image/"),
        "is_ready": True,
        "uploaded_at": moment,
        "stored_at": moment,
    }
    return File.objects.create(**(values | fields))


def make_custom_storage(project: Project, **fields: object) -> CustomStorage:
    """A connected access-key storage; nothing listens at its address."""
    values: dict[str, object] = {
        "project": project,
        "name": f"storage-{next(_counter)}",
        "provider": "other",
        "endpoint_url": "http://127.0.0.1:9",
        "region": "us-east-1",
        "bucket": "bucket",
        "prefix": "",
        "access_key_id": "AKIATEST",
        "connected_at": _EPOCH,
    }
    storage = CustomStorage(**(values | fields))
    storage.seal_secret("an s3 secret of the tests")
    storage.save()
    return storage


def make_copy_job(file: File, custom_storage: CustomStorage, **fields: object) -> CopyJob:
    """A copy that is done, with its evidence."""
    values: dict[str, object] = {
        "project": file.project,
        "file": file,
        "custom_storage": custom_storage,
        "key": f"{custom_storage.prefix}{file.pk}/{next(_counter)}",
        "on_clash": "error",
        "lane": CopyJob.Lane.BULK,
        "asked_by": "somebody",
        "state": "done",
        "size": file.size,
        "sha256": file.sha256,
        "evidence": "etag",
        "verified_at": _EPOCH,
        "finished_at": _EPOCH,
    } | fields
    if values["state"] in WAITING_STATES:
        values.setdefault("run_after", _EPOCH)
    if values["state"] in RUNNING_STATES:
        values.setdefault("lease_until", _EPOCH)
    return CopyJob.objects.create(**values)


def make_bulk_job(custom_storage: CustomStorage, **fields: object) -> BulkJob:
    """A copy of all files that is done."""
    values: dict[str, object] = {
        "project": custom_storage.project,
        "custom_storage": custom_storage,
        "asked_by": "somebody",
        "what": "all",
        "pattern": custom_storage.key_pattern,
        "on_clash": custom_storage.on_clash,
        "state": "done",
        "counted_at": _EPOCH,
        "started_at": _EPOCH,
        "finished_at": _EPOCH,
    } | fields
    if values["state"] not in {"done", "gaps", "failed", "cancelled"}:
        values["finished_at"] = None
    return BulkJob.objects.create(**values)


def make_backup_plan(custom_storage: CustomStorage, **fields: object) -> BackupPlan:
    values: dict[str, object] = {
        "project": custom_storage.project,
        "custom_storage": custom_storage,
    }
    ping_url = str(fields.pop("ping_url", ""))
    plan = BackupPlan.objects.create(**(values | fields))
    if ping_url:
        plan.seal_ping_url(ping_url)
        plan.save(update_fields=["ping_url", "sealed_ping_url"])
    return plan


def make_backup_run(plan: BackupPlan, **fields: object) -> BackupRun:
    """A run that is done and has left nothing in a bucket."""
    values: dict[str, object] = {
        "plan": plan,
        "asked_by": "somebody",
        "state": "done",
        "started_at": _EPOCH,
        "snapshot_at": _EPOCH,
        "finished_at": _EPOCH + timedelta(minutes=1),
        "pinged_at": _EPOCH + timedelta(minutes=1),
        "has_ordered_all": True,
    }
    return BackupRun.objects.create(**(values | fields))


def make_restore_run(custom_storage: CustomStorage, **fields: object) -> RestoreRun:
    """A restore whose dry run waits for a person."""
    values: dict[str, object] = {
        "project": custom_storage.project,
        "custom_storage": custom_storage,
        "asked_by": "somebody",
        "manifest_key": f"{custom_storage.prefix}.ucdash-backup/key/manifests/m.jsonl",
        "state": "counted",
        "counted_at": _EPOCH,
        "has_read_all": True,
    }
    return RestoreRun.objects.create(**(values | fields))


def make_connection_test(
    custom_storage: CustomStorage,
    *,
    state: str = "passed",
    findings: Iterable[tuple[str, str, str]] = (("Write", "passed", "required"),),
) -> ConnectionTest:
    """A connection test with one finding for each (name, state, level)."""
    is_over = state not in {"waiting", "running"}
    test = ConnectionTest.objects.create(
        custom_storage=custom_storage,
        asked_by="somebody",
        state=state,
        finished_at=timezone.now() if is_over else None,
    )
    for position, (name, finding_state, level) in enumerate(findings):
        Finding.objects.create(
            connection_test=test,
            position=position,
            check_id=name.lower()[:20],
            name=name,
            level=level,
            state=finding_state,
            title=f"{name} was asked",
            fix=["Open the bucket.", "Paste the policy."],
            code="AccessDenied",
            http_status=403,
            request_id="REQ-1",
            milliseconds=12,
        )
    return test


def make_reconciliation(custom_storage: CustomStorage, **fields: object) -> Reconciliation:
    """A whole comparison that is over and found nothing."""
    values: dict[str, object] = {
        "custom_storage": custom_storage,
        "kind": "full",
        "asked_by": "somebody",
        "state": "clean",
        "finished_at": timezone.now(),
    }
    return Reconciliation.objects.create(**(values | fields))


def make_group(project: Project, *files: File, effects: str = "") -> Group:
    """The files in this order, each with the same operations."""
    group = Group.objects.create(
        project=project, n_files=len(files), created_at=_EPOCH + timedelta(seconds=next(_counter))
    )
    GroupMember.objects.bulk_create(
        GroupMember(group=group, position=place, file=file, effects=effects)
        for place, file in enumerate(files)
    )
    return group


def make_upload_session(project: Project, **fields: object) -> UploadSession:
    """Open, of 12 MB in parts of 5 MiB."""
    return UploadSession.objects.create(
        **{
            "project": project,
            "original_filename": "large.bin",
            "mime_type": "application/octet-stream",
            "size": 12_000_000,
            "part_size": 5_242_880,
            "expires_at": timezone.now() + timedelta(days=1),
            **fields,
        }
    )


def make_idempotency_key(project: Project, **fields: object) -> IdempotencyKey:
    """Answered."""
    values = {
        "route": "POST /api/v1/custom_storages/",
        "key": f"key {next(_counter)}",
        "body_digest": "0" * 64,
        "status": 201,
        "answer": "{}",
    }
    return IdempotencyKey.objects.create(project=project, **(values | fields))


def make_webhook(
    project: Project, event: str = "file.uploaded", *, secret: str = "", **fields: object
) -> Webhook:
    """Listening; nothing is at its address."""
    values = {"target_url": f"https://hooks.example.com/{next(_counter)}"} | fields
    webhook: Webhook = Webhook.objects.create(project=project, event=event, **values)
    if secret:
        webhook.seal_secret(secret)
        webhook.save()
    return webhook


def make_webhook_delivery(webhook: Webhook, **fields: object) -> WebhookDelivery:
    """Waiting, due now."""
    values = {"event": webhook.event, "body": "{}", "state": "pending"} | fields
    if values["state"] in {"pending", "retry_wait"}:
        values.setdefault("run_after", read_db_now())
    elif values["state"] == "leased":
        values.setdefault("lease_until", read_db_now())
    else:
        values.setdefault("finished_at", read_db_now())
    return WebhookDelivery.objects.create(webhook=webhook, **values)


def make_channel(project: Project, kind: str = "email", **fields: object) -> NotificationChannel:
    """Confirmed, and hears of everything; nobody is at its address."""
    n = next(_counter)
    address = f"team{n}@example.com" if kind == "email" else f"https://hooks.example.com/{n}"
    values = {
        "address": address,
        "topics": list(Incident.Kind),
        "confirmed_at": read_db_now(),
        "added_by": "a test",
    }
    channel = NotificationChannel(project=project, kind=kind, **(values | fields))
    url = channel.address
    if kind != "email":
        channel.conceal(url)
    channel.save()
    if kind != "email":
        channel.seal_address(url)
        channel.save(update_fields=["sealed_address"])
    return channel


def make_incident(project: Project, **fields: object) -> Incident:
    """A storage that does not work."""
    values = {
        "kind": Incident.Kind.STORAGE,
        "subject_id": str(uuid.uuid4()),
        "subject": "photos",
        "title": "These access keys are not known here.",
        "path": "/",
        "began_at": read_db_now(),
    }
    return Incident.objects.create(project=project, **(values | fields))


def make_notification(
    channel: NotificationChannel, incident: Incident | None = None, **fields: object
) -> NotificationDelivery:
    """Waiting, due now."""
    values = {"moment": "began" if incident else "test", "message": {}, "state": "pending"} | fields
    if values["state"] in {"pending", "retry_wait"}:
        values.setdefault("run_after", read_db_now())
    elif values["state"] == "leased":
        values.setdefault("lease_until", read_db_now())
    elif values["state"] != "gathered":
        values.setdefault("finished_at", read_db_now())
    return NotificationDelivery.objects.create(channel=channel, incident=incident, **values)


def make_url_upload(
    project: Project, url: str = "https://example.com/photo.jpg", **fields: object
) -> UrlUpload:
    """Waiting, due now."""
    row = UrlUpload(
        **{
            "project": project,
            "source_url": f"//{urlsplit(url).netloc}",
            "url_hash": hashlib.sha256(url.encode()).hexdigest(),
            "run_after": read_db_now(),
            **fields,
        }
    )
    if row.finished_at is None:
        row.seal_url(url)
    row.save(force_insert=True)
    return row
