"""Large files: parts side by side, their number and size, what goes wrong between them."""

import hashlib
import mmap
import os
import threading
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.storage import storages

from storages_app.copying import multipart, orders, runner
from storages_app.copying.evidence import composite_md5
from storages_app.models import CopyJob, CustomStorage, Reason
from storages_app.models.copy_jobs import State
from storages_app.objectstores import providers
from storages_app.objectstores.backends import memory
from storages_app.objectstores.base import PartReceipt, PutReceipt
from storages_app.objectstores.errors import ConnectionFailed, ServerError, UploadMissing
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db
PART = 1000
CONTENT = bytes(range(250)) * 20  # five parts


@pytest.fixture
def storage(settings, monkeypatch):
    monkeypatch.setattr(memory, "MIN_PART_SIZE", 1)
    settings.MULTIPART_THRESHOLD, settings.MULTIPART_PART_SIZE = PART, PART
    return make_custom_storage(make_project(), capabilities=PROVEN)


def ordered(storage: CustomStorage, content: bytes = CONTENT) -> CopyJob:
    order = orders.order_for(file=make_file(storage.project, content), custom_storage=storage)
    (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
    return job


def drained(job: CopyJob) -> CopyJob:
    runner.drain()
    job.refresh_from_db()
    return job


def content_of(bucket, key: str) -> bytes:
    with bucket.inner.get(key) as chunks:
        return b"".join(chunks)


class TestSizes:
    """F46, to the byte; see also test_engine for 5 GB + 1."""

    @pytest.mark.parametrize(
        ("size", "n_parts"),
        [(0, 0), (1, 0), (PART, 0), (PART + 1, 2), (2 * PART - 1, 2), (2 * PART, 2)],
    )
    def test_f46_around_the_size_of_a_part(self, storage, bucket, size, n_parts):
        job = drained(ordered(storage, CONTENT[:size]))
        assert (job.state, job.size) == (State.DONE, size)
        assert content_of(bucket, job.key) == CONTENT[:size]
        assert bucket.calls.count("put_part") == n_parts

    @pytest.mark.parametrize("beside", [-1, 0, 1])
    def test_f46_around_the_real_part_size(self, storage, bucket, settings, beside):
        settings.MULTIPART_THRESHOLD = settings.MULTIPART_PART_SIZE = 8 * 1024 * 1024
        content = b"8" * (8 * 1024 * 1024 + beside)
        job = drained(ordered(storage, content))
        assert (job.state, job.size) == (State.DONE, len(content))
        assert bucket.calls.count("put_part") == (2 if beside == 1 else 0)

    def test_f46_five_gigabytes_fit_everywhere(self):
        for provider in providers.all_providers():
            for at_least in (5 * 1024**2, 8 * 1024**2):
                size = multipart.part_size(
                    orders.MAX_ORIGINAL, at_least=at_least, max_parts=provider.max_parts
                )
                assert -(-orders.MAX_ORIGINAL // size) <= provider.max_parts
                assert size < 16 * 1024**2
        assert multipart.part_size(10_000, at_least=400, max_parts=10_000) == 400

    def test_parts_grow_where_a_provider_takes_few(self, storage, bucket, monkeypatch):
        few = replace(providers.provider(storage.provider), max_parts=2)
        monkeypatch.setattr(multipart.providers, "provider", lambda slug: few)
        job = drained(ordered(storage))
        assert job.state == State.DONE
        assert bucket.calls.count("put_part") <= 2

    def test_f46_exactly_five_gigabytes_go_through_in_bounded_memory(
        self, storage, bucket, settings, monkeypatch
    ):
        """A sparse file, scaled: the number of parts is that of 5 GB."""
        settings.MULTIPART_PART_SIZE, settings.MULTIPART_THRESHOLD = 64, 64
        n_parts = orders.MAX_ORIGINAL // (8 * 1024**2)
        held: list[int] = []
        most: list[int] = []

        def counting(put_part, key, upload_id, number, body, *, size, checksum):
            held.append(size)
            most.append(sum(held))
            receipt = put_part(key, upload_id, number, body, size=size, checksum=checksum)
            held.remove(size)
            return receipt

        bucket.fail("put_part", *[counting] * n_parts)
        job = drained(ordered(storage, b"\0" * 64 * n_parts))
        assert (job.state, bucket.calls.count("put_part")) == (State.DONE, 640)
        assert max(most) <= 3 * 64


class TestSideBySide:
    def test_three_parts_are_on_their_way_at_once_and_no_more(self, storage, bucket):
        together = threading.Barrier(3, timeout=10)
        under_way: list[int] = []
        most: list[int] = []

        def meet(put_part, key, upload_id, number, body, *, size, checksum):
            under_way.append(number)
            most.append(len(under_way))
            if number <= 3:
                together.wait()
            under_way.remove(number)
            return put_part(key, upload_id, number, body, size=size, checksum=checksum)

        bucket.fail("put_part", *[meet] * 5)
        job = drained(ordered(storage))
        assert (job.state, max(most)) == (State.DONE, 3)
        assert content_of(bucket, job.key) == CONTENT

    def test_a_storage_whose_bucket_hangs_leaves_room_for_others(self, storage, bucket):
        """I9: three parts hang, and a copy to another storage ends meanwhile."""
        other = make_custom_storage(storage.project, capabilities=PROVEN)
        hanging, made = ordered(storage), ordered(other)
        is_made = threading.Event()
        waited: list[bool] = []

        def hang(put_part, key, *args, **kwargs):
            if key == hanging.key:
                waited.append(is_made.wait(10))
            return put_part(key, *args, **kwargs)

        def tell(complete, key, *args, **kwargs):
            receipt = complete(key, *args, **kwargs)
            if key == made.key:
                is_made.set()
            return receipt

        bucket.fail("put_part", *[hang] * 10)
        bucket.fail("complete_multipart", *[tell] * 2)
        assert (drained(made).state, drained(hanging).state) == (State.DONE, State.DONE)
        assert all(waited)

    def test_their_memory_is_used_again_and_given_back(self, storage, bucket, monkeypatch):
        mapped: list[mmap.mmap] = []

        class Counted(mmap.mmap):
            def __init__(self, *args):
                mapped.append(self)

        monkeypatch.setattr(multipart.mmap, "mmap", Counted)
        content = os.urandom(20 * PART + 1)  # behind the last byte, the memory is stale
        job = drained(ordered(storage, content))
        assert (job.state, content_of(bucket, job.key)) == (State.DONE, content)
        assert 1 <= len(mapped) <= 3
        assert all(buffer.closed for buffer in mapped)

    @pytest.mark.parametrize("which", [0, 2, 4])
    def test_one_that_fails_ends_the_upload_and_nothing_stays_open(self, storage, bucket, which):
        bucket.fail("put_part", *[None] * which, ServerError(http_status=500))
        job = drained(ordered(storage))
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.SERVER_ERROR)
        assert list(bucket.inner.list_multiparts()) == []
        assert list(bucket.inner.list_objects()) == []
        # All buffers came back.
        share = multipart._buffers._shares[storage.pk]
        assert (share.files._value, share.parts._value) == (4, 3)
        assert multipart._buffers._free._value == 4

    def test_f30_a_zombie_cannot_go_on_once_its_upload_was_aborted(self, storage, bucket):
        def abort_first(put_part, key, upload_id, *args, **kwargs):
            bucket.inner.abort_multipart(key, upload_id)
            return put_part(key, upload_id, *args, **kwargs)

        bucket.fail("put_part", abort_first)
        job = drained(ordered(storage))
        assert job.state == State.RETRY_WAIT
        assert list(bucket.inner.list_objects()) == []


class TestProof:
    def test_f34_a_wrong_etag_and_no_checksum_prove_nothing(self, storage, bucket):
        def lie(complete, *args, **kwargs):
            complete(*args, **kwargs)
            return PutReceipt(etag="0" * 32 + "-5")

        bucket.fail("complete_multipart", lie)
        job = drained(ordered(storage))
        assert (job.state, job.evidence) == (State.DONE, "read_back")

    def test_f36_an_error_in_the_answer_to_complete_is_looked_after(self, storage, bucket):
        bucket.fail("complete_multipart", ServerError(http_status=200))
        job = drained(ordered(storage))
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.SERVER_ERROR)
        assert list(bucket.inner.list_multiparts()) == []

    def test_f32_a_lost_answer_to_complete_is_found_out_by_looking(self, storage, bucket):
        def lose(complete, *args, **kwargs):
            complete(*args, **kwargs)
            raise ConnectionFailed

        bucket.fail("complete_multipart", lose)
        job = drained(ordered(storage))
        assert (job.state, bucket.calls.count("complete_multipart")) == (State.DONE, 1)

    def test_f35_a_source_that_changed_is_found_while_it_is_sent(self, storage, bucket):
        job = ordered(storage)
        changed = CONTENT[:-1] + b"!"
        Path(storages["uploads"].path(job.file.blob_name)).write_bytes(changed)
        job = drained(job)
        assert (job.state, job.reason) == (State.FAILED, Reason.SOURCE_CHECKSUM_MISMATCH)
        assert list(bucket.inner.list_objects()) == []

    def test_an_upload_that_is_gone_is_made_anew(self, storage, bucket):
        bucket.fail("complete_multipart", UploadMissing())
        job = drained(ordered(storage))
        CopyJob.objects.update(run_after="2026-01-01T00:00Z")
        assert drained(job).state == State.DONE

    def test_etags_that_are_no_md5_prove_nothing(self):
        parts = [hashlib.md5(b"a").hexdigest(), "not-an-md5"]
        assert composite_md5(parts) == ""
        assert composite_md5(parts[:1]).endswith("-1")


class TestCredentialsThatEnd:
    def test_of_a_role_are_renewed_between_the_parts(self, storage, bucket, monkeypatch):
        """A copy of more than half an hour goes on with those that come next."""
        CustomStorage.objects.filter(pk=storage.pk).update(identity="role")
        opened: list[str] = []

        def open_store(custom_storage):
            opened.append(custom_storage.name)
            return bucket

        monkeypatch.setattr(runner, "open_store", open_store)
        assert drained(ordered(storage)).state == State.DONE
        assert len(opened) >= 1 + 5 + 1  # to begin, for each part, to put them together

    def test_of_keys_stay(self, storage, bucket, monkeypatch):
        opened: list[str] = []
        monkeypatch.setattr(runner, "open_store", lambda found: opened.append("x") or bucket)
        assert drained(ordered(storage)).state == State.DONE
        assert len(opened) == 1


def test_a_part_in_memory_is_read_once(storage, bucket):
    """What is sent is what was hashed: the file is not asked again."""

    def swap(put_part, key, upload_id, number, body, *, size, checksum):
        content = body.read(size)
        body.seek(0)
        assert content == CONTENT[(number - 1) * PART : number * PART]
        return put_part(key, upload_id, number, BytesIO(content), size=size, checksum=checksum)

    bucket.fail("put_part", *[swap] * 5)
    assert drained(ordered(storage)).state == State.DONE
    assert PartReceipt(1, "e").sha256 == ""
