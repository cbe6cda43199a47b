"""Small parts: sizes, times, states, and files that come from elsewhere."""

import gzip
import hashlib
import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context
from django.utils import timezone

from storages_app.dashboard import style_guide
from storages_app.templatetags import ucdash

ROOT = Path(settings.BASE_DIR)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (18_145, "18.1 kB"),
        (104_857_600, "105 MB"),
        (999_950, "1.0 MB"),
        (5_368_709_120, "5.4 GB"),
    ],
)
def test_sizes_are_in_decimal_units_with_a_space_that_does_not_break(n_bytes, text):
    assert ucdash.size(n_bytes) == text.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "just now"),
        (-5, "in a moment"),
        (240, "4 min ago"),
        (-7_300, "in 2 h"),
        (90_000, "1 d ago"),
    ],
)
def test_times_are_relative(seconds, text):
    assert ucdash.relative(seconds) == text.replace(" ", "\u00a0", 1) if text[0].isdigit() else text
    assert ucdash.relative(seconds).replace("\u00a0", " ") == text


def test_a_time_has_its_exact_moment_in_utc():
    moment = timezone.now() - timedelta(hours=3)
    assert f"{moment:%Y-%m-%d %H:%M:%S} UTC" in ucdash.ago(Context(), moment)
    assert ucdash.ago(Context(), None, "never") == "never"


def test_a_state_has_icon_word_and_tone(settings):
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    html = ucdash.state("Needs attention")
    assert "tone-warn" in html
    assert "#triangle-alert" in html
    assert "Needs attention" in html


def test_the_nine_states_of_jobs_differ_in_shape():
    words = [
        "waiting",
        "running",
        "done",
        "done with gaps",
        "failed",
        "paused",
        "skipped",
        "cancelled",
        "needs attention",
    ]
    assert len({ucdash._LOOKS[word][0] for word in words}) == len(words)


def test_vendored_files_have_the_hashes_of_the_list():
    wanted = tomllib.loads((ROOT / "assets" / "vendor.toml").read_text())
    hashes = {
        ROOT / package["into"] / Path(path).name: sha256
        for package in wanted["package"]
        for path, sha256 in package["files"].items()
    }
    hashes[ROOT / wanted["sprite"]["into"]] = wanted["sprite"]["sha256"]
    for path, sha256 in hashes.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256, path
    vendored = {path for path in (ROOT / "static" / "vendor").rglob("*") if path.is_file()}
    assert vendored <= set(hashes)


def test_every_icon_that_is_used_is_in_the_sprite():
    sprite = (ROOT / "static" / "ucdash" / "icons.svg").read_text()
    there = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    used = {symbol for symbol, _ in ucdash._LOOKS.values()}
    from storages_app.dashboard.frame import NAVIGATION

    used |= {icon for _, links in NAVIGATION for _, _, icon, _ in links}
    for template in TEMPLATES:
        used |= set(re.findall(r'{% icon "([^"]+)"', template.read_text()))
    assert used <= there


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_inline_style_or_script(template):
    text = template.read_text()
    assert not re.search(r"\sstyle=", text)
    assert not re.search(r"\son[a-z]+=", text)
    assert "|safe" not in text
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script


def test_the_style_guide_shows_every_token_of_the_stylesheet():
    css = (ROOT / "static" / "ucdash" / "ucdash.css").read_text()
    tokens = set(re.findall(r"--([a-z0-9-]+):", css.partition("}")[0]))
    described = [*style_guide.COLOURS, *style_guide.TYPE, *style_guide.SHAPES]
    shown = [name for name, _ in described] + list(style_guide.SPACES)
    assert sorted(shown) == sorted(tokens)
    own = (ROOT / "static" / "ucdash" / "style-guide.css").read_text()
    assert [name for name in shown if f"var(--{name})" not in own] == []


def test_the_stylesheet_is_small():
    css = (ROOT / "static" / "ucdash" / "ucdash.css").read_bytes()
    assert len(gzip.compress(css)) < 20_000


@pytest.mark.parametrize("name", ["app.js", "upload.js"])
def test_each_script_of_ours_is_small(name):
    assert len((ROOT / "static" / "ucdash" / name).read_bytes()) < 3_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no names", "no names"),
        ("Paste `a&b` into `c`.", "Paste <code>a&amp;b</code> into <code>c</code>."),
        ("one ` alone", "one ` alone"),
        ("`<script>`", "<code>&lt;script&gt;</code>"),
        ("{} {0} `{x}`", "{} {0} <code>{x}</code>"),
    ],
)
def test_names_between_backticks_are_code_and_never_html(text, shown):
    assert ucdash.with_code(text) == shown


def _says(path: Path, pattern: str, seen: frozenset[Path] = frozenset()) -> bool:
    """Whether a template does, or one that it extends or includes."""
    if path in seen or not path.exists():
        return False
    text = path.read_text()
    parts = re.findall(r'{% (?:include|extends) "([^"]+)"', text)
    return bool(re.search(pattern, text)) or any(
        _says(ROOT / "templates" / part, pattern, seen | {path}) for part in parts
    )


def test_every_page_with_a_live_part_loads_what_keeps_it_live():
    pages = [path for path in TEMPLATES if not path.name.startswith("_")]
    live = [path for path in pages if _says(path, r"\bhx-(get|post)=")]
    assert len(live) > 10
    assert not [path.name for path in live if not _says(path, "htmx_script")]
