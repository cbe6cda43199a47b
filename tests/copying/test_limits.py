"""Limits to the byte and names of all kinds, with whole copies: F45 to F48."""

import random
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.core.files.storage import storages

from storages_app.copying import orders, runner, sources
from storages_app.custom_storages import key_patterns
from storages_app.imaging.errors import ProcessedTooLarge, ProcessingFailed
from storages_app.models import CopyJob, Reason
from storages_app.models.copy_jobs import State
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

HARD = [
    "é",
    "e\u0301",
    "🐘",
    "🏳️‍🌈",
    "..",
    "/",
    "//",
    "../",
    "\\",
    "\0",
    "\n",
    "\r",
    "\x7f",
    "\u202e",
    "%2F",
    "%2e%2e",
    "+",
    " ",
    "?",
    "#",
    "&",
    "=",
    "<",
    ">",
    '"',
    "'",
    ";",
    "*",
    "~",
    "$",
    "{",
    "}",
    "${uuid}",
    ".",
    "-",
    "_",
    "a",
    "Z",
    "9",
    ".jpg",
    ".tar.gz",
    "\ud7ff",
    "\uffff",
    "\u2028",
    "漢",
]
ID = UUID("11111111-2222-3333-4444-555555555555")


def key_of(name: str, pattern: str = "${default}", prefix: str = "mine/") -> str:
    return key_patterns.expand(
        pattern,
        prefix=prefix,
        uuid=str(ID),
        original_filename=name,
        uploaded_at=datetime(2026, 1, 2, tzinfo=UTC),
        project="a-project",
        mime_type="image/jpeg",
        effects="",
    )


def test_f45_ten_thousand_names_of_the_worst_characters_make_keys_that_stay_in_their_prefix():
    chance = random.Random(45)
    for _ in range(10_000):
        name = "".join(chance.choices(HARD, k=chance.choice([0, 1, 2, 5, 20, 255])))
        pattern = chance.choice(["${default}", "${filename}${ext}", "a/${uuid}/${filename}"])
        found = key_of(name, pattern)
        assert 0 < len(found.encode()) <= key_patterns.MAX_KEY_BYTES
        assert found.startswith("mine/")
        assert found.isascii()
        assert found.isprintable()
        assert {"", ".", ".."}.isdisjoint(found.split("/"))


@pytest.mark.django_db
class TestCopies:
    @pytest.fixture
    def storage(self):
        return make_custom_storage(make_project(), capabilities=PROVEN)

    def drained(self, job: CopyJob) -> CopyJob:
        runner.drain()
        job.refresh_from_db()
        return job

    def ordered(self, storage, *, effects: str = "", **fields) -> CopyJob:
        file = make_file(storage.project, **fields)
        order = orders.order_for(
            file=file, custom_storage=storage, effects=effects, key_text=effects and ".-x"
        )
        (job,) = orders.place([order], lane=CopyJob.Lane.AUTO_COPY, asked_by="a test")
        return job

    @pytest.mark.parametrize(
        "name", ["", "..", "a/../../b", "\u202egpj.exe", "é" * 255, "a+b c%2F"]
    )
    def test_f45_hard_names_are_copied_and_found_again(self, storage, bucket, name):
        job = self.drained(self.ordered(storage, name=name))
        assert job.state == State.DONE
        with bucket.inner.get(job.key) as chunks:
            assert b"".join(chunks) == b"some bytes"

    @pytest.mark.parametrize(
        ("size", "reason"),
        [
            (orders.MAX_ORIGINAL, Reason.SOURCE_CHECKSUM_MISMATCH),  # read, and found to be short
            (orders.MAX_ORIGINAL + 1, Reason.TOO_LARGE_5GB),
        ],
    )
    def test_f46_five_gigabytes_are_the_limit_to_the_byte(self, storage, bucket, size, reason):
        job = self.drained(self.ordered(storage, size=size))
        assert job.reason == reason

    @pytest.mark.parametrize(
        ("size", "is_refused"),
        [
            (orders.MAX_PROCESSED - 1, False),
            (orders.MAX_PROCESSED, False),
            (orders.MAX_PROCESSED + 1, True),
        ],
    )
    def test_f47_a_hundred_megabytes_are_the_limit_of_what_is_processed(
        self, storage, bucket, monkeypatch, size, is_refused
    ):
        def fail(*, file, effects, others):
            raise ProcessingFailed

        monkeypatch.setattr(sources.renditions, "render", fail)
        job = self.drained(self.ordered(storage, effects="-/preview/", size=size))
        if is_refused:
            assert (job.state, job.reason) == (State.SKIPPED, Reason.PROCESSED_TOO_LARGE_100MB)
        else:
            assert (job.state, job.reason) == (State.FAILED, Reason.PROCESSING_FAILED)
        assert bucket.calls == []

    def test_f47_a_result_over_the_limit_is_skipped_visibly(self, storage, bucket, monkeypatch):
        """Where the limit is exactly, and a decoder that dies or hangs: tests/imaging."""

        def fail(*, file, effects, others):
            raise ProcessedTooLarge

        monkeypatch.setattr(sources.renditions, "render", fail)
        job = self.drained(self.ordered(storage, effects="-/preview/"))
        assert (job.state, job.reason) == (State.SKIPPED, Reason.PROCESSED_TOO_LARGE_100MB)

    def test_f48_a_missing_original_fails_and_nothing_is_written(self, storage, bucket):
        """One that has changed: test_engine and test_multipart."""
        job = self.ordered(storage)
        storages["uploads"].delete(job.file.blob_name)
        job = self.drained(job)
        assert (job.state, job.reason) == (State.FAILED, Reason.SOURCE_MISSING)
        assert bucket.calls == []
