"""A project whose every text is an attack, and the addresses of all pages that show it (S072).

Runs inside an installation (`shell_json`), on the rows of `every_state.py`. Names go into the rows
past the checks of the ways in, which would keep some of them out.
"""

from typing import Any

from django.db import transaction
from django.db.models import CharField, Model, TextField, Value
from django.db.models.functions import Cast, Concat

from storages_app.models import (
    BackupPlan,
    BackupRun,
    BulkJob,
    CopyJob,
    CustomStorage,
    Difference,
    Event,
    File,
    Finding,
    Incident,
    NotificationChannel,
    Project,
    Reconciliation,
    RestoreItem,
    RestoreRun,
    SecretKey,
    UrlUpload,
    User,
    Webhook,
    WebhookDelivery,
)
from tests.factories import (
    make_backup_plan,
    make_connection_test,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
)
from tests.journeys import every_state

# Short enough for the name of a storage; the second half is for columns that have room.
ATTACK = "\"'><svg onload=attack()>x{{7*7}}x"
MORE = (
    '</title></textarea><script>attack()</script><img src=x onerror=attack()> " onfocus="attack()'
    '" autofocus {% debug %} &lt;script&gt;attack()&lt;/script&gt; \u202egpj.exe\r\nX-Attack: 1'
)
ADDRESS = "javascript:attack()//\"'><svg onload=attack()>x{{7*7}}x"
# What people, programs and servers write, by the table that keeps it.
TEXTS: dict[type[Model], tuple[str, ...]] = {
    BackupRun: ("asked_by", "reason"),
    BulkJob: ("asked_by", "reason", "ended_by"),
    CopyJob: ("asked_by", "key", "detail"),
    CustomStorage: ("name", "bucket", "prefix", "region", "account_id", "access_key_id"),
    Difference: ("key", "expected", "found"),
    Event: ("actor", "subject"),
    File: ("original_filename",),
    Finding: ("title", "why", "said", "code", "request_id"),
    Incident: ("subject", "title", "outcome"),
    NotificationChannel: ("added_by",),
    Project: ("name",),
    Reconciliation: ("reason", "asked_by"),
    RestoreItem: ("key",),
    RestoreRun: ("asked_by", "reason", "manifest_key"),
    SecretKey: ("label",),
    UrlUpload: ("original_filename", "error"),
    User: ("first_name",),
    WebhookDelivery: ("error", "response", "subject_id"),
}
ADDRESSES: dict[type[Model], tuple[str, ...]] = {
    BackupPlan: ("ping_url",),
    CustomStorage: ("endpoint_url",),
    Webhook: ("target_url",),
}


@transaction.atomic
def fill(email: str) -> dict[str, Any]:
    """Name → address of every page; what each shows is one of the attacks above."""
    user = User.objects.get(email=email)
    project = make_project("Attacked", owner=user)
    for name in ("photos", "archive"):
        make_connection_test(make_custom_storage(project, name=name))
    photos = project.custom_storages.get(name="photos")
    CustomStorage.objects.filter(name="archive").update(connected_at=None)
    make_backup_plan(photos)
    picture = make_file(project, detected_type="image/png", metadata={"pet": ATTACK + MORE})
    make_copy_job(picture, photos)
    told = every_state.fill(project.slug, email)
    for model, columns in TEXTS.items():
        for column in columns:
            _attack(model, column, ATTACK + MORE)
    for model, columns in ADDRESSES.items():
        for column in columns:
            _attack(model, column, ADDRESS)
    RestoreItem.objects.update(line={"filename": ATTACK + MORE})
    File.objects.update(metadata={"pet": ATTACK + MORE, "x": ADDRESS})
    return {"addresses": told["addresses"], "slug": project.slug}


def _attack(model: type[Model], column: str, text: str) -> None:
    """In all rows, told apart by their own key where there is room for it only at the end."""
    field = model._meta.get_field(column)
    assert isinstance(field, CharField | TextField)
    width = field.max_length or 1_000
    own = Cast("pk", CharField())
    room = width - 36 if width > 72 else width
    if width > 72:
        model._default_manager.update(**{column: Concat(Value(text[:room]), own)})
    else:
        for row in model._default_manager.only("pk"):
            end = str(row.pk)[:6]
            model._default_manager.filter(pk=row.pk).update(
                **{column: text[: width - len(end)] + end}
            )
