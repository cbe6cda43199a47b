"""How people come in: members are added, nobody signs up alone."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse

log = logging.getLogger(__name__)

_NO_MAIL = (
    "This instance cannot send mail at the moment, so nothing was sent. Try again later, or ask "
    "the operator: the log says why.\n"
)


class InviteOnlyAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send it, or say that mail does not work; known and unknown people get the same answer."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as error:  # smtplib's errors are of this family
            log.error("The mail server does not take mail: %s", type(error).__name__)
            answer = HttpResponse(_NO_MAIL, status=503, content_type="text/plain; charset=utf-8")
            raise ImmediateHttpResponse(answer) from error
