"""What gunicorn loads."""

import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucdash.settings")

# Django reads the first before any middleware runs and the second while it writes an error page.
_READ_BY_DJANGO = {"CONTENT_TYPE": "Content-Type", "HTTP_ACCEPT": "Accept"}
# `charset*=nope''%41` (RFC 2231): no client sends it, and Django fails on encodings that are none.
_EXTENDED_PARAMETER = re.compile(r"\*[0-9]*\*?\s*=")


class Utf8Request(WSGIRequest):
    """Addresses and forms are UTF-8, whatever charset the client names.

    Django takes any codec of Python for one: some read no text at all (`hex`, `undefined`), others
    make characters that no database keeps (`utf-7`, `unicode_escape`).
    """

    @property
    def encoding(self) -> str:
        return "utf-8"

    @encoding.setter
    def encoding(self, charset: str) -> None:
        pass


class Application(WSGIHandler):
    """Django, and a 400 where it would fail outside of all its error handling."""

    request_class = Utf8Request

    def __call__(  # type: ignore[override]  # the stubs say that it returns a Django response
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        for variable, name in _READ_BY_DJANGO.items():
            if _EXTENDED_PARAMETER.search(environ.get(variable, "")):
                return _refuse(name, start_response)
        return super().__call__(environ, start_response)


def _refuse(name: str, start_response: "StartResponse") -> Iterable[bytes]:
    text = f"The {name} header cannot be read. Write its parameters as plain text: name=value.\n"
    body = text.encode()
    start_response(
        "400 Bad Request",
        [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )
    return [body]


django.setup(set_prefix=False)
application = Application()
