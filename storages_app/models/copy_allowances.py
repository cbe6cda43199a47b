"""What projects have asked for, counted in windows of time."""

from django.db import models

from storages_app.models.projects import Project


class CopyAllowance(models.Model):
    """How much a project has had REST copy in one hour or day: the counter behind a limit."""

    class Kind(models.TextChoices):
        COPIES = "copies", "Copies an hour"
        BYTES = "bytes", "Bytes a day"

    project = models.ForeignKey(Project, models.CASCADE, related_name="copy_allowances")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    began_at = models.DateTimeField(help_text="When the hour or day began, in UTC.")
    used = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-began_at", "project", "kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "began_at"], name="copy_allowance_once_a_window"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.project} from {self.began_at:%Y-%m-%d %H:%M}"
