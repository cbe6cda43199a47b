"""What a file from the web is called."""

from email.message import Message
from email.utils import collapse_rfc2231_value
from urllib.parse import unquote

from storages_app.lib.fetching import as_text
from storages_app.lib.filenames import NAMELESS, base_name

_LONGEST_HEADER = 2_000


def name_of(*, asked: str, disposition: str, target: str) -> str:
    """The name that was asked for, else that of Content-Disposition, else the end of the path."""
    for name in (asked, _in_disposition(disposition), _in_path(target)):
        kept = base_name(name)
        if kept != NAMELESS or name == NAMELESS:
            return kept
    return NAMELESS


def _in_disposition(header: str) -> str:
    message = Message()
    message["Content-Disposition"] = header[:_LONGEST_HEADER]
    params = message.get_params([], "content-disposition")
    named = [value for key, value in params if key.lower() == "filename"]
    # `filename*=UTF-8''…`, which becomes a tuple, comes before its plain form (RFC 6266).
    named.sort(key=lambda value: not isinstance(value, tuple))
    try:
        return as_text(collapse_rfc2231_value(named[0])) if named else ""
    except (LookupError, UnicodeError, ValueError):  # in a character set that there is not
        return ""


def _in_path(target: str) -> str:
    path = target.partition("?")[0]
    return unquote(path.rstrip("/").rpartition("/")[2])
