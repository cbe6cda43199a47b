"""Where the subjects of an activity have their pages, as far as they are still there."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field, QuerySet
from django.urls import reverse

from storages_app.models import (
    BackupRun,
    BulkJob,
    CopyJob,
    CustomStorage,
    Event,
    File,
    Project,
    Reconciliation,
    RestoreRun,
)


def _checks_of(project: Project) -> "QuerySet[Reconciliation]":
    connected = CustomStorage.objects.connected().filter(project=project)
    return Reconciliation.objects.filter(custom_storage__in=connected)


# How kinds begin → the page of all such subjects. The longest beginning counts.
_COMMON = {
    "backup.": "backup",
    "invitation.": "team",
    "member.": "team",
    "notification.": "notifications",
    "project.": "project_settings",
    "project.upload_settings_changed": "upload_settings",
    "project.url_secret": "signed_urls",
    "secret_key.": "keys",
    "webhook.": "webhooks",
}
# How kinds begin → the page of one subject, and those that have one.
_OWN: dict[str, tuple[str, Callable[[Project], "QuerySet[Any]"]]] = {
    "backup.finished": ("backup_run", lambda own: BackupRun.objects.filter(plan__project=own)),
    "bulk_copy.": ("bulk_job", lambda own: BulkJob.objects.filter(project=own)),
    "check.": ("storage_check_run", _checks_of),
    "copy.": ("copy", lambda own: CopyJob.objects.filter(project=own)),
    "file.": ("file", lambda own: File.objects.live().filter(project=own)),
    "restore.": ("restore_run", lambda own: RestoreRun.objects.filter(project=own)),
    "storage.": ("storage", lambda own: CustomStorage.objects.connected().filter(project=own)),
}


def links_of(project: Project, events: Iterable[Event]) -> dict[int, str]:
    """The key of an event → the address of its subject; one query a kind of subject."""
    links: dict[int, str] = {}
    named: dict[str, list[Event]] = {}
    for event in events:
        if own := _beginning(event.kind, _OWN):
            named.setdefault(own, []).append(event)
        elif common := _beginning(event.kind, _COMMON):
            links[event.pk] = reverse(f"dashboard:{_COMMON[common]}", args=[project.slug])
    for beginning, some in named.items():
        links |= _own_pages(project, beginning, some)
    return links


def _beginning(kind: str, known: Mapping[str, Any]) -> str:
    fits = (beginning for beginning in known if kind.startswith(beginning))
    return max(fits, key=len, default="")


def _own_pages(project: Project, beginning: str, events: list[Event]) -> dict[int, str]:
    page, subjects_of = _OWN[beginning]
    subjects = subjects_of(project)
    ids = {event.pk: _read_id(subjects.model._meta.pk, event.subject_id) for event in events}
    subjects = subjects.filter(pk__in=[one for one in ids.values() if one is not None])
    places: dict[Any, tuple[Any, ...]]
    if page == "storage_check_run":
        places = {pk: (storage, pk) for pk, storage in subjects.values_list("pk", "custom_storage")}
    else:
        places = {pk: (pk,) for pk in subjects.values_list("pk", flat=True)}
    return {
        event: reverse(f"dashboard:{page}", args=[project.slug, *places[subject]])
        for event, subject in ids.items()
        if subject in places
    }


def _read_id(field: "Field[Any, Any]", text: str) -> Any:
    """None where there is none, as of several files."""
    try:
        return field.to_python(text) if text else None
    except ValidationError:
        return None
