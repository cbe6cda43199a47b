"""Keep the installation itself, and put it back: what an upgrade asks for before it begins."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.template.defaultfilters import filesizeformat

from storages_app.management import installation_backups as backups


class Command(BaseCommand):
    help = (
        "backup: the database in one moment, beside a running installation. "
        "restore: the database as it was in a backup; web and workers have to be stopped. "
        "Exit 0: done, 1: refused, and nothing was changed, 2: the options cannot be used."
    )
    # It runs where the code is newer than the tables, and where the key ring is lost.
    requires_migrations_checks = False
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        backup = verbs.add_parser("backup", help="Write one.")
        backup.add_argument(
            "--into", type=Path, metavar="FOLDER", help="Left out, `backups` of the data folder."
        )
        backup.add_argument(
            "--keys-into",
            type=Path,
            metavar="FOLDER",
            help="Write UCDASH_SECRET_KEY and UCDASH_DATA_KEYS there, apart from the backup.",
        )
        backup.add_argument(
            "--if-migrations-wait",
            action="store_true",
            help="Only if `migrate` would change the tables that are here.",
        )
        restore = verbs.add_parser("restore", help="Put one back.")
        restore.add_argument("folder", type=Path, help="Of one backup.")
        restore.add_argument(
            "--replace",
            action="store_true",
            help="The database here has projects: keep it in a backup of its own, then replace it.",
        )
        restore.add_argument(
            "--without-keys",
            action="store_true",
            help="The key ring is lost: its secrets will have to be entered again.",
        )
        restore.add_argument("--dry-run", action="store_true", help="Look, and change nothing.")
        for verb in (backup, restore):
            verb.add_argument("--json", action="store_true", help="One JSON object on stdout.")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        facts, lines = (self._backup if verb == "backup" else self._restore)(**options)
        self.stdout.write(json.dumps(facts) if options["json"] else "\n".join(lines))

    def _backup(
        self, *, into: Path | None, keys_into: Path | None, if_migrations_wait: bool, **_: Any
    ) -> tuple[dict[str, Any], list[str]]:
        if if_migrations_wait and not backups.waiting_migrations():
            return {"backup": None}, []
        parent = into or settings.DATA_DIR / "backups"
        keys = backups.write_keys(keys_into, apart_from=parent) if keys_into else None
        folder = backups.make(parent)
        backup = backups.Backup.read(folder)
        facts = {"backup": str(folder), "keys": str(keys) if keys else None, **vars(backup)}
        return facts, [
            f"Database: {folder / backup.database}, {_told(backup)}.",
            f"Originals are not in it: {backup.uploads}.",
            f"Keys: {keys}. Keep them apart from the backup."
            if keys
            else "Keys are not in it (UCDASH_DATA_KEYS, UCDASH_SECRET_KEY): keep a copy of them "
            "apart, or name --keys-into.",
        ]

    def _restore(
        self, *, folder: Path, replace: bool, without_keys: bool, dry_run: bool, **_: Any
    ) -> tuple[dict[str, Any], list[str]]:
        backup = backups.check(folder)
        lost = backup.lost_keys()
        if lost and not without_keys:
            raise CommandError(
                f"The key ring here cannot open this backup's secrets (key {', '.join(lost)}). Put "
                "its UCDASH_DATA_KEYS back. If they are lost, say --without-keys: secrets will "
                "have to be entered again."
            )
        if backups.living_workers():
            raise CommandError("A worker uses this database: stop web and workers first.")
        is_used = not backups.is_empty()
        if is_used and not replace:
            raise CommandError(
                "The database here has projects. Say --replace: it is kept in a backup first."
            )
        facts: dict[str, Any] = {"restored": str(folder), "lost_keys": lost, **vars(backup)}
        if dry_run:
            return facts, [f"This backup is whole: {_told(backup)}. Nothing was changed."]
        kept = backups.make(settings.DATA_DIR / "backups") if is_used else None
        backups.put_back(folder, backup)
        with transaction.atomic():
            backups.forget_workers()
        waiting = backups.waiting_migrations()
        facts |= {"kept": str(kept) if kept else None, "waiting_migrations": waiting}
        return facts, [
            f"The database is as of {backup.made_at}: {_told(backup)}.",
            *([f"What was here is kept: {kept}"] if kept else []),
            f"The originals were in: {backup.uploads}. Here: {backups.upload_storage()}.",
            *([f"{len(waiting)} migrations wait: run manage.py migrate."] if waiting else []),
            *(["Secrets have to be entered again: docs/upgrading.md."] if lost else []),
            "Then run manage.py doctor, and start web and workers.",
        ]


def _told(backup: backups.Backup) -> str:
    rows = ", ".join(f"{number:,} {name}" for name, number in backup.rows.items())
    return f"{filesizeformat(backup.size)}, {rows or 'empty'}".replace("\xa0", " ")
