"""Rows to look at and to measure: `make seed FILES=100000`."""

import hashlib
import secrets
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from time import monotonic
from typing import Any

from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages
from django.core.management.base import CommandError
from django.db import connection, models
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from storages_app.management.base import Answer, OperatorCommand
from storages_app.management.storage_options import USAGE
from storages_app.models import CopyJob, CustomStorage, File, Group, GroupMember, Project
from storages_app.models.copy_jobs import State
from storages_app.projects import services as projects

ACTOR = "manage.py seed"
_MOST = 100_000_000
_BATCH = 50_000  # rows a transaction, so that SQLite lets others write in between
_MILLISECOND = timedelta(milliseconds=1)
_NOTHING = "http://127.0.0.1:9"  # nobody listens there


class Command(OperatorCommand):
    help = (
        "Make projects with many files and copy jobs, in one statement a batch and past all "
        "services. The files are rows only: their sizes and checksums are invented and nothing "
        "can be downloaded or copied, but for the first --bytes files of each project. Copies "
        "that are said to be done never took place. The bucket of each project does not exist "
        "and is paused; with --go workers try it, and end the copies of files without bytes as "
        "source_missing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_common(parser, self.seed, changes=None)
        for name, default, text in (
            ("files", None, "Files of all projects together."),
            ("waiting", 0, "Copies of them that wait; the others are said to be done."),
            ("projects", 1, "Projects to make, which share the files."),
            ("bytes", 0, "Files of each project that have 1,000 bytes."),
            ("removed", 0, "Removed files of each project."),
            ("unstored", 0, "And unstored ones, which never expire."),
            ("groups", 0, "Groups of each project, of one file."),
        ):
            parser.add_argument(
                f"--{name}",
                type=_count,
                required=default is None,
                default=default,
                metavar="N",
                help=text if default is None else f"{text} Else {default}.",
            )
        parser.add_argument("--go", action="store_true", help="Do not pause the storages.")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            dest="only_tells",
            help="Tell what would be made, and make nothing.",
        )

    def seed(self, options: dict[str, Any]) -> Answer:
        n_files, n_waiting = options["files"], options["waiting"]
        if n_waiting > n_files:
            raise CommandError(
                "There is one copy a file: --waiting must not be over --files.", returncode=USAGE
            )
        shares = options["projects"] or 1
        if options["only_tells"]:
            return Answer(
                f"{n_files:,} files and copies in {shares:,} new projects; {n_waiting:,} copies "
                "would wait. Nothing was made.",
                {"dry_run": True, "projects": [], "files": n_files},
            )
        began = monotonic()
        made = [self._share(options, n, shares) for n in range(shares)]
        took = monotonic() - began
        lines = [f"project: {one['slug']}  public_key: {one['public_key']}" for one in made]
        lines.append(f"{n_files} files and copies in {took:.1f} s")
        return Answer(
            "\n".join(lines),
            {"dry_run": False, "projects": made, "files": n_files, "seconds": round(took, 1)},
        )

    def _share(self, options: dict[str, Any], n: int, shares: int) -> dict[str, str]:
        """The n-th of the projects, with its part of the files."""
        project = projects.create_project(
            name=f"Seed {secrets.token_hex(3)}", owner=None, actor=ACTOR
        )
        self._fill(
            project,
            n_files=_share(options["files"], n, shares),
            n_waiting=_share(options["waiting"], n, shares),
            n_with_bytes=options["bytes"],
            goes=options["go"],
            fates=_Fates(options["removed"], options["unstored"]),
        )
        if options["groups"]:
            _insert_groups(project, options["groups"])
        _analyze()
        return {"slug": project.slug, "public_key": project.public_key}

    def _fill(
        self,
        project: Project,
        *,
        n_files: int,
        n_waiting: int,
        n_with_bytes: int,
        goes: bool,
        fates: "_Fates",
    ) -> None:
        storage = _storage(project, goes=goes)
        first_at = (timezone.now() - n_files * _MILLISECOND).replace(microsecond=0)
        for start in range(0, n_files, _BATCH):
            numbers = range(start, min(start + _BATCH, n_files))
            _insert_files(project, first_at, numbers, fates)
        for file in project.files.order_by("uploaded_at")[:n_with_bytes]:
            _write_bytes(file)
        # The newest wait, as after an upload of many.
        done, waiting = _done_copy(storage), _waiting_copy(storage)
        for row, copies in (
            (done, range(n_files - n_waiting)),
            (waiting, range(n_files - n_waiting, n_files)),
        ):
            for start in range(copies.start, copies.stop, _BATCH):
                _insert_copies(row, first_at, range(start, min(start + _BATCH, copies.stop)))


@dataclass(frozen=True)
class _Fates:
    """What became of the files, by their number from the oldest: removed, unstored, stored."""

    n_removed: int = 0
    n_unstored: int = 0

    def removed_at(self, moment: str) -> str:
        return f"CASE WHEN i < {self.n_removed} THEN {moment} END"

    def stored_at(self, moment: str) -> str:
        return f"CASE WHEN i >= {self.n_removed + self.n_unstored} THEN {moment} END"


def _count(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not (digits.isdecimal() and len(digits) < 20 and int(digits) <= _MOST):
        raise ArgumentTypeError(f"{text!r} is no number from 0 to {_MOST:,}")
    return int(digits)


def _share(total: int, n: int, shares: int) -> int:
    """The part of the n-th of `shares`; the first ones take what is over."""
    return total // shares + (n < total % shares)


def _storage(project: Project, *, goes: bool) -> CustomStorage:
    now = timezone.now()
    storage = CustomStorage(
        project=project,
        name="seed",
        provider="other",
        endpoint_url=_NOTHING,
        region="us-east-1",
        bucket="seed",
        access_key_id="SEED",
        connected_at=now,
        paused_at=None if goes else now,
    )
    storage.seal_secret(secrets.token_urlsafe(20))
    storage.save()
    return storage


def _write_bytes(file: File) -> None:
    content = secrets.token_bytes(file.size)
    storages["uploads"].save(file.blob_name, DjangoFile(BytesIO(content)))
    file.sha256 = hashlib.sha256(content).hexdigest()
    file.md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    file.save(update_fields=["sha256", "md5"])


def _waiting_copy(storage: CustomStorage) -> CopyJob:
    return CopyJob(
        project=storage.project,
        custom_storage=storage,
        on_clash=storage.on_clash,
        lane=CopyJob.Lane.BULK,
        asked_by=ACTOR,
        state=State.BLOCKED if storage.is_paused else State.PENDING,
        run_after=timezone.now(),
    )


def _done_copy(storage: CustomStorage) -> CopyJob:
    now = timezone.now()
    return CopyJob(
        project=storage.project,
        custom_storage=storage,
        on_clash=storage.on_clash,
        lane=CopyJob.Lane.BULK,
        asked_by=ACTOR,
        state=State.DONE,
        evidence="etag",
        attempts=1,
        fence=1,
        first_attempt_at=now,
        verified_at=now,
        finished_at=now,
    )


# --- One row, many times -----------------------------------------------------------------------
# A row is made by its model, so that it has every column; the database repeats it and computes
# what differs. Rows that pass through Python one by one take many times as long.


def _insert_files(project: Project, first_at: datetime, numbers: range, fates: _Fates) -> None:
    moment = timezone.now()
    row = File(
        project=project,
        size=1000,
        sha256="0" * 64,
        md5="0" * 32,
        mime_type="image/jpeg",
        detected_type="image/jpeg",
        is_image=True,
        is_ready=True,
        uploaded_at=moment,
        stored_at=moment,
    )
    uploaded_at = _sql(
        postgresql="to_timestamp({first}) + i * interval '1 millisecond'",
        sqlite="datetime({first} + i / 1000, 'unixepoch') || printf('.%%06d', (i %% 1000) * 1000)",
    ).format(first=int(first_at.timestamp()))
    _insert_like(
        row,
        "(WITH RECURSIVE series(i) AS (SELECT %s UNION ALL SELECT i + 1 FROM series "
        "WHERE i + 1 < %s) SELECT i FROM series) AS series",
        [numbers.start, numbers.stop],
        uuid=_new_uuid(),
        original_filename="'photo' || i || '.jpg'",
        blob_name=f"'seed/{project.pk}/' || i",
        uploaded_at=uploaded_at,
        stored_at=fates.stored_at(uploaded_at),
        removed_at=fates.removed_at(uploaded_at),
        bytes_removed_at=fates.removed_at(uploaded_at),
    )


def _insert_groups(project: Project, n_groups: int) -> None:
    """One for each of the oldest files, made when it came, which tells its member."""
    files = project.files.order_by("uploaded_at").values("uploaded_at")[:n_groups]
    sql, params = files.query.sql_with_params()
    row = Group(project=project, n_files=1, created_at=timezone.now())
    _insert_like(row, f"({sql}) AS files", params, uuid=_new_uuid(), created_at="uploaded_at")
    same = Group.objects.filter(project=project, created_at=OuterRef("uploaded_at"))
    members = project.files.annotate(of=Subquery(same.values("pk"))).exclude(of=None)
    sql, params = members.order_by().values("uuid", "of").query.sql_with_params()
    member = GroupMember(position=0)
    _insert_like(member, f"({sql}) AS members", params, file_id="uuid", group_id='"of"')


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _insert_copies(row: CopyJob, first_at: datetime, numbers: range) -> None:
    """One copy for each file of these numbers, which its time of upload tells."""
    file_uuid = _sql(
        postgresql="uuid::text",
        sqlite="(substr(uuid, 1, 8) || '-' || substr(uuid, 9, 4) || '-' || substr(uuid, 13, 4) "
        "|| '-' || substr(uuid, 17, 4) || '-' || substr(uuid, 21))",
    )
    is_done = row.state == State.DONE
    files = File.objects.filter(
        project=row.project,
        uploaded_at__gte=first_at + numbers.start * _MILLISECOND,
        uploaded_at__lt=first_at + numbers.stop * _MILLISECOND,
    ).order_by("uploaded_at")
    sql, params = files.values(
        "uuid", "original_filename", "size", "sha256", "md5"
    ).query.sql_with_params()
    _insert_like(
        row,
        f"({sql}) AS files",
        params,
        file_id="uuid",
        key=f"{file_uuid} || '/' || original_filename",
        **({"size": "size", "sha256": "sha256", "etag": "md5"} if is_done else {}),
    )


def _sql(*, postgresql: str, sqlite: str) -> str:
    return postgresql if connection.vendor == "postgresql" else sqlite


def _new_uuid() -> str:
    return _sql(
        postgresql="gen_random_uuid()",
        sqlite="lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2) || 'a' "
        "|| substr(hex(randomblob(8)), 2))",
    )


def _insert_like(row: models.Model, source: str, params: Sequence[Any], **expressions: str) -> None:
    """Insert `row` once for each row of `source`; `expressions` are SQL over its columns."""
    chosen: dict[str, str] = {}
    values: list[Any] = []
    for field in row._meta.concrete_fields:
        column = str(field.column)
        if column in expressions:
            chosen[column] = expressions[column]
        elif not isinstance(field, models.AutoField):
            chosen[column] = "%s"
            value = field.pre_save(row, add=True)
            values.append(field.get_db_prep_save(value, connection))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {row._meta.db_table} ({', '.join(chosen)}) "  # noqa: S608 - all ours
            f"SELECT {', '.join(chosen.values())} FROM {source}",
            [*values, *params],
        )
