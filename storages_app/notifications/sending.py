"""One message to one address, and what came of it. Runs in a thread and asks no database."""

import json
import logging
import smtplib
import ssl
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from storages_app.backups.pings import signal_url
from storages_app.models import NotificationChannel
from storages_app.webhooks import sending
from storages_app.webhooks.sending import Answer

log = logging.getLogger(__name__)
Kind = NotificationChannel.Kind


@dataclass(frozen=True)
class Letter:
    """What is sent, and where to."""

    kind: str
    address: str
    message_id: str
    message: dict[str, Any]
    stop_link: str = ""
    secrets: tuple[str, ...] | None = ()  # as those of a webhook


def send(letter: Letter) -> Answer:
    """Once, and no fault of the way is raised."""
    if letter.kind == Kind.EMAIL:
        return _mail(letter)
    url = letter.address
    if letter.kind == Kind.PING and letter.message["is_problem"]:
        url = signal_url(url, "fail")
    return sending.send(
        sending.Message(
            target_url=url,
            message_id=letter.message_id,
            body=_body(letter),
            secrets=letter.secrets,
        )
    )


def _body(letter: Letter) -> bytes:
    """`text` is what Slack, Mattermost and the like show; all else is for programs."""
    message = letter.message
    lines = [message["subject"], *message["facts"], *(one["what"] for one in message["items"])]
    told = {
        "id": letter.message_id,
        "event": message["event"],
        "is_test": message["is_test"],
        "text": "\n".join([*lines, message["url"]]),
        "project": message["project"],
        "incident": message["incident"],
        "steps": message["steps"],
        "url": message["url"],
        "items": message["items"],
    }
    return json.dumps(told, separators=(",", ":")).encode()


def _mail(letter: Letter) -> Answer:
    started = monotonic()
    error = ""
    try:
        _written(letter).send()
    except smtplib.SMTPException as fault:
        error = _words_for(fault)
    except (OSError, ssl.SSLError) as fault:
        log.error("The mail server does not take mail: %s", type(fault).__name__)
        error = "The mail server of this instance does not answer."
    return Answer(error=error, duration_ms=int((monotonic() - started) * 1000))


def _written(letter: Letter) -> EmailMultiAlternatives:
    context = {"message": letter.message, "stop_link": letter.stop_link}
    host = urlsplit(settings.DASHBOARD_URL).hostname
    headers = {"Message-ID": f"<{letter.message_id}@{host}>", "Auto-Submitted": "auto-generated"}
    if letter.stop_link:
        headers["List-Unsubscribe"] = f"<{letter.stop_link}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail = EmailMultiAlternatives(
        subject=letter.message["subject"],
        body=render_to_string("notifications/mail.txt", context),
        to=[letter.address],
        headers=headers,
    )
    mail.attach_alternative(render_to_string("notifications/mail.html", context), "text/html")
    return mail


def _words_for(fault: smtplib.SMTPException) -> str:
    """The server's number alone: its words may name the operator's own machines."""
    code = getattr(fault, "smtp_code", None)
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        code = next(iter(fault.recipients.values()))[0]
        return f"The mail server does not take mail for this address ({code})."
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        return "The mail server refuses this instance: tell the operator."
    return f"The mail server refused it ({code})." if code else "The mail server broke off."
