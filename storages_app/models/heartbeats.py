"""Signs of life of the installation's own processes."""

from django.db import models


class WorkerHeartbeat(models.Model):
    """One worker process; it writes its row every few seconds."""

    name = models.CharField(max_length=100, primary_key=True)
    seen_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    clock_offset_s = models.FloatField(
        null=True, blank=True, help_text="Seconds by which its clock is ahead of the database's."
    )

    class Meta:
        ordering = ["-seen_at"]

    def __str__(self) -> str:
        return self.name


class TimetableSlot(models.Model):
    """The last slot in which an entry of the timetable ran; makes a second beat harmless."""

    entry = models.CharField(max_length=100, primary_key=True)
    ran_at = models.DateTimeField()

    class Meta:
        ordering = ["entry"]

    def __str__(self) -> str:
        return self.entry
