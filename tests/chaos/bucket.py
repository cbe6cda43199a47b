"""The strict double as a process of its own, with a second port to direct it by.

Killing workers and restarting databases happens beside it; it outlives all of it, as the bucket
of a customer would. Run as `python -m tests.chaos.bucket FACTS`; it writes where it listens, and
whom it knows, into the file FACTS.
"""

import hashlib
import json
import os
import signal
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.rig.processes import Process
from tests.s3double import S3Double, allow_all
from tests.s3double.buckets import Bucket, Object


@dataclass(frozen=True)
class Version:
    """One version of an object."""

    sha256: str
    size: int
    is_damaged: bool  # the bucket spoilt it, not who wrote it


@dataclass(frozen=True)
class OpenUpload:
    key: str
    upload_id: str


@dataclass(frozen=True)
class Contents:
    """All that is in a bucket: versions by key, the newest last, and multipart uploads.

    `removed` are keys that have old versions only: whoever asks is told that there is nothing.
    """

    versions: dict[str, list[Version]]
    open_uploads: list[OpenUpload] = field(default_factory=list)
    removed: frozenset[str] = frozenset()


class BucketServer:
    """The process, seen from the run."""

    def __init__(self, folder: Path, *, seed: int, buckets: Sequence[str]) -> None:
        facts = folder / "bucket.json"
        command = [sys.executable, "-m", "tests.chaos.bucket", str(facts), str(seed), *buckets]
        self.process = Process("bucket", command, env=os.environ, log=folder / "bucket.log")
        self.process.wait_until(facts.exists, within=30, what="the bucket's address")
        self.facts: dict[str, str] = json.loads(facts.read_text())

    def faults_on(self, *, rate: float, codes: Sequence[str]) -> None:
        self._ask("/faults", {"rate": rate, "codes": list(codes)})

    def faults_off(self) -> None:
        self.faults_on(rate=0, codes=[])

    def set_quirks(self, **quirks: Any) -> None:
        """How the server differs from Amazon's, from now on."""
        self._ask("/quirks", quirks)

    def let_hours_pass(self, hours: float) -> None:
        """Whatever multipart upload is open now was begun so much earlier."""
        self._ask("/age", {"hours": hours})

    def tally(self) -> dict[str, Any]:
        """`n_calls`, `n_injected`, `injected` by code, and `failures` of the double itself."""
        found: dict[str, Any] = self._ask("/tally", {})
        return found

    def calls(self) -> list[dict[str, Any]]:
        """The latest calls, oldest first: `operation`, `key`, `status`, `code`."""
        found: list[dict[str, Any]] = self._ask("/calls", {})
        return found

    def contents(self, bucket: str) -> Contents:
        found = self._ask("/contents", {"bucket": bucket})
        return Contents(
            {key: [Version(*one) for one in those] for key, those in found["versions"].items()},
            [OpenUpload(*one) for one in found["open_uploads"]],
            frozenset(found["removed"]),
        )

    def stop(self) -> None:
        self.process.stop()

    def _ask(self, path: str, content: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self.facts["control"] + path,
            json.dumps(content).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)


# --- In the process ----------------------------------------------------------------------------


class Director:
    """What the second port can ask for; one method a path."""

    def __init__(self, double: S3Double) -> None:
        self._double = double

    def faults(self, *, rate: float, codes: list[str]) -> None:
        self._double.faults.by_name(rate, codes)

    def quirks(self, **quirks: Any) -> None:
        for name, value in quirks.items():
            assert hasattr(self._double.quirks, name), name
            setattr(self._double.quirks, name, value)

    def age(self, *, hours: float) -> None:
        with self._double._lock:
            for bucket in self._double.buckets.values():
                for upload in bucket.uploads.values():
                    upload.started_at -= timedelta(hours=hours)

    def tally(self) -> dict[str, Any]:
        faults = self._double.faults
        return {
            "n_calls": faults.n_asked,
            "n_injected": faults.n_injected,
            "injected": dict(faults.injected),
            "failures": [repr(one) for one in self._double.failures],
        }

    def calls(self) -> list[dict[str, Any]]:
        return [
            {"operation": c.operation, "key": c.key, "status": c.status, "code": c.code}
            for c in list(self._double.log)
        ]

    def contents(self, *, bucket: str) -> dict[str, Any]:
        found: Bucket = self._double.buckets[bucket]
        with self._double._lock:
            versions = {
                key: [_as_list(one) for one in those if not one.is_delete_marker]
                for key, those in found.versions.items()
            }
            uploads = [[one.key, one.id] for one in found.uploads.values()]
            removed = [key for key in versions if found.current(key) is None]
        return {"versions": versions, "open_uploads": uploads, "removed": removed}


def _as_list(one: Object) -> list[Any]:
    digest = hashlib.sha256()
    for chunk in one.content.chunks():
        digest.update(chunk)
    return [digest.hexdigest(), one.size, one.content.is_damaged]


class _Control(BaseHTTPRequestHandler):
    director: Director

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(getattr(self.director, self.path[1:])(**content)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The run keeps its own record."""


def main(facts: Path, seed: int, buckets: list[str]) -> None:
    with S3Double(seed) as double:
        writer = double.add_user("writer", policies=[allow_all("s3:*")])
        for name in buckets:
            double.add_bucket(name, versioning=True)
        _Control.director = Director(double)
        control = ThreadingHTTPServer(("127.0.0.1", 0), _Control)
        known = {
            "endpoint_url": double.endpoint_url,
            "control": f"http://127.0.0.1:{control.server_port}",
            "access_key_id": writer.access_key_id,
            "secret_access_key": writer.secret_access_key,
        }
        unfinished = facts.with_suffix(".part")
        unfinished.write_text(json.dumps(known))
        unfinished.rename(facts)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            control.serve_forever()
        finally:
            control.server_close()
            double.failures.clear()  # they are in the tally


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
