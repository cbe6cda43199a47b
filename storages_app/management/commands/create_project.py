"""Make a project with its first secret key, for scripts and for `make run`."""

from argparse import ArgumentParser
from typing import Any

from django.db import transaction

from storages_app.management.base import ACTOR, Answer, OperatorCommand, user_of
from storages_app.projects import services as projects


class Command(OperatorCommand):
    help = "Make a project and its first secret key; the secret is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_common(parser, self.make, changes=True)
        parser.add_argument("name", help="What people call it, up to 100 characters.")
        parser.add_argument("--owner", metavar="EMAIL", help="A person who has an account.")

    @transaction.atomic
    def make(self, options: dict[str, Any]) -> Answer:
        owner = user_of(options["owner"]) if options["owner"] else None
        project = projects.create_project(name=options["name"], owner=owner, actor=ACTOR)
        _, secret = projects.create_secret_key(
            project=project, label=projects.FIRST_KEY, actor=ACTOR
        )
        made = {
            "project": project.name,
            "slug": project.slug,
            "public_key": project.public_key,
            # Of a dry run nobody shall keep one that opens nothing.
            "secret_key": None if options["dry_run"] else secret,
        }
        text = "\n".join(f"{name}: {value}" for name, value in made.items() if value)
        return Answer(text, made)
