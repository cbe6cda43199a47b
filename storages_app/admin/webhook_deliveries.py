"""The ledger of what was told to whom. What was sent names the address, which may hold a token."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from storages_app.admin.base import ReadOnlyAdmin, actor_of, asked_once, dashboard_link
from storages_app.admin.lists import choice_filter
from storages_app.models import WebhookDelivery
from storages_app.webhooks import services
from storages_app.webhooks.registry import by_name

_EventFilter = choice_filter(
    title="event",
    parameter="event",
    lookup="event",
    choices=[(name, name) for name in sorted(by_name())],
)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        "message_id",
        "open_page",
        "webhook",
        "state",
        "attempts",
        "status",
        "error",
        "duration_ms",
        "run_after",
        "created_at",
        "finished_at",
    )
    list_filter = ("state", _EventFilter, "is_test")
    search_fields = ("pk", "subject_id", "webhook__project__name")
    date_hierarchy = "created_at"
    list_select_related = ("webhook__project",)
    exclude = ("body",)
    actions = ("send_again",)

    @admin.display(description="Dashboard")
    def open_page(self, delivery: WebhookDelivery) -> SafeString | str:
        webhook = delivery.webhook
        if webhook.removed_at:
            return ""
        return dashboard_link("webhook_delivery", webhook.project.slug, webhook.pk, delivery.pk)

    @asked_once(
        "Send again",
        hint="The same body under the same id, from the first attempt on; what is under way is "
        "left alone.",
    )
    def send_again(self, request: HttpRequest, deliveries: QuerySet[WebhookDelivery]) -> None:
        actor = actor_of(request)

        def send(delivery: WebhookDelivery) -> None:
            services.send_again(delivery=delivery, actor=actor)

        rows = deliveries.select_related("webhook__project")
        self.each(request, rows, send, noun="message", done="sent again")
