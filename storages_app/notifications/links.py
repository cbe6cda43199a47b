"""The links of mails: who has one may say yes to mails, or no, and nothing else."""

from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from storages_app.models import NotificationChannel
from storages_app.notifications.errors import LinkGone, StopLinkGone

CONFIRM, STOP = "confirm", "stop"
_LIVES = timedelta(days=3)
_SALT = "storages_app.notifications."


def confirm_link(channel: NotificationChannel) -> str:
    """Works for three days, and for this address only."""
    return _link(CONFIRM, signing.dumps([channel.pk, channel.address], salt=_SALT + CONFIRM))


def stop_link(channel: NotificationChannel) -> str:
    """Works as long as mails come."""
    signer = signing.Signer(salt=_SALT + STOP)
    return _link(STOP, signer.sign_object([channel.pk, channel.address]))


def _link(what: str, token: str) -> str:
    path = reverse(f"dashboard:notification_{what}", args=[token], urlconf=settings.ROOT_URLCONF)
    return f"{settings.DASHBOARD_URL}{path}"


def channel_of(what: str, token: str) -> NotificationChannel:
    """The channel that a link is about, or LinkGone."""
    try:
        if what == CONFIRM:
            pk, address = signing.loads(token, salt=_SALT + CONFIRM, max_age=_LIVES)
        else:
            pk, address = signing.Signer(salt=_SALT + STOP).unsign_object(token)
    except (signing.BadSignature, ValueError) as error:
        raise _gone(what) from error
    kept = NotificationChannel.objects.kept().filter(pk=pk, address=address)
    channel = kept.filter(project__removed_at=None).select_related("project").first()
    if channel is None:
        raise _gone(what)
    return channel


def _gone(what: str) -> LinkGone:
    return LinkGone() if what == CONFIRM else StopLinkGone()
