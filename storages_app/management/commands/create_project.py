"""Make a project with its first secret key, for scripts and for `make run`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from storages_app.lib.errors import UcdashError
from storages_app.management.base import TellingCommand, user_of
from storages_app.projects import services as projects


class Command(TellingCommand):
    help = "Make a project and its first secret key; the secret is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--owner", metavar="EMAIL", help="a person who has an account")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        made = self._make(options["name"], options["owner"])
        if options["json"]:
            self.stdout.write(json.dumps(made))
        else:
            for name, value in made.items():
                self.stdout.write(f"{name}: {value}")

    @transaction.atomic
    def _make(self, name: str, owner_email: str | None) -> dict[str, str]:
        try:
            project = projects.create_project(
                name=name, owner=user_of(owner_email) if owner_email else None
            )
            _, secret = projects.create_secret_key(
                project=project, label="First key", actor="create_project"
            )
        except UcdashError as error:
            raise CommandError(f"{error.message} {error.advice}") from error
        return {
            "project": project.name,
            "slug": project.slug,
            "public_key": project.public_key,
            "secret_key": secret,
        }
