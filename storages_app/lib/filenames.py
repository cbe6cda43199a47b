"""Names of files: what is kept of a name that a client sent, and its form in addresses and keys."""

import os.path
import re
import unicodedata

MAX_NAME = 255  # characters; the width of the column
NAMELESS = "original"  # what the JavaScript client calls a file without a name

_NOT_SAFE = re.compile(r"[^A-Za-z0-9_]")
# They reorder the text around them: `evil\u202egpj.exe` would be shown as `evilexe.jpg`.
_BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def base_name(sent: str) -> str:
    """The name to keep of what a client sent: no path, nothing unprintable, at most 255 characters.

    Every way in uses it: multipart parts, JSON, `from_url`, Content-Disposition.
    """
    name = sent.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(char for char in name if _is_printable(char))
    if name.strip() in {"", ".", ".."}:
        return NAMELESS
    return _shorten(name)


def sanitise(original_filename: str) -> str:
    """The form for URLs and object keys (spec/UPLOADCARE 4.4), checked there on 243 real names."""
    root, extension = _split(base_name(original_filename))
    safe_root = _NOT_SAFE.sub("", root) or "noroot"
    safe_extension = _NOT_SAFE.sub("", extension)
    return f"{safe_root}.{safe_extension}" if safe_extension else safe_root


def _split(name: str) -> tuple[str, str]:
    return os.path.splitext(name)  # noqa: PTH122 - the wire's rule is splitext's, to the letter


def _is_printable(char: str) -> bool:
    return unicodedata.category(char) not in _UNPRINTABLE and char not in _BIDI_CONTROLS


def _shorten(name: str) -> str:
    if len(name) <= MAX_NAME:
        return name
    root, extension = _split(name)
    extension = extension[:32]
    return root[: MAX_NAME - len(extension)] + extension
