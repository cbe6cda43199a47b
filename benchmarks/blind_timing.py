"""What the time of a refusal tells of ports inside: an open one beside a closed one (S021).

`/from_url/` is asked for both in turn on the default server. The goal is a difference of the
medians under 5 ms; the ratio of the two times is 1 where they cannot be told apart.
"""

import os
import socket
import time
from statistics import median

import requests

from benchmarks.common import main, memory_mb, percentile, report, running_installation

TRIES = int(os.environ.get("TRIES", "300"))


def run() -> None:
    with (
        running_installation() as installation,
        socket.create_server(("127.0.0.1", 0)) as listening,
        requests.Session() as session,
    ):
        public_key = installation.create_project().public_key
        ports = {"open": listening.getsockname()[1], "closed": 1}
        times: dict[str, list[float]] = {kind: [] for kind in ports}
        for turn in range(TRIES):
            for kind in sorted(ports, reverse=bool(turn % 2)):
                data = {"pub_key": public_key, "source_url": f"http://127.0.0.1:{ports[kind]}/"}
                began = time.perf_counter()
                answer = session.post(f"{installation.url}/from_url/", data=data, timeout=30)
                times[kind].append((time.perf_counter() - began) * 1000)
                assert answer.text == "Only public IPs are allowed."
        web = next(process for process in installation.processes if process.name == "web")
        memory = memory_mb(web.pid)
    medians = {kind: median(taken) for kind, taken in times.items()}
    difference = abs(medians["open"] - medians["closed"])
    report(
        name="blind_timing",
        ours=medians["open"],
        peer=medians["closed"],
        peer_name="a closed port",
        unit="ms",
        more_is_better=False,
        memory=memory,
        rows=[
            *(
                (
                    f"{kind} port",
                    f"median {medians[kind]:.2f} ms, p95 {percentile(taken, 0.95):.2f}",
                )
                for kind, taken in times.items()
            ),
            ("difference of the medians", f"{difference:.3f} ms (goal: under 5)"),
        ],
        difference_ms=round(difference, 3),
    )


if __name__ == "__main__":
    main(run)
