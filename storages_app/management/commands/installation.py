"""Keep the installation itself, and put it back: what an upgrade asks for before it begins."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import transaction
from django.template.defaultfilters import filesizeformat

from storages_app.management import installation_backups as backups
from storages_app.management.base import Answer, OperatorCommand


class Command(OperatorCommand):
    help = (
        "backup: the database in one moment, beside a running installation. "
        "restore: the database as it was in a backup; web and workers have to be stopped. "
        "Exit 0: done, 1: refused, and nothing was changed, 2: the options cannot be used."
    )
    # It runs where the code is newer than the tables, and where the key ring is lost.
    requires_migrations_checks = False
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        family = self.family(parser)
        backup = self.add(
            family,
            "backup",
            self.backup,
            "Write the database into a new folder, beside a running installation.",
            changes=None,
        )
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
        restore = self.add(
            family,
            "restore",
            self.restore,
            "Put a backup back; web and workers have to be stopped.",
            changes=None,
        )
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
        for verb, text in (
            (backup, "Look whether it could be written, and write nothing."),
            (restore, "Look whether it could be put back, and change nothing."),
        ):
            verb.add_argument("--dry-run", action="store_true", dest="only_looks", help=text)

    def backup(self, options: dict[str, Any]) -> Answer:
        if options["if_migrations_wait"] and not backups.waiting_migrations():
            return Answer("", {"backup": None})
        parent, keys_into = options["into"] or settings.DATA_DIR / "backups", options["keys_into"]
        if options["only_looks"]:
            return _sketch(parent, keys_into)
        keys = backups.write_keys(keys_into, apart_from=parent) if keys_into else None
        folder = backups.make(parent)
        backup = backups.Backup.read(folder)
        facts = {"backup": str(folder), "keys": str(keys) if keys else None, **vars(backup)}
        lines = [
            f"Database: {folder / backup.database}, {_told(backup)}.",
            f"Originals are not in it: {backup.uploads}.",
            f"Keys: {keys}. Keep them apart from the backup."
            if keys
            else "Keys are not in it (UCDASH_DATA_KEYS, UCDASH_SECRET_KEY): keep a copy of them "
            "apart, or name --keys-into.",
        ]
        return Answer("\n".join(lines), facts)

    def restore(self, options: dict[str, Any]) -> Answer:
        folder = options["folder"]
        backup = backups.check(folder)
        lost = backup.lost_keys()
        if lost and not options["without_keys"]:
            raise CommandError(
                f"The key ring here cannot open this backup's secrets (key {', '.join(lost)}). Put "
                "its UCDASH_DATA_KEYS back. If they are lost, say --without-keys: secrets will "
                "have to be entered again."
            )
        if backups.living_workers():
            raise CommandError("A worker uses this database: stop web and workers first.")
        is_used = not backups.is_empty()
        if is_used and not options["replace"]:
            raise CommandError(
                "The database here has projects. Say --replace: it is kept in a backup first."
            )
        facts: dict[str, Any] = {"restored": str(folder), "lost_keys": lost, **vars(backup)}
        if options["only_looks"]:
            said = f"This backup is whole: {_told(backup)}. Nothing was changed."
            return Answer(said, {"dry_run": True, **facts})
        kept = backups.make(settings.DATA_DIR / "backups") if is_used else None
        backups.put_back(folder, backup)
        with transaction.atomic():
            backups.forget_workers()
        waiting = backups.waiting_migrations()
        facts |= {"kept": str(kept) if kept else None, "waiting_migrations": waiting}
        lines = [
            f"The database is as of {backup.made_at}: {_told(backup)}.",
            *([f"What was here is kept: {kept}"] if kept else []),
            f"The originals were in: {backup.uploads}. Here: {backups.upload_storage()}.",
            *([f"{len(waiting)} migrations wait: run manage.py migrate."] if waiting else []),
            *(["Secrets have to be entered again: docs/upgrading.md."] if lost else []),
            "Then run manage.py doctor, and start web and workers.",
        ]
        return Answer("\n".join(lines), facts)


def _sketch(parent: Path, keys_into: Path | None) -> Answer:
    """What a backup would be of, once it is known that it could be written."""
    if keys_into:
        backups.require_apart(keys_into, parent)
        backups.require_room(keys_into)
    backups.require_room(parent)
    rows, waiting = backups.counts(), backups.waiting_migrations()
    facts = {
        "dry_run": True,
        "into": str(parent),
        "keys_into": str(keys_into) if keys_into else None,
        "rows": rows,
        "uploads": backups.upload_storage(),
        "waiting_migrations": waiting,
    }
    said = ", ".join(f"{number:,} {name}" for name, number in rows.items())
    lines = [
        f"The database would be kept in {parent}: {said or 'empty'}.",
        f"Originals would not be in it: {backups.upload_storage()}.",
        f"{len(waiting)} migrations wait." if waiting else "No migration waits.",
        "Nothing was written.",
    ]
    return Answer("\n".join(lines), facts)


def _told(backup: backups.Backup) -> str:
    rows = ", ".join(f"{number:,} {name}" for name, number in backup.rows.items())
    return f"{filesizeformat(backup.size)}, {rows or 'empty'}".replace("\xa0", " ")
