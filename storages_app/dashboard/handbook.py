"""The product's own docs: the Markdown files of `docs/`, as pages.

A page is looked up among the files that are there, so no address leads out of the folder. Each
inline code of a heading is an anchor of its own, in lower case: there the rows of a connection test
and the errors of the API link to.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.images import get_image_dimensions
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from storages_app.dashboard import check_texts

_INDEX = "README.md"
_CHECKS = "checks/"
# This part of the checks' index stands at the end of the page of each check.
_OF_ALL_CHECKS = "When any check fails"
_ERRORS = "errors"
_PICTURES = "pictures"  # folders of this name
PICTURE_TYPES = {
    ".avif": "image/avif",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}


@dataclass(frozen=True)
class Heading:
    level: int
    anchor: str
    text: str


@dataclass(frozen=True)
class Page:
    path: str
    title: str
    html: SafeString
    contents: tuple[Heading, ...]
    anchors: frozenset[str]
    links: frozenset[str]  # to other pages, with their anchors


@dataclass
class _Writing:
    """What is known of a page while it is made."""

    path: str
    check_id: str
    own_codes: frozenset[str]  # those that headings of the page name themselves
    anchors: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    contents: list[Heading] = field(default_factory=list)
    n_codes: int = 0

    def take(self, anchor: str) -> bool:
        """Whether the anchor was free; now it is not."""
        is_free = anchor not in self.anchors
        self.anchors.add(anchor)
        return is_free


@cache
def sources() -> Mapping[str, Path]:
    """The files by the address of their page: `checks/write` → `docs/checks/write.md`."""
    folder = Path(settings.BASE_DIR) / "docs"
    return {_path_of(found.relative_to(folder)): found for found in sorted(folder.rglob("*.md"))}


@cache
def pictures() -> Mapping[str, Path]:
    """What pages show: `operations/crop.jpg` → `docs/operations/pictures/crop.jpg`."""
    folder = Path(settings.BASE_DIR) / "docs"
    return {
        (found.parent.parent / found.name).relative_to(folder).as_posix(): found
        for found in sorted(folder.rglob(f"{_PICTURES}/*"))
        if found.suffix in PICTURE_TYPES
    }


def page(path: str) -> Page | None:
    """A page by its address, or None; only pages that are there are remembered."""
    return _made(path) if path in sources() else None


@cache
def _made(path: str) -> Page:
    tokens = _parse(path)
    headings = [tokens[n + 1] for n, token in enumerate(tokens) if token.type == "heading_open"]
    codes = frozenset(code.lower() for heading in headings for code in _codes(heading))
    writing = _Writing(path, _check_of(path), codes)
    written = [*_written(tokens, writing)]
    if writing.check_id:
        writing.check_id = ""
        written += _written(_section(_parse(_CHECKS.rstrip("/")), _OF_ALL_CHECKS), writing)
    html = _markdown().renderer.render(written, _markdown().options, {"writing": writing})
    return Page(
        path=path,
        title=next((_text(token) for token in tokens if token.type == "inline"), path),
        html=mark_safe(html),  # noqa: S308 - our own files, and raw HTML in them is shown as text
        contents=tuple(writing.contents),
        anchors=frozenset(writing.anchors),
        links=frozenset(writing.links),
    )


def address_of(path: str) -> str:
    return reverse("dashboard:docs_page", args=[path]) if path else reverse("dashboard:docs")


def _path_of(name: Path) -> str:
    found = name.parent if name.name == _INDEX else name.with_suffix("")
    return "" if found == Path() else found.as_posix()


def _check_of(path: str) -> str:
    """The check that a page is about, if it is there; a test keeps the two in step."""
    check_id = path.removeprefix(_CHECKS) if path.startswith(_CHECKS) else ""
    return check_id if check_texts.is_check(check_id) else ""


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    for rule in (_fence, _table_open, _table_close):
        markdown.add_render_rule(rule.__name__.removeprefix("_"), rule)
    return markdown


def _parse(path: str) -> list[Token]:
    return _markdown().parse(sources()[path].read_text())


def _section(tokens: list[Token], title: str) -> list[Token]:
    """A heading of the second level with what stands under it."""
    starts = [n for n, token in enumerate(tokens) if token.tag == "h2" and token.nesting == 1]
    start = next(n for n in starts if _text(tokens[n + 1]) == title)
    end = next((n for n in starts if n > start), len(tokens))
    return tokens[start:end]


def _written(tokens: list[Token], writing: _Writing) -> Iterator[Token]:
    """The same with anchors, the product's own texts, and links that lead to pages."""
    heading: Token | None = None
    for n, token in enumerate(tokens):
        if token.type == "heading_open":
            heading = tokens[n + 1]
            yield from _anchored(token, heading, writing)
            continue
        if token.type == "inline":
            _turn_links(token, writing)
        yield token
        if token.type == "heading_close" and heading:
            yield from _texts(token.tag, _codes(heading), writing)


def _anchored(opening: Token, inline: Token, writing: _Writing) -> Iterator[Token]:
    """The heading with its own anchor, and before it those of its codes."""
    codes = _codes(inline)
    names = [code.lower() for code in codes]
    if writing.check_id:
        aliases = [code.lower() for code in check_texts.aliases(writing.check_id, codes)]
        names += [name for name in aliases if name not in writing.own_codes]
    for name in names:
        if writing.take(name):
            yield _raw(format_html('<span id="{}"></span>', name))
    anchor = _slug(_text(inline))
    if writing.take(anchor):
        opening.attrSet("id", anchor)
    if opening.tag != "h1":
        writing.contents.append(Heading(int(opening.tag[1]), anchor, _without_codes(inline)))
    yield opening


def _texts(tag: str, codes: list[str], writing: _Writing) -> Iterator[Token]:
    """Under the name of a check its facts, under codes what the product says with them."""
    if writing.check_id and tag == "h1":
        facts = check_texts.facts(writing.check_id)
        yield _raw(render_to_string("dashboard/_docs_check.html", {"facts": facts}))
    elif writing.check_id and codes:
        texts = check_texts.texts(writing.check_id, codes)
        yield _raw(render_to_string("dashboard/_docs_texts.html", {"texts": texts}))
    elif writing.path == _ERRORS and codes:
        found = [text for code in codes for text in check_texts.refusals().get(code, [])]
        yield _raw(render_to_string("dashboard/_docs_refusals.html", {"refusals": found}))


def _raw(html: str) -> Token:
    return Token("html_block", "", 0, content=html)


def _turn_links(inline: Token, writing: _Writing) -> None:
    """Links to other files become links to their pages; where there is none, text remains.

    Pictures likewise.
    """
    is_kept = True
    for part in inline.children or []:
        if part.type == "image":
            part.type = "image" if _turn_picture(part, writing) else "text"
        if part.type == "link_open":
            address = _address(str(part.attrs["href"]), writing)
            is_kept = bool(address)
            part.attrs["href"] = address
        if part.type in {"link_open", "link_close"} and not is_kept:
            part.type, part.tag, part.nesting = "text", "", 0


def _address(href: str, writing: _Writing) -> str:
    """Where a link leads, in the product; empty if it leads out of the docs."""
    if re.match(r"[a-z]+:|#", href):
        return href
    target, _hash, anchor = href.partition("#")
    folder = sources()[writing.path].parent
    file = (folder / target).resolve()
    path = next((path for path, known in sources().items() if known == file), None)
    if path is None:
        return ""
    writing.links.add(f"{path}#{anchor}" if anchor else path)
    return address_of(path) + (f"#{anchor}" if anchor else "")


def _turn_picture(part: Token, writing: _Writing) -> bool:
    """Whether a picture is one of our own; then it has its address, and its place at once."""
    file = (sources()[writing.path].parent / str(part.attrs["src"])).resolve()
    path = next((path for path, known in pictures().items() if known == file), None)
    if path is None:
        return False
    width, height = get_image_dimensions(file)
    address = reverse("dashboard:docs_picture", args=[path])
    part.attrs |= {"src": address, "loading": "lazy", "width": width or "", "height": height or ""}
    return True


def _text(inline: Token) -> str:
    return "".join(part.content for part in inline.children or []).strip()


def _without_codes(inline: Token) -> str:
    words = [part.content for part in inline.children or [] if part.type != "code_inline"]
    return "".join(words).strip(" ,:") or _text(inline)


def _codes(inline: Token) -> list[str]:
    """The inline codes of a heading."""
    return [part.content for part in inline.children or [] if part.type == "code_inline"]


def _slug(text: str) -> str:
    """As repositories on the web make it of a heading, so that links work in both places."""
    return re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")


def _fence(renderer: Any, tokens: list[Token], n: int, options: Any, env: dict[str, Any]) -> str:
    env["writing"].n_codes += 1
    context = {"id": f"code-{env['writing'].n_codes}", "text": tokens[n].content.rstrip()}
    return render_to_string("dashboard/_docs_code.html", context)


def _table_open(*_rule: Any) -> str:
    return '<div class="scroll" role="group" aria-label="Table" tabindex="0"><table class="table">'


def _table_close(*_rule: Any) -> str:
    return "</table></div>"
