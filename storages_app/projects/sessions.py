"""Sessions of people: how long they last, which there are, and their ends (S103 to S105)."""

import time
from collections.abc import Mapping
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from storages_app.models import User

BEGAN, SEEN = "began_at", "seen_at"
_SEEN_EVERY_S = 60


def begin(request: HttpRequest) -> None:
    """Somebody has proved who they are; both clocks start."""
    request.session[BEGAN] = request.session[SEEN] = time.time()


def renew(request: HttpRequest) -> None:
    """More is open to this session than before: another id, and the old one is dead (S103)."""
    before = request.session.session_key
    request.session.cycle_key()
    known = UserSession.objects.filter(session_key=before)
    known.update(session_key=request.session.session_key)


def end_if_over(request: HttpRequest, *, is_activity: bool) -> None:
    """Sign out who was away for too long, or came in too long ago; else note that they are here."""
    session, now = request.session, time.time()
    if SESSION_KEY not in session:
        return
    if BEGAN not in session:  # it began under an older release
        begin(request)
    elif _is_over(session, now):
        UserSession.objects.filter(session_key=session.session_key).delete()
        request.is_over = True  # type: ignore[attr-defined]  # read where sign-outs are told
        logout(request)
    elif is_activity and now - session[SEEN] > _SEEN_EVERY_S:
        session[SEEN] = now
        seen = UserSession.objects.filter(session_key=session.session_key)
        seen.update(last_seen_at=timezone.now())


def _is_over(session: Mapping[str, Any], now: float) -> bool:
    began, seen = float(session[BEGAN]), float(session[SEEN])
    is_idle: bool = now - seen > settings.SESSION_IDLE.total_seconds()
    is_old: bool = now - began > settings.SESSION_LIVES.total_seconds()
    return is_idle or is_old


def is_confirmed(request: HttpRequest) -> bool:
    """Whether this person has signed in, or confirmed who they are, a short while ago."""
    if not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    proofs = [float(request.session.get(BEGAN, 0)), *(float(record["at"]) for record in records)]
    return time.time() - max(proofs) < settings.CONFIRMED_FOR.total_seconds()


def of(user: User) -> QuerySet[UserSession]:
    """The sessions that are alive, those used last first."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    rows: QuerySet[UserSession] = UserSession.objects.filter(user=user, session_key__in=alive)
    return rows.order_by("-last_seen_at", "-pk")


@transaction.atomic
def end_others(user: User, *, keep: str | None) -> int:
    """End all sessions of a person but one; how many there were."""
    keys = list(of(user).exclude(session_key=keep or "").values_list("session_key", flat=True))
    Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(user=user).exclude(session_key=keep or "").delete()
    return len(keys)


def end(session: UserSession) -> None:
    """End one; its browser is signed out with the next click."""
    Session.objects.filter(session_key=session.session_key).delete()
    session.delete()
