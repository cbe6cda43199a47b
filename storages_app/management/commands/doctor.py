"""Ask the whole installation whether what must always hold does hold."""

import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from storages_app.management.base import TellingCommand, add_needless_dry_run, seconds
from storages_app.oversight import invariants
from storages_app.oversight.invariants import Remark, Violation

_SHOWN_EACH = 50  # of one kind; a broken disk would fill the screen with one sentence


class Command(TellingCommand):
    help = (
        "Look whether the database, the upload storage and, with --deep, the buckets agree. "
        "Exit 0: nothing is wrong, 1: something is. It changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--deep",
            action="store_true",
            help="Read every original and every copy, too: this takes time, "
            "and money where a provider is paid for reading.",
        )
        parser.add_argument(
            "--grace",
            type=seconds,
            default=invariants.GRACE.total_seconds(),
            metavar="SECONDS",
            help="How long a thing may take to come right by itself (%(default)s).",
        )
        parser.add_argument("--json", action="store_true", help="One JSON object a line on stdout.")
        add_needless_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        remarks = invariants.examine(
            grace=timedelta(seconds=options["grace"]), deep=options["deep"]
        )
        tell = self._tell_json if options["json"] else self._tell
        if tell(remarks):
            raise SystemExit(1)

    def _tell_json(self, remarks: Iterable[Remark]) -> int:
        counts: Counter[str] = Counter()
        n_unknown = 0
        for remark in remarks:
            if isinstance(remark, Violation):
                counts[remark.code] += 1
            else:
                n_unknown += 1
            self.stdout.write(json.dumps({"kind": type(remark).__name__.lower(), **vars(remark)}))
        summary = {"kind": "summary", "violations": dict(counts), "unknown": n_unknown}
        self.stdout.write(json.dumps(summary))
        return counts.total()

    def _tell(self, remarks: Iterable[Remark]) -> int:
        counts: Counter[str] = Counter()
        n_unknown = 0
        for remark in remarks:
            if not isinstance(remark, Violation):
                n_unknown += 1
                self.stdout.write(f"??  {remark.what}\n    {remark.subject}")
                continue
            counts[remark.code] += 1
            if counts[remark.code] <= _SHOWN_EACH:
                self.stdout.write(f"{remark.code}  {remark.what}\n    {remark.subject}")
                self.stdout.write(f"    Do this: {remark.hint}")
        for code, n in sorted(counts.items()):
            if n > _SHOWN_EACH:
                self.stdout.write(f"{code}  … and {n - _SHOWN_EACH} more; --json names all.")
        if n_unknown:
            self.stdout.write(f"{n_unknown} things could not be looked at (??).")
        total = counts.total()
        self.stdout.write(f"{total} violations." if total else "Nothing is wrong.")
        return total
