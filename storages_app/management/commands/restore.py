"""Bring a backup back from its bucket; nothing else of the old installation is needed."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from time import monotonic
from typing import Any

from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat

from storages_app.backups.manifest import Manifest
from storages_app.custom_storages import services as custom_storages
from storages_app.lib.errors import UcdashError
from storages_app.management.base import TellingCommand, file_uuid
from storages_app.management.storage_options import (
    USAGE,
    access_of,
    add_access_options,
    secret_of,
)
from storages_app.models import CustomStorage, Project, RestoreRun
from storages_app.restores import rescue, services, verdicts
from storages_app.restores.rescue import Rescue

ACTOR = "manage.py restore"
_TELL_EVERY_S = 5
RunState = RestoreRun.State


class Command(TellingCommand):
    help = (
        "Read the manifest of a backup from its bucket and bring the files back, with their UUIDs, "
        "names, times and metadata; each is checked while it is read. A key that may list the "
        "bucket and get objects will do. What is here and the same is left alone, so the same "
        "command goes on where it was stopped. "
        "Exit 0: every file of the manifest is here, 1: it is not, 2: the options cannot be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_access_options(parser)
        goal = parser.add_mutually_exclusive_group()
        goal.add_argument("--project", metavar="NAME", help="Of a new project to restore into.")
        goal.add_argument("--into", metavar="SLUG", help="A project that is here.")
        goal.add_argument("--list", action="store_true", help="Name the manifests, and stop.")
        parser.add_argument("--manifest", default="", metavar="KEY", help="Else the newest.")
        parser.add_argument(
            "--public-key",
            default="",
            metavar="KEY",
            help="Whose backup, if the bucket has those of several.",
        )
        parser.add_argument(
            "--only",
            nargs="+",
            type=file_uuid,
            default=[],
            metavar="UUID",
            help="These files; else all of the manifest.",
        )
        parser.add_argument(
            "--on-taken",
            choices=RestoreRun.OnTaken.values,
            default="skip",
            help="What to do where a UUID has other bytes here.",
        )
        parser.add_argument(
            "--replace-in",
            default="",
            metavar="NAME",
            help="With --on-taken=replace: the project's name, since its files are replaced.",
        )
        parser.add_argument("--drill", action="store_true", help="Read and compare, write nothing.")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Read the manifest, count its files and those that are here; read no file.",
        )
        parser.add_argument("--json", action="store_true", help="One JSON object on stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        self._told_at = monotonic()
        self._is_quiet = options["json"]
        options["only"] = [str(one) for one in options["only"]]
        secret = secret_of(options)
        try:
            sketch = custom_storages.sketch(name="restore", secret=secret, **access_of(options))
            if options["list"]:
                self._list(sketch, options)
                return
            if options["dry_run"]:
                self._preview(sketch, options)
                return
            prepared = self._prepare(sketch, secret, options)
            self._say_secret(prepared)
            run = self._run(prepared, options)
        except UcdashError as error:
            raise CommandError(f"{error.message} {error.advice} ({error.code})") from error
        self._report(run, prepared)
        if run.state != RunState.DONE:
            # The report was the answer: no second message, only the exit code.
            raise SystemExit(1)

    def _list(self, sketch: CustomStorage, options: dict[str, Any]) -> None:
        offered = rescue.manifests_of(sketch, public_key=options["public_key"])
        if options["json"]:
            told = [
                {"key": one.key, "public_key": one.public_key, "at": one.moment.isoformat()}
                for one in offered
            ]
            self.stdout.write(json.dumps(told, indent=2))
            return
        for one in offered:
            self.stdout.write(f"{one.moment:%Y-%m-%d %H:%M} UTC  {one.public_key}  {one.key}")
        if not offered:
            self.stdout.write("There is no manifest of a backup under this prefix.")

    def _preview(self, sketch: CustomStorage, options: dict[str, Any]) -> None:
        into, found = self._chosen(sketch, options)
        seen = rescue.preview(sketch, found=found, into=into, uuids=options["only"])
        if options["json"]:
            told = {"dry_run": True, "manifest": found.key, **asdict(seen)}
            self.stdout.write(json.dumps({key.removeprefix("n_"): told[key] for key in told}))
            return
        self.stdout.write(
            f"{verdicts.files(seen.n_files)}, {filesizeformat(seen.n_bytes)}. "
            f"Here already with the same checksum: {seen.n_same:,}. "
            f"Removed here, would come back: {seen.n_removed:,}. UUID taken: {seen.n_taken:,}.\n"
            "Nothing was changed, and no file was read: --drill reads them all."
        )

    def _chosen(
        self, sketch: CustomStorage, options: dict[str, Any]
    ) -> tuple[Project | None, Manifest]:
        """Where to, and out of which backup."""
        if not (options["project"] or options["into"]):
            raise CommandError("Say where to: --project NAME or --into SLUG.", returncode=USAGE)
        into = _project(options["into"]) if options["into"] else None
        found = rescue.open_manifest(
            sketch, key=options["manifest"], public_key=options["public_key"]
        )
        head = found.head
        self._say(f"Backup of “{head.get('project')}” as of {head.get('snapshot_at')}: {found.key}")
        return into, found

    def _prepare(self, sketch: CustomStorage, secret: str, options: dict[str, Any]) -> Rescue:
        into, found = self._chosen(sketch, options)
        return rescue.prepare(
            found=found,
            into=into,
            name=options["project"] or "",
            is_drill=options["drill"],
            actor=ACTOR,
            secret=secret,
            **access_of(options),
        )

    def _say_secret(self, prepared: Rescue) -> None:
        """At once: a restore may take hours, and whoever stops it would never see it."""
        if prepared.secret_key:
            self._say(
                f"New secret key of “{prepared.project.name}”: {prepared.secret_key}\n"
                "Copy it now. You will not see it again; old secret keys are not in a backup."
            )

    def _run(self, prepared: Rescue, options: dict[str, Any]) -> RestoreRun:
        run = rescue.begin(
            prepared=prepared,
            actor=ACTOR,
            uuids=options["only"],
            on_taken=options["on_taken"],
            is_drill=options["drill"],
        )
        services.run_here(run=run, tell=self._tell)
        if run.state == RunState.COUNTED:
            services.start(run=run, actor=ACTOR, typed_name=options["replace_in"])
            services.run_here(run=run, tell=self._tell)
        return run

    def _tell(self, run: RestoreRun) -> None:
        if monotonic() - self._told_at < _TELL_EVERY_S:
            return
        self._told_at = monotonic()
        waits = f" {run.reason} It is tried again." if run.reason and not run.is_over else ""
        self._say(f"{verdicts.sentence(run)} {filesizeformat(run.n_bytes_done)}.{waits}")

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            self.stdout.write(text)
            self.stdout.flush()

    def _report(self, run: RestoreRun, prepared: Rescue) -> None:
        if self._is_quiet:
            self.stdout.write(json.dumps(_as_json(run, prepared), indent=2))
            return
        self.stdout.write(verdicts.sentence(run))
        for reason, n in verdicts.problems(run).items():
            self.stdout.write(f"  {n:>9,}  {verdicts.text_of(reason)} ({reason})")
        project = prepared.project
        self.stdout.write(
            f"Project “{project.name}” ({project.slug}), public key {project.public_key}"
        )


def _project(slug: str) -> Project:
    project = Project.objects.live().filter(slug=slug).first()
    if project is None:
        raise CommandError(f"There is no project with the slug {slug!r}.", returncode=USAGE)
    return project


def _as_json(run: RestoreRun, prepared: Rescue) -> dict[str, Any]:
    return {
        "id": run.pk,
        "state": run.state,
        "sentence": verdicts.sentence(run),
        "manifest": run.manifest_key,
        "project": prepared.project.slug,
        "public_key": prepared.project.public_key,
        "secret_key": prepared.secret_key or None,
        "files": run.n_files,
        "done": run.n_done,
        "bytes": run.n_bytes_done,
        "plans": {plan: n for plan, (n, _size) in run.plan_counts.items()},
        "problems": verdicts.problems(run),
    }
