"""The judge of the chaos run: it says nothing of a sound end, and names each broken promise."""

from dataclasses import replace

import pytest

from tests.chaos.bucket import Contents, OpenUpload, Version
from tests.chaos.customers import Upload, Variant
from tests.chaos.oracle import Job, Remains, judge
from tests.chaos.plan import PlannedFile

RIGHT, OTHER = "a" * 64, "b" * 64


def job(**changes) -> Job:
    sound = Job(
        pk=1, uuid="u1", storage="main", effects="", key="u1/a.bin", state="done", reason="",
        sha256=RIGHT, evidence="checksum",
    )  # fmt: skip
    return replace(sound, **changes)


def bucket(*versions: Version, key: str = "u1/a.bin", **more) -> dict[str, Contents]:
    held = {key: list(versions)} if versions else {}
    return {"main": Contents(held, **more), "rivals": Contents({})}


def version(sha256: str = RIGHT, *, is_damaged: bool = False) -> Version:
    return Version(sha256, 3, is_damaged)


def sound(**changes) -> Remains:
    """One file, uploaded, copied and proved."""
    end = Remains(
        uploads=[Upload(PlannedFile(0, "a.bin", 3, "1/0"), "u1", RIGHT)],
        variants=[],
        stored={"u1": RIGHT},
        jobs=[job()],
        rewrites=[],
        told_failures=frozenset(),
        buckets=bucket(version()),
    )
    return replace(end, **changes)


def broken(remains: Remains) -> dict[str, int]:
    return {name: count for name, count in judge(remains).counts.items() if count}


class TestJudge:
    def test_a_sound_end_breaks_nothing(self):
        assert broken(sound()) == {}

    def test_bytes_that_the_bucket_spoilt_and_we_mended_are_nobodys_fault(self):
        mended = bucket(version(OTHER, is_damaged=True), version())
        assert broken(sound(buckets=mended)) == {}

    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({"stored": {}}, {"lost": 1, "wrong": 1}),
            ({"jobs": []}, {"lost": 1, "invisible_failures": 1, "wrong": 1}),
            ({"buckets": bucket()}, {"lost": 1}),
            (
                {"buckets": bucket(version(), removed=frozenset({"u1/a.bin"}))},
                {"lost": 1},
            ),
            ({"buckets": bucket(version(OTHER))}, {"wrong": 1}),
            ({"buckets": bucket(version(OTHER, is_damaged=True))}, {"wrong": 1}),
            ({"buckets": bucket(version(OTHER), version())}, {"duplicates": 1}),
            ({"rewrites": [(1, "done", "retry_wait")]}, {"duplicates": 1}),
            (
                {"buckets": bucket(version(), open_uploads=[OpenUpload("u1/a.bin", "1")])},
                {"orphaned_uploads": 1},
            ),
            ({"jobs": [job(state="retry_wait", reason="timeout")]}, {"undrained": 1}),
            ({"jobs": [job(evidence="")]}, {"wrong": 1}),
            ({"jobs": [job(sha256=OTHER)]}, {"wrong": 1}),
            ({"violations": ["I3 …"]}, {"violations": 1}),
            ({"variants": [Variant("u1", "u1/-/resize/32x/a.bin")]}, {"lost": 1}),
        ],
        ids=[
            "no row", "no job", "no object", "object removed", "other bytes", "damaged bytes",
            "two contents", "written after its end", "open upload", "waits", "no evidence",
            "evidence of other bytes", "the doctor says so", "variant not ordered",
        ],
    )  # fmt: skip
    def test_it_names_the_promise_that_was_broken(self, changes, found):
        assert broken(sound(**changes)) == found

    def test_a_failure_that_was_told_is_lost_and_one_that_was_not_is_invisible_too(self):
        failed = [job(state="failed", reason="source_missing")]
        told = sound(jobs=failed, buckets=bucket(), told_failures=frozenset({1}))
        assert broken(told) == {"lost": 1}
        untold = sound(jobs=failed, buckets=bucket())
        assert broken(untold) == {"lost": 1, "invisible_failures": 1}

    def test_of_two_rivals_one_may_fail_if_the_other_has_the_key(self):
        winner = job()
        loser = job(pk=2, uuid="u2", state="failed", reason="key_conflict", sha256="", evidence="")
        rivals = sound(
            uploads=[*sound().uploads, Upload(PlannedFile(1, "a.bin", 3, "1/1"), "u2", OTHER)],
            stored={"u1": RIGHT, "u2": OTHER},
            jobs=[winner, loser],
            told_failures=frozenset({2}),
        )
        assert broken(rivals) == {}
        assert broken(replace(rivals, buckets=bucket(version(OTHER)))) == {"wrong": 1, "lost": 1}

    def test_a_variant_is_held_against_what_the_ledger_proved(self):
        variant = job(pk=2, effects="resize/32x/", key="u1/v.bin", sha256=OTHER)
        contents = Contents({"u1/a.bin": [version()], "u1/v.bin": [version(OTHER)]})
        end = sound(
            variants=[Variant("u1", "u1/v.bin")],
            jobs=[job(), variant],
            buckets={"main": contents, "rivals": Contents({})},
        )
        assert broken(end) == {}
        contents.versions["u1/v.bin"] = [version(RIGHT)]
        assert broken(end) == {"wrong": 1}


class TestSecrets:
    """I10."""

    def test_one_in_a_log_or_a_row_is_a_violation(self):
        end = sound(
            secrets={"an access key": "s3cr3t", "a password": "other"},
            texts={"web.log": "signed by s3cr3t", "table event": "('x',)"},
        )
        verdict = judge(end)
        assert verdict.counts["violations"] == 1
        assert verdict.cases == ["violations: secret in web.log: an access key"]

    def test_others_are_not_mistaken_for_one(self):
        end = sound(secrets={"an access key": "s3cr3t"}, texts={"web.log": "secret"})
        assert broken(end) == {}
