"""Try a bucket of one's own with the connection test, and keep nothing of it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from storages_app.custom_storages import self_test, services
from storages_app.custom_storages.granting import wanted_for
from storages_app.custom_storages.grants.tabs import policy_texts
from storages_app.lib.errors import UcdashError
from storages_app.management.base import TellingCommand, add_needless_dry_run
from storages_app.management.storage_options import (
    USAGE,
    add_storage_options,
    fields_of,
    finding_as_text,
    secret_of,
)
from storages_app.models import CustomStorage, Finding

HTTP_FORBIDDEN = 403
State = Finding.State


class Command(TellingCommand):
    help = (
        "Run the connection test against a bucket without keeping anything: no project and no row. "
        "It writes under <prefix>.connection-test/ and removes it again, if it may. "
        "Exit 0: the required checks passed, 1: they did not, 2: the options cannot be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_storage_options(parser)
        parser.add_argument(
            "--external-id",
            default="",
            metavar="UUID",
            help="What the role's trust policy asks for; as the storage shows it.",
        )
        parser.add_argument("--json", action="store_true", help="One JSON object on stdout.")
        add_needless_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        secret = secret_of(options)
        try:
            storage = services.sketch(name="self-test", secret=secret, **fields_of(options))
        except UcdashError as error:
            raise CommandError(f"{error.message} {error.advice}", returncode=USAGE) from error
        storage.external_id = options["external_id"] or storage.external_id
        # Whoever may run this here answers for the bucket; there is no other project to protect.
        storage.proved_at = timezone.now()
        if options["json"]:
            outcome = self_test.run(storage)
            self.stdout.write(json.dumps(_as_json(storage, outcome), indent=2))
        else:
            self.stdout.write(f"{storage.address} ({_host(storage)})\n\n")
            outcome = self_test.run(storage, on_answer=self._print)
            self.stdout.write(_summary(storage, outcome))
        if not outcome.has_passed:
            # The findings were the answer: no second message, only the exit code.
            raise SystemExit(1)

    def _print(self, finding: Finding) -> None:
        self.stdout.write(finding_as_text(finding))


def _host(storage: CustomStorage) -> str:
    return storage.endpoint_url or settings.AWS_S3_URL or "Amazon S3"


def _as_json(storage: CustomStorage, outcome: self_test.Outcome) -> dict[str, Any]:
    wanted = wanted_for(storage)
    return {
        "address": storage.address,
        "provider": storage.provider,
        "endpoint_url": storage.endpoint_url or None,
        "region": storage.region or None,
        "state": outcome.state,
        "findings": [finding.as_json() for finding in outcome.findings],
        "what_works": [
            {"feature": feature, "works": works, "why": why or None}
            for feature, works, why in outcome.works
        ],
        "capabilities": outcome.capabilities,
        "policies": {
            "identity": wanted.identity_policy,
            "trust": wanted.trust_policy,
            "bucket": wanted.bucket_policy,
            "key_statement": wanted.key_policy_statement,
        },
    }


def _summary(storage: CustomStorage, outcome: self_test.Outcome) -> str:
    lines = ["", "What works now"]
    for feature, works, why in outcome.works:
        lines.append(f"{'yes' if works else 'no':8} {feature}{f': {why}' if why else ''}")
    if any(row.http_status == HTTP_FORBIDDEN for row in outcome.findings):
        lines += ["", *_policies(storage)]
    return "\n".join([*lines, "", _verdict(outcome)])


def _policies(storage: CustomStorage) -> list[str]:
    """“The policy below” of the texts, for what the options say."""
    return [
        f"{text.title}\n{text.text}"
        for text in policy_texts(wanted_for(storage))
        if text.language == "json"
    ]


def _verdict(outcome: self_test.Outcome) -> str:
    failed = [row for row in outcome.findings if row.state == State.FAILED]
    required = [row for row in failed if row.level == Finding.Level.REQUIRED]
    n_passed = sum(row.state == State.PASSED for row in outcome.findings)
    counted = f"{n_passed} of {len(outcome.findings)} checks passed."
    if outcome.has_passed:
        return f"Passed. {counted}"
    first = f" Start with “{required[0].name}”." if required else ""
    return f"Failed. {counted}{first}"
