"""One request to a receiver, and what it said. Runs in a thread and asks no database."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic, time
from typing import Final

from django.conf import settings
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError

from storages_app.lib import outbound
from storages_app.lib.wire import Response, Wire
from storages_app.webhooks import signing, targets

SHOWN: Final = 1024  # bytes of an answer that are kept: owners see them, and it may be anybody's
_LONGEST_PAUSE_S = 24 * 3600.0
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Message:
    """What is sent, and where to."""

    target_url: str
    message_id: str
    body: bytes
    secrets: tuple[str, ...] | None = ()  # None: they cannot be opened


@dataclass(frozen=True)
class Answer:
    """What came of one attempt; without a status none came, and `error` says why."""

    status: int | None = None
    error: str = ""
    body: str = ""
    duration_ms: int = 0
    retry_after_s: float = 0

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def send(message: Message) -> Answer:
    """Ask once. Redirects are not followed, and no fault of the way is raised."""
    if message.secrets is None:
        return Answer(error="The signing secret cannot be opened. Make a new one.")
    started = monotonic()
    status, error, body, retry_after_s = None, "", b"", 0.0
    try:
        response = _ask(message, message.secrets)
        try:
            status = response.status
            retry_after_s = _pause_of(response.headers)
            body = response.read(SHOWN)
        finally:
            response.close()
    except (outbound.OutboundError, HTTPError, OSError, UnicodeError) as fault:
        error = "" if status else _words_for(fault)
    return Answer(
        status=status,
        error=error,
        body=_INVISIBLE.sub("", body.decode(errors="replace")),
        duration_ms=int((monotonic() - started) * 1000),
        retry_after_s=retry_after_s,
    )


def _ask(message: Message, secrets: tuple[str, ...]) -> Response:
    address = outbound.parse(message.target_url)
    wire = Wire(
        targets.policy(), connect_timeout=5, read_timeout=settings.WEBHOOK_ANSWER_S, keeps=0
    )
    headers = {
        "host": address.netloc,
        "user-agent": "ucdash",
        "accept": "*/*",
        "accept-encoding": "identity",
        "content-type": "application/json",
        "connection": "close",
        **signing.headers(
            secrets=secrets,
            body=message.body,
            message_id=message.message_id,
            seconds=int(time()),
        ),
    }
    return wire.send("POST", address, headers=headers, body=message.body)


def _words_for(fault: Exception) -> str:
    """Forbidden, unknown and closed are told alike: who asks learns nothing of our network."""
    if isinstance(fault, outbound.OutboundError | NewConnectionError):
        return "No connection."
    if isinstance(fault, ConnectTimeoutError | TimeoutError):
        return "No answer in time."
    if isinstance(fault, ssl.SSLError | SSLError):
        return "No secure connection."
    return "The connection broke, or no whole answer came."


def _pause_of(headers: Mapping[str, str]) -> float:
    """Seconds that the receiver asks for by Retry-After; 0 if it does not."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_PAUSE_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0
    left = (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(max(left.total_seconds(), 0), _LONGEST_PAUSE_S)
