"""Requests whose headers name encodings that are none: refused or read as UTF-8, never a 500."""

import pytest
from django.test import RequestFactory

from ucdash.wsgi import application

# Each is no encoding, or one that reads no text, or one that makes halves of characters.
VALUES = ["nope''%41", "undefined''x", "idna''%ff", "unicode_escape''%5cud800", "utf-8''%00"]


def answer(environ):
    heard = {}

    def start_response(status, headers, exc_info=None):
        heard.update(status=status, headers=dict(headers))

    body = b"".join(application(environ, start_response)).decode()
    return heard["status"], body


@pytest.mark.parametrize("value", VALUES)
def test_a_content_type_that_cannot_be_read_is_refused(value):
    environ = RequestFactory().get("/info/").environ
    environ["CONTENT_TYPE"] = f"text/plain; charset*={value}"
    status, body = answer(environ)
    assert status == "400 Bad Request"
    assert "The Content-Type header cannot be read." in body


@pytest.mark.parametrize("value", VALUES)
def test_an_accept_that_cannot_be_read_is_refused(value):
    environ = RequestFactory().get("/nope", HTTP_ACCEPT=f"text/html, image/*; q*={value}").environ
    status, body = answer(environ)
    assert status == "400 Bad Request"
    assert "The Accept header cannot be read." in body


@pytest.mark.django_db
@pytest.mark.parametrize(
    "charset", ["base64", "hex", "idna", "undefined", "utf-7", "unicode_escape", "utf-16"]
)
@pytest.mark.parametrize("key", ["+2AA-", "%5Cud800", "%FF"])
def test_a_strange_charset_is_not_followed(charset, key):
    requests = RequestFactory()
    asked = requests.get("/info/", QUERY_STRING=f"pub_key={key}").environ
    sent = requests.generic("POST", "/base/", f"UPLOADCARE_PUB_KEY={key}").environ
    for environ in (asked, sent):
        environ["CONTENT_TYPE"] = f"application/x-www-form-urlencoded; charset={charset}"
        assert answer(environ)[0] == "403 Forbidden"
