"""Count files and groups anew: what the doctor's I11 asks for."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from storages_app.management.base import Answer, OperatorCommand
from storages_app.models import counting
from storages_app.oversight import tallies


class Command(OperatorCommand):
    help = (
        "Count each project's files and groups anew. The database keeps these numbers right by "
        "itself; this is for one whose triggers were switched off. Uploads wait meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_common(parser, self.count, changes=None)
        parser.add_argument(
            "--dry-run",
            action="store_true",
            dest="only_tells",
            help="Tell which numbers are wrong, and change none; no upload waits.",
        )

    def count(self, options: dict[str, Any]) -> Answer:
        wrong = [
            {"project": remark.subject, "what": remark.what}
            for remark in tallies.are_right(timedelta())
        ]
        said = [f"{one['project']}: {one['what']}" for one in wrong]
        if options["only_tells"]:
            said.append(f"{len(wrong):,} numbers are wrong. Nothing was changed.")
            return Answer("\n".join(said), {"dry_run": True, "wrong": wrong}, not wrong)
        counting.recount()
        said.append(f"Counted. {len(wrong):,} numbers were wrong.")
        return Answer("\n".join(said), {"dry_run": False, "wrong": wrong})
