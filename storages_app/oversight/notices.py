"""I12: what is wrong is an open incident, what is right is none, and messages about both go out."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from storages_app.models import CustomStorage, Incident, NotificationDelivery
from storages_app.models.fields import db_now, read_db_now
from storages_app.oversight.queue import is_a_worker_alive
from storages_app.oversight.violations import Remark, Unknown, Violation

State = NotificationDelivery.State
_HINT = "Look at the log of the workers, and start them anew."


def are_as_the_ledger_says(grace: timedelta) -> Iterator[Remark]:
    """Each storage that is broken for longer than a look takes has its incident, and no other."""
    if not is_a_worker_alive():
        return  # nobody looks; what waits for a worker is told of elsewhere
    since = read_db_now() - grace
    open_ = {
        incident.subject_id: incident
        for incident in Incident.objects.open().filter(kind=Incident.Kind.STORAGE)
    }
    broken = CustomStorage.objects.connected().filter(
        circuit_opened_at__lt=since, paused_at=None, project__removed_at=None
    )
    for pk in broken.values_list("pk", flat=True):
        if str(pk) not in open_:
            what = "It is broken, and no incident says so: nobody is told."
            yield Violation("I12", what, f"storage {pk}", _HINT)
    still = CustomStorage.objects.live().filter(circuit_opened_at__isnull=False)
    known = {str(pk) for pk in still.filter(pk__in=list(open_)).values_list("pk", flat=True)}
    for subject_id, incident in open_.items():
        if subject_id not in known and incident.noticed_at < since:
            yield from _if_still_open(incident)


def _if_still_open(incident: Incident) -> Iterator[Remark]:
    """It may have ended a moment ago, and the next look writes that down."""
    recovered_lately = incident.project.events.filter(
        kind="storage.recovered",
        subject_id=incident.subject_id,
        created_at__gt=db_now() - timedelta(minutes=5),
    )
    if not recovered_lately.exists():
        what = "It is open, and its storage is not broken."
        yield Violation("I12", what, f"incident {incident.pk}", _HINT)


def go_out(grace: timedelta) -> Iterator[Remark]:
    """What is due is sent while a worker lives; given up means that somebody can read why."""
    rows = NotificationDelivery.objects
    for pk in rows.filter(state=State.DEAD, status=None, error="").values_list("pk", flat=True):
        what = "Given up without a word why."
        yield Violation("I12", what, f"notification {pk}", "Send a test to the channel.")
    late = read_db_now() - grace
    n_lapsed = rows.filter(lease_until__lt=late).count()
    # One that waits behind another of its channel is not late: that one is.
    due = rows.filter(Q(run_after__lt=late), Q(channel__removed_at=None)).first_of_channel()
    n_due = 0 if rows.filter(lease_until__gte=db_now()).exists() else due.count()
    if not (n_lapsed or n_due):
        return
    if not is_a_worker_alive():
        yield Unknown("Notifications are due, and no worker is running to send them.", "workers")
        return
    what = f"{n_lapsed + n_due} notifications are due, and nobody sends them."
    yield Violation("I12", what, "workers", _HINT)
