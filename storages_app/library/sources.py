"""Which file, and which image operations, a `source` or CDN URL names."""

import uuid
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings

from storages_app.library.errors import BadSource
from storages_app.models import File, Project

# What official clients put into URLs unless they are configured otherwise. Only the uuid counts,
# and it must be of a file of the asking project.
_OFFICIAL_HOST = "ucarecdn.com"
_OFFICIAL_SUBDOMAINS = ".ucarecd.net"
_LONGEST = 4_096
_PLAIN = ",:~@"  # in effects, as they are written in canonical form
_UUID_LENGTH = 36


def parse_source(text: str, project: Project) -> tuple[File, str]:
    """The file and its effects (`-/resize/200x/`, or empty); BadSource for all that is neither.

    Takes `<uuid>`, `<uuid>/`, `<uuid>/-/ops/`, and URLs of the file host with operations and a
    file name after the last slash. A file of another project is as unknown as one that never was.
    """
    file_uuid, effects = read_source(text)
    file = File.objects.filter(project=project, pk=file_uuid, removed_at=None).first()
    if file is None:
        raise BadSource
    return file, effects


def read_source(text: str) -> tuple[uuid.UUID, str]:
    """The uuid and the effects that a source names; whether there is such a file is not asked."""
    path = _path_of(text)
    return _parse_uuid(path[:_UUID_LENGTH]), _effects_of(path[_UUID_LENGTH:])


def _path_of(text: str) -> str:
    if len(text) > _LONGEST:
        raise BadSource
    if "://" not in text:
        return text.removeprefix("/")
    try:
        parts = urlsplit(text)
        host, netloc = parts.hostname or "", parts.netloc.lower()
    except ValueError as error:
        raise BadSource from error
    if parts.scheme not in {"http", "https"} or not _is_file_host(host, netloc):
        raise BadSource
    return parts.path.removeprefix("/")


def _is_file_host(host: str, netloc: str) -> bool:
    own = urlsplit(settings.CDN_URL).netloc.lower()
    is_official = host == _OFFICIAL_HOST or host.endswith(_OFFICIAL_SUBDOMAINS)
    return netloc == own or (is_official and netloc == host)


def _parse_uuid(text: str) -> uuid.UUID:
    try:
        parsed = uuid.UUID(text)
    except ValueError as error:
        raise BadSource from error
    if str(parsed) != text.lower():  # uuid.UUID also takes braces and misplaced hyphens
        raise BadSource
    return parsed


def _effects_of(rest: str) -> str:
    """What stands between the uuid and the file name, which is all after the last slash."""
    if not rest:
        return ""
    if not rest.startswith("/"):
        raise BadSource
    operations, _, _file_name = rest[1:].rpartition("/")
    if not operations:
        return ""
    # Decoded once, as the file host does it: a text may have a percent sign of its own.
    segments = [unquote(part) for part in operations.split("/")]
    if segments[0] != "-" or any(part in {"", ".", ".."} for part in segments):
        raise BadSource
    if any(not char.isprintable() for part in segments for char in part):
        raise BadSource
    return "".join(f"{quote(part, safe=_PLAIN)}/" for part in segments)
