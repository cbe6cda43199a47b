"""The site of the docs (`make docs`): built without a warning, asking no other host."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs import screenshots, site_hooks

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def build(folder: Path, configuration: Path = ROOT / "mkdocs.yml") -> subprocess.CompletedProcess:
    """Without `--quiet`, under which mkdocs counts no warnings."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "mkdocs", "build", "--strict"),
            *("--config-file", str(configuration), "--site-dir", str(folder)),
        ],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder


class Asked(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        fetched = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "prefetch"}
        if tag in {"script", "img", "iframe", "source", "object", "embed", "video", "audio"}:
            self.addresses += [named.get(name) or "" for name in ("src", "data", "srcset")]
        if tag == "link" and fetched & set((named.get("rel") or "").split()):
            self.addresses.append(named.get("href") or "")


def asked_by(page: Path) -> Iterator[str]:
    reader = Asked()
    reader.feed(page.read_text())
    yield from filter(None, reader.addresses)
    yield from re.findall(r"url\((.*?)\)", page.read_text())


def test_every_page_of_the_docs_is_in_the_site(site):
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    built = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    renamed = {re.sub(r"README$", "index", page) for page in pages}
    assert renamed == built - {"404"}
    assert not [*site.rglob("*.py")]


def test_no_page_has_a_browser_ask_another_host(site):
    outside = [
        (page.name, address)
        for page in [*site.rglob("*.html"), *site.rglob("*.css")]
        for address in asked_by(page)
        if re.match(r"['\"]?(?:https?:)?//", address)
    ]
    assert outside == []


def test_a_code_in_a_list_stays_in_its_item(site):
    """CommonMark asks for three columns there, and Python-Markdown would end the list."""
    page = (site / "restore.html").read_text()
    (steps,) = re.findall(r"<ol>.*?</ol>", page, re.DOTALL)[:1]
    assert steps.count("<li>") == 4
    assert "manage.py restore" in re.sub(r"<[^>]+>", "", steps)


def test_codes_of_a_heading_are_anchors(site):
    page = (site / "errors.html").read_text()
    assert 'id="not_authenticated"' in page
    assert 'id="permission_denied"' in page


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "README.md").write_text("# Docs\n\n[wrong](README.md#no-such-heading)\n")
    configuration = (ROOT / "mkdocs.yml").read_text().partition("# A folder stands")[0]
    configuration = configuration.replace("docs/site_hooks.py", str(DOCS / "site_hooks.py"))
    (tmp_path / "mkdocs.yml").write_text(configuration + "nav: [README.md]\n")
    done = build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert done.returncode != 0
    assert "no-such-heading" in done.stderr


class TestPictures:
    """Made by `make screenshots`, so that they stay true."""

    def test_are_those_that_the_script_takes(self):
        taken = {*screenshots.AT_FIRST, *screenshots.LATER}
        assert {path.stem for path in screenshots.PICTURES.iterdir()} == taken

    def test_are_shown_where_they_help_and_are_in_the_site(self, site):
        shown = {
            name
            for page in [*DOCS.rglob("*.md"), ROOT / "README.md"]
            for name in re.findall(
                r"!\[[^\]]{20,}\]\((?:\.\./|docs/)?pictures/(\w+)\.png\)", page.read_text()
            )
        }
        assert shown >= {*screenshots.AT_FIRST, *screenshots.LATER}
        assert {path.stem for path in (site / "pictures").iterdir()} >= {*screenshots.LATER}

    def test_keep_the_repository_small(self):
        assert sum(path.stat().st_size for path in screenshots.PICTURES.iterdir()) < 1_500_000


class TestDialect:
    def test_what_belongs_to_an_item_is_four_columns_in(self):
        text = "Steps:\n1. One\n\n   ```sh\n   ls\n   ```\n\n2. Two\n   goes on\n"
        assert site_hooks.with_wide_lists(text) == (
            "Steps:\n\n1. One\n\n    ```sh\n    ls\n    ```\n\n2. Two\n    goes on\n"
        )

    def test_lists_in_lists_keep_their_levels(self):
        text = "* one\n  * two\n    more\n"
        assert site_hooks.with_wide_lists(text) == "* one\n    * two\n        more\n"

    def test_a_link_out_of_the_docs_is_text_and_code_is_left_alone(self):
        text = "[all](../.env.example) [page](a.md)\n```\n[x](../y)\n## `z`\n```\n"
        changed = site_hooks.outside_of_code(site_hooks.with_anchors_and_links, text, depth=0)
        assert changed == "all [page](a.md)\n```\n[x](../y)\n## `z`\n```\n"
