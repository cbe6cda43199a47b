"""An installation whose processes die at named points, and what is to be seen afterwards (G2)."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import requests

from tests.rig.installation import ROOT, Installation, Project
from tests.rig.processes import wait_until

MIB = 1024 * 1024
PREFIX = "crashes/"

# Every crash point, by the work in which it is reached; in the order in which it is.
COPY_WHOLE = ("copy_claimed", "copy_before_put", "copy_written", "copy_outcomes_committed")
COPY_PARTS = (
    "copy_upload_started", "copy_upload_id_committed", "copy_part_sent", "copy_before_complete",
    "copy_completed",
)  # fmt: skip
COPY_UNPROVED = ("copy_before_verify",)
UPLOAD = (
    "upload_received", "upload_one_written", "upload_bytes_written", "upload_before_commit",
    "upload_committed",
)  # fmt: skip
MULTIPART = ("upload_session_begun", "upload_part_written", "upload_session_claimed")
MULTIPART_AT_S3 = ("upload_session_completed",)
FETCH = ("url_upload_claimed", "url_upload_fetched")
WEBHOOK = ("webhook_claimed", "webhook_sent")
NOTIFICATION = ("notification_claimed", "notification_sent")
BACKUP = (
    "backup_claimed", "backup_page_ordered", "backup_ordered", "backup_sample_read",
    "backup_records_claimed", "backup_records_written", "backup_manifest_written",
    "backup_before_commit",
)  # fmt: skip
BULK = ("bulk_page_counted", "bulk_window_ordered", "bulk_settled")
RESTORE = ("restore_page_read", "restore_bytes_kept", "restore_rows_written")
ALL = (
    *COPY_WHOLE, *COPY_PARTS, *COPY_UNPROVED, *UPLOAD, *FETCH, *MULTIPART, *MULTIPART_AT_S3,
    *BACKUP, *BULK, *RESTORE, *WEBHOOK,
    *NOTIFICATION,
)  # fmt: skip


def registered() -> list[str]:
    """The names in the product's source."""
    sources = (ROOT / "storages_app").rglob("*.py")
    text = "".join(source.read_text() for source in sources)
    return sorted({*re.findall(r'\bcrashpoint\("(\w+)"\)', text)})


class Crashes:
    """Web, one worker process and the demo bucket; short leases, parts of 5 MiB."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._orders = folder / "crash"
        self.machine = Installation(
            folder,
            UCDASH_CRASH_FILE=str(self._orders),
            UCDASH_LEASE_S="2",
            UCDASH_POLL_S="1",
            UCDASH_WORKER_PROCESSES="1",
            UCDASH_MULTIPART_THRESHOLD=str(5 * MIB),
            UCDASH_MULTIPART_PART_SIZE=str(5 * MIB),
            **settings,
        )

    def start(self) -> None:
        self.machine.prepare()
        self.machine.start()

    def stop(self) -> None:
        self.machine.stop()

    # --- dying ---------------------------------------------------------------------------------

    def die_at(self, name: str) -> None:
        """The next process that gets there dies."""
        self._orders.write_text(name)

    def wait_for_death(self, name: str) -> None:
        wait_until(lambda: not self._orders.exists(), within=30, what=f"a death at {name}")

    def lapse(self, table: str) -> None:
        """Time passes, until the lease of whoever died is over."""
        self.machine.execute(
            f"UPDATE {table} SET lease_until = '2020-01-01 00:00:00+00' "
            "WHERE lease_until IS NOT NULL AND finished_at IS NULL"
        )

    # --- what there is -------------------------------------------------------------------------

    def connect(self, *options: str, prefix: str = PREFIX) -> Project:
        """A project of its own and its storage, both of one name."""
        project = self.machine.create_project()
        answer = self.machine.connect_bucket(project, *options, name="bucket", prefix=prefix)
        assert answer["state"] == "connected", answer
        return project

    def upload(self, project: Project, content: bytes, name: str = "crash.bin") -> str:
        answer = requests.post(
            f"{self.machine.url}/base/",
            data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
            files={"file": (name, content)},
            timeout=30,
        )
        answer.raise_for_status()
        return str(answer.json()["file"])

    def shell(self, code: str, **names: str) -> Any:
        """What the last line of `code` is, asked inside; `names` are its variables."""
        given = "\n".join(f"{name} = {value!r}" for name, value in names.items())
        return self.machine.shell_json(f"{given}\n{code}")

    def copy_of(self, uuid: str) -> dict[str, Any]:
        columns = ("key", "state", "reason", "sha256", "evidence", "takeovers", "upload_id")
        rows = self.machine.query(
            f"SELECT {', '.join(columns)} FROM storages_app_copyjob "
            f"WHERE replace(CAST(file_id AS text), '-', '') = '{uuid.replace('-', '')}'"
        )
        ((row),) = rows
        return dict(zip(columns, row, strict=True))

    def require_copied(self, uuid: str, content: bytes, *, takeovers: int | None = None) -> None:
        """Done, with evidence, after so many takeovers if that is certain; the bytes are there."""
        wait_until(lambda: self.copy_of(uuid)["state"] == "done", within=60, what="the copy")
        copy = self.copy_of(uuid)
        kept = self.machine.bucket.read(copy["key"])
        assert hashlib.sha256(kept).hexdigest() == copy["sha256"]
        assert copy["sha256"] == hashlib.sha256(content).hexdigest()
        assert copy["evidence"]
        assert takeovers in {None, copy["takeovers"]}
        assert copy["upload_id"] == ""
        assert self.open_uploads() == 0

    def open_uploads(self) -> int:
        bucket = self.machine.bucket
        client = bucket.client()
        answer = client.list_multipart_uploads(Bucket=bucket.bucket, Prefix=PREFIX)
        client.close()
        return len(answer.get("Uploads", []))

    def violations(self) -> list[str]:
        """What the doctor says; it reads everything."""
        answer = self.machine.manage("doctor", "--deep", "--json", "--grace", "30", check=False)
        lines = [json.loads(line) for line in answer.stdout.splitlines()]
        return [str(line) for line in lines if line["kind"] == "violation"]
