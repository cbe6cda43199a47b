"""`python -m tests.chaos`, as `make chaos` calls it: one run, its table, and JSON as the last line.

Exit 0: nothing was lost and everything planned happened; 1: not so, and the plan is printed.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from tests.chaos import plan as plans
from tests.chaos.oracle import NUMBERS
from tests.chaos.plan import Plan
from tests.chaos.run import Report, run

_FORMS = {"ci": plans.CI, "full": plans.FULL}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--form", choices=_FORMS, default="ci")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", choices=("services", "default"), default="services")
    parser.add_argument("--mutate", default="", help="Which protection to switch off.")
    return parser.parse_args()


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that every process is ended
    asked = _arguments()
    form, on_services = _FORMS[asked.form], asked.on == "services"
    plan = Plan.of(asked.seed, form if on_services else form.without_database_restarts())
    with tempfile.TemporaryDirectory(prefix="ucdash-chaos-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        report = run(plan, folder, on_services=on_services, mutation=asked.mutate)
    _print(report)
    return 0 if report.is_green else 1


def _print(report: Report) -> None:
    rows = [
        ("uploads promised", len(report.told.uploads)),
        ("variants promised", len(report.told.variants)),
        ("customers turned away", report.told.n_refused),
        ("calls of the bucket", report.tally["n_calls"]),
        ("faults injected", report.tally["n_injected"]),
        *((f"  {code}", n) for code, n in sorted(report.tally["injected"].items())),
        *((str(kind), n) for kind, n in sorted(report.happened.items())),
        ("incidents that met nobody at work", report.n_idle_kills),
        *((f"copies {state}", n) for state, n in sorted(report.states.items())),
        *((name, report.verdict.counts[name]) for name in NUMBERS),
    ]
    lines = [f"{label:<48} {value:>8}" for label, value in rows]
    if not report.is_green:
        lines += ["", *report.verdict.cases, *report.undone, "", report.plan.describe()]
    sys.stdout.write("\n".join([*lines, report.as_json(), ""]))


if __name__ == "__main__":
    sys.exit(main())
