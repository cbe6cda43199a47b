"""Groups: files under one address, in an order that never changes."""

import uuid

from django.db import models
from django.db.models import Q

from storages_app.models.files import File
from storages_app.models.projects import Project


class Group(models.Model):
    """Files of one project that were put together; the wire's name of it is `<uuid>~<n_files>`."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, models.PROTECT, related_name="groups")
    n_files = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    stored_at = models.DateTimeField(null=True, blank=True, help_text="All its files were stored.")
    removed_at = models.DateTimeField(null=True, blank=True, help_text="Its files stay.")

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            # The wire's pages are cut by this time: spec 1.1, seek pagination.
            models.UniqueConstraint(
                fields=["project", "created_at"], name="group_time_unique_in_project"
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "created_at"], name="group_list", condition=Q(removed_at=None)
            ),
        ]

    def __str__(self) -> str:
        return self.wire_id

    @property
    def wire_id(self) -> str:
        return f"{self.uuid}~{self.n_files}"


class GroupMember(models.Model):
    """A file's place in a group, and the operations that it is shown with."""

    group = models.ForeignKey(Group, models.CASCADE, related_name="members")
    position = models.PositiveIntegerField(help_text="From 0.")
    file = models.ForeignKey(File, models.PROTECT, related_name="group_members")
    effects = models.TextField(blank=True, help_text="Like resize/x800/, without the first -/.")

    class Meta:
        ordering = ["group", "position"]
        constraints = [
            models.UniqueConstraint(fields=["group", "position"], name="group_member_place"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} in {self.group_id}"
