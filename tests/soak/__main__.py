"""`python -m tests.soak`, as `make soak` calls it: the long rounds, a table, JSON as the last line.

Exit 1 if a goal was missed.
"""

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path

from tests.rig.processes import say
from tests.soak.rounds import Result, Rounds


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process is ended
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--only", default="", help="Goals, with commas between: G3,G12.")
    parser.add_argument("--on", choices=("services", "default"), default="services")
    parser.add_argument("--share", type=float, default=1.0, help="0.1: a tenth of everything.")
    asked = parser.parse_args()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="ucdash-soak-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        rounds = Rounds(folder, on_services=asked.on == "services", share=asked.share)
        for goal in asked.only.split(",") if asked.only else rounds.all:
            say(f"{goal} …")
            results += rounds.all[goal]()
    _print(results)
    return 0 if all(result.is_met for result in results) else 1


def _print(results: list[Result]) -> None:
    for one in results:
        word = "met" if one.is_met else "MISSED"
        figures = f"{one.figure:>10.1f} {one.unit:<10} goal {one.limit:g}"
        sys.stdout.write(f"{one.goal:<5}{one.what:<52}{figures:<32}{word}\n")
    facts = [{**vars(one), "figure": round(one.figure, 2), "met": one.is_met} for one in results]
    sys.stdout.write(json.dumps({"name": "soak", "results": facts}) + "\n")


if __name__ == "__main__":
    sys.exit(main())
