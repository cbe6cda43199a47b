"""Documents as S3 writes and reads them."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.s3double.errors import S3Error

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
Content = Any  # text, a number, a mapping of elements, a list of a repeated one or None


def element(name: str, content: Content, attributes: str = "") -> str:
    """A list repeats its element; None leaves it out."""
    if content is None:
        return ""
    if isinstance(content, Mapping):
        inner = "".join(element(key, value) for key, value in content.items())
    elif isinstance(content, bool):
        inner = str(content).lower()
    elif isinstance(content, (str, int)):
        inner = escape(str(content), {"\r": "&#13;"})
    else:
        return "".join(element(name, one) for one in content)
    return f"<{name}{attributes}>{inner}</{name}>"


def document(root: str, content: Content, *, namespace: str = NAMESPACE) -> bytes:
    attributes = f' xmlns="{namespace}"' if namespace else ""
    return (_HEAD + element(root, content, attributes)).encode()


class Node:
    """An element of a request; names are looked up without their namespace."""

    def __init__(self, found: ElementTree.Element | None) -> None:
        self._found = found

    def __bool__(self) -> bool:
        return self._found is not None

    def all(self, name: str) -> list["Node"]:
        if self._found is None:
            return []
        return [Node(one) for one in self._found if one.tag.rpartition("}")[2] == name]

    def one(self, path: str) -> "Node":
        node = self
        for name in path.split("/"):
            node = next(iter(node.all(name)), Node(None))
        return node

    def text(self, path: str = "") -> str:
        node = self.one(path) if path else self
        return "" if node._found is None else (node._found.text or "").strip()

    @property
    def name(self) -> str:
        return "" if self._found is None else self._found.tag.rpartition("}")[2]

    def attribute(self, ending: str) -> str:
        attributes = {} if self._found is None else self._found.attrib
        return next((value for name, value in attributes.items() if name.endswith(ending)), "")


def parse(body: bytes, root: str) -> Node:
    try:
        node = Node(ElementTree.fromstring(body))
    except ElementTree.ParseError as error:
        raise S3Error("MalformedXML") from error
    if node.name != root:
        raise S3Error("MalformedXML")
    return node
