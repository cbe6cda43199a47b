"""What a backup says about itself: one JSON line a file, and a last line that seals them.

Written after all files of a run, so that a manifest never promises what is not there
(spec/RELIABILITY 5.12).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from storages_app.models import CopyJob

FORMAT = "ucdash-backup-1"


def key_of(*, prefix: str, public_key: str, moment: datetime) -> str:
    return f"{prefix}.ucdash-backup/{public_key}/{moment:%Y%m%dT%H%M%S.%fZ}.jsonl"


@dataclass(frozen=True)
class Written:
    """A manifest in a local file, ready to be sent."""

    size: int
    sha256: str
    md5: str
    n_files: int


def line_of(job: CopyJob) -> dict[str, Any]:
    """All that a restore needs to make the file again, and to check its bytes."""
    file = job.file
    return {
        "uuid": str(file.uuid),
        "key": job.key,
        "version_id": job.version_id,
        "size": file.size,
        "sha256": file.sha256,
        "md5": file.md5,
        "original_filename": file.original_filename,
        "mime_type": file.mime_type,
        "detected_type": file.detected_type,
        "is_image": file.is_image,
        "content_info": file.content_info,
        "metadata": file.metadata,
        "uploaded_at": file.uploaded_at.isoformat(),
        "stored_at": file.stored_at.isoformat() if file.stored_at else None,
        "evidence": {"method": job.evidence, "checksum": job.evidence_checksum, "etag": job.etag},
    }


def write(out: BinaryIO, jobs: Iterable[CopyJob], *, head: dict[str, Any]) -> Written:
    """Write head, files and seal; the seal has the SHA-256 of everything before it."""
    whole, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    size = n_files = 0

    def put(line: dict[str, Any]) -> None:
        nonlocal size
        text = json.dumps(line, separators=(",", ":"), sort_keys=True).encode() + b"\n"
        whole.update(text)
        md5.update(text)
        size += len(text)
        out.write(text)

    put({"format": FORMAT} | head)
    for job in jobs:
        put(line_of(job))
        n_files += 1
    put({"files": n_files, "sha256_of_lines_above": whole.hexdigest()})
    return Written(size, whole.hexdigest(), md5.hexdigest(), n_files)


def read(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """The file lines of a whole manifest; ValueError where it is cut or changed."""
    whole, seen = hashlib.sha256(), b""
    found: list[dict[str, Any]] = []
    for line in lines:
        if seen:
            whole.update(seen)
            found.append(json.loads(seen))
        seen = line
    seal = json.loads(seen) if seen else {}
    if seal.get("sha256_of_lines_above") != whole.hexdigest():
        raise ValueError("The manifest is cut off or was changed.")
    if found[0].get("format") != FORMAT or seal["files"] != len(found) - 1:
        raise ValueError("This is no manifest of a ucdash backup.")
    return found[1:]
