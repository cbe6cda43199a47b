"""Make this installation ready to start: tables, static files, an operator, a Demo project."""

import hashlib
import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import transaction

from storages_app.models import Project, User, WorkerHeartbeat
from storages_app.projects.services import create_project, create_secret_key

OPERATOR = "operator@example.com"
DEMO_SLUG = "demo"


class Command(BaseCommand):
    help = "Migrate, collect static files, make the first operator and the project Demo, once."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--skip-static", action="store_true", help="Leave static files alone.")

    def handle(self, *args: Any, skip_static: bool, **options: Any) -> None:
        # Scripts wait for these files: what an earlier run said about itself is over.
        for name in ("demo.json", "demo.env"):
            (settings.DATA_DIR / name).unlink(missing_ok=True)
        call_command("installation", "backup", "--if-migrations-wait", stdout=self.stdout)
        call_command("migrate", verbosity=0, interactive=False)
        if not skip_static:
            _collect_static()
        # Workers that are gone must not pass for the one that is about to start; others come back.
        WorkerHeartbeat.objects.all().delete()
        with transaction.atomic():
            operator = self._first_operator()
            self._demo_project(operator)

    def _first_operator(self) -> User:
        """The operator of the demo; a password is made, and said, only together with the person."""
        operator = User.objects.filter(email=OPERATOR).first()
        if operator is None:
            password = secrets.token_urlsafe(12)
            write_private(settings.DATA_DIR / "operator.txt", f"{OPERATOR}\n{password}\n")
            operator = User.objects.create_superuser(OPERATOR, password)
            self.stdout.write(f"First operator: {OPERATOR}, password {password}")
        return operator

    def _demo_project(self, operator: User) -> None:
        if not Project.objects.filter(slug=DEMO_SLUG).exists():
            project = create_project(name="Demo", owner=operator)
            create_secret_key(project=project, label="Demo", actor="make run")


def _collect_static() -> None:
    """Collect only when something changed: looking is quick, hashing and packing are not."""
    seen = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            seen.update(f"{name} {storage.size(name)} {storage.get_modified_time(name)}\n".encode())
    stamp = settings.STATIC_ROOT / ".collected"
    if not stamp.is_file() or stamp.read_text() != seen.hexdigest():
        call_command("collectstatic", verbosity=0, interactive=False)
        stamp.write_text(seen.hexdigest())


def write_private(path: Path, content: str) -> None:
    """Put `content` there whole or not at all, readable by its owner only."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    with open(half, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
    half.replace(path)
