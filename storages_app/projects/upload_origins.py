"""From which pages browsers may upload into a project.

A browser tells the origin of the page that sends (`Origin`), and no page can change that. Programs
that are no browsers tell nothing or anything: only signed uploads hold against them.
"""

from urllib.parse import urlsplit

from django.conf import settings

from storages_app.models import Project
from storages_app.projects.errors import BadOrigin, OriginForbidden

_MOST_ORIGINS = 50
_DEFAULT_PORTS = {"http": 80, "https": 443}


def check_origin(*, project: Project, origin: str) -> None:
    """Refuse a page that is not named, where the project names some; our own pages may always."""
    if not project.allowed_origins or not origin:
        return
    named = {*project.allowed_origins.split(", "), _read(settings.DASHBOARD_URL)}
    if origin.lower() not in named:
        raise OriginForbidden


def parse_origins(text: str) -> str:
    """Origins as people write them, in the form that browsers send; empty for all pages."""
    words = text.replace(",", " ").replace(";", " ").split()
    origins = list(dict.fromkeys(_read(word) for word in words))
    if len(origins) > _MOST_ORIGINS:
        raise BadOrigin(f"At most {_MOST_ORIGINS} pages can be named.")
    return ", ".join(origins)


def _read(word: str) -> str:
    refused = BadOrigin(f"`{word[:100]}` is no origin of a page.")
    try:
        parts = urlsplit(word)
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port
    except ValueError as error:  # a port that is none, brackets, a label that is too long
        raise refused from error
    extra = parts.path.rstrip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _DEFAULT_PORTS or not host or "*" in host or extra:
        raise refused
    shown = f"[{host}]" if ":" in host else host
    is_default = port in (None, _DEFAULT_PORTS[parts.scheme])
    return f"{parts.scheme}://{shown}" if is_default else f"{parts.scheme}://{shown}:{port}"
