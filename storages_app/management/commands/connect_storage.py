"""Connect a bucket from a script, with the same connection test as the page."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from storages_app.backups import services as backups
from storages_app.custom_storages import auto_copy_rules
from storages_app.custom_storages import services as custom_storages
from storages_app.lib.errors import UcdashError
from storages_app.management.base import TellingCommand, project_of, speaking_as
from storages_app.management.commands import storage_selftest
from storages_app.management.storage_options import (
    USAGE,
    add_storage_options,
    fields_of,
    finding_as_text,
    secret_of,
)
from storages_app.models import BackupPlan, ConnectionTest, CustomStorage, Project

ACTOR = "manage.py connect_storage"
_MAY_BE_EMPTY = {"endpoint_url", "region", "prefix"}


class Command(TellingCommand):
    help = (
        "Keep a bucket as a custom storage, run the connection test and exit 1 with its findings "
        "when a required check fails; the draft stays, and a second call tests it anew."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--project", required=True, help="Its slug, name or public key.")
        parser.add_argument("--name", required=True, help="The value of `target` in the API.")
        add_storage_options(parser)
        parser.add_argument(
            "--pattern", default="${default}", metavar="TEXT", help="Names in it; else %(default)s."
        )
        parser.add_argument("--auto-copy", action="store_true", help="Copy every new file.")
        parser.add_argument(
            "--auto-copy-rule",
            default="",
            metavar="JSON",
            help='Which new files, such as \'{"types": ["image/*"]}\'; docs/auto-copy.md.',
        )
        parser.add_argument("--backup", action="store_true", help="Back the project up to it.")
        parser.add_argument("--dry-run", action="store_true", help="Test it, and keep nothing.")
        parser.add_argument("--json", action="store_true", help="One JSON object on stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        secret, project = secret_of(options), project_of(options)
        _rule_of(options)  # a mistake is told before anything is kept
        if options["dry_run"]:
            speaking_as(self, storage_selftest.Command()).handle(**options, external_id="")
            return
        try:
            custom_storage, test = _tested(project, secret, options)
            if test.has_passed:
                custom_storages.connect(custom_storage=custom_storage, actor=ACTOR)
                _switch_on(custom_storage, options)
        except UcdashError as error:
            raise CommandError(f"{error.message} {error.advice}") from error
        self.stdout.write(_as_json(custom_storage, test) if options["json"] else _as_text(test))
        if test.state == ConnectionTest.State.FAILED:
            # The findings were the answer: no second message, only the exit code.
            raise SystemExit(1)


def _tested(
    project: Project, secret: str, options: dict[str, Any]
) -> tuple[CustomStorage, ConnectionTest]:
    """The storage of that name with these settings, tested: a new draft, or the one there is.

    A connected storage goes on with its old access settings where the new ones fail.
    """
    given = fields_of(options) | {"key_pattern": options["pattern"]}
    # What was left out keeps the value that somebody may have given it on the page.
    fields = {name: value for name, value in given.items() if value or name in _MAY_BE_EMPTY}
    name = options["name"].strip()
    known = project.custom_storages.filter(removed_at=None, name=name).first()
    if known:
        test = custom_storages.change(custom_storage=known, actor=ACTOR, secret=secret, **fields)
    else:
        test = None
        known = custom_storages.create_draft(
            project=project, actor=ACTOR, secret=secret, name=name, **fields
        )
    test = custom_storages.run_test_now(custom_storage=known, asked_by=ACTOR, test=test)
    return known, test


def _switch_on(custom_storage: CustomStorage, options: dict[str, Any]) -> None:
    if options["auto_copy"]:
        custom_storages.set_auto_copy(
            custom_storage=custom_storage, on=True, actor=ACTOR, rule=_rule_of(options)
        )
    project = custom_storage.project
    has_backup = BackupPlan.objects.filter(is_on=True, custom_storage=custom_storage).exists()
    if options["backup"] and not has_backup:
        backups.connect(project=project, custom_storage=custom_storage, actor=ACTOR)


def _rule_of(options: dict[str, Any]) -> dict[str, Any] | None:
    """The rule of the command; None leaves the one that the storage has."""
    text = options["auto_copy_rule"]
    if not text:
        return None
    if not options["auto_copy"]:
        raise CommandError("--auto-copy-rule goes with --auto-copy.", returncode=USAGE)
    try:
        return auto_copy_rules.clean_rule(json.loads(text))
    except (ValueError, RecursionError, UcdashError) as error:
        raise CommandError(f"--auto-copy-rule: {error}", returncode=USAGE) from error


def _as_json(custom_storage: CustomStorage, test: ConnectionTest) -> str:
    return json.dumps(
        {
            "id": str(custom_storage.pk),
            "name": custom_storage.name,
            "state": custom_storage.state,
            "external_id": custom_storage.external_id,
            "test": {
                "state": test.state,
                "findings": [finding.as_json() for finding in test.findings.all()],
            },
        },
        indent=2,
    )


def _as_text(test: ConnectionTest) -> str:
    rows = [finding_as_text(finding) for finding in test.findings.all()]
    return "\n".join([*rows, f"The test {test.state}."])
