"""Addresses to which a part may be sent, for as long as its session lives, and nothing else."""

import uuid
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from storages_app.models import UploadSession
from storages_app.uploads.multipart_errors import PartUrlRefused

_METHOD = "PUT"
_SALT = "storages_app.uploads.part_urls"
_MOST_DIGITS = 12


def part_url(session: UploadSession, number: int) -> str:
    """Where part `number` goes; a client reads its number and the upload's id in the query."""
    expires = str(int(session.expires_at.timestamp()))
    query = urlencode(
        {
            "partNumber": number,
            "uploadId": session.pk,
            "expires": expires,
            "signature": _sign(session.pk, number, expires),
        }
    )
    return f"{settings.UPLOAD_URL}/multipart/{session.pk}/{number}/?{query}"


def require_valid(
    *, session_uuid: uuid.UUID, number: int, expires: str, signature: str, now: datetime
) -> None:
    """PartUrlRefused unless we made this address, and it has not expired."""
    if not constant_time_compare(_sign(session_uuid, number, expires), signature):
        raise PartUrlRefused
    if len(expires) > _MOST_DIGITS or int(expires) < now.timestamp():
        raise PartUrlRefused


def _sign(session_uuid: uuid.UUID, number: int, expires: str) -> str:
    message = f"{_METHOD}\n{session_uuid}\n{number}\n{expires}"
    return salted_hmac(_SALT, message, algorithm="sha256").hexdigest()
