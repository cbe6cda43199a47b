"""The default server has the kernel send files: their bytes do not come through Python."""

import socket
from threading import Thread
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from django.conf import settings as django_settings
from django.test import RequestFactory
from gunicorn.config import Config
from gunicorn.http.wsgi import FileWrapper, Response

from tests.factories import make_file, make_project
from ucdash.wsgi import application

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 4_000


@pytest.fixture
def sent_by_kernel(monkeypatch):
    """(offset, count) of every call of sendfile."""
    calls = []
    real = socket.socket.sendfile

    def remember(self, file, offset=0, count=None):
        calls.append((offset, count))
        return real(self, file, offset, count)

    monkeypatch.setattr(socket.socket, "sendfile", remember)
    return calls


def served(path, **headers):
    """Status line and body, as gunicorn's own code puts them on a socket."""
    environ = RequestFactory(headers=headers).get(path).environ
    environ["HTTP_HOST"] = urlsplit(django_settings.CDN_URL).netloc
    environ["wsgi.file_wrapper"] = FileWrapper
    ours, theirs = socket.socketpair()
    heard = bytearray()

    def listen():
        while chunk := theirs.recv(65_536):
            heard.extend(chunk)

    listener = Thread(target=listen)
    listener.start()
    with theirs, ours:
        request = SimpleNamespace(version=(1, 1), method="GET", should_close=lambda: True)
        response = Response(request, ours, Config())
        body = application(environ, response.start_response)
        try:
            assert isinstance(body, FileWrapper)
            response.write_file(body)
            response.close()
        finally:
            body.close()
            ours.shutdown(socket.SHUT_WR)
            listener.join()
    head, _, content = bytes(heard).partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], content


@pytest.fixture
def file():
    return make_file(make_project(), CONTENT)


def test_a_whole_file(file, sent_by_kernel):
    assert served(f"/{file.uuid}/") == (b"HTTP/1.1 200 OK", CONTENT)
    assert sent_by_kernel == [(0, len(CONTENT))]


def test_a_range(file, sent_by_kernel):
    status, body = served(f"/{file.uuid}/", range="bytes=500003-500102")
    assert (status, body) == (b"HTTP/1.1 206 Partial Content", CONTENT[500_003:500_103])
    assert sent_by_kernel == [(500_003, 100)]
