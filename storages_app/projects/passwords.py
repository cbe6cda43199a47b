"""A password that an operator sets: the way in for whom mail does not reach."""

from django.db import transaction

from storages_app.models import Event, User


@transaction.atomic
def set_password(*, user: User, password: str, actor: str) -> None:
    """Every session of the person ends: each carries a digest of the password it began with."""
    user.set_password(password)
    user.save(update_fields=["password"])
    Event.objects.record(
        "password.set", actor=actor, subject=user.email, subject_id=user.pk, data={}
    )
