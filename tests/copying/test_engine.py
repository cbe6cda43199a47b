"""The engine from order to evidence, over a memory store and with faults."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
from django.core.files.storage import storages
from django.db import IntegrityError
from django.utils import timezone
from PIL import Image

from storages_app.copying import making, orders, runner, services, settling, sources
from storages_app.copying.evidence import Evidence, Expected
from storages_app.custom_storages import circuit
from storages_app.custom_storages import services as custom_storages
from storages_app.custom_storages.errors import OwnershipUnproved
from storages_app.imaging.errors import ImagingBusy
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import CopyJob, CustomStorage, Event, Reason
from storages_app.models.copy_jobs import State
from storages_app.models.fields import db_now
from storages_app.objectstores.backends import memory
from storages_app.objectstores.base import ObjectInfo, PutOptions, PutReceipt
from storages_app.objectstores.errors import (
    AccessDenied,
    ConditionConflict,
    ConnectionFailed,
    KeyInvalid,
    ObjectStoreError,
    ServerError,
    Throttled,
    TimedOut,
)
from tests import pictures
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="mine", capabilities=PROVEN, auto_copy=True)


def order(file, storage, **fields) -> CopyJob:
    placed = orders.place(
        [orders.order_for(file=file, custom_storage=storage, **fields)],
        lane=CopyJob.Lane.AUTO_COPY,
        asked_by="a test",
    )
    return placed[0]


def drained(job: CopyJob) -> CopyJob:
    runner.drain()
    job.refresh_from_db()
    return job


def read(bucket, key: str) -> bytes:
    with bucket.inner.get(key) as chunks:
        return b"".join(chunks)


class TestCopy:
    @pytest.mark.parametrize("content", [b"", b"x", b"photo" * 10_000])
    def test_puts_the_bytes_under_the_key_and_says_how_it_was_proved(
        self, project, storage, bucket, content
    ):
        file = make_file(project, content, name="my photo.jpg")
        job = drained(order(file, storage))
        assert job.state == State.DONE
        assert job.key == f"{file.uuid}/myphoto.jpg"
        assert read(bucket, job.key) == content
        assert (job.evidence, job.sha256, job.size) == ("checksum", file.sha256, len(content))
        assert job.verified_at is not None
        assert bucket.inner.head(job.key).metadata["uuid"] == str(file.uuid)

    def test_sends_big_files_in_parts_and_proves_the_whole(
        self, project, storage, bucket, settings, monkeypatch
    ):
        monkeypatch.setattr(memory, "MIN_PART_SIZE", 1)
        settings.MULTIPART_THRESHOLD, settings.MULTIPART_PART_SIZE = 1000, 400
        content = bytes(range(256)) * 5
        job = drained(order(make_file(project, content), storage))
        assert job.state == State.DONE
        assert bucket.calls.count("put_part") == 4
        assert read(bucket, job.key) == content
        assert job.upload_id == ""
        assert list(bucket.inner.list_multiparts()) == []

    def test_finds_the_same_bytes_already_there_and_writes_nothing(self, project, storage, bucket):
        file = make_file(project)
        first = drained(order(file, storage))
        again = drained(order(file, storage))
        assert again.pk == first.pk
        assert (again.state, again.reason) == (State.DONE, Reason.ALREADY_THERE)

    def test_writes_again_what_somebody_deleted_from_the_bucket(self, project, storage, bucket):
        file = make_file(project)
        job = drained(order(file, storage))
        bucket.inner.delete(job.key)
        again = drained(order(file, storage))
        assert (again.state, again.reason) == (State.DONE, "")
        assert read(bucket, job.key) == b"some bytes"

    def test_looks_first_where_the_provider_takes_no_conditions(self, project, storage, bucket):
        storage.capabilities = PROVEN | {"conditional_put": False}
        storage.save()
        job = drained(order(make_file(project), storage))
        assert job.state == State.DONE
        assert bucket.calls[:2] == ["head", "put"]


class TestClash:
    @pytest.fixture
    def two(self, project, storage, bucket):
        """Two files of one key; the first is copied."""
        storage.key_pattern = "same.txt"
        storage.save()
        first = drained(order(make_file(project, b"first"), storage))
        return first, make_file(project, b"second")

    def settle(self, storage, file, rule) -> CopyJob:
        storage.on_clash = rule
        storage.save()
        return drained(order(file, storage))

    def test_is_reported_and_the_first_bytes_stay(self, storage, bucket, two):
        job = self.settle(storage, two[1], "error")
        assert (job.state, job.reason) == (State.FAILED, Reason.KEY_CONFLICT)
        assert read(bucket, "same.txt") == b"first"
        assert Event.objects.filter(kind="copy.failed").exists()

    def test_is_skipped_and_never_green_if_the_owner_chose_so(self, storage, bucket, two):
        job = self.settle(storage, two[1], "skip")
        assert (job.state, job.reason) == (State.SKIPPED, Reason.KEY_EXISTS_SKIPPED)
        assert read(bucket, "same.txt") == b"first"

    def test_follows_the_rule_of_today_when_it_is_tried_again(self, storage, bucket, two):
        job = self.settle(storage, two[1], "error")
        storage.on_clash = "overwrite"
        storage.save()
        services.retry(jobs=CopyJob.objects.filter(pk=job.pk), actor="a test")
        assert drained(job).state == State.DONE
        assert read(bucket, "same.txt") == b"second"

    def test_overwrites_if_the_owner_chose_so(self, storage, bucket, two):
        job = self.settle(storage, two[1], "overwrite")
        assert job.state == State.DONE
        assert read(bucket, "same.txt") == b"second"

    def test_keeps_both_under_the_next_free_name(self, project, storage, bucket, two):
        job = self.settle(storage, two[1], "keep_both")
        third = self.settle(storage, make_file(project, b"third"), "keep_both")
        assert (job.state, job.key) == (State.DONE, "same-2.txt")
        assert (third.state, third.key) == (State.DONE, "same-3.txt")
        assert read(bucket, "same-3.txt") == b"third"


class TestProof:
    def wrong_receipt(self, put, *args, **kwargs):
        put(*args, **kwargs)
        return PutReceipt(etag="0" * 32)

    def test_reads_back_when_the_answer_proves_nothing(self, project, storage, bucket):
        bucket.fail("put", self.wrong_receipt)
        bucket.fail("head", lambda head, key: ObjectInfo(key=key, size=10, etag="other"))
        job = drained(order(make_file(project), storage))
        assert (job.state, job.evidence) == (State.DONE, "read_back")

    def test_is_amber_and_never_green_when_nothing_can_be_read(self, project, storage, bucket):
        bucket.fail("put", self.wrong_receipt)
        bucket.fail("head", AccessDenied())
        job = drained(order(make_file(project), storage))
        assert (job.state, job.reason) == (State.UNVERIFIED, Reason.DEST_UNVERIFIABLE)
        assert job.word == "Needs attention"

    def test_trusts_no_echoed_checksum_of_a_provider_that_checks_none(
        self, project, storage, bucket
    ):
        storage.capabilities = PROVEN | {"verifies_checksum": False}
        storage.save()
        file = make_file(project)
        bucket.fail("put", lambda put, *a, **k: PutReceipt(etag="", sha256=file.sha256))
        job = drained(order(file, storage))
        assert job.state == State.RETRY_WAIT
        assert job.reason == Reason.DEST_CHECKSUM_MISMATCH

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param(lambda b: b[:-1], id="truncated"),
            pytest.param(lambda b: bytes([b[0] ^ 1]) + b[1:], id="bit flip"),
            pytest.param(lambda b: b"", id="empty"),
        ],
    )
    def test_finds_damage_in_the_bucket_and_mends_it_on_the_next_try(
        self, project, storage, bucket, damage
    ):
        def damaging(put, key, body, *, options, **kwargs):
            content = damage(body.read())
            bucket.inner.put(
                key,
                BytesIO(content),
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                options=options,
            )
            return PutReceipt(etag="0" * 32)

        bucket.fail("put", damaging)
        job = drained(order(make_file(project), storage))
        assert (job.state, job.reason) == (State.RETRY_WAIT, Reason.DEST_CHECKSUM_MISMATCH)
        CopyJob.objects.update(run_after=db_now())
        assert drained(job).state == State.DONE
        assert read(bucket, job.key) == b"some bytes"

    def test_done_without_evidence_is_refused_by_the_database(self, project, storage, bucket):
        job = order(make_file(project), storage)
        with pytest.raises(IntegrityError, match="copy_job_done_has_evidence"):
            CopyJob.objects.filter(pk=job.pk).update(state=State.DONE)


class TestSource:
    def test_missing_on_disk_fails_and_nothing_is_written(self, project, storage, bucket):
        file = make_file(project)
        storages["uploads"].delete(file.blob_name)
        job = drained(order(file, storage))
        assert (job.state, job.reason) == (State.FAILED, Reason.SOURCE_MISSING)
        assert bucket.calls == []

    @pytest.mark.parametrize("threshold", [1, 10_000], ids=["parts", "whole"])
    @pytest.mark.parametrize("content", [b"short", b"other byte"])
    def test_changed_on_disk_fails_and_nothing_is_written(
        self, project, storage, bucket, settings, content, threshold
    ):
        settings.MULTIPART_THRESHOLD = threshold
        file = make_file(project, b"some bytes")
        Path(storages["uploads"].path(file.blob_name)).write_bytes(content)
        job = drained(order(file, storage))
        assert (job.state, job.reason) == (State.FAILED, Reason.SOURCE_CHECKSUM_MISMATCH)
        assert list(bucket.inner.list_objects()) == []
        assert list(bucket.inner.list_multiparts()) == []

    def test_over_5_gb_is_skipped_visibly_and_exactly_5_gb_is_not(self, project, storage, bucket):
        file = make_file(project)
        file.size = orders.MAX_ORIGINAL + 1
        file.save()
        job = drained(order(file, storage))
        assert (job.state, job.reason) == (State.SKIPPED, Reason.TOO_LARGE_5GB)
        assert orders.MAX_ORIGINAL == 5_368_709_120


class TestFault:
    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (ServerError(http_status=500), Reason.SERVER_ERROR),
            (Throttled(http_status=503), Reason.THROTTLED),
            (TimedOut(), Reason.TIMEOUT),
            (ConnectionFailed(), Reason.CONNECTION),
            (ConditionConflict(http_status=409), Reason.SERVER_ERROR),
        ],
    )
    def test_that_passes_is_tried_again_later(
        self, project, storage, bucket, monkeypatch, error, reason
    ):
        monkeypatch.setattr(settling, "_REST_S", 0.0)
        bucket.fail("put", error)
        job = drained(order(make_file(project), storage))
        assert (job.state, job.reason) == (State.RETRY_WAIT, reason)
        assert job.run_after > timezone.now() - timedelta(seconds=1)
        CopyJob.objects.update(run_after=db_now())
        assert drained(job).state == State.DONE

    def test_retry_after_is_honoured(self, project, storage, bucket):
        bucket.fail("put", Throttled(http_status=503, retry_after=100))
        job = drained(order(make_file(project), storage))
        assert job.run_after > timezone.now() + timedelta(seconds=95)

    def test_of_the_copy_itself_fails_at_once(self, project, storage, bucket):
        bucket.fail("put", KeyInvalid(provider_code="KeyTooLongError", http_status=400))
        job = drained(order(make_file(project), storage))
        assert (job.state, job.reason) == (State.FAILED, Reason.KEY_INVALID)
        assert (job.error_code, job.http_status) == ("KeyTooLongError", 400)

    @pytest.mark.parametrize("error", [TimedOut(), ConnectionFailed(), ServerError()])
    def test_lost_reply_after_success_is_found_out_by_looking(
        self, project, storage, bucket, error
    ):
        def write_and_lose(put, *args, **kwargs):
            put(*args, **kwargs)
            raise error

        bucket.fail("put", write_and_lose)
        job = drained(order(make_file(project), storage))
        assert job.state == State.DONE
        assert bucket.calls.count("put") == 1

    def test_after_24_hours_of_trying_ends_as_attempts_exhausted(self, project, storage, bucket):
        job = order(make_file(project), storage)
        CopyJob.objects.update(first_attempt_at=timezone.now() - timedelta(hours=25))
        bucket.fail("put", ServerError())
        assert drained(job).state == State.FAILED
        assert job.reason == Reason.ATTEMPTS_EXHAUSTED

    def test_waits_grow_to_a_quarter_of_an_hour_with_full_jitter(self):
        longest = [settling.backoff_s(attempts=n, chance=1) for n in range(1, 30)]
        assert longest == sorted(longest)
        assert longest[0] < 3
        assert 900 <= longest[-1] < 901
        assert settling.backoff_s(attempts=20, chance=0) < 1


class TestCircuit:
    def break_it(self, project, storage, bucket) -> list[CopyJob]:
        bucket.fail("put", *[AccessDenied(provider_code="AccessDenied", http_status=403)] * 100)
        jobs = [order(make_file(project), storage) for _ in range(8)]
        runner.drain()
        storage.refresh_from_db()
        return jobs

    def test_opens_after_five_owner_faults_and_blocks_without_burning_attempts(
        self, project, storage, bucket
    ):
        jobs = self.break_it(project, storage, bucket)
        assert storage.is_broken
        assert storage.circuit_reason == Reason.AUTH_DENIED
        states = set(CopyJob.objects.values_list("state", "attempts"))
        assert states == {(State.BLOCKED, 0)}
        assert Event.objects.filter(kind="storage.broken").count() == 1
        assert len(jobs) == 8

    def test_new_orders_for_a_broken_storage_wait_and_nothing_is_sent(
        self, project, storage, bucket
    ):
        self.break_it(project, storage, bucket)
        bucket.calls.clear()
        job = drained(order(make_file(project), storage))
        assert (job.state, job.word) == (State.BLOCKED, "Needs attention")
        assert bucket.calls == []

    def test_heals_by_a_trial_copy_and_drains_alone(self, project, storage, bucket):
        self.break_it(project, storage, bucket)
        bucket.faults.clear()
        CustomStorage.objects.update(circuit_probe_after=db_now())
        runner.drain()
        storage.refresh_from_db()
        assert not storage.is_broken
        assert set(CopyJob.objects.values_list("state", flat=True)) == {State.DONE}
        assert Event.objects.filter(kind="storage.recovered").count() == 1

    def test_a_trial_copy_that_finds_other_bytes_under_its_key_heals_it_as_well(
        self, project, storage, bucket
    ):
        """The bucket has answered all that it was asked."""
        jobs = self.break_it(project, storage, bucket)
        bucket.faults.clear()
        for job in jobs:
            bucket.inner.put(
                job.key,
                BytesIO(b"other"),
                size=5,
                sha256=hashlib.sha256(b"other").hexdigest(),
                options=PutOptions(),
            )
        CustomStorage.objects.update(circuit_probe_after=db_now())
        runner.drain()
        storage.refresh_from_db()
        assert not storage.is_broken
        assert set(CopyJob.objects.values_list("reason", flat=True)) == {Reason.KEY_CONFLICT}

    def test_stays_open_when_the_trial_fails_and_waits_longer(self, project, storage, bucket):
        self.break_it(project, storage, bucket)
        CustomStorage.objects.update(circuit_probe_after=db_now())
        bucket.calls.clear()
        runner.drain()
        storage.refresh_from_db()
        assert storage.is_broken
        assert bucket.calls.count("put") == 1
        assert storage.circuit_probe_after > timezone.now() + timedelta(seconds=90)

    @pytest.mark.parametrize(
        ("outcome", "said"),
        [
            (making.Outcome(State.RETRY_WAIT, Reason.DEST_CHECKSUM_MISMATCH), "transient"),
            (making.Outcome(State.PENDING, new_key="a-2.txt"), "success"),
            (making.Outcome(State.FAILED, Reason.SOURCE_MISSING), None),
        ],
    )
    def test_what_an_outcome_says_of_the_bucket(self, outcome, said):
        assert making.health_of(outcome) == said

    def test_half_of_the_last_twenty_failing_opens_it_too(self, storage):
        circuit.report(storage, "t+" * 9 + "t")
        storage.refresh_from_db()
        assert not storage.is_broken
        circuit.report(storage, "+")
        storage.refresh_from_db()
        assert storage.is_broken

    def test_of_one_storage_does_not_stop_another(self, project, storage, bucket):
        self.break_it(project, storage, bucket)
        bucket.faults.clear()
        other = make_custom_storage(project, capabilities=PROVEN)
        assert drained(order(make_file(project), other)).state == State.DONE


class TestLedger:
    def test_a_job_is_claimed_by_one_worker_only(self, project, storage):
        order(make_file(project), storage)
        lease = timedelta(seconds=30)
        assert len(CopyJob.objects.all().claim(limit=10, worker="a", lease=lease)) == 1
        assert CopyJob.objects.all().claim(limit=10, worker="b", lease=lease) == []

    def test_a_lapsed_lease_is_taken_over_and_the_old_fence_writes_nothing(self, project, storage):
        order(make_file(project), storage)
        lease = timedelta(seconds=30)
        (old,) = CopyJob.objects.all().claim(limit=1, worker="a", lease=lease)
        CopyJob.objects.update(lease_until=db_now() - timedelta(seconds=1))
        (new,) = CopyJob.objects.all().claim(limit=1, worker="b", lease=lease)
        assert (new.fence, new.takeovers, new.crashes) == (old.fence + 1, 1, 1)
        assert not CopyJob.objects.held(pk=old.pk, fence=old.fence).update(state=State.FAILED)

    def test_two_files_of_one_key_are_never_written_at_once(self, project, storage):
        storage.key_pattern = "same.txt"
        storage.save()
        order(make_file(project), storage)
        order(make_file(project), storage)
        claimed = CopyJob.objects.all().claim(limit=10, worker="a", lease=timedelta(seconds=30))
        assert len(claimed) == 1

    def test_a_key_that_is_being_written_holds_up_no_other_key(self, project, storage):
        storage.key_pattern = "same.txt"
        storage.save()
        lease = timedelta(seconds=30)
        order(make_file(project), storage)
        CopyJob.objects.all().claim(limit=1, worker="a", lease=lease)
        order(make_file(project), storage)
        other = order(make_file(project), storage, pattern="other.txt")
        assert CopyJob.objects.all().claim(limit=2, worker="b", lease=lease) == [other]

    def test_a_takeover_aborts_the_stale_multipart_upload(self, project, storage, bucket):
        job = order(make_file(project), storage)
        stale = bucket.inner.start_multipart(job.key, PutOptions())
        CopyJob.objects.update(
            state=State.LEASED,
            run_after=None,
            upload_id=stale,
            lease_until=db_now() - timedelta(seconds=1),
        )
        assert drained(job).state == State.DONE
        assert list(bucket.inner.list_multiparts()) == []
        assert job.takeovers == 1

    def test_a_takeover_aborts_an_upload_whose_id_was_never_noted(
        self, project, storage, bucket, settings
    ):
        settings.MULTIPART_THRESHOLD = 1
        job = order(make_file(project), storage)
        bucket.inner.start_multipart(job.key, PutOptions())
        bucket.inner.start_multipart(job.key + "-of-others", PutOptions())
        CopyJob.objects.update(
            state=State.LEASED, run_after=None, lease_until=db_now() - timedelta(seconds=1)
        )
        assert drained(job).state == State.DONE
        assert [found.key for found in bucket.inner.list_multiparts()] == [job.key + "-of-others"]

    def test_a_takeover_finds_it_where_the_server_encodes_the_key(
        self, project, storage, bucket, settings, monkeypatch
    ):
        settings.MULTIPART_THRESHOLD = 1
        job = order(make_file(project), storage, pattern="a+b/(c).bin")
        bucket.inner.start_multipart(job.key, PutOptions())
        honest = bucket.inner.list_multiparts

        def encoded(prefix=""):
            return [replace(found, key=quote(found.key)) for found in honest(prefix)]

        monkeypatch.setattr(bucket, "list_multiparts", encoded, raising=False)
        CopyJob.objects.update(
            state=State.LEASED, run_after=None, lease_until=db_now() - timedelta(seconds=1)
        )
        assert drained(job).state == State.DONE
        assert list(honest()) == []

    def test_a_worker_that_dies_before_it_could_prove_the_copy_is_followed_by_one_that_does(
        self, project, storage, bucket, monkeypatch
    ):
        def die(name):
            if name == "copy_before_verify":
                raise making.LostJob

        bucket.fail("put", TestProof().wrong_receipt)
        monkeypatch.setattr(making, "crashpoint", die)
        job = drained(order(make_file(project), storage))
        assert job.state == State.WRITTEN
        CopyJob.objects.update(lease_until=db_now() - timedelta(seconds=1))
        assert drained(job).state == State.DONE
        assert (job.reason, job.takeovers) == (Reason.ALREADY_THERE, 1)

    def test_an_attempt_that_ends_clears_the_suspicion(self, project, storage, bucket):
        job = order(make_file(project), storage)
        CopyJob.objects.update(crashes=2)
        bucket.fail("put", ServerError())
        assert drained(job).state == State.RETRY_WAIT
        assert job.crashes == 0

    def test_a_job_left_behind_by_a_dead_worker_ends_with_its_storage(
        self, project, storage, bucket
    ):
        job = order(make_file(project), storage)
        CopyJob.objects.update(
            state=State.LEASED, run_after=None, lease_until=db_now() - timedelta(seconds=1)
        )
        custom_storages.disconnect(custom_storage=storage, actor="a test")
        assert drained(job).state == State.CANCELLED
        assert (job.reason, bucket.calls) == (Reason.STORAGE_DELETED, [])

    def test_an_outcome_under_an_old_fence_is_dropped(self, project, storage, bucket):
        job = order(make_file(project), storage)
        (mine,) = CopyJob.objects.all().claim(limit=1, worker="a", lease=timedelta(seconds=30))
        CopyJob.objects.filter(pk=job.pk).update(fence=mine.fence + 1)
        for state in (State.FAILED, State.DONE):
            proof = Evidence("checksum", "sha256:x")
            expected = Expected(1, "a" * 64, "b" * 32)
            outcome = making.Outcome(state, Reason.INTERNAL, evidence=proof, expected=expected)
            finished = settling.Finished(making.Assignment(mine, bucket, 1, 1), outcome)
            settling.settle([finished])
        job.refresh_from_db()
        assert (job.state, job.reason) == (State.LEASED, "")

    def test_a_waiting_row_needs_a_time_and_a_running_one_a_lease(self, project, storage):
        job = order(make_file(project), storage)
        with pytest.raises(IntegrityError, match="copy_job_waiting_has_time"):
            CopyJob.objects.filter(pk=job.pk).update(run_after=None)

    def test_a_paused_storage_is_left_alone(self, project, storage, bucket):
        job = order(make_file(project), storage)
        custom_storages.pause(custom_storage=storage, actor="a test")
        assert drained(job).state == State.BLOCKED
        assert job.word == "Paused"
        custom_storages.resume(custom_storage=storage, actor="a test")
        assert drained(job).state == State.DONE


class TestAutoCopy:
    def test_orders_one_copy_for_each_storage_that_wants_new_files(self, project, storage):
        make_custom_storage(project, name="not auto")
        make_custom_storage(make_project(), name="of others", auto_copy=True)
        services.order_copies_of_new_file(file=make_file(project))
        assert list(CopyJob.objects.values_list("custom_storage__name", flat=True)) == ["mine"]

    def test_of_one_file_twice_is_one_row(self, project, storage):
        file = make_file(project)
        services.order_copies_of_new_file(file=file)
        services.order_copies_of_new_file(file=file)
        assert CopyJob.objects.count() == 1

    def test_goes_to_a_broken_storage_as_a_parked_row(self, project, storage):
        circuit.open_(storage, reason="auth_denied")
        services.order_copies_of_new_file(file=make_file(project))
        assert CopyJob.objects.get().state == State.BLOCKED


class TestRetryAndCancel:
    def test_retry_runs_failed_copies_again(self, project, storage, bucket):
        bucket.fail("put", KeyInvalid())
        job = drained(order(make_file(project), storage))
        assert services.retry(jobs=CopyJob.objects.all(), actor="a test") == 1
        assert drained(job).state == State.DONE

    def test_copying_again_what_is_done_reads_the_bucket_first(self, project, storage, bucket):
        job = drained(order(make_file(project), storage))
        assert services.retry(jobs=CopyJob.objects.all(), actor="a test") == 1
        assert drained(job).reason == Reason.ALREADY_THERE
        assert Event.objects.get(kind="copy.retried").subject == "1 copy"

    def test_retry_leaves_copies_of_removed_files_alone(self, project, storage, bucket):
        bucket.fail("put", KeyInvalid())
        job = drained(order(make_file(project), storage))
        job.file.removed_at, job.file.stored_at = timezone.now(), None
        job.file.save()
        assert services.retry(jobs=CopyJob.objects.all(), actor="a test") == 0

    def test_cancel_drops_what_waits(self, project, storage, bucket):
        job = order(make_file(project), storage)
        assert services.cancel(jobs=CopyJob.objects.all(), actor="a test") == 1
        assert drained(job).state == State.CANCELLED
        assert bucket.calls == []


def test_evidence_names_the_checksum_that_the_provider_verified(project, storage, bucket):
    file = make_file(project)
    job = drained(order(file, storage))
    assert job.evidence_checksum == "sha256:" + hashlib.sha256(b"some bytes").hexdigest()


class TestProcessedImage:
    def image(self, project, width):
        content = pictures.jpeg(width, 60)
        return make_file(project, content, name="roof.jpg", detected_type="image/jpeg")

    def resized(self, project, storage, width=80) -> CopyJob:
        return order(
            self.image(project, width), storage, effects="-/resize/20x/", key_text=".-resize_20x"
        )

    def test_lands_under_a_name_with_its_effects_and_its_real_type(self, project, storage, bucket):
        job = drained(self.resized(project, storage))
        assert (job.state, job.evidence) == (State.DONE, "checksum")
        assert job.key == f"{job.file.uuid}/roof.-resize_20x.jpg"
        found = Image.open(BytesIO(read(bucket, job.key)))
        assert (found.size, found.format) == ((20, 15), "JPEG")
        assert bucket.inner.head(job.key).content_type == "image/jpeg"
        assert job.sha256 != job.file.sha256

    def test_of_what_is_no_image_fails_with_its_reason(self, project, storage, bucket):
        job = drained(order(make_file(project), storage, effects="-/resize/20x/", key_text="x"))
        assert (job.state, job.reason) == (State.FAILED, Reason.PROCESSING_FAILED)
        assert "not images" in job.detail
        assert bucket.calls == []

    def test_waits_while_all_image_processes_are_busy(self, project, storage, bucket, monkeypatch):
        monkeypatch.setattr(sources.renditions, "render", raising(ImagingBusy()))
        job = drained(self.resized(project, storage))
        assert job.state == State.RETRY_WAIT

    def test_of_a_missing_original_says_so(self, project, storage, bucket):
        job = self.resized(project, storage, width=90)  # not in the cache of renditions
        storages["uploads"].delete(job.file.blob_name)
        assert drained(job).state == State.FAILED
        assert job.reason == Reason.SOURCE_MISSING


def raising(error: Exception):
    def call(*args, **kwargs):
        raise error

    return call


def test_an_unknown_refusal_is_final_and_an_unknown_failure_is_not(project, storage, bucket):
    bucket.fail("put", ObjectStoreError("?", provider_code="InvalidRequest", http_status=400))
    bucket.fail("put", ObjectStoreError("?", provider_code="Strange", http_status=599))
    first = drained(order(make_file(project), storage))
    second = drained(order(make_file(project), storage))
    assert (first.state, second.state) == (State.FAILED, State.RETRY_WAIT)


class TestWaysIn:
    """What goes wrong before the first byte is an outcome of the job, not of the worker."""

    @pytest.mark.parametrize(
        ("refusal", "state", "reason"),
        [
            (
                AccessDenied(operation="AssumeRole", provider_code="AccessDenied"),
                State.RETRY_WAIT,
                Reason.AUTH_DENIED,
            ),
            (OwnershipUnproved(), State.RETRY_WAIT, Reason.AUTH_DENIED),
            (TimedOut(operation="AssumeRole"), State.RETRY_WAIT, Reason.TIMEOUT),
            (CannotUnseal(), State.RETRY_WAIT, Reason.AUTH_DENIED),
        ],
    )
    def test_a_bucket_that_cannot_be_opened_delays_its_own_copies_alone(
        self, project, storage, bucket, monkeypatch, refusal, state, reason
    ):
        other = make_custom_storage(project, capabilities=PROVEN)

        def open_(custom_storage):
            if custom_storage == other:
                raise refusal
            return bucket

        monkeypatch.setattr(runner, "open_store", open_)
        refused, made = order(make_file(project), other), order(make_file(project), storage)
        runner.drain()
        refused.refresh_from_db()
        made.refresh_from_db()
        assert (refused.state, refused.reason) == (state, reason)
        assert made.state == State.DONE
