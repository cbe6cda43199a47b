"""The address of a file on the web: read, held against the guard, refused in the wire's words."""

import hashlib
import re
from dataclasses import replace

from django.conf import settings

from storages_app.lib import outbound
from storages_app.lib.fetching import tidy
from storages_app.lib.outbound import Address, Policy
from storages_app.url_uploads import errors

_LOOK_UP_S = 2.0  # somebody waits for the answer; the fetch itself asks again, and longer
# `example.com:80/x` has a port, not a scheme.
_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*):(?![0-9])", re.IGNORECASE)
_AUTHORITY = re.compile(r"//([^/?#]*)")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")


def policy() -> Policy:
    """As for buckets, but files are published over plain http as well, and on the usual ports."""
    return replace(
        outbound.current_policy(),
        allow_http=True,
        allowed_ports=frozenset(settings.FETCH_PORTS),
        is_anybodys=True,
    )


def read(url: str) -> Address:
    """The address that `url` is, or an OrderRefused that says what is wrong with it."""
    url = tidy(url)
    if not url:
        raise errors.SourceUrlRequired
    try:
        return outbound.parse(url)
    except outbound.UnparsableAddress as error:
        raise _fault(url) from error


def _fault(url: str) -> errors.OrderRefused:
    """Words for what the parser has refused; they decide nothing."""
    if _UNSEEN.search(url):
        return errors.UrlUnparsable()
    scheme = _SCHEME.match(url)
    if not scheme:
        return errors.SchemeRequired()
    if scheme[1].lower() not in {"http", "https"}:
        return errors.SchemeInvalid()
    authority = _AUTHORITY.match(url, scheme.end())
    if not authority or not authority[1]:
        return errors.HostRequired()
    return errors.HostMalformed() if len(url) <= outbound.MAX_LENGTH else errors.UrlUnparsable()


def check(address: Address) -> None:
    """Refuse an address that will not be fetched from, as far as can be told at once."""
    try:
        outbound.resolve(address, policy(), wait_s=_LOOK_UP_S)
    except outbound.LookupTimedOut:
        return  # the fetch has more time
    except outbound.OutboundError as error:
        raise refusal(error) from error


def refusal(error: outbound.OutboundError) -> errors.OrderRefused:
    """The guard's refusal in the words of the wire."""
    if isinstance(error, outbound.Forbidden):
        is_private = error.reason == "private"
        return errors.PrivateAddress() if is_private else errors.SourceForbidden()
    if isinstance(error, outbound.NameNotFound):
        return errors.HostUnknown()
    return errors.OrderRefused()


def hash_of(address: Address) -> str:
    """By which the same address is found again, however its host was spelled."""
    return hashlib.sha256(f"{address.origin}{address.target}".encode()).hexdigest()
