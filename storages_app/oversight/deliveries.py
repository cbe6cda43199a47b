"""I8: an event that was ordered for a receiver reaches it, or its end is there to be seen.

The orders themselves are written in the transactions of what they tell; what is looked at here is
the ledger of deliveries.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from storages_app.models import WebhookDelivery
from storages_app.models.fields import read_db_now
from storages_app.models.paging import in_pages
from storages_app.oversight.queue import is_a_worker_alive
from storages_app.oversight.violations import Remark, Unknown, Violation

State = WebhookDelivery.State


def are_accounted_for(grace: timedelta) -> Iterator[Remark]:
    """Delivered means that a 2xx came; failed means that somebody can read why."""
    taken = Q(status__gte=200, status__lt=300)
    for delivery in _each(Q(state=State.DELIVERED) & ~taken):
        yield Violation(
            "I8",
            "Delivered, and no answer of the receiver says so.",
            f"webhook delivery {delivery.pk}",
            "Send it again.",
        )
    for delivery in _each(Q(state=State.DEAD, status=None, error="")):
        yield Violation(
            "I8",
            "Given up without a word why.",
            f"webhook delivery {delivery.pk}",
            "Send it again.",
        )


def move(grace: timedelta) -> Iterator[Remark]:
    """What is due is sent while a worker lives.

    A long queue is no fault as long as one of it is being sent.
    """
    now = read_db_now()
    rows = WebhookDelivery.objects
    n_lapsed = rows.filter(lease_until__lt=now - grace).count()
    is_one_sent = rows.filter(lease_until__gte=now).exists()
    n_due = 0 if is_one_sent else rows.filter(run_after__lt=now - grace).count()
    if not (n_lapsed or n_due):
        return
    if not is_a_worker_alive():
        yield Unknown("Webhooks are due, and no worker is running to send them.", "workers")
        return
    hint = "Look at the log of the workers, and start them anew."
    if n_lapsed:
        what = f"{n_lapsed} deliveries lost their worker, and no other has taken them over."
        yield Violation("I8", what, "workers", hint)
    if n_due:
        what = f"{n_due} deliveries are due, and nobody sends them."
        yield Violation("I8", what, "workers", hint)


def _each(wrong: Q) -> Iterator[WebhookDelivery]:
    for page in in_pages(WebhookDelivery.objects.filter(wrong).only("pk")):
        yield from page
