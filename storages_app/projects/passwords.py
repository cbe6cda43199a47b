"""A password that an operator sets: the way in for whom mail does not reach."""

from functools import partial

from django.db import transaction

from storages_app.models import Event, User
from storages_app.projects import sessions, sign_in_tries


@transaction.atomic
def set_password(*, user: User, password: str, actor: str) -> None:
    """Every session of the person ends, and so does the wait after wrong guesses."""
    user.set_password(password)
    user.save(update_fields=["password"])
    sessions.end_others(user, keep=None)
    transaction.on_commit(partial(sign_in_tries.forgive, user.email))
    Event.objects.record(
        "password.set", actor=actor, subject=user.email, subject_id=user.pk, data={}
    )
