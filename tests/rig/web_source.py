"""A web server of somebody else, from which files are fetched: it serves what a test gives it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class _Answer:
    body: bytes
    status: int
    headers: dict[str, str]
    is_held: bool


class WebSource:
    """Addresses and their answers; nothing else is there."""

    def __init__(self) -> None:
        self._answers: dict[str, _Answer] = {}
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def host_and_port(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def serve(
        self,
        path: str,
        body: bytes = b"",
        *,
        status: int = 200,
        content_type: str = "application/octet-stream",
        is_held: bool = False,
        **headers: str,
    ) -> str:
        """Answer `path` from now on, or never while `is_held`; the whole address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        found = {"Content-Type": content_type, "Content-Length": str(len(body)), **named}
        self._answers[path] = _Answer(body, status, found, is_held)
        return f"http://{self.host_and_port}{path}"

    @contextmanager
    def running(self) -> Iterator["WebSource"]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._released.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = source._answers.get(urlsplit(self.path).path)
                if answer is None:
                    self.send_error(404)
                    return
                if answer.is_held:
                    source._released.wait()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
