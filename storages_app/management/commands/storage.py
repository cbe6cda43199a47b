"""Custom storages: list, connect, test, check against the ledger, pause and resume."""

from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandError

from storages_app.custom_storages import services
from storages_app.lib.errors import UcdashError
from storages_app.management.base import (
    ACTOR,
    Answer,
    OperatorCommand,
    add_storage,
    add_waiting,
    project_of,
    speaking_as,
    storage_of,
    table,
    wait_for,
)
from storages_app.management.commands import connect_storage
from storages_app.management.storage_options import USAGE, finding_as_text
from storages_app.models import CustomStorage, Reconciliation
from storages_app.reconciliation import services as reconciliation

Kind = Reconciliation.Kind


class Command(OperatorCommand):
    help = "List, connect, test, check, pause and resume custom storages."

    def add_arguments(self, parser: ArgumentParser) -> None:
        family = self.family(parser)
        rows = self.add(family, "list", self.listing, "Storages, of one project or of all.")
        rows.add_argument("--project", help="Its slug, name or public key.")
        self._add_connect(family)
        test = self.add(
            family, "test", self.test, "Run the connection test in this process.", changes=None
        )
        test.add_argument("--dry-run", action="store_true", dest="only_names", help="Name which.")
        test.add_argument("--project", help="Its slug, name or public key.")
        test.add_argument("--storage", help="Its name or id.")
        test.add_argument("--broken", action="store_true", help="All that are broken instead.")
        check = self.add(
            family,
            "check",
            self.check_ledger,
            "Compare the bucket with the ledger; a worker does it.",
            changes=True,
        )
        add_storage(check)
        check.add_argument(
            "--kind",
            choices=Kind.values,
            default=Kind.FULL.value,
            help="How much of it; else %(default)s.",
        )
        add_waiting(check)
        add_storage(self.add(family, "checks", self.checks, "The newest checks of a storage."))
        add_storage(
            self.add(
                family, "pause", self.pause, "Let its copies wait; nothing is lost.", changes=True
            )
        )
        add_storage(self.add(family, "resume", self.resume, "Go on copying.", changes=True))

    def _add_connect(self, family: Any) -> None:
        text = "Keep a bucket, test it, connect it: as connect_storage."
        connect = family.add_parser("connect", help=text, description=text)
        connect_storage.Command().add_arguments(connect)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] != "connect":
            super().handle(*args, **options)
        else:
            speaking_as(self, connect_storage.Command()).handle(**options)

    def listing(self, options: dict[str, Any]) -> Answer:
        rows = CustomStorage.objects.live().select_related("project")
        if options["project"]:
            rows = rows.filter(project=project_of(options))
        told = [_as_row(storage) for storage in rows.order_by("project__name", "name")]
        return Answer(table(told, empty="No storages yet."), {"storages": told})

    def test(self, options: dict[str, Any]) -> Answer:
        chosen, told, texts, n_failed = self._chosen(options), [], [], 0
        if options["only_names"]:
            rows = [_as_row(storage) for storage in chosen]
            return Answer(table(rows, empty="No storage is broken."), {"storages": rows})
        for storage in chosen:
            try:
                test = services.run_test_now(custom_storage=storage, asked_by=ACTOR)
            except UcdashError as error:
                n_failed += 1
                told.append(_as_row(storage) | {"test": "refused", "why": error.message})
                texts.append(f"{storage.project.slug} {storage.name}: {error.message}")
                continue
            n_failed += not test.has_passed
            findings = list(test.findings.all())
            told.append(
                _as_row(storage)
                | {"test": test.state, "findings": [finding.as_json() for finding in findings]}
            )
            texts += [finding_as_text(finding) for finding in findings]
            texts.append(f"{storage.project.slug} {storage.name}: the test {test.state}.")
        text = "\n".join(texts) if texts else "No storage is broken."
        return Answer(text, {"storages": told}, is_well=not n_failed)

    def _chosen(self, options: dict[str, Any]) -> list[CustomStorage]:
        if options["broken"]:
            broken = CustomStorage.objects.live().exclude(circuit_opened_at=None)
            if options["project"]:
                broken = broken.filter(project=project_of(options))
            return list(broken.select_related("project").order_by("project", "name"))
        if not (options["project"] and options["storage"]):
            raise CommandError("Give --project and --storage, or --broken.", returncode=USAGE)
        return [storage_of(options)]

    def check_ledger(self, options: dict[str, Any]) -> Answer:
        run = reconciliation.request(
            custom_storage=storage_of(options), kind=options["kind"], asked_by=ACTOR
        )
        wait = 0 if options["dry_run"] else options["wait"]
        is_over = wait_for(run, lambda row: row.is_over, seconds=wait)
        told = _check_as_row(run)
        good = {Reconciliation.State.CLEAN.value}
        is_well = run.state in good if is_over or wait else True
        return Answer(table([told], empty=""), told, is_well=is_well)

    def checks(self, options: dict[str, Any]) -> Answer:
        runs = storage_of(options).reconciliations.order_by("-pk")[:20]
        told = [_check_as_row(run) for run in runs]
        is_well = not told or told[0]["state"] not in {"different", "failed"}
        return Answer(table(told, empty="It was never checked."), {"checks": told}, is_well)

    def pause(self, options: dict[str, Any]) -> Answer:
        return self._change(options, services.pause, "is paused")

    def resume(self, options: dict[str, Any]) -> Answer:
        return self._change(options, services.resume, "goes on")

    def _change(self, options: dict[str, Any], change: Callable[..., object], said: str) -> Answer:
        storage = storage_of(options)
        change(custom_storage=storage, actor=ACTOR)
        storage.refresh_from_db()
        return Answer(f"“{storage.name}” {said}.", _as_row(storage))


def _as_row(storage: CustomStorage) -> dict[str, Any]:
    return {
        "project": storage.project.slug,
        "name": storage.name,
        "id": str(storage.pk),
        "state": storage.state,
        "address": storage.address,
    }


def _check_as_row(run: Reconciliation) -> dict[str, Any]:
    return {
        "id": run.pk,
        "kind": run.kind,
        "state": run.state,
        "copies": run.n_copies,
        "differences": run.n_differences,
        "mended": run.n_mended,
        "created_at": run.created_at,
        "reason": run.reason,
    }
