"""What a backup says about itself: written sealed, read with suspicion."""

import gzip
import hashlib
import io
import json
import tracemalloc
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from storages_app.backups import manifest
from storages_app.backups.errors import ManifestBroken
from storages_app.objectstores.backends.memory import MemoryStore
from storages_app.objectstores.base import PutOptions

MOMENT = datetime(2026, 11, 22, 3, 0, 0, 250_000, tzinfo=UTC)
A, B, C = (str(uuid.UUID(int=n)) for n in (1, 2, 3))


@pytest.fixture
def store():
    return MemoryStore()


def put(store, key: str, body: bytes) -> None:
    digest = hashlib.sha256(body).hexdigest()
    store.put(key, io.BytesIO(body), size=len(body), sha256=digest, options=PutOptions())


def sealed(form: str, lines: list[dict]) -> bytes:
    out = io.BytesIO()
    writing = manifest.Writing(out)
    writing.head({"format": form})
    for line in lines:
        writing.add(line)
    writing.seal()
    assert hashlib.sha256(out.getvalue()).hexdigest() == writing.sha256
    assert len(out.getvalue()) == writing.size
    return out.getvalue()


def put_records(store, n: int, lines: list[dict]) -> dict:
    key = manifest.records_key(prefix="b/", public_key="pub", moment=MOMENT, n=n)
    body = sealed(manifest.RECORDS_FORMAT, lines)
    put(store, key, body)
    digest = hashlib.sha256(body).hexdigest()
    return {
        "key": key,
        "sha256": digest,
        "size": len(body),
        "n_lines": len(lines),
        "version_id": "",
    }


def put_manifest(store, segments: list[dict], *, moment=MOMENT, public_key="pub") -> str:
    key = manifest.manifest_key(prefix="b/", public_key=public_key, moment=moment)
    put(store, key, sealed(manifest.MANIFEST_FORMAT, segments))
    return key


def line(file_uuid: str, **more) -> dict:
    return {"op": "put", "uuid": file_uuid, "original_filename": "a\u2028b.txt"} | more


def test_later_lines_of_a_uuid_win_and_removed_files_are_left_out(store):
    first = put_records(store, 1, [line(A, size=1), line(B, size=1), line(C, size=1)])
    second = put_records(store, 2, [line(A, size=2), {"op": "drop", "uuid": B}])
    third = put_records(store, 3, [line(A, size=3), line(A, size=4)])
    opened = manifest.open_manifest(store, put_manifest(store, [first, second, third]))
    assert [segment.n_lines for segment in opened.segments] == [3, 2, 2]
    found = {entry["uuid"]: entry["size"] for entry in manifest.iter_lines(store, opened)}
    assert found == {A: 4, C: 1}


def test_manifests_are_listed_newest_first_and_strangers_objects_are_not(store):
    old = put_manifest(store, [])
    new = put_manifest(store, [], moment=MOMENT + timedelta(days=1))
    others = put_manifest(store, [], public_key="other")
    put_records(store, 1, [])
    put(store, "b/.ucdash-backup/pub/manifests/20269922T000000.000000Z.jsonl", b"")
    put(store, "b/.ucdash-backup/pub/manifests/notes.txt", b"")
    assert [info.key for info in manifest.list_manifests(store, prefix="b/")] == [new, old, others]
    only = manifest.list_manifests(store, prefix="b/", public_key="pub")
    assert [(info.key, info.public_key, info.moment) for info in only] == [
        (new, "pub", MOMENT + timedelta(days=1)),
        (old, "pub", MOMENT),
    ]
    assert manifest.list_manifests(store, prefix="elsewhere/") == []


SEAL_OF_NOTHING = {"lines": 0, "sha256_of_lines_above": hashlib.sha256(b"").hexdigest()}


@pytest.mark.parametrize("of_records", [True, False])
@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body[:-1],
        lambda body: body[: body.index(b"\n") + 1],
        lambda body: body.replace(b'"}', b'" }', 1),
        lambda body: b"".join(body.splitlines(keepends=True)[::2]),
        lambda body: b"",
        lambda body: b"\x00\xff\n" * 3,
        lambda body: b"[]\n[]\n[]\n",
        lambda body: json.dumps(SEAL_OF_NOTHING).encode() + b"\n",
        lambda body: sealed("something-else-1", []),
    ],
)
def test_a_cut_or_changed_object_is_refused_by_its_name(store, damage, of_records):
    records = put_records(store, 1, [line(A, size=1), line(B, size=1)])
    key = put_manifest(store, [records])
    victim = records["key"] if of_records else key
    damaged = damage(store.objects[victim].body)
    assert damaged != store.objects[victim].body
    put(store, victim, damaged)
    with pytest.raises(ManifestBroken) as refusal:
        list(manifest.iter_lines(store, manifest.open_manifest(store, key)))
    assert refusal.value.key == victim
    assert victim in refusal.value.message


def test_records_that_were_replaced_by_others_of_a_right_seal_are_refused(store):
    records = put_records(store, 1, [line(A, size=1)])
    opened = manifest.open_manifest(store, put_manifest(store, [records]))
    put_records(store, 1, [line(A, size=2)])
    with pytest.raises(ManifestBroken, match="not the one that the manifest names"):
        list(manifest.iter_lines(store, opened))


def test_what_is_missing_is_named(store):
    with pytest.raises(ManifestBroken, match="not in the bucket"):
        manifest.open_manifest(store, "b/.ucdash-backup/pub/manifests/none.jsonl")
    records = put_records(store, 1, [line(A)])
    opened = manifest.open_manifest(store, put_manifest(store, [records]))
    store.delete(records["key"])
    with pytest.raises(ManifestBroken, match="not in the bucket") as refusal:
        list(manifest.iter_lines(store, opened))
    assert refusal.value.key == records["key"]


@pytest.mark.parametrize("strange", [{"op": "put"}, {"uuid": A}, {"op": "put", "uuid": 5}])
def test_lines_that_describe_no_file_are_refused(store, strange):
    opened = manifest.open_manifest(store, put_manifest(store, [put_records(store, 1, [strange])]))
    with pytest.raises(ManifestBroken, match="describes no file"):
        list(manifest.iter_lines(store, opened))


def test_a_manifest_line_that_describes_no_records_is_refused(store):
    key = put_manifest(store, [{"key": "x", "surprise": 1}])
    with pytest.raises(ManifestBroken, match="describes no records"):
        manifest.open_manifest(store, key)


def test_an_object_far_larger_than_ours_is_not_read_to_its_end(store, monkeypatch):
    monkeypatch.setattr(manifest, "_MAX_READ", 100)
    key = put_manifest(store, [put_records(store, 1, [line(A)])])
    with pytest.raises(ManifestBroken, match="larger"):
        manifest.open_manifest(store, key)


def test_a_segment_is_full_by_lines_or_by_bytes(monkeypatch):
    monkeypatch.setattr(manifest, "MAX_LINES", 2)
    writing = manifest.Writing(io.BytesIO())
    writing.add(line(A))
    assert not writing.is_full
    writing.add(line(B))
    assert writing.is_full
    heavy = manifest.Writing(io.BytesIO())
    monkeypatch.setattr(manifest, "MAX_BYTES", 1000)
    heavy.add(line(C, metadata={"note": "x" * 1000}))
    assert heavy.is_full


class TestHostile:
    """Whoever may write to the bucket costs a reader no more than a bounded amount of memory."""

    @pytest.mark.parametrize("of_records", [True, False])
    def test_a_line_without_an_end_is_refused(self, store, monkeypatch, of_records):
        monkeypatch.setattr(manifest, "MAX_LINE", 2000)
        records = put_records(store, 1, [line(A)])
        key = put_manifest(store, [records])
        monkeypatch.setattr(manifest, "MAX_LINE", 1000)
        body = b"x" * 1001
        if of_records:
            put(store, records["key"], body)
            key = put_manifest(store, [records | {"sha256": hashlib.sha256(body).hexdigest()}])
        else:
            put(store, key, body)
        with pytest.raises(ManifestBroken, match="longer than this product writes"):
            list(manifest.iter_lines(store, manifest.open_manifest(store, key)))

    def test_a_line_of_just_the_longest_is_read_and_one_byte_more_is_not_written(
        self, store, monkeypatch
    ):
        longest = line(A, key="k")
        size = len(json.dumps(longest, separators=(",", ":"))) + 1
        monkeypatch.setattr(manifest, "MAX_LINE", max(size, 400))
        fitting = longest | {"note": ""}
        room = 400 - len(json.dumps(fitting, separators=(",", ":"))) - 1
        fitting["note"] = "x" * room
        opened = manifest.open_manifest(
            store, put_manifest(store, [put_records(store, 1, [fitting])])
        )
        assert [found["note"] for found in manifest.iter_lines(store, opened)] == ["x" * room]
        with pytest.raises(ManifestBroken, match="too long for a record"):
            put_records(store, 2, [fitting | {"note": "x" * (room + 1)}])

    def test_more_lines_than_ever_are_refused_before_they_are_all_read(self, store, monkeypatch):
        records = put_records(store, 1, [line(A)] * 20)
        key = put_manifest(store, [records])
        monkeypatch.setattr(manifest, "MAX_LINES", 20)
        assert len(list(manifest.iter_lines(store, manifest.open_manifest(store, key)))) == 1
        monkeypatch.setattr(manifest, "MAX_LINES", 19)
        with pytest.raises(ManifestBroken, match="more lines"):
            list(manifest.iter_lines(store, manifest.open_manifest(store, key)))

    def test_more_segments_than_ever_are_refused(self, store, monkeypatch):
        key = put_manifest(store, [put_records(store, n, []) for n in range(4)])
        assert len(manifest.open_manifest(store, key).segments) == 4
        monkeypatch.setattr(manifest, "_MAX_SEGMENTS", 2)
        with pytest.raises(ManifestBroken, match="more lines"):
            manifest.open_manifest(store, key)

    def test_what_is_packed_is_never_unpacked(self, store):
        key = put_manifest(store, [])
        put(store, key, gzip.compress(store.objects[key].body))
        with pytest.raises(ManifestBroken):
            manifest.open_manifest(store, key)

    def test_small_text_that_is_huge_as_objects_is_taken_apart_line_by_line(self, store):
        greedy = line(A, metadata={"x": [{}] * 20_000})
        many = [greedy | {"uuid": str(uuid.UUID(int=n))} for n in range(40)]
        opened = manifest.open_manifest(store, put_manifest(store, [put_records(store, 1, many)]))
        lines = manifest.iter_lines(store, opened)
        tracemalloc.start()
        try:
            assert sum(1 for _ in lines) == 40
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 16_000_000  # taken apart together they are 60 MB


def watch_listing(store, monkeypatch) -> list[str]:
    """The keys that a listing was asked for, one by one."""
    looked = []
    list_objects = store.list_objects

    def watched(prefix="", *, start_after=""):
        for info in list_objects(prefix, start_after=start_after):
            looked.append(info.key)
            yield info

    monkeypatch.setattr(store, "list_objects", watched)
    return looked


class TestListing:
    def put_days(self, store, days: range) -> list[str]:
        now = datetime.now(UTC)
        return [put_manifest(store, [], moment=now - timedelta(days=day)) for day in days]

    def test_ends_with_the_newest_that_were_asked_for(self, store):
        keys = self.put_days(store, range(100))
        for at_most in (1, 5, 200):
            found = manifest.list_manifests(store, prefix="b/", at_most=at_most)
            assert [info.key for info in found] == keys[:at_most]

    def test_does_not_look_at_old_ones_where_there_are_enough_new_ones(self, store, monkeypatch):
        keys = self.put_days(store, range(400))
        looked = watch_listing(store, monkeypatch)
        found = manifest.list_manifests(store, prefix="b/", public_key="pub", at_most=20)
        assert [info.key for info in found] == keys[:20]
        assert len(looked) < 70

    def test_looks_at_no_more_than_a_bounded_number_of_objects(self, store, monkeypatch):
        monkeypatch.setattr(manifest, "_MAX_LISTED", 10)
        for n in range(50):
            put(store, f"b/.ucdash-backup/pub/manifests/0-stranger-{n:04}", b"")
        keys = self.put_days(store, range(3))
        looked = watch_listing(store, monkeypatch)
        found = manifest.list_manifests(store, prefix="b/", public_key="pub")
        assert len(looked) <= 11
        assert keys[0] in [info.key for info in found]

    def test_asks_for_no_more_than_some_owners(self, store, monkeypatch):
        monkeypatch.setattr(manifest, "_MAX_OWNERS", 2)
        for owner in "abc":
            put_manifest(store, [], public_key=owner)
        found = manifest.list_manifests(store, prefix="b/")
        assert {info.public_key for info in found} == {"a", "b"}
