"""What the commands of operators share: one actor, one kind of answer, three exit codes."""

import json
import uuid
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import sleep
from typing import Any, ClassVar, NoReturn, TypeVar

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError, transaction
from django.db.models import Model

from storages_app.lib.errors import UcdashError
from storages_app.management.storage_options import USAGE
from storages_app.models import CustomStorage, Project, User

ACTOR = "operator (command line)"
FOUND = 1  # the exit code where something was found, refused or did not end well
_LOOKS_EVERY_S = 1.0
_LONGEST_S = 31_536_000  # a year
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True)
class Answer:
    """What a command says: for people, for programs, and whether all is well."""

    text: str
    data: dict[str, Any]
    is_well: bool = True


Do = Callable[[dict[str, Any]], Answer]


class TellingCommand(BaseCommand):
    """A refusal is told to programs as they asked for it, and no database is no traceback."""

    _wants_json = False

    def run_from_argv(self, argv: list[str]) -> None:
        """What was mistyped is told as JSON too: the parser by itself prints its usage and ends."""
        self._wants_json = "--json" in argv
        try:
            super().run_from_argv(argv)
        except CommandError as error:  # of the parser; others are caught above
            mistyped = CommandError(str(error).removeprefix("Error: "), returncode=USAGE)
            self._refuse_as_json(mistyped)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        if self._wants_json:
            self._called_from_command_line = False
        return super().create_parser(prog_name, subcommand, **kwargs)

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            _require_texts(options)
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            said = str(error).strip().partition("\n")[0]
            refused = CommandError(
                f"The database cannot be used ({said}). Look at DATABASE_URL, and make the tables "
                "of this version: python manage.py migrate",
                returncode=FOUND,
            )
            refused.__cause__ = error
        except CommandError as error:
            refused = error
        if options.get("json"):
            self._refuse_as_json(refused)
        raise refused

    def _refuse_as_json(self, refused: CommandError) -> NoReturn:
        self.stdout.write(json.dumps({"error": _as_error(refused)}, indent=2))
        raise SystemExit(refused.returncode) from refused


def _require_texts(options: dict[str, Any]) -> None:
    """What is no UTF-8 comes as half characters, which neither databases nor terminals take."""
    for name, value in options.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and not text.isascii() and not _is_utf8(text):
                said = f"{name.replace('_', '-')}: {ascii(text)[:100]} is not UTF-8."
                raise CommandError(said, returncode=USAGE)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_error(refused: CommandError) -> dict[str, str]:
    cause = refused.__cause__
    if isinstance(cause, UcdashError):
        return {"code": cause.code, "message": cause.message, "hint": cause.advice}
    is_down = isinstance(cause, OperationalError | ProgrammingError)
    code = "database_unusable" if is_down else "usage" if refused.returncode == USAGE else "refused"
    return {"code": code, "message": str(refused), "hint": ""}


class OperatorCommand(TellingCommand):
    """A command, or a family of them: `add` names what it can do.

    Exit 0: done, and all is well; 1: something was found or refused; 2: it was not written as the
    command wants it.
    """

    epilog: ClassVar[str] = "Exit 0: all is well, 1: something was found or refused, 2: wrong use."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, epilog=self.epilog, **kwargs)

    def family(self, parser: ArgumentParser) -> Any:
        """Where the members of a family are added."""
        return parser.add_subparsers(dest="what", required=True, metavar="WHAT")

    def add(
        self, family: Any, name: str, do: Do, text: str, *, changes: bool | None = False
    ) -> ArgumentParser:
        """One thing that this command can do; `changes` is None where its --dry-run is its own."""
        parser: ArgumentParser = family.add_parser(name, help=text, description=text)
        self.add_common(parser, do, changes=changes)
        return parser

    def add_common(self, parser: ArgumentParser, do: Do, *, changes: bool | None = False) -> None:
        parser.set_defaults(do=do, dry_run=False)
        parser.add_argument("--json", action="store_true", help="One JSON object on stdout.")
        if changes:
            parser.add_argument(
                "--dry-run",
                action="store_true",
                help="Do it in a transaction and take it back: what would be refused is told.",
            )
        elif changes is False:
            add_needless_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            answer = self._tried(options) if options["dry_run"] else options["do"](options)
        except UcdashError as error:
            text = f"{error.message} {error.advice} ({error.code})"
            raise CommandError(text, returncode=FOUND) from error
        if options["json"]:
            self.stdout.write(json.dumps(answer.data, indent=2, default=str))
        elif answer.text:
            self.stdout.write(answer.text)
        if not answer.is_well:
            # The answer was said: no second message, only the exit code.
            raise SystemExit(FOUND)

    def _tried(self, options: dict[str, Any]) -> Answer:
        """Services only write rows and send messages after a commit, which never comes."""
        with transaction.atomic():
            answer = options["do"](options)
            transaction.set_rollback(True)
        return Answer(
            f"Nothing was changed. Without --dry-run:\n{answer.text}",
            {"dry_run": True, **answer.data},
            answer.is_well,
        )


def add_needless_dry_run(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run",
        action="store_true",
        dest="only_looks",
        help="It only looks; taken so that scripts may say it everywhere.",
    )


def speaking_as(one: BaseCommand, other: BaseCommand) -> BaseCommand:
    """The other command, which speaks where this one does."""
    other.stdout, other.stderr = one.stdout, one.stderr
    return other


# --- What is named on the command line ----------------------------------------------------------


def add_project(parser: ArgumentParser) -> None:
    parser.add_argument("--project", required=True, help="Its slug, name or public key.")


def add_storage(parser: ArgumentParser) -> None:
    add_project(parser)
    parser.add_argument("--storage", required=True, help="Its name or id.")


def project_of(options: dict[str, Any]) -> Project:
    name = options["project"]
    for field in ("slug", "public_key", "name"):
        found = list(Project.objects.live().filter(**{field: name})[:2])
        if len(found) == 1:
            return found[0]
    raise CommandError(
        f"No project, or more than one, is called {name!r}. Give its slug: project list.",
        returncode=USAGE,
    )


def storage_of(options: dict[str, Any]) -> CustomStorage:
    project, name = project_of(options), options["storage"]
    live = CustomStorage.objects.live().filter(project=project).select_related("project")
    found = live.filter(name=name).first() or next(
        (storage for storage in live if str(storage.pk) == name), None
    )
    if found is None:
        raise CommandError(
            f"“{project.name}” has no storage {name!r}: storage list --project {project.slug}.",
            returncode=USAGE,
        )
    return found


def user_of(email: str) -> User:
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(
            f"Nobody has the address {email}. Make the account first.", returncode=USAGE
        )
    return user


def seconds(text: str) -> float:
    """How long to wait, as an option says it."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= _LONGEST_S:  # what is no number compares with none
        raise ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_LONGEST_S}")
    return number


def file_uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no UUID") from error


# --- What is said -------------------------------------------------------------------------------


def table(rows: Sequence[dict[str, Any]], *, empty: str) -> str:
    """Columns as wide as their widest value."""
    if not rows:
        return empty
    names = list(rows[0])
    lines = [[name.replace("_", " ") for name in names]]
    lines += [
        ["–" if row[name] in {None, ""} else str(row[name]) for name in names] for row in rows
    ]
    widths = [max(len(line[n]) for line in lines) for n in range(len(names))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def wait_for(row: Row, is_over: Callable[[Row], bool], *, seconds: float) -> bool:
    """Look at the row until a worker has ended it; False where the time was over first."""
    waited = 0.0
    while not is_over(row) and waited < seconds:
        sleep(_LOOKS_EVERY_S)
        waited += _LOOKS_EVERY_S
        row.refresh_from_db()
    return is_over(row)


def add_waiting(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=seconds,
        default=0,
        metavar="SECONDS",
        help="Wait so long for its end, and exit 1 unless it ended well.",
    )
