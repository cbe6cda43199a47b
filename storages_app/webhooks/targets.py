"""The addresses of receivers, held against the guard when they are named and when they are used."""

from dataclasses import replace

from django.conf import settings

from storages_app.lib import outbound
from storages_app.lib.outbound import Policy
from storages_app.webhooks import errors

LONGEST = 255
_LOOK_UP_S = 2.0  # somebody waits for the answer; each sending asks again, and longer


def policy() -> Policy:
    """As for addresses of files: plain http as well, and only the usual ports."""
    return replace(
        outbound.current_policy(), allow_http=True, allowed_ports=frozenset(settings.FETCH_PORTS)
    )


def check(url: str) -> None:
    """Refuse an address that nothing will be sent to, as far as can be told at once.

    A name that does not resolve may do so tomorrow, so it is no reason.
    """
    if len(url) > LONGEST:
        raise errors.TargetTooLong
    try:
        address = outbound.parse(url)
        outbound.resolve(address, policy(), wait_s=_LOOK_UP_S)
    except outbound.UnparsableAddress as error:
        raise errors.TargetInvalid from error
    except outbound.NameNotFound:
        return
    except outbound.OutboundError as error:
        raise errors.TargetForbidden from error
