"""Signs of life of the installation's own processes."""

import os
import socket
from time import monotonic

from django.db import models
from django.utils import timezone

from storages_app.models.fields import db_now, read_db_now

_CLAIM_NOTED_EVERY_S = 5.0
_claim_noted: dict[int, float] = {}  # by process: a child must not think that it noted one


def process_name() -> str:
    """Who writes a heartbeat: unique among the living processes of all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"[:100]


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

    @classmethod
    def beat(cls) -> None:
        """This process lives, and its clock differs by so much from the database's."""
        seen_at = read_db_now()
        offset = (timezone.now() - seen_at).total_seconds()
        cls.objects.update_or_create(
            name=process_name(), defaults={"seen_at": seen_at, "clock_offset_s": offset}
        )

    @classmethod
    def note_claim(cls) -> None:
        """This process claimed work just now; written down every few seconds at most."""
        pid, now = os.getpid(), monotonic()
        if now - _claim_noted.get(pid, float("-inf")) >= _CLAIM_NOTED_EVERY_S:
            _claim_noted[pid] = now
            cls.objects.filter(name=process_name()).update(claimed_at=db_now())


class TimetableSlot(models.Model):
    """The last slot in which an entry of the timetable ran; makes a second beat harmless."""

    entry = models.CharField(max_length=100, primary_key=True)
    ran_at = models.DateTimeField()

    class Meta:
        ordering = ["entry"]

    def __str__(self) -> str:
        return self.entry
