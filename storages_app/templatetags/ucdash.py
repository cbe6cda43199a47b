"""Small parts of pages: icons, states, times, sizes and names from outside."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

from storages_app.models import Project
from storages_app.projects import signed_urls

register = template.Library()

# The nine words of jobs, those of storages and those of findings: icon (its shape differs too,
# so that colour is never the only sign) and tone.
_LOOKS = {
    "waiting": ("clock", "quiet"),
    "running": ("loader", "busy"),
    "done": ("circle-check", "good"),
    "done with gaps": ("circle-dashed", "warn"),
    "delivered": ("circle-check", "good"),
    "failed": ("octagon-x", "bad"),
    "paused": ("circle-pause", "quiet"),
    "skipped": ("skip-forward", "quiet"),
    "cancelled": ("ban", "quiet"),
    "needs attention": ("triangle-alert", "warn"),
    "connected": ("circle-check", "good"),
    "draft": ("pencil", "quiet"),
    "removed": ("ban", "quiet"),
    "passed": ("circle-check", "good"),
    "limited": ("triangle-alert", "warn"),
    "works": ("circle-check", "good"),
    "does not work": ("circle-x", "bad"),
    "broken": ("octagon-x", "bad"),
    "stored": ("circle-check", "good"),
    "not stored": ("clock", "quiet"),
    "backed up": ("shield-check", "good"),
    "not backed up": ("octagon-x", "bad"),
    "no copy": ("circle", "none"),
    "right": ("circle-check", "good"),
    "ticked": ("check", "good"),
    "to change": ("triangle-alert", "warn"),
    "not read": ("circle-dashed", "quiet"),
    "absent": ("circle", "quiet"),
    "active": ("circle-check", "good"),
    "rolled": ("clock", "warn"),
    "ended": ("circle", "quiet"),
    "deleted": ("ban", "quiet"),
    "on": ("circle-check", "good"),
    "off": ("circle", "quiet"),
    "not confirmed": ("clock", "warn"),
    "in a digest": ("circle-check", "good"),
}
# Control characters, line separators and what turns the direction of writing.
_TURNS_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC")
_NBSP = "\u00a0"
_UNITS = ("kB", "MB", "GB", "TB", "PB")


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """One icon of the sprite, silent for screen readers: words stand beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        css,
        static("ucdash/icons.svg"),
        name,
    )


@register.simple_tag
def file_address(project: Project, file_uuid: UUID, rest: str = "") -> str:
    """On the file host, for who may see this page: with a token where one is needed."""
    return signed_urls.address(project=project, file_path=f"{file_uuid}/{rest}")


@register.simple_tag
def state(word: str) -> SafeString:
    """A state as icon, word and colour."""
    symbol, tone = _LOOKS.get(word.lower(), ("circle", "quiet"))
    return format_html(
        '<span class="state tone-{}">{}{}</span>',
        tone,
        icon(symbol, "spin" if symbol == "loader" else ""),
        word[:1].upper() + word[1:],
    )


@register.simple_tag
def copy_dot(storage_name: str, word: str, letters: str) -> SafeString:
    """One dot for one storage, with its letters; the words are in it for who cannot see the dot."""
    symbol, tone = _LOOKS.get(word.lower(), ("circle", "none"))
    shown = display_name(storage_name)
    return format_html(
        '<span class="dot tone-{} shape-{}" title="{}: {}"><span aria-hidden="true">{}</span>'
        '<span class="sr-only">{}: {}</span></span>',
        tone,
        symbol,
        shown,
        word,
        letters,
        shown,
        word,
    )


@register.simple_tag(takes_context=True)
def ago(context: template.Context, moment: datetime | None, unknown: str = "–") -> SafeString | str:
    """How long ago or how soon; on hover the exact time in UTC, and in the person's own zone."""
    if moment is None:
        return unknown
    exact = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    zone = getattr(context.get("user"), "time_zone", "UTC")
    if zone != "UTC":
        exact = f"{exact} · {moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        exact,
        relative((timezone.now() - moment).total_seconds()),
    )


@register.simple_tag
def since(moment: datetime) -> SafeString:
    """The time of day in UTC, with the date when it is not within a day, before or ahead."""
    utc = moment.astimezone(UTC)
    is_recent = abs(timezone.now() - moment) < timedelta(hours=20)
    shown = f"{utc:%H:%M} UTC" if is_recent else f"{utc:%Y-%m-%d %H:%M} UTC"
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), shown)


@register.filter
def with_times(text: str) -> SafeString:
    """A sentence whose moments are marked as such, so that no line breaks within one."""
    mark = r'<time datetime="\1T\2Z">\1 \2 UTC</time>'
    return SafeString(_MOMENT.sub(mark, conditional_escape(text)))


def relative(seconds: float) -> str:
    """45 → just now, 200 → 3 min ago, -200 → in 3 min."""
    size = abs(seconds)
    if size < 60:
        return "just now" if seconds >= 0 else "in a moment"
    for limit, unit, word in ((3600, 60, "min"), (86_400, 3600, "h"), (float("inf"), 86_400, "d")):
        if size < limit:
            span = f"{int(size // unit)}{_NBSP}{word}"
            break
    return f"{span} ago" if seconds > 0 else f"in {span}"


@register.filter
def duration(seconds: float | None) -> str:
    """A span in its largest unit: 240 → 4 min."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{int(seconds)}{_NBSP}s"
    return relative(seconds).removesuffix(" ago")


@register.filter
def size(n_bytes: int | None) -> str:
    """Bytes in decimal units with a space that does not break."""
    if n_bytes is None:
        return "–"
    if n_bytes < 1000:
        return f"{n_bytes}{_NBSP}B"
    value, unit = n_bytes / 1000, _UNITS[0]
    for bigger in _UNITS[1:]:
        if value < 999.5:
            break
        value, unit = value / 1000, bigger
    return f"{value:.1f}{_NBSP}{unit}" if value < 99.95 else f"{value:.0f}{_NBSP}{unit}"


@register.filter
def number(value: int | None) -> str:
    """1204 → 1,204; a dash where nothing was counted."""
    return "–" if value is None else f"{value:,}"


@register.filter
def display_name(name: Any) -> str:
    """A name from outside without what could turn or break the line around it."""
    return _TURNS_TEXT.sub("\ufffd", str(name))


@register.filter
def display_text(text: Any) -> str:
    """Lines from outside, each as `display_name` shows one."""
    return "\n".join(display_name(line) for line in str(text).split("\n"))


@register.filter
def with_code(text: str) -> SafeString:
    """A sentence in which names stand between backticks, as the texts of checks have them."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return format_html("{}", text)
    pieces = (("<code>{}</code>" if n % 2 else "{}", part) for n, part in enumerate(parts))
    return SafeString("".join(format_html(shape, part) for shape, part in pieces))


@register.filter
def words(code: str) -> str:
    """`copy.failed` and `key_conflict` as words."""
    return re.sub(r"[._]", " ", code)


@register.filter
def get(mapping: dict[Any, Any], key: Any) -> Any:
    return mapping.get(key)


_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@register.filter
def browser(user_agent: str) -> str:
    """What a person calls it: "Firefox on Linux"; each of them claims to be some of the others."""
    name = next((name for sign, name in _BROWSERS if sign in user_agent), "A browser")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    return f"{name} on {system}" if system else name
