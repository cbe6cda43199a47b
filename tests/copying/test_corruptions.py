"""G7: every corruption that a bucket can hide is found, and none is ever called done.

`CORRUPTIONS` says how many are tried: a few in the suite, 1,000 in the long form.
"""

import hashlib
import os
import random
from collections.abc import Callable
from io import BytesIO

import pytest

from storages_app.copying import orders, runner
from storages_app.models import CopyJob, Reason
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.objectstores.backends import memory
from storages_app.objectstores.base import PutOptions, PutReceipt
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db
N_CORRUPTIONS = int(os.environ.get("CORRUPTIONS", "60"))
PART = 1000


def flipped(content: bytes, chance: random.Random) -> bytes:
    where = chance.randrange(len(content))
    return (
        content[:where] + bytes([content[where] ^ 1 << chance.randrange(8)]) + content[where + 1 :]
    )


def truncated(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def swapped(content: bytes, chance: random.Random) -> bytes:
    """Another object of the same size."""
    return bytes(byte ^ 0xFF for byte in content)


def emptied(content: bytes, chance: random.Random) -> bytes:
    return b""


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bit flip": flipped,
    "truncation": truncated,
    "swapped object": swapped,
    "0-byte object": emptied,
}


def keep(bucket, key: str, content: bytes, options: PutOptions) -> PutReceipt:
    """What the bucket has now, whatever was sent; the receipt is honest about it."""
    return bucket.inner.put(
        key,
        BytesIO(content),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        options=options,
    )


@pytest.mark.parametrize("kind", [*DAMAGES, "wrong ETag"])
@pytest.mark.parametrize("is_large", [False, True], ids=["whole", "parts"])
def test_g7_each_corruption_is_found(bucket, settings, monkeypatch, kind, is_large):
    monkeypatch.setattr(memory, "MIN_PART_SIZE", 1)
    settings.MULTIPART_THRESHOLD, settings.MULTIPART_PART_SIZE = PART, PART
    project = make_project()
    for seed in range(-(-N_CORRUPTIONS // 10)):
        chance = random.Random(f"{kind}/{is_large}/{seed}")
        storage = make_custom_storage(
            project, capabilities=PROVEN | {"verifies_checksum": chance.random() < 0.5}
        )
        size = chance.randrange(PART + 1, 5 * PART) if is_large else chance.randrange(1, PART)
        content = chance.randbytes(size)
        file = make_file(project, content)
        order = orders.order_for(file=file, custom_storage=storage)
        (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
        corrupt(bucket, job, kind, content, chance)
        assert_found(bucket, job, content, is_damaged=kind in DAMAGES)


def corrupt(bucket, job: CopyJob, kind: str, content: bytes, chance: random.Random) -> None:
    """Plan it for the next write of this copy, whole or in parts."""
    is_silent = chance.random() < 0.5  # the answer tells neither ETag nor checksum

    def spoil(write, *args, **kwargs):
        options = kwargs.get("options") or PutOptions(metadata=_own_metadata(job))
        receipt = write(*args, **kwargs)
        if kind in DAMAGES:
            receipt = keep(bucket, job.key, DAMAGES[kind](content, chance), _plain(options))
        else:
            receipt = PutReceipt(etag="0" * 32)
        return PutReceipt(etag="") if is_silent else receipt

    bucket.faults.clear()
    bucket.fail("put", spoil)
    bucket.fail("complete_multipart", spoil)


def _plain(options: PutOptions) -> PutOptions:
    return PutOptions(metadata=options.metadata)


def _own_metadata(job: CopyJob) -> dict[str, str]:
    return {"uuid": str(job.file.uuid), "sha256": job.file.sha256}


def assert_found(bucket, job: CopyJob, content: bytes, *, is_damaged: bool) -> None:
    runner.drain()
    job.refresh_from_db()
    if is_damaged:
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.DEST_CHECKSUM_MISMATCH)
        assert job.evidence == ""
    else:  # the bytes are right, and that is found by looking at them
        assert (job.state, job.evidence != "") == (State.DONE, True)
    bucket.faults.clear()
    CopyJob.objects.filter(pk=job.pk, run_after__isnull=False).update(run_after=db_now())
    runner.drain()
    job.refresh_from_db()
    with bucket.inner.get(job.key) as chunks:
        assert b"".join(chunks) == content
    assert job.state == State.DONE
