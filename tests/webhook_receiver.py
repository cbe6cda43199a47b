"""A receiver of webhooks on loopback: answers as it is told, and remembers what it got."""

import json
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = int | Callable[["Handler"], None]


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> Any:
        return json.loads(self.body)


class Receiver(ThreadingHTTPServer):
    """Answers the next of `answers`, else `always`: a status, or a function of the request."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.received: list[Received] = []
        self.answers: deque[Answer] = deque()
        self.always: Answer = 200

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str = "hook") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def forget(self) -> None:
        self.received.clear()
        self.answers.clear()
        self.always = 200


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.server.received.append(Received(headers, body, time.monotonic()))
        answer = self.server.answers.popleft() if self.server.answers else self.server.always
        if callable(answer):
            answer(self)
        else:
            self.say(answer)

    def say(self, status: int, content: bytes = b"said", **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Nothing is printed."""


class Moods:
    """As `always`: fails three times in ten and is slow once in ten, the same with each run."""

    def __init__(self, *, slow_s: float) -> None:
        self.taken: Counter[str] = Counter()  # ids that were answered with 200
        self.asked: Counter[str] = Counter()
        self.n_failed = 0
        self.n_slow = 0
        self._slow_s = slow_s
        self._chance = random.Random(9)
        self._lock = threading.Lock()

    def __call__(self, handler: Handler) -> None:
        message_id = handler.headers["webhook-id"]
        with self._lock:
            self.asked[message_id] += 1
            fails, is_slow = self._chance.random() < 0.3, self._chance.random() < 0.1
            self.n_failed += fails
            self.n_slow += is_slow
        if is_slow:
            time.sleep(self._slow_s)
        if not fails:
            with self._lock:
                self.taken[message_id] += 1
        handler.say(503 if fails else 200)


@contextmanager
def running() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
