"""The two ways a server proves that it holds a secret key (spec/UPLOADCARE 2)."""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from storages_app.api.refusals import SimpleOverHttp
from storages_app.models import Project, SecretKey
from storages_app.projects import api_keys
from storages_app.projects.errors import BadCredentials

SIMPLE = "uploadcare.simple"
SIGNED = "uploadcare"
_SET_BY_PROXIES = (
    *("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA"),
    *("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO"),
)


@dataclass(frozen=True)
class Caller:
    """A program with a secret key; stands where Django has a user."""

    project: Project
    key: SecretKey
    is_authenticated = True

    @property
    def name(self) -> str:
        """How events and orders call it."""
        return f"key {self.key.label}"


class _KeyAuthentication(BaseAuthentication):
    scheme: str

    def authenticate(self, request: Request) -> tuple[Caller, SecretKey] | None:
        scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != self.scheme:
            return None
        public_key, colon, proof = credentials.strip().partition(":")
        if not (public_key and colon and proof):
            raise BadCredentials
        caller = self._check(request._request, public_key, proof)
        api_keys.record_use(caller.key, call=f"{request.method} {request.path}")
        return caller, caller.key

    def authenticate_header(self, request: Request) -> str:
        return "Uploadcare"

    def _check(self, request: HttpRequest, public_key: str, proof: str) -> Caller:
        raise NotImplementedError


class SimpleAuthentication(_KeyAuthentication):
    """`Uploadcare.Simple <public key>:<secret key>`, over TLS only."""

    scheme = SIMPLE

    def _check(self, request: HttpRequest, public_key: str, proof: str) -> Caller:
        if not may_use_simple(request):
            api_keys.flag_exposed(public_key=public_key, secret=proof)
            raise SimpleOverHttp
        keys = api_keys.find_keys(public_key)
        return _caller(api_keys.check_secret(keys=keys, secret=proof))


class SignedAuthentication(_KeyAuthentication):
    """`Uploadcare <public key>:<signature>` over method, body, type, date and address."""

    scheme = SIGNED

    def _check(self, request: HttpRequest, public_key: str, proof: str) -> Caller:
        keys = api_keys.find_keys(public_key)
        sent_date = request.META.get("HTTP_X_UPLOADCARE_DATE") or request.META.get("HTTP_DATE", "")
        _require_recent(sent_date)
        message = signed_message(request, sent_date)
        return _caller(api_keys.check_signature(keys=keys, message=message, signature=proof))


def _caller(key: SecretKey) -> Caller:
    return Caller(key.project, key)


def signed_message(request: HttpRequest, sent_date: str) -> bytes:
    """What the client signed: every part exactly as it came over the wire."""
    parts = [
        request.META["REQUEST_METHOD"],
        hashlib.md5(request.body, usedforsecurity=False).hexdigest(),
        request.META.get("CONTENT_TYPE", ""),
        sent_date,
        raw_uri(request),
    ]
    # WSGI hands over bytes as latin-1 text; what is no latin-1 cannot have come from it.
    return "\n".join(parts).encode("latin-1", errors="replace")


def raw_uri(request: HttpRequest) -> str:
    """Path and query of the request line, not decoded and encoded again."""
    sent = request.META.get("RAW_URI") or request.META.get("REQUEST_URI")
    if not sent:  # a server that does not tell it: the development server, tests
        return request.get_full_path()
    if sent.startswith("/"):
        return str(sent)
    parts = urlsplit(sent)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def may_use_simple(request: HttpRequest) -> bool:
    """Whether a secret may come as it is: over TLS, or from this machine if the operator allows."""
    if request.is_secure():
        return True
    return settings.SIMPLE_AUTH_OVER_HTTP == "loopback" and is_from_this_machine(request)


def is_from_this_machine(request: HttpRequest) -> bool:
    """Sent by a process of this very machine, and not handed on by a proxy that runs here."""
    came_through_proxy = any(name in request.META for name in _SET_BY_PROXIES)
    return not came_through_proxy and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def is_called_by_this_machine(request: HttpRequest) -> bool:
    """The same, and for a name that only this machine has.

    A proxy that adds no header hands on the name that its caller used, which is a public one.
    """
    host = urlsplit(f"//{request.get_host()}").hostname or ""
    return is_from_this_machine(request) and (host == "localhost" or _is_loopback(host))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _require_recent(sent_date: str) -> None:
    try:
        moment = parsedate_to_datetime(sent_date)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise BadCredentials from error
    if abs(timezone.now() - _in_utc(moment)) > settings.CLOCK_TOLERANCE:
        raise BadCredentials


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
