"""Who of a project hears of what is wrong, what was wrong when, and the ledger of telling it."""

import hashlib
import uuid
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from storages_app.lib.crypto import CannotUnseal
from storages_app.models.fields import SealedField, seal, unseal
from storages_app.models.outgoing import Outgoing, OutgoingQuerySet
from storages_app.models.projects import Project
from storages_app.models.signed import Signed

_HOST = 238  # with a digest the width of the column


class NotificationChannelQuerySet(models.QuerySet["NotificationChannel"]):
    def kept(self) -> "NotificationChannelQuerySet":
        return self.filter(removed_at=None)

    def listening(self) -> "NotificationChannelQuerySet":
        """Switched on, and whoever reads there has agreed."""
        return self.kept().filter(is_active=True, confirmed_at__isnull=False)


class NotificationChannel(Signed):
    """One address that hears of what is wrong: a mailbox, a server, or a monitor."""

    class Kind(models.TextChoices):
        EMAIL = "email", "Email"
        WEBHOOK = "webhook", "Webhook"
        PING = "ping", "Ping URL"

    project = models.ForeignKey(Project, models.PROTECT, related_name="notification_channels")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # A digest tells two of one host apart, in the constraint below.
    address = models.CharField(
        max_length=255, help_text="A mailbox; of a server or a monitor //host#digest."
    )
    sealed_address = SealedField(blank=True, default="", db_default="", editable=False)
    topics = models.JSONField(default=list, help_text="Kinds of incidents that it hears of.")
    is_daily = models.BooleanField(default=False, help_text="All of a day in one message.")
    is_active = models.BooleanField(default=True)
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty: a link was sent to it, and nobody has opened it."
    )
    added_by = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = NotificationChannelQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "address"],
                name="notification_channel_once",
                condition=Q(removed_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} channel {self.pk}"

    def conceal(self, url: str) -> None:
        """Whoever knows the address of a room or a monitor can write there: only its host is read.

        `seal_address` follows, once the row is saved.
        """
        digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.address = f"//{urlsplit(url).netloc}"[:_HOST] + f"#{digest}"

    def seal_address(self, url: str) -> None:
        seal(self, "sealed_address", url)

    def unseal_address(self) -> str:
        """Empty where its key is lost: then it is entered again."""
        try:
            return unseal(self, "sealed_address") if self.sealed_address else self.address
        except CannotUnseal:
            return ""

    @property
    def shown_address(self) -> str:
        """A mailbox; of a server or a monitor the host alone, since the rest may hold a token."""
        if self.kind == self.Kind.EMAIL:
            return self.address
        return urlsplit(self.address).hostname or ""

    @property
    def masked_address(self) -> str:
        """For those who may not change it: whose mailbox it is, is not theirs to know."""
        if self.kind == self.Kind.EMAIL:
            return f"…@{self.address.rpartition('@')[2]}"
        return self.shown_address

    @property
    def state(self) -> str:
        """In a word of the pages."""
        if self.confirmed_at is None:
            return "not confirmed"
        return "on" if self.is_active else "off"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def open(self) -> "IncidentQuerySet":
        return self.filter(ended_at=None)


class Incident(models.Model):
    """Something that is wrong, from its beginning to its end; the same thing never has two open.

    A job that has failed is over when it is noticed: it has a beginning, which is told, and no end.
    """

    class Kind(models.TextChoices):
        STORAGE = "storage_broken", "A storage stops working, or works again"
        BACKUP = "backup_behind", "A backup is missed or has gaps, or is whole again"
        JOB = "job_failed", "A job fails or ends with gaps"
        KEY = "key_ending", "A secret key is about to end"

    project = models.ForeignKey(Project, models.PROTECT, related_name="incidents")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    subject_id = models.CharField(max_length=64, help_text="Of the storage, plan, job or key.")
    subject = models.CharField(max_length=255, help_text="In words.")
    title = models.CharField(max_length=300, help_text="What is wrong, in one line.")
    path = models.CharField(max_length=300, help_text="Of the page where it is put right.")
    began_at = models.DateTimeField()
    noticed_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=200, blank=True, help_text="How it ended, in words.")

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_id"], condition=Q(ended_at=None), name="incident_open_once"
            ),
            models.UniqueConstraint(
                fields=["kind", "subject_id"],
                condition=Q(kind="job_failed"),
                name="incident_of_job_once",
            ),
        ]
        indexes = [models.Index(fields=["project", "-id"], name="incident_newest_of_project")]

    def __str__(self) -> str:
        return f"{self.subject}: {self.title}"

    @property
    def label(self) -> str:
        """What it is about, where the page does not say of what kind that is."""
        word = {self.Kind.STORAGE: "Storage", self.Kind.KEY: "Secret key"}.get(
            self.Kind(self.kind), ""
        )
        return f"{word} “{self.subject}”" if word else self.subject

    @property
    def has_end(self) -> bool:
        """Whether its end is something to tell of."""
        return self.kind != self.Kind.JOB


class NotificationDeliveryQuerySet(OutgoingQuerySet["NotificationDelivery"]):
    def open(self) -> "NotificationDeliveryQuerySet":
        return self.filter(Q(run_after__isnull=False) | Q(lease_until__isnull=False))

    def first_of_channel(self) -> "NotificationDeliveryQuerySet":
        """Those with nothing older open before them; whoever waits for a test waits for no other.

        So a monitor never hears of an end before its beginning, and no receiver gets two at once.
        """
        older = NotificationDelivery.objects.open().filter(
            channel=OuterRef("channel"), pk__lt=OuterRef("pk"), moment__in=IN_ORDER
        )
        return self.filter(~Q(moment__in=IN_ORDER) | ~Exists(older))


class NotificationDelivery(Outgoing):
    """One message for one channel: a job of the ledger, and what became of it."""

    class Moment(models.TextChoices):
        BEGAN = "began", "It began"
        ENDED = "ended", "It ended"
        DIGEST = "digest", "Digest"
        CONFIRM = "confirm", "Confirmation"
        TEST = "test", "Test"

    class State(models.TextChoices):
        GATHERED = "gathered", "Waiting"  # for the digest
        PENDING = "pending", "Waiting"
        LEASED = "leased", "Running"
        RETRY_WAIT = "retry_wait", "Waiting"
        DELIVERED = "delivered", "Delivered"
        IN_DIGEST = "in_digest", "In a digest"
        DEAD = "dead", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    channel = models.ForeignKey(
        NotificationChannel, models.PROTECT, related_name="deliveries", db_index=False
    )
    incident = models.ForeignKey(
        Incident, models.PROTECT, null=True, blank=True, related_name="deliveries"
    )
    moment = models.CharField(max_length=10, choices=Moment.choices)
    message_uuid = models.UUIDField(default=uuid.uuid4, editable=False)
    message = models.JSONField(help_text="What is sent, the same with each attempt.")
    digest = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="gathered", editable=False
    )

    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The last answer.")

    objects = NotificationDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "notification deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "incident", "moment"],
                condition=Q(incident__isnull=False),
                name="notification_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "retry_wait"], run_after__isnull=False)
                | (~Q(state__in=["pending", "retry_wait"]) & Q(run_after=None)),
                name="notification_waits_until",
            ),
            models.CheckConstraint(
                condition=Q(state="leased", lease_until__isnull=False)
                | (~Q(state="leased") & Q(lease_until=None)),
                name="notification_leased_while_running",
            ),
        ]
        indexes = [
            models.Index(
                fields=["run_after"],
                name="notification_due",
                condition=Q(run_after__isnull=False),
            ),
            models.Index(
                fields=["lease_until"],
                name="notification_leased",
                condition=Q(lease_until__isnull=False),
            ),
            models.Index(
                fields=["channel"], name="notification_gathered", condition=Q(state="gathered")
            ),
            models.Index(fields=["channel", "-id"], name="notification_newest"),
            models.Index(fields=["finished_at"], name="notification_finished"),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def is_over(self) -> bool:
        return self.state in ENDED_STATES

    @property
    def message_id(self) -> str:
        """What the receiver knows it by, the same with each attempt."""
        return f"ntf_{self.message_uuid.hex}"


ENDED_STATES = (
    NotificationDelivery.State.DELIVERED,
    NotificationDelivery.State.IN_DIGEST,
    NotificationDelivery.State.DEAD,
    NotificationDelivery.State.CANCELLED,
)
IN_ORDER = (
    NotificationDelivery.Moment.BEGAN,
    NotificationDelivery.Moment.ENDED,
    NotificationDelivery.Moment.DIGEST,
)
