"""Projects: make one, list them, look at one, make and end its keys."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from storages_app.management.base import (
    ACTOR,
    Answer,
    OperatorCommand,
    add_project,
    project_of,
    table,
    user_of,
)
from storages_app.management.storage_options import USAGE
from storages_app.models import Project, SecretKey, Tally
from storages_app.projects import services


class Command(OperatorCommand):
    help = "Make, list and show projects, and make and end their secret keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        family = self.family(parser)
        create = self.add(
            family, "create", self.create, "Make a project; it has no secret key yet.", changes=True
        )
        create.add_argument("name", help="What people call it, up to 100 characters.")
        create.add_argument("--owner", metavar="EMAIL", help="A person who has an account.")
        self.add(family, "list", self.listing, "All projects.")
        add_project(self.add(family, "show", self.show, "One project, its keys and its storages."))
        key = self.add(
            family, "key", self.key, "Make a secret key; it is shown this once.", changes=True
        )
        add_project(key)
        key.add_argument("--label", default="Command line", help="Else “%(default)s”.")
        key.add_argument(
            "--scope",
            choices=SecretKey.Scope.values,
            default="full",
            help="What it opens; else %(default)s.",
        )
        end = self.add(family, "end-key", self.end_key, "End a secret key at once.", changes=True)
        add_project(end)
        end.add_argument("--key", required=True, metavar="ID", help="As `project show` names it.")

    def create(self, options: dict[str, Any]) -> Answer:
        owner = user_of(options["owner"]) if options["owner"] else None
        project = services.create_project(name=options["name"], owner=owner, actor=ACTOR)
        told = _as_row(project)
        return Answer(
            f"Project “{project.name}” is ready: {project.slug}, public key {project.public_key}",
            told,
        )

    def listing(self, options: dict[str, Any]) -> Answer:
        rows = [_as_row(project) for project in Project.objects.live().order_by("name", "pk")]
        return Answer(table(rows, empty="No projects yet."), {"projects": rows})

    def show(self, options: dict[str, Any]) -> Answer:
        project = project_of(options)
        keys = [
            {
                "id": str(key.pk),
                "label": key.label,
                "scope": key.scope,
                "last_used_at": key.last_used_at,
                "ended_at": key.revoked_at,
            }
            for key in project.secret_keys.order_by("created_at")
        ]
        storages = [
            {"name": storage.name, "state": storage.state, "address": storage.address}
            for storage in project.custom_storages.filter(removed_at=None).order_by("name")
        ]
        tally = Tally.objects.of(project)
        files = {
            "stored": tally["n_stored"],
            "not_stored": tally["n_unstored"],
            "bytes": tally["n_bytes"],
        }
        parts = [
            table([_as_row(project)], empty=""),
            table([files], empty=""),
            table(keys, empty="No secret keys. REST calls need one: project key."),
            table(storages, empty="No storages: storage connect."),
        ]
        data = {**_as_row(project), "files": files, "keys": keys, "storages": storages}
        return Answer("\n\n".join(parts), data)

    def key(self, options: dict[str, Any]) -> Answer:
        project = project_of(options)
        key, secret = services.create_secret_key(
            project=project, label=options["label"], scope=options["scope"], actor=ACTOR
        )
        if options["dry_run"]:
            secret = ""  # nobody shall keep one that opens nothing
        text = f"Secret key “{key.label}” of “{project.name}”"
        return Answer(
            ": ".join([text, secret]) + "\nCopy it now. You will not see it again."
            if secret
            else text,
            {"id": key.pk, "public_key": project.public_key, "secret_key": secret or None},
        )

    def end_key(self, options: dict[str, Any]) -> Answer:
        project = project_of(options)
        keys = {str(key.pk): key for key in project.secret_keys.all()}
        if options["key"] not in keys:
            raise CommandError(
                f"“{project.name}” has no key {options['key']!r}: project show.", returncode=USAGE
            )
        key = services.revoke_secret_key(key=keys[options["key"]], actor=ACTOR)
        return Answer(
            f"The key “{key.label}” opens nothing any more.",
            {"id": key.pk, "ended_at": key.revoked_at},
        )


def _as_row(project: Project) -> dict[str, Any]:
    return {"slug": project.slug, "name": project.name, "public_key": project.public_key}
