"""POST /files/remote_copy/ of 20 KB: latency beside a bare boto3 put_object, to one SeaweedFS."""

import hashlib
import os
import time
from collections.abc import Callable

import requests

from benchmarks.common import (
    main,
    memory_mb,
    percentile,
    random_files,
    report,
    running_installation,
    upload,
)

COUNT = int(os.environ.get("FILES", "300"))
SIZE = 20 * 1024


def run() -> None:
    with running_installation() as installation:
        paths = random_files(installation.folder / "files", count=COUNT, size=SIZE)
        project = installation.create_project("Benchmark")
        installation.connect_bucket(project, prefix="ours/")
        uuids = upload(installation, project, paths)
        bodies = [path.read_bytes() for path in paths]
        session, client = requests.Session(), installation.bucket.client()
        session.headers["Accept"] = "application/vnd.uploadcare-v0.7+json"
        session.headers["Authorization"] = (
            f"Uploadcare.Simple {project.public_key}:{project.secret_key}"
        )

        def copy(number: int) -> None:
            answer = session.post(
                f"{installation.url}/files/remote_copy/",
                json={"source": uuids[number], "target": "demo"},
                timeout=30,
            )
            assert answer.status_code == 201, answer.text
            assert "X-Ucdash-Copy" not in answer.headers, "the copy was not finished in time"

        def put(number: int) -> None:
            client.put_object(Bucket="demo-bucket", Key=f"peer/{number}", Body=bodies[number])

        ours, peer = _in_turn(copy, put)
        _check(client, uuids, bodies)
        assert installation.processes
        web = next(process for process in installation.processes if process.name == "web")
        memory = memory_mb(web.pid)
        report(
            name="remote_copy",
            ours=percentile(ours, 0.5),
            peer=percentile(peer, 0.5),
            peer_name="boto3 put_object",
            unit="ms, p50",
            more_is_better=False,
            memory=memory,
            rows=[
                ("copies", f"{COUNT} of {SIZE // 1024} KB, one after the other"),
                *(
                    (label, f"p50 {percentile(ms, 0.5):.1f} ms · p95 {percentile(ms, 0.95):.1f} ms")
                    for label, ms in (("ucdash remote_copy", ours), ("boto3 put_object", peer))
                ),
                ("web memory", f"{memory:.0f} MB"),
            ],
            p95_ours=round(percentile(ours, 0.95), 2),
            p95_peer=round(percentile(peer, 0.95), 2),
        )


def _in_turn(
    ours: Callable[[int], None], peer: Callable[[int], None]
) -> tuple[list[float], list[float]]:
    """Both calls by turns, so that neither has the quieter machine; milliseconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(COUNT):
        for call, kept in zip((ours, peer), times, strict=True):
            started = time.perf_counter()
            call(number)
            kept.append((time.perf_counter() - started) * 1000)
    return times


def _check(client: object, uuids: list[str], bodies: list[bytes]) -> None:
    """A fast answer that put nothing there would be worthless."""
    for uuid, body in zip(uuids[::50], bodies[::50], strict=True):
        (found,) = client.list_objects_v2(Bucket="demo-bucket", Prefix=f"ours/{uuid}/")["Contents"]  # type: ignore[attr-defined]
        read = client.get_object(Bucket="demo-bucket", Key=found["Key"])["Body"].read()  # type: ignore[attr-defined]
        assert hashlib.sha256(read).digest() == hashlib.sha256(body).digest()


if __name__ == "__main__":
    main(run)
