"""Give a person a new password, when mail cannot."""

import secrets
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from storages_app.management.base import ACTOR, Answer, OperatorCommand, user_of
from storages_app.management.storage_options import USAGE, read_variable
from storages_app.projects import passwords


class Command(OperatorCommand):
    help = "Set the password of a person and sign them out everywhere."

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_common(parser, self.set, changes=True)
        parser.add_argument("email", help="The address that the person signs in with.")
        parser.add_argument(
            "--password-env",
            default="",
            metavar="VAR",
            help="The environment variable that holds it; without one it is made and shown once.",
        )

    def set(self, options: dict[str, Any]) -> Answer:
        user = user_of(options["email"])
        made = "" if options["password_env"] else secrets.token_urlsafe(12)
        password = made or read_variable(options["password_env"])
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=USAGE) from error
        passwords.set_password(user=user, password=password, actor=ACTOR)
        shown = "" if options["dry_run"] else made
        text = f"{user.email} has a new password{f': {shown}' if shown else ''}."
        return Answer(
            f"{text} All their devices were signed out.",
            {"email": user.email, "password": shown or None},
        )
