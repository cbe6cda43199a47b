"""What happened, append only: the activity that owners and operators read."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from storages_app.lib.origins import request_address
from storages_app.models.projects import Project


def changes_of(row: models.Model, new: Mapping[str, Any]) -> dict[str, Any]:
    """For the `data` of an event, before the row has them: what is new, and what was there."""
    changed = {
        name: {"before": getattr(row, name), "after": value}
        for name, value in new.items()
        if getattr(row, name) != value
    }
    return {"changes": changed} if changed else {}


class EventManager(models.Manager["Event"]):
    def record(
        self,
        kind: str,
        *,
        actor: str,
        subject: str,
        project: Project | None = None,
        subject_id: object = "",
        data: dict[str, Any] | None = None,
    ) -> "Event":
        """Write down what happened, and from which address; `data` holds no secret."""
        return self.create(
            kind=kind,
            actor=actor[:200],
            subject=subject[:255],
            subject_id=str(subject_id),
            project=project,
            data=data or {},
            address=request_address(),
        )


class Event(models.Model):
    """One thing that happened; `kind` is `<subject>.<past verb>`, such as `copy.failed`."""

    project = models.ForeignKey(
        Project, models.PROTECT, null=True, blank=True, related_name="events"
    )
    kind = models.CharField(max_length=60)
    actor = models.CharField(max_length=200, help_text="A person, a key's label, or a rule.")
    subject = models.CharField(max_length=255, help_text="What it happened to, in words.")
    subject_id = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EventManager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["project", "-id"], name="event_newest_of_project")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
