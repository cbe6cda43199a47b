"""From a pattern to an object key: the only such table (spec/UPLOADCARE 4.5)."""

import hashlib
import os
import re
from collections.abc import Mapping

from storages_app.custom_storages.errors import BadPattern
from storages_app.lib.filenames import sanitise

MAX_KEY_BYTES = 1024
_SHORTCUTS = {
    "default": "${uuid}/${auto_filename}",
    "auto_filename": "${filename}${effects}${ext}",
}
_VARIABLES = {"uuid", "filename", "effects", "ext"}
_VARIABLE = re.compile(r"\$\{([^${}]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9_.\-/~!*'()@+=,]*")
_MAX_PATTERN = 512
_BAD_CHARACTER = "Invalid pattern provided: Invalid character in a pattern."


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that no file could be copied with; BadPattern has the text of the wire."""
    if len(pattern) > _MAX_PATTERN:
        raise BadPattern(_BAD_CHARACTER)
    names = set(_VARIABLE.findall(pattern))
    if names - _VARIABLES - _SHORTCUTS.keys():
        raise BadPattern(f"Invalid pattern provided: `{pattern}`")
    if not _LITERAL.fullmatch(_VARIABLE.sub("", pattern)):
        raise BadPattern(_BAD_CHARACTER)
    sample = dict.fromkeys(_VARIABLES, "x")
    segments = _substitute(pattern, sample).split("/")
    if not {"", ".", ".."}.isdisjoint(segments):
        raise BadPattern(_BAD_CHARACTER)


def clean_pattern(text: str) -> str:
    """What the form sends, checked; empty means the default."""
    pattern = text.strip() or "${default}"
    check_pattern(pattern)
    return pattern


def expand(
    pattern: str, *, prefix: str, uuid: str, original_filename: str, effects: str = ""
) -> str:
    """The object key: prefix + pattern with its variables filled in, at most 1,024 bytes.

    `effects` is the readable text of the image operations (`.-resize_200x`). Where the key would
    be too long, it and then the file name give way to a hash.
    """
    check_pattern(pattern)
    filename, ext = os.path.splitext(sanitise(original_filename))  # noqa: PTH122 - not a path
    values = {"uuid": uuid, "filename": filename, "effects": effects, "ext": ext}
    for name in ("", "effects", "filename", "ext"):
        if name:
            values[name] = _shortened(name, values[name])
        key = prefix + _substitute(pattern, values)
        if len(key.encode()) <= MAX_KEY_BYTES:
            return _without_empty_segments(key, prefix)
    raise BadPattern(_BAD_CHARACTER)


def _substitute(pattern: str, values: Mapping[str, str]) -> str:
    for name, meaning in _SHORTCUTS.items():
        pattern = pattern.replace(f"${{{name}}}", meaning)
    return _VARIABLE.sub(lambda match: values[match[1]], pattern)


def _shortened(name: str, value: str) -> str:
    digest = hashlib.sha256(value.encode()).hexdigest()[:16]
    if name == "ext":
        return value[:16]
    return f".-{digest}" if name == "effects" and value else digest if value else ""


def _without_empty_segments(key: str, prefix: str) -> str:
    """A variable may be empty (`${ext}`, `${effects}`), a segment of the key may not."""
    segments = key[len(prefix) :].split("/")
    return prefix + "/".join("_" if s in {"", ".", ".."} else s for s in segments)


def numbered(key: str, number: int) -> str:
    """The key to use beside a taken one: `a/photo.jpg` → `a/photo-2.jpg`."""
    root, ext = os.path.splitext(key)  # noqa: PTH122 - not a path
    return f"{root[: MAX_KEY_BYTES - 24]}-{number}{ext[:16]}"
