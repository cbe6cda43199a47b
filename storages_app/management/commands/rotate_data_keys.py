"""Seal every secret with the newest data key, so that older ones can be taken away."""

from argparse import ArgumentParser
from typing import Any

from storages_app.management.base import ACTOR, Answer, OperatorCommand
from storages_app.oversight import resealing
from storages_app.oversight.resealing import Resealed

_NAMED = 20


class Command(OperatorCommand):
    help = (
        "Seal every stored secret with the first key of UCDASH_DATA_KEYS. Put the new key first, "
        "keep the old ones behind it, restart everything, and run this; it may be stopped and run "
        "again. Exit 0: the old keys can be taken away."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.set_defaults(do=self.rotate)
        parser.add_argument("--json", action="store_true", help="One JSON object on stdout.")
        parser.add_argument("--dry-run", action="store_true", help="Count, and write nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Nothing is taken back here: a million rows are no single transaction."""
        is_dry_run = options.pop("dry_run")
        order = options["do"]
        super().handle(
            *args, **options | {"dry_run": False, "do": lambda _: order(is_dry_run=is_dry_run)}
        )

    def rotate(self, *, is_dry_run: bool) -> Answer:
        outcome = resealing.reseal(actor=ACTOR, is_dry_run=is_dry_run)
        data = {
            "dry_run": is_dry_run,
            "key": outcome.key,
            "resealed": outcome.n_resealed,
            "changed_meanwhile": outcome.n_changed_meanwhile,
            "cannot_be_opened": outcome.closed,
            "old_keys": outcome.old_keys,
        }
        return Answer(_as_text(outcome, is_dry_run=is_dry_run), data, outcome.is_whole)


def _as_text(outcome: Resealed, *, is_dry_run: bool) -> str:
    does = "would be sealed" if is_dry_run else "were sealed"
    lines = [f"{outcome.n_resealed:,} secrets {does} with the key {outcome.key}."]
    if outcome.n_changed_meanwhile:
        lines.append(f"{outcome.n_changed_meanwhile:,} were replaced meanwhile. Run this again.")
    if outcome.closed:
        lines.append(f"{len(outcome.closed):,} cannot be opened by any key here:")
        lines += [f"  {name}" for name in outcome.closed[:_NAMED]]
        if len(outcome.closed) > _NAMED:
            lines.append("  …; --json names all.")
        lines.append("Put the key they were sealed with back, or enter these secrets again.")
    elif outcome.is_whole and outcome.old_keys and not is_dry_run:
        lines.append(f"Take {', '.join(outcome.old_keys)} out of UCDASH_DATA_KEYS and restart.")
    return "\n".join(lines)
