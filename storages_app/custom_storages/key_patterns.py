"""From a pattern to an object key: the only such table (spec/UPLOADCARE 4.5).

Every variable stands for something that a file keeps, so that its key is the same each time.
"""

import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from storages_app.custom_storages.errors import BadPattern
from storages_app.lib.filenames import sanitise

MAX_KEY_BYTES = 1024
_SHORTCUTS = {
    "default": "${uuid}/${auto_filename}",
    "auto_filename": "${filename}${effects}${ext}",
}
# Each with the longest that it can be where nothing else can be shortened.
_VARIABLES = {
    "uuid": "u" * 36,
    "filename": "f" * 16,
    "effects": "e" * 18,
    "ext": "x" * 16,
    "yyyy": "2000",
    "mm": "01",
    "dd": "01",
    "project": "p" * 60,
    "mime_group": "g" * 11,
}
VARIABLES = (*_SHORTCUTS, *_VARIABLES)  # in the order of the insert buttons
HARD_NAME = "image (1) é.jpeg"
_VARIABLE = re.compile(r"\$\{([^${}]*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9_.\-/~!*'()@+=,]*")
_MAX_PATTERN = 512
_BAD_CHARACTER = "Invalid pattern provided: Invalid character in a pattern."
_NO_ROOM = (
    f"Prefix and pattern together make keys of more than {MAX_KEY_BYTES:,} bytes, which S3 refuses."
)


def check_pattern(pattern: str, *, prefix: str = "") -> None:
    """Refuse a pattern that some file could not be copied with; BadPattern has the wire's text.

    With the storage's prefix it is also made sure that every key has room behind it.
    """
    if len(pattern) > _MAX_PATTERN:
        raise BadPattern(_BAD_CHARACTER)
    names = set(_VARIABLE.findall(pattern))
    if names - set(VARIABLES):
        raise BadPattern(f"Invalid pattern provided: `{pattern}`")
    if not _LITERAL.fullmatch(_VARIABLE.sub("", pattern)):
        raise BadPattern(_BAD_CHARACTER)
    sample = _substitute(pattern, _VARIABLES)
    if not {"", ".", ".."}.isdisjoint(sample.split("/")):
        raise BadPattern(_BAD_CHARACTER)
    if len(prefix + sample) > MAX_KEY_BYTES:
        raise BadPattern(_NO_ROOM, hint="Shorten the prefix or the pattern.")


def clean_pattern(text: str) -> str:
    """What the form sends, checked; empty means the default."""
    pattern = text.strip() or "${default}"
    check_pattern(pattern)
    return pattern


def is_unique(pattern: str) -> bool:
    """Whether no two files can have one key."""
    return "uuid" in _VARIABLE.findall(_without_shortcuts(pattern))


def expand(
    pattern: str,
    *,
    prefix: str,
    uuid: str,
    original_filename: str,
    uploaded_at: datetime,
    project: str,
    mime_type: str,
    effects: str = "",
) -> str:
    """The object key: prefix + pattern with its variables filled in, at most 1,024 bytes.

    `effects` is the readable text of the image operations (`.-resize_200x`), `project` the slug,
    `mime_type` the one that the file was uploaded with; days are those of UTC. Where the key would
    be too long, the effects and then the file name give way to a hash.
    """
    check_pattern(pattern)
    filename, ext = os.path.splitext(sanitise(original_filename))  # noqa: PTH122 - not a path
    moment = uploaded_at.astimezone(UTC)
    values = {
        "uuid": uuid,
        "filename": filename,
        "effects": effects,
        "ext": ext,
        "yyyy": f"{moment.year:04}",
        "mm": f"{moment.month:02}",
        "dd": f"{moment.day:02}",
        "project": project,
        "mime_group": mime_group(mime_type),
    }
    for name in ("", "effects", "filename", "ext"):
        if name:
            values[name] = _shortened(name, values[name])
        key = prefix + _substitute(pattern, values)
        if len(key.encode()) <= MAX_KEY_BYTES:
            return _without_empty_segments(key, prefix)
    raise BadPattern(_BAD_CHARACTER)


def tells_effects(pattern: str) -> bool:
    """Whether an original and its processed images get keys of their own."""
    return "${effects}" in _without_shortcuts(pattern)


def _substitute(pattern: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values[match[1]], _without_shortcuts(pattern))


def _without_shortcuts(pattern: str) -> str:
    for name, meaning in _SHORTCUTS.items():
        pattern = pattern.replace(f"${{{name}}}", meaning)
    return pattern


def _shortened(name: str, value: str) -> str:
    digest = hashlib.sha256(value.encode()).hexdigest()[:16]
    if name == "ext":
        return value[:16]
    return f".-{digest}" if name == "effects" and value else digest if value else ""


def _without_empty_segments(key: str, prefix: str) -> str:
    """A variable may be empty (`${ext}`, `${effects}`), a segment of the key may not."""
    segments = key[len(prefix) :].split("/")
    return prefix + "/".join("_" if s in {"", ".", ".."} else s for s in segments)


def mime_group(mime_type: str) -> str:
    """`image`, `video`, `audio`, `text` or `document`; `other` for what nobody could tell."""
    group, _, kind = mime_type.partition(";")[0].strip().lower().partition("/")
    if group in {"image", "video", "audio", "text"}:
        return group
    return "document" if group == "application" and kind not in _TELLS_NOTHING else "other"


_TELLS_NOTHING = {"", "octet-stream", "x-empty", "unknown"}


def numbered(key: str, number: int) -> str:
    """The key to use beside a taken one: `a/photo.jpg` → `a/photo-2.jpg`."""
    root, ext = os.path.splitext(key)  # noqa: PTH122 - not a path
    return f"{root[: MAX_KEY_BYTES - 24]}-{number}{ext[:16]}"


# What the editor of patterns says (spec/DASHBOARD 1.16)

# What people call a variable elsewhere, where spelling alone would not lead to ours.
_MEANT = {
    "foo": "ext",
    "extension": "ext",
    "suffix": "ext",
    "id": "uuid",
    "name": "filename",
    "original_filename": "filename",
    "basename": "filename",
    "operations": "effects",
    "date": "yyyy",
    "year": "yyyy",
    "month": "mm",
    "day": "dd",
    "slug": "project",
    "type": "mime_group",
    "mime": "mime_group",
}
_ALLOWED = "letters, digits and _"


@dataclass(frozen=True)
class Sample:
    """A file to show a pattern with."""

    original_filename: str
    uuid: str
    uploaded_at: datetime
    project: str
    mime_type: str
    effects: str = ""


@dataclass(frozen=True)
class Preview:
    """What a pattern makes of one file; `note` says what became of its name."""

    original: str
    key: str
    note: str = ""


def did_you_mean(pattern: str) -> list[str]:
    """One sentence for each name in the pattern that is not a variable."""
    if len(pattern) > _MAX_PATTERN:
        return []
    unknown = [name for name in dict.fromkeys(_VARIABLE.findall(pattern)) if name not in VARIABLES]
    return [f"`${{{name}}}` is not a variable. {_nearest(name)}" for name in unknown]


def preview(pattern: str, prefix: str, samples: Iterable[Sample]) -> list[Preview]:
    """The keys of these files; raises BadPattern as `expand` does."""
    return [_previewed(pattern, prefix, sample) for sample in samples]


def warnings(pattern: str, *, example: str = "", n_clashes: int | None = None) -> list[str]:
    """What a pattern that may be used still does to names.

    `example` is a name, and `n_clashes` the pairs of files with one name in the project, if that
    was counted.
    """
    used = set(_VARIABLE.findall(_without_shortcuts(pattern)))
    found = []
    if "uuid" not in used:
        found.append(_clash(example or "photo.jpg", n_clashes))
    if "effects" not in used:
        found.append("Without ${effects} a processed copy gets the name of its original.")
    if "filename" in used:
        found.append(
            f"Names may have {_ALLOWED}; other characters are removed, as Uploadcare does. "
            "The original name is kept as metadata."
        )
    return found


def _nearest(name: str) -> str:
    plain = name.strip().lower()
    close = difflib.get_close_matches(plain, VARIABLES, n=1, cutoff=0.5)
    meant = _MEANT.get(plain) or (close[0] if close else "")
    if meant:
        return f"Did you mean `${{{meant}}}`?"
    return f"Use one of {', '.join(f'`${{{one}}}`' for one in VARIABLES)}."


def _clash(example: str, n_clashes: int | None) -> str:
    would = f"Without ${{uuid}} two files called {example} would clash"
    if n_clashes is None:
        return f"{would}."
    pairs = "1 pair" if n_clashes == 1 else f"{n_clashes:,} pairs"
    return f"{would}: {pairs} in this project today."


def _previewed(pattern: str, prefix: str, sample: Sample) -> Preview:
    key = expand(
        pattern,
        prefix=prefix,
        uuid=sample.uuid,
        original_filename=sample.original_filename,
        uploaded_at=sample.uploaded_at,
        project=sample.project,
        mime_type=sample.mime_type,
        effects=sample.effects,
    )
    safe = sanitise(sample.original_filename)
    uses_name = "filename" in _VARIABLE.findall(_without_shortcuts(pattern))
    if not uses_name or safe == sample.original_filename:
        return Preview(sample.original_filename, key)
    return Preview(sample.original_filename, key, f"The name becomes {safe}.")
