"""A form that is sent twice, by a reload or by two clicks, does once what it does."""

from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages
from django.db import transaction

from storages_app.dashboard.access import PageRequest
from storages_app.models import Project
from storages_app.projects import idempotency
from storages_app.projects.errors import IdempotencyKeyUnderWay
from storages_app.projects.idempotency import Answer, Claim

Made = TypeVar("Made")
_DONE = Answer(200, None)  # what was made may be a secret: it is not kept


def only_once(
    request: PageRequest, project: Project, form: object, act: Callable[[], Made], *, what: str
) -> Made | None:
    """What `act` makes; None where the same form has made it already, or makes it in this moment.

    `form` is the number that the form carries; without one it is done each time. The database
    decides between two that come together, and the other is told that `what` exists. A refusal
    counts for nothing.
    """
    if not form:
        return act()
    claim = _claim(request, project, str(form))
    if claim is None:
        messages.info(request, f"The page was reloaded: {what} exists, and no second was made.")
        return None
    try:
        with transaction.atomic():
            made = act()
            claim.keep(_DONE)
    except Exception:
        claim.give_up()
        raise
    return made


def _claim(request: PageRequest, project: Project, form: str) -> Claim | None:
    route = f"form of {request.user.pk} at {request.path}"
    try:
        begun = idempotency.begin(project=project, route=route, key=form, content=b"")
    except IdempotencyKeyUnderWay:
        return None
    return begun if isinstance(begun, Claim) else None
