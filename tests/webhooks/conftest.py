"""A receiver on loopback that answers as it is told, and remembers what it got."""

import json
import threading
from collections import deque
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from storages_app.lib import outbound
from storages_app.models import Webhook
from storages_app.webhooks import services
from tests import name_server
from tests.factories import make_project


@dataclass
class Received:
    headers: dict
    body: bytes

    @property
    def id(self):
        return self.headers["webhook-id"]

    @property
    def payload(self):
        return json.loads(self.body)


class Receiver(ThreadingHTTPServer):
    """Answers 200, or the next of `answers`: a status, or a function of the request's handler."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[Received] = []
        self.answers: deque = deque()
        self.always = 200

    @property
    def port(self):
        return self.server_address[1]

    def url(self, path="hook"):
        return f"http://127.0.0.1:{self.port}/{path}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.server.received.append(Received(headers, body))
        answer = self.server.answers.popleft() if self.server.answers else self.server.always
        if callable(answer):
            answer(self)
        else:
            self.say(answer)

    def say(self, status, content=b"said", **headers):
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def _running():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def receiver(_running):
    """A receiver that the operator has let in."""
    _running.received.clear()
    _running.answers.clear()
    _running.always = 200
    before = outbound.current_policy()
    outbound.configure(replace(before, allowed_private=frozenset({("127.0.0.1", _running.port)})))
    yield _running
    outbound.configure(before)


@pytest.fixture(autouse=True)
def _nobody_is_asked_for_names(monkeypatch):
    """Numbers are their own answer, and no name is known."""
    name_server.install(monkeypatch)


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def subscribe(project, receiver):
    """A webhook of the project at the receiver."""

    def make(event="file.uploaded", path="hook", **values) -> Webhook:
        return services.create(
            project=project,
            event=event,
            target_url=receiver.url(path),
            actor="a test",
            **values,
        )

    return make
