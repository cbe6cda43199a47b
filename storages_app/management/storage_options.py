"""The settings of a storage as options of a command, and findings as text."""

import os
from argparse import ArgumentParser
from textwrap import fill
from typing import Any

from django.core.management.base import CommandError

from storages_app.custom_storages.grants import ALL_USES
from storages_app.models import CustomStorage, Finding
from storages_app.objectstores.providers import all_providers

USAGE = 2  # the exit code for a command that cannot be carried out as it was written
_WIDTH = 80
_INDENT = " " * 9
_ENCRYPTIONS = {"none": "", "sse-s3": "AES256", "kms": "aws:kms"}


def add_access_options(parser: ArgumentParser) -> None:
    """Where a bucket is, and who comes in how."""
    slugs = [provider.slug for provider in all_providers()]
    parser.add_argument(
        "--provider", default="", metavar="SLUG", help=f"One of {', '.join(slugs)}."
    )
    parser.add_argument("--endpoint", default="", metavar="URL", help="Empty for Amazon S3.")
    parser.add_argument("--region", default="", help="Empty: it is found, where it can be.")
    parser.add_argument(
        "--account-id", default="", metavar="ID", help="The bucket's owner, at Amazon."
    )
    parser.add_argument("--bucket", required=True, metavar="NAME", help="Without the address.")
    parser.add_argument("--prefix", default="", help="What all names in the bucket begin with.")
    parser.add_argument(
        "--identity",
        choices=CustomStorage.Identity.values,
        help="Without it: role if there is a --role-arn, else access_key.",
    )
    parser.add_argument("--access-key-id", default="", metavar="ID", help="With --secret-env.")
    parser.add_argument(
        "--secret-env",
        default="",
        metavar="VAR",
        help="The environment variable that holds the secret access key.",
    )
    parser.add_argument("--role-arn", default="", metavar="ARN", help="The role to assume.")


def add_storage_options(parser: ArgumentParser) -> None:
    """The same, and what for."""
    add_access_options(parser)
    parser.add_argument(
        "--public",
        choices=CustomStorage.PublicMode.values,
        default="private",
        metavar="MODE",
        help=f"Who may read: {', '.join(CustomStorage.PublicMode.values)}; else %(default)s.",
    )
    parser.add_argument(
        "--uses",
        default="",
        metavar="LIST",
        help=f"What for, with commas between: {', '.join(use.slug for use in ALL_USES)}.",
    )
    parser.add_argument(
        "--storage-class", default="", metavar="CLASS", help="Empty: as the bucket has it."
    )
    parser.add_argument(
        "--encryption",
        choices=list(_ENCRYPTIONS),
        default="none",
        help="What to ask the bucket for; else %(default)s.",
    )
    parser.add_argument("--kms-key", default="", metavar="ARN", help="With --encryption=kms.")


def access_of(options: dict[str, Any]) -> dict[str, Any]:
    """The options of access by the names of the services."""
    provider = options["provider"] or ("other" if options["endpoint"] else "aws")
    if provider not in {known.slug for known in all_providers()}:
        raise CommandError(f"There is no provider {provider!r}.", returncode=USAGE)
    identity = options["identity"] or ("role" if options["role_arn"] else "access_key")
    return {
        "provider": provider,
        "endpoint_url": options["endpoint"],
        "region": options["region"],
        "account_id": options["account_id"],
        "bucket": options["bucket"],
        "prefix": options["prefix"],
        "identity": identity,
        "access_key_id": options["access_key_id"],
        "role_arn": options["role_arn"],
    }


def fields_of(options: dict[str, Any]) -> dict[str, Any]:
    """All options by the names of the services."""
    access = access_of(options)
    if options["kms_key"] and options["encryption"] != "kms":
        raise CommandError("--kms-key goes with --encryption=kms.", returncode=USAGE)
    mode = _ENCRYPTIONS[options["encryption"]]
    return access | {
        "public_mode": options["public"],
        "uses": _uses(options["uses"]),
        "storage_class": options["storage_class"],
        "encryption": {"mode": mode, "kms_key_id": options["kms_key"]} if mode else {},
    }


def secret_of(options: dict[str, Any]) -> str:
    """The secret access key, by the variable that holds it; an access key cannot do without."""
    name = options["secret_env"]
    if access_of(options)["identity"] != CustomStorage.Identity.ACCESS_KEY:
        return ""
    if not (name and options["access_key_id"]):
        raise CommandError(
            "An access key needs --access-key-id and --secret-env.", returncode=USAGE
        )
    return read_variable(name)


def read_variable(name: str) -> str:
    """What must not be an option, since every process of the machine could read it."""
    value = os.environ.get(name, "")
    if not value:
        raise CommandError(f"The variable {name} is not set or empty.", returncode=USAGE)
    return value


def _uses(text: str) -> list[str]:
    chosen = {word.strip() for word in text.split(",") if word.strip()}
    known = [use.slug for use in ALL_USES]
    if unknown := chosen - {*known}:
        raise CommandError(f"There is no use {sorted(unknown)[0]!r}.", returncode=USAGE)
    return [use for use in known if use in chosen]


def finding_as_text(finding: Finding) -> str:
    """A row of a test in lines of 80 characters; of one that failed also why, and what to do."""
    lines = [_wrapped(f"{finding.state:8} {finding.name}: {finding.title}", first="")]
    if finding.state == Finding.State.FAILED:
        lines += [_wrapped(text) for text in (_details(finding), finding.why) if text]
        lines += [
            _wrapped(f"{n}. {step}", rest=f"{_INDENT}   ") for n, step in enumerate(finding.fix, 1)
        ]
        lines.append(f"{_INDENT}{finding.docs_url}")  # an address is not broken
    return "\n".join(lines)


def _details(finding: Finding) -> str:
    facts = [
        finding.level,
        finding.code,
        f"HTTP {finding.http_status}" if finding.http_status else "",
        finding.operation,
        f"request {finding.request_id}" if finding.request_id else "",
        f"{finding.milliseconds} ms" if finding.milliseconds is not None else "",
    ]
    return " · ".join(fact for fact in facts if fact)


def _wrapped(text: str, *, first: str = _INDENT, rest: str = _INDENT) -> str:
    return fill(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        # A key or an address is copied as a whole.
        break_on_hyphens=False,
        break_long_words=False,
    )
