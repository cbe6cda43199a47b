"""What mkdocs has to know of these pages (mkdocs.yml), so that its site shows what we wrote.

They are CommonMark, as the product's own docs (`storages_app/dashboard/handbook.py`) read them:
lists, codes in headings, which are anchors, and links out of this folder would come out otherwise.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

_INDENTATION = 4  # what Python-Markdown asks for inside of a list, whatever its marker
_MARKER = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_HEADING = re.compile(r"^(#{2,6} )(.*`.*)$", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[([^][]+)\]\(([^()\s]+)\)")
_FENCED = re.compile(r"^( *```).*?^\1", re.MULTILINE | re.DOTALL)


def on_config(config: Any) -> Any:
    """In the navigation a folder stands for its pages, and what has no place there comes last."""
    folder = Path(config.docs_dir)
    nav = [_with_pages(entry, folder) for entry in config.nav]
    named = set(_named(nav))
    pages = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))
    more = [page for page in pages if page not in named]
    config.nav = [*nav, {"More": more}] if more else nav
    return config


def _named(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
    else:
        for inside in entry.values() if isinstance(entry, dict) else entry:
            yield from _named(inside)


def _with_pages(entry: Any, folder: Path) -> Any:
    if isinstance(entry, dict):
        return {title: _with_pages(inside, folder) for title, inside in entry.items()}
    if isinstance(entry, list):
        return [_with_pages(inside, folder) for inside in entry]
    if not entry.endswith("/"):
        return entry
    inside = sorted((folder / entry).glob("*.md"), key=lambda page: (page.stem != "README", page))
    return [page.relative_to(folder).as_posix() for page in inside]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The source of a page, in the dialect of mkdocs."""
    depth = page.file.src_uri.count("/")
    return with_wide_lists(outside_of_code(with_anchors_and_links, markdown, depth=depth))


def outside_of_code(change: Any, markdown: str, **options: Any) -> str:
    """The text with `change` made to all but what is fenced."""
    written, end = "", 0
    for block in _FENCED.finditer(markdown):
        written += change(markdown[end : block.start()], **options) + block[0]
        end = block.end()
    return written + change(markdown[end:], **options)


def with_anchors_and_links(markdown: str, *, depth: int) -> str:
    """Each code of a heading is an anchor; of a link out of the docs its text is left."""
    out = "../" * (depth + 1)
    markdown = _HEADING.sub(lambda found: found[1] + _anchors(found[2]) + found[2], markdown)
    return _LINK.sub(lambda found: found[1] if found[2].startswith(out) else found[0], markdown)


def _anchors(heading: str) -> str:
    codes = dict.fromkeys(code.lower() for code in _CODE.findall(heading))
    return "".join(f'<span id="{code}"></span>' for code in codes if re.fullmatch(r"[\w.-]+", code))


def with_wide_lists(markdown: str) -> str:
    """The same lists, with what belongs to an item four columns further in than its marker."""
    lines = markdown.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    further, before = [0] * len(lines), set()
    for token in tokens:
        if token.type in {"bullet_list_open", "ordered_list_open"} and token.map:
            before.add(token.map[0])
        if token.type == "list_item_open" and token.map:
            first, end = token.map
            marker = _MARKER.match(lines[first])
            width = len(marker[0]) - len(lines[first]) + len(lines[first].lstrip()) if marker else 0
            for number in range(first + 1, end):
                further[number] += _INDENTATION - width
    written: list[str] = []
    for number, line in enumerate(lines):
        if number in before and not further[number] and written and written[-1].strip():
            written.append("")  # a list begins in the line after a paragraph
        shift = further[number] if line.strip() else 0
        written.append(" " * shift + line if shift >= 0 else line[-shift:])
    return "\n".join(written)
