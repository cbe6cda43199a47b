"""Signed addresses of the file host: which ones, and until when (spec/UPLOADCARE 7).

A token says what it is for, then `~hmac=` and the HMAC-SHA256 of that, under the project's secret.
One kind names the addresses that it opens (`acl=`); the other is bound to the one it is sent with.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from time import time
from urllib.parse import quote_plus, unquote
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.encoding import escape_uri_path

from storages_app.models import Event, Project
from storages_app.projects.api_keys import is_same
from storages_app.projects.errors import (
    NoUrlSecret,
    UrlTokenExpired,
    UrlTokenInvalid,
    UrlTokenNotYet,
    UrlTokenRequired,
)

PREVIEW_S = 3600  # how long the links of a dashboard page work
_LONGEST = 2_000
_TOKEN = re.compile(
    r"(?:ip=(?P<ip>[0-9A-Fa-f.:]{2,45})~)?(?:st=(?P<st>\d{1,12})~)?exp=(?P<exp>\d{1,12})"
    r"(?:~acl=(?P<acl>\S+))?~hmac=(?P<hmac>[0-9a-f]{64})",
    re.ASCII,
)
_ESCAPE = re.compile(r"%..")


@dataclass(frozen=True)
class Asked:
    """The request that a token has to fit: its percent-decoded path, from where, and when."""

    path: str
    address: str
    now: float


def check(*, project: Project, token: str, asked: Asked) -> int:
    """When the permission ends, as Unix time; an UrlTokenRefused if the token does not fit.

    `token` is as it stands in the query. Clients percent-encode it or do not, and some libraries
    between undo the encoding of `~`: each reading is tried. All of them say the same, and nothing
    counts that the project's secret has not signed.
    """
    if not token:
        raise UrlTokenRequired
    if not project.sealed_url_secret or len(token) > _LONGEST:
        raise UrlTokenInvalid
    secret = project.unseal_url_secret()
    for written in {token, unquote(token)}:
        fields = _TOKEN.fullmatch(written)
        if fields and _is_signed(secret, written, fields, asked.path):
            return _check_fields(fields, asked)
    raise UrlTokenInvalid


def require_named(*, token: str, path: str, files: Iterable[UUID]) -> None:
    """UrlTokenInvalid unless the address that a checked token opens names these files.

    A star after one file is leave for its operations, and one of them lays others over it: it
    must not open all files of the project.
    """
    fields = _TOKEN.fullmatch(token) or _TOKEN.fullmatch(unquote(token))
    opened = (fields and fields["acl"]) or path
    if not all(str(file) in unquote(opened).lower() for file in files):
        raise UrlTokenInvalid


def sign_acl(*, secret: str, acl: str, expires_at: int) -> str:
    """A token for all addresses that `acl` covers, such as `/<uuid>/*`."""
    signed = f"exp={expires_at}~acl={_tilde_escaped(acl)}"
    return f"{signed}~hmac={_sign(secret, signed)}"


def address(*, project: Project, file_path: str) -> str:
    """The address of `<uuid>/…` on the file host, with a token for an hour if one is needed."""
    url = f"{settings.CDN_URL}/{file_path}"
    if not project.requires_signed_urls:
        return url
    is_of_one_file = "/-/overlay/" not in file_path
    acl = f"/{file_path.partition('/')[0]}/*" if is_of_one_file else f"/{file_path}*"
    expires_at = int(time()) + PREVIEW_S
    token = sign_acl(secret=project.unseal_url_secret(), acl=acl, expires_at=expires_at)
    return f"{url}?token={token}"


@transaction.atomic
def make_secret(*, project: Project, actor: str) -> str:
    """A new secret, which nobody is shown a second time; tokens of the former one end at once."""
    secret = secrets.token_hex(32)
    project.seal_url_secret(secret)
    project.save(update_fields=["sealed_url_secret"])
    _record("project.url_secret_made", project, actor)
    return secret


@transaction.atomic
def require(*, project: Project, is_required: bool, actor: str) -> None:
    """From now on the file host serves this project's files only by token, or to everybody."""
    if is_required and not project.sealed_url_secret:
        raise NoUrlSecret
    changed = Project.objects.filter(pk=project.pk).exclude(requires_signed_urls=is_required)
    if changed.update(requires_signed_urls=is_required):
        kind = "project.signed_urls_required" if is_required else "project.signed_urls_not_required"
        _record(kind, project, actor)
    project.requires_signed_urls = is_required


def _is_signed(secret: str, written: str, fields: re.Match[str], path: str) -> bool:
    said = written.rpartition("~hmac=")[0]
    signature = fields["hmac"]
    return any(is_same(_sign(secret, text), signature) for text in _texts(said, fields, path))


def _texts(said: str, fields: re.Match[str], path: str) -> list[str]:
    """What may have been signed."""
    acl = fields["acl"]
    if acl:
        head = said.removesuffix(f"~acl={acl}")
        return [said, f"{head}~acl={_tilde_escaped(acl)}"]
    # The address without its last slash leads to the one with it, token and all.
    paths = {path, path.removesuffix("/")}
    paths |= {escape_uri_path(form) for form in paths}
    return [f"{said}~url={_url_escaped(form)}" for form in sorted(paths)]


def _check_fields(fields: re.Match[str], asked: Asked) -> int:
    """What the token says of itself, once it is known to be ours."""
    if fields["acl"] and not _covers(fields["acl"], asked.path):
        raise UrlTokenInvalid
    if fields["ip"] and not _is_same_address(fields["ip"], asked.address):
        raise UrlTokenInvalid
    if fields["st"] and asked.now < int(fields["st"]):
        raise UrlTokenNotYet
    expires_at = int(fields["exp"])
    if asked.now >= expires_at:
        raise UrlTokenExpired
    return expires_at


def _covers(acl: str, path: str) -> bool:
    """A star at the end stands for anything; only a written one, not its percent-encoding."""
    if acl.endswith("*"):
        return path.startswith(unquote(acl[:-1]))
    return path == unquote(acl)


def _is_same_address(left: str, right: str) -> bool:
    try:
        return ipaddress.ip_address(left) == ipaddress.ip_address(right)
    except ValueError:
        return False


def _sign(secret: str, text: str) -> str:
    message = text.encode(errors="surrogatepass")
    return hmac.new(bytes.fromhex(secret), message, hashlib.sha256).hexdigest()


def _tilde_escaped(acl: str) -> str:
    """As clients sign the `~` of a group, whatever became of it on the way."""
    return acl.replace("%7E", "%7e").replace("~", "%7e")


def _url_escaped(path: str) -> str:
    escaped = quote_plus(path, safe=",", errors="surrogatepass")
    return _tilde_escaped(_ESCAPE.sub(lambda match: match[0].lower(), escaped))


def _record(kind: str, project: Project, actor: str) -> None:
    Event.objects.record(
        kind, project=project, actor=actor, subject=project.name, subject_id=project.pk
    )
