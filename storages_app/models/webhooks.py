"""Who is told what happened, and the ledger of telling it."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from storages_app.models.outgoing import Outgoing, OutgoingQuerySet
from storages_app.models.projects import Project
from storages_app.models.signed import Signed


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def kept(self) -> "WebhookQuerySet":
        return self.filter(removed_at=None)

    def listening(self) -> "WebhookQuerySet":
        return self.kept().filter(is_active=True)


class Webhook(Signed):
    """One address that is told of one kind of event. The wire knows it by its whole number."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="webhooks")
    event = models.CharField(max_length=40, help_text="Its name, such as file.uploaded.")
    target_url = models.CharField(max_length=255)
    is_active = models.BooleanField(default=True)
    version = models.CharField(max_length=10, default="0.7", help_text="Of the REST API.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "event", "target_url"],
                name="webhook_unique_in_project",
                condition=Q(removed_at=None),
            ),
        ]
        indexes = [
            models.Index(
                fields=["project", "event"],
                name="webhook_listening",
                condition=Q(removed_at=None, is_active=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} to webhook {self.pk}"


class WebhookDeliveryQuerySet(OutgoingQuerySet["WebhookDelivery"]):
    pass


class WebhookDelivery(Outgoing):
    """One event for one webhook: a job of the ledger, and what became of each attempt."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        LEASED = "leased", "Running"
        RETRY_WAIT = "retry_wait", "Waiting"
        DELIVERED = "delivered", "Delivered"
        DEAD = "dead", "Failed"
        DISABLED = "disabled", "Cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, models.PROTECT, related_name="deliveries")
    event = models.CharField(max_length=40)
    subject_id = models.CharField(max_length=64, blank=True, help_text="Such as the file's UUID.")
    is_test = models.BooleanField(default=False)
    # Text, not JSON: PostgreSQL would put its keys in another order, and what is signed are bytes.
    body = models.TextField(help_text="What is sent, the same with each attempt.")

    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="The last one.")
    response = models.TextField(blank=True, help_text="The beginning of the last answer's body.")
    log = models.JSONField(default=list, blank=True, help_text="Each attempt: when, status, time.")

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "retry_wait"], run_after__isnull=False)
                | (~Q(state__in=["pending", "retry_wait"]) & Q(run_after=None)),
                name="webhook_delivery_waits_until",
            ),
            models.CheckConstraint(
                condition=Q(state="leased", lease_until__isnull=False)
                | (~Q(state="leased") & Q(lease_until=None)),
                name="webhook_delivery_leased_while_running",
            ),
        ]
        indexes = [
            models.Index(
                fields=["run_after"],
                name="webhook_delivery_due",
                condition=Q(run_after__isnull=False),
            ),
            models.Index(
                fields=["lease_until"],
                name="webhook_delivery_leased",
                condition=Q(lease_until__isnull=False),
            ),
            models.Index(fields=["webhook", "-created_at", "-id"], name="webhook_delivery_newest"),
            models.Index(fields=["finished_at"], name="webhook_delivery_finished"),
            # The newest of all webhooks, for operators.
            models.Index(fields=["created_at"], name="webhook_delivery_newest_of_all"),
            models.Index(fields=["subject_id", "created_at"], name="webhook_delivery_subject"),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def is_over(self) -> bool:
        return self.state in ENDED_STATES

    @property
    def message_id(self) -> str:
        """What the receiver knows it by, the same with each attempt."""
        return f"msg_{self.pk.hex}"


FAILED_STATES = (WebhookDelivery.State.DEAD, WebhookDelivery.State.DISABLED)
ENDED_STATES = (WebhookDelivery.State.DELIVERED, *FAILED_STATES)
