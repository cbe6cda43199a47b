"""What goes wrong on the way back: told with a code, never a file with other bytes (F73)."""

import errno
import hashlib
import threading
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from storages_app.backups import manifest
from storages_app.backups.errors import ManifestBroken
from storages_app.custom_storages import connect
from storages_app.lib import shortage
from storages_app.models import Event, File, RestoreItem, RestoreRun
from storages_app.models.fields import db_now
from storages_app.objectstores.base import PutOptions
from storages_app.objectstores.errors import (
    AccessDenied,
    ConnectionFailed,
    ObjectMissing,
    ServerError,
)
from storages_app.restores import (
    bringing,
    comparing,
    fetching,
    holding,
    reading,
    runner,
    services,
    settling,
    tasks,
    verdicts,
)
from storages_app.restores.holding import LostRun
from tests.factories import make_custom_storage, make_file, make_project
from tests.restores.test_restore import ask, forget_everything, restore, settle

pytestmark = pytest.mark.django_db
RunState = RestoreRun.State


@pytest.fixture
def lost(project, storage, back_up):
    """Thirty files in a backup, and nothing here; the key of the manifest."""
    for n in range(30):
        make_file(project, bytes([n]) * 100, name=f"n{n:02}.bin")
    key = back_up().manifest_key
    forget_everything()
    return key


def key_of(bucket, part):
    return next(key for key in bucket.inner.objects if part in key)


def overwrite(bucket, key, body):
    found = bucket.inner.objects[key]
    info = replace(found.info, size=len(body), etag=hashlib.md5(body).hexdigest())
    bucket.inner.objects[key] = replace(found, body=body, info=info)


def _blobs():
    storage = storages["uploads"]
    folders, _ = storage.listdir("")
    return {f"{name}/{leaf}" for name in folders for leaf in storage.listdir(name)[1]}


@pytest.fixture
def leftovers():
    """What the test left in the upload storage without a row."""
    before = _blobs()
    temporary = set(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir())

    def found():
        rows = set(File.objects.values_list("blob_name", flat=True))
        begun = set(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()) - temporary
        return (_blobs() - before - rows) | begun

    return found


class TestTheManifest:
    @pytest.mark.parametrize("part", ["/manifests/", "/records/"])
    @pytest.mark.parametrize("harm", ["cut", "changed", "gone", "empty", "no JSON"])
    def test_one_that_is_not_whole_is_refused(
        self, project, storage, lost, bucket, part, harm, leftovers
    ):
        """F73: a segment or manifest that was harmed restores nothing."""
        key = key_of(bucket, part)
        body = bucket.inner.objects[key].body
        if harm == "gone":
            del bucket.inner.objects[key]
        else:
            harmed = {
                "cut": body[: len(body) // 2],
                "changed": body.replace(b'"size":1', b'"size":2').replace(b"lines", b"linen"),
                "empty": b"",
                "no JSON": b"\x00\xff" * 50,
            }
            overwrite(bucket, key, harmed[harm])
        run = ask(project, storage, lost)
        assert run.state == RunState.FAILED
        assert "manifest_broken" in run.reason
        assert not File.objects.exists()
        assert not leftovers()

    def test_a_key_that_is_no_manifest(self, project, storage, lost, bucket):
        run = ask(project, storage, key_of(bucket, "/n00.bin"))
        assert (run.state, run.n_files) == (RunState.FAILED, 0)

    def test_that_of_another_project_restores_here_only_what_is_free(
        self, storage, project, lost, back_up
    ):
        """The head tells whose it is; UUIDs are theirs no more than anybody's."""
        other = make_project("Elsewhere")
        run = restore(other, storage, lost)
        assert (run.state, run.n_done) == (RunState.DONE, 30)
        assert run.manifest_head["public_key"] == project.public_key != other.public_key


def forge(bucket, *records, head=None, segment=None):
    """A backup with a right seal, by somebody who may write into the bucket; its key."""

    def put(key, head, lines):
        out = BytesIO()
        writing = manifest.Writing(out)
        writing.head(head)
        for line in lines:
            writing.add(line)
        writing.seal()
        bucket.inner.put(
            key,
            BytesIO(out.getvalue()),
            size=writing.size,
            sha256=writing.sha256,
            options=PutOptions(),
        )
        return {"key": key, "sha256": writing.sha256, "size": writing.size}

    records_key = "b/.ucdash-backup/x/records/20260101T000000.000000Z-1.jsonl"
    written = put(records_key, {"format": manifest.RECORDS_FORMAT}, records)
    named = written | {"n_lines": len(records), "version_id": ""} | (segment or {})
    key = "b/.ucdash-backup/x/manifests/20260101T000000.000000Z.jsonl"
    put(key, {"format": manifest.MANIFEST_FORMAT, "public_key": "x"} | (head or {}), [named])
    return key


def record(body=b"hello", **fields):
    line = {
        "op": "put",
        "uuid": "11111111-2222-4333-8444-555555555555",
        "key": "b/k",
        "version_id": "",
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "md5": hashlib.md5(body).hexdigest(),
        "original_filename": "k.txt",
        "mime_type": "text/plain",
        "detected_type": "text/plain",
        "content_info": None,
        "metadata": {},
        "appdata": None,
        "uploaded_at": "2026-01-01T00:00:00+00:00",
        "stored_at": "2026-01-01T00:00:00+00:00",
    }
    return line | fields


def put_bytes(bucket, key, body):
    digest = hashlib.sha256(body).hexdigest()
    bucket.inner.put(key, BytesIO(body), size=len(body), sha256=digest, options=PutOptions())


class TestAForgedBackup:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"key": "outside/of/the/prefix"},
            {"key": "b/"},
            {"key": "b/" + "x" * 1100},
            {"key": 7},
            {"uuid": "../../etc/passwd"},
            {"uuid": "{11111111-2222-4333-8444-555555555555}"},
            {"size": -1},
            {"size": 2**70},
            {"size": True},
            {"size": "5"},
            {"sha256": "x"},
            {"md5": ""},
            {"original_filename": None},
            {"original_filename": "a\0b", "metadata": {"k": "\ud800"}},
            {"metadata": {"k": 7}},
            {"metadata": {"k" * 100: "v"}},
            {"metadata": ["k"]},
            {"content_info": "image"},
            {"uploaded_at": "yesterday"},
            {"uploaded_at": "0001-01-01T00:00:00+14:00"},
            {"appdata": {"x": "\0"}},
            {"appdata": {"x": "\\\0"}},
            {"appdata": {"x": float("nan")}},
            {"content_info": {"image": "x"}},
        ],
    )
    def test_a_line_that_makes_no_sense_ends_the_run(self, project, storage, bucket, wrong):
        run = ask(project, storage, forge(bucket, record(**wrong)))
        assert run.state == RunState.FAILED
        assert "manifest_line_invalid" in run.reason
        assert not File.objects.exists()

    @pytest.mark.parametrize("said", ["\ud800", "a\0b"])
    def test_a_uuid_that_cannot_even_be_told_ends_the_run(self, project, storage, bucket, said):
        """A reason with half a character, or NUL, could not be written down."""
        run = ask(project, storage, forge(bucket, record(uuid=said)))
        assert run.state == RunState.FAILED
        assert "manifest_broken" in run.reason

    @pytest.mark.parametrize("head", [{"project": "\0"}, {"gaps": float("inf")}, {"a": "\ud800"}])
    def test_a_head_that_no_database_takes_ends_the_run(self, project, storage, bucket, head):
        run = ask(project, storage, forge(bucket, record(), head=head))
        assert run.state == RunState.FAILED
        assert "manifest_line_invalid" in run.reason

    @pytest.mark.parametrize(
        "wrong",
        [{"key": "c/of/a/neighbour"}, {"key": "b/a\0"}, {"key": 7}, {"version_id": 7}],
    )
    def test_records_that_cannot_be_ours_are_not_asked_for(self, project, storage, bucket, wrong):
        """Where the credentials are ours, the prefix is all that was proved to be theirs."""
        key = forge(bucket, record(), segment=wrong)
        asked = []
        bucket.fail(
            "get", *[lambda real, key, **where: asked.append(key) or real(key, **where)] * 9
        )
        run = ask(project, storage, key)
        assert run.state == RunState.FAILED
        assert "manifest_broken" in run.reason
        assert asked == [key]

    def test_two_files_of_the_last_moment_there_is(self, project, storage, bucket):
        put_bytes(bucket, "b/k", b"hello")
        end = "9999-12-31T23:59:59.999999+00:00"
        other = "11111111-2222-4333-8444-666666666666"
        key = forge(bucket, record(uploaded_at=end), record(uploaded_at=end, uuid=other))
        run = restore(project, storage, key)
        assert (run.state, run.n_done) == (RunState.DONE, 2)

    def test_json_without_a_bottom_is_a_broken_manifest(self, bucket):
        put_bytes(bucket, "b/deep", b"[" * 100_000 + b"\n" + b"{}\n")
        with pytest.raises(ManifestBroken):
            manifest.open_manifest(bucket, "b/deep")

    def test_a_backslash_is_a_character_like_any_other(self, project, storage, bucket):
        put_bytes(bucket, "b/k", b"hello")
        key = forge(bucket, record(metadata={"regex": r"\u0000"}))
        assert restore(project, storage, key).state == RunState.DONE
        assert File.objects.get().metadata == {"regex": r"\u0000"}

    def test_a_file_that_was_read_twice_is_in_a_statement_once(self, project, storage):
        """PostgreSQL refuses a statement that writes the same row two times."""
        run = RestoreRun.objects.create(
            project=project, custom_storage=storage, manifest_key="b/m", asked_by="a test"
        )
        twice = [
            RestoreItem(run=run, uuid=record()["uuid"], key="b/k", size=5, line={})
            for _ in range(2)
        ]
        with CaptureQueriesContext(connection) as asked:
            reading.write(twice)
        assert sum(query["sql"].count("b/k") for query in asked.captured_queries) == 1

    def test_a_file_of_the_future_was_stored_now(self, project, storage, bucket):
        """Else no run would cover it, and it would be on its way for ever."""
        put_bytes(bucket, "b/k", b"hello")
        key = forge(bucket, record(stored_at="2999-01-01T00:00:00+00:00"))
        assert restore(project, storage, key).state == RunState.DONE
        assert File.objects.get().stored_at <= timezone.now()

    def test_the_type_of_a_file_is_told_by_its_bytes(self, project, storage, bucket):
        """Else a manifest could have a page of scripts served as a harmless image."""
        body = b"<!doctype html><script>alert(1)</script>"
        put_bytes(bucket, "b/k", body)
        lie = {"detected_type": "image/png", "content_info": {"image": {"width": 1}}}
        run = restore(project, storage, forge(bucket, record(body, **lie)))
        assert run.state == RunState.DONE
        file = File.objects.get()
        assert (file.detected_type, file.is_image) == ("text/html", False)
        assert "image" not in file.content_info

    def test_a_path_in_a_name_is_no_path(self, project, storage, bucket):
        put_bytes(bucket, "b/k", b"hello")
        key = forge(bucket, record(original_filename="../../../evil\u202e.txt"))
        assert restore(project, storage, key).state == RunState.DONE
        assert File.objects.get().original_filename == "evil.txt"

    def test_an_object_without_an_end_is_cut_off(self, project, storage, bucket, leftovers):
        put_bytes(bucket, "b/k", b"hello" * 100_000)
        run = restore(project, storage, forge(bucket, record()))
        assert (run.state, verdicts.problems(run)) == (RunState.FAILED, {"changed": 1})
        assert not leftovers()


class TestTheBytes:
    def test_a_missing_object_is_a_gap_and_all_others_come(self, project, storage, lost, bucket):
        del bucket.inner.objects[key_of(bucket, "/n07.bin")]
        run = restore(project, storage, lost)
        assert (run.state, run.n_done) == (RunState.GAPS, 29)
        assert run.plan_counts == {"restore": [29, 2900], "missing": [1, 100]}
        said = verdicts.sentence(run)
        assert said.startswith("Done with gaps. 29 files restored, all match.")
        assert "1 file in the manifest is not in the bucket." in said

    def test_a_uuid_that_the_backup_does_not_have_is_told(self, project, storage, bucket):
        put_bytes(bucket, "b/k", b"hello")
        key, there = forge(bucket, record()), record()["uuid"]
        gone = "11111111-2222-4333-8444-666666666666"
        run = ask(project, storage, key, only={"uuids": [gone]})
        assert (run.state, verdicts.problems(run)) == (RunState.FAILED, {"not_in_backup": 1})
        assert verdicts.sentence(run) == "Failed: Asked for, but not in this backup: 1"
        run = restore(project, storage, key, only={"uuids": [gone, there]})
        assert (run.state, run.n_done) == (RunState.GAPS, 1)
        assert verdicts.sentence(run) == (
            "Done with gaps. 1 file restored, all match. 1 file asked for is not in this backup."
        )
        run = restore(project, storage, key, only={"uuids": [there]})
        assert run.state == RunState.DONE

    @pytest.mark.parametrize(
        "body",
        [b"\x08" * 100, b"\x07" * 99, b"\x07" * 101, b""],
        ids=["other", "short", "long", "empty"],
    )
    def test_other_bytes_never_become_a_file(self, project, storage, lost, bucket, body, leftovers):
        overwrite(bucket, key_of(bucket, "/n07.bin"), body)
        run = restore(project, storage, lost)
        assert (run.state, run.n_done, run.n_failed) == (RunState.GAPS, 29, 1)
        assert verdicts.problems(run) == {"changed": 1}
        assert not File.objects.filter(original_filename="n07.bin").exists()
        assert not leftovers()

    def test_an_object_that_goes_after_the_dry_run(self, project, storage, lost, bucket):
        run = ask(project, storage, lost)
        del bucket.inner.objects[key_of(bucket, "/n07.bin")]
        services.start(run=run, actor="a test")
        settle(run)
        assert (run.state, verdicts.problems(run)) == (RunState.GAPS, {"object_missing": 1})

    def test_bytes_that_were_garbled_once_are_read_again(self, project, storage, lost, bucket):
        run = ask(project, storage, lost)

        def garbled(real, key, **where):
            class Wrong:
                def __enter__(self):
                    return iter([b"\x00\x01" * 50])

                def __exit__(self, *error):
                    return None

            return Wrong()

        bucket.fail("get", garbled)
        services.start(run=run, actor="a test")
        assert settle(run).state == RunState.DONE
        assert run.n_done == 30

    def test_a_drill_tells_what_is_changed_and_writes_nothing(
        self, project, storage, lost, bucket, leftovers
    ):
        overwrite(bucket, key_of(bucket, "/n07.bin"), b"\x08" * 100)
        del bucket.inner.objects[key_of(bucket, "/n08.bin")]
        run = ask(project, storage, lost, is_drill=True)
        assert (run.state, run.n_done) == (RunState.GAPS, 28)
        said = verdicts.sentence(run)
        assert "1 file in the manifest is not in the bucket." in said
        assert "1 file in the bucket is not the one that was backed up." in said
        assert said.endswith("Nothing was written.")
        assert not File.objects.exists()
        assert not leftovers()


class TestABadDay:
    def test_a_few_faults_are_tried_again(self, project, storage, lost, bucket):
        run = ask(project, storage, lost)
        bucket.fail("get", ServerError(), ConnectionFailed(), None, ServerError())
        services.start(run=run, actor="a test")
        assert settle(run).state == RunState.DONE
        assert run.n_done == 30

    def test_an_outage_burns_no_attempts_and_is_told(self, project, storage, lost, bucket):
        run = ask(project, storage, lost)
        bucket.fail("get", *[ServerError()] * 500)
        services.start(run=run, actor="a test")
        tasks.drain()
        run.refresh_from_db()
        assert (run.state, run.stalls, run.n_failed) == (RunState.RESTORING, 1, 0)
        assert "server_error" in run.reason
        assert run.lease_until
        assert not run.items.exclude(attempts=0).exists()
        bucket.faults.clear()
        assert settle(run).state == RunState.DONE
        assert run.n_done == 30

    def test_one_file_that_never_comes_does_not_hold_up_the_rest(
        self, project, storage, lost, bucket
    ):
        bad = key_of(bucket, "/n07.bin")

        def refuse(real, key, **where):
            if key == bad:
                raise ServerError
            return real(key, **where)

        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        bucket.fail("get", *[refuse] * 500)
        for _ in range(3):
            RestoreRun.objects.update(lease_until=None)
            tasks.drain()
        run.refresh_from_db()
        assert (run.n_done, run.state) == (29, RunState.RESTORING)
        assert "server_error" in run.reason
        assert run.lease_until - timezone.now() > timedelta(seconds=2)  # and longer each time
        assert settle(run).state == RunState.GAPS
        assert verdicts.problems(run) == {"server_error": 1}
        assert Event.objects.get(kind="restore.finished").data["state"] == "gaps"

    def test_an_outage_after_the_first_files_burns_no_attempts_either(
        self, project, storage, lost, bucket
    ):
        """F73: a bucket that does not give its manifest gives nothing, so no file is blamed."""
        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        bucket.fail("get", *[None] * 20, *[ServerError()] * 500)
        for _ in range(12):
            RestoreRun.objects.update(lease_until=None)
            tasks.drain()
        run.refresh_from_db()
        assert (run.n_done, run.n_failed, run.state) == (20, 0, RunState.RESTORING)
        assert run.items.filter(attempts__gt=1).count() == 0
        bucket.faults.clear()
        assert settle(run).state == RunState.DONE

    def test_one_file_that_may_not_be_read_is_a_gap(self, project, storage, lost, bucket):
        """F73: the bucket is well and others came, so that the run does not end over it."""
        bad = key_of(bucket, "/n07.bin")

        def refuse(real, key, **where):
            if key == bad:
                raise AccessDenied
            return real(key, **where)

        bucket.fail("get", *[refuse] * 500)
        run = restore(project, storage, lost)
        assert (run.state, run.n_done) == (RunState.GAPS, 29)
        assert verdicts.problems(run) == {"auth_denied": 1}

    @pytest.mark.parametrize("is_drill", [False, True])
    def test_a_fault_of_ours_over_one_file_is_a_gap_and_all_others_come(
        self, project, storage, lost, monkeypatch, leftovers, is_drill
    ):
        """F73: what nobody foresaw, in a thread that reads."""
        name = "check" if is_drill else "keep"
        real = getattr(fetching, name)

        def broken(store, line, **more):
            if line.original_filename == "n07.bin":
                raise ZeroDivisionError
            return real(store, line, **more)

        monkeypatch.setattr(fetching, name, broken)
        run = restore(project, storage, lost, is_drill=is_drill)
        assert (run.state, run.n_done) == (RunState.GAPS, 29)
        assert verdicts.problems(run) == {"internal": 1}
        assert "the log says what" in run.reason
        assert not leftovers()

    @pytest.mark.parametrize(
        ("where", "name"), [(fetching, "keep"), (settling, "_values"), (bringing, "walk")]
    )
    def test_a_process_that_ran_short_of_memory_hears_of_it(
        self, project, storage, lost, monkeypatch, where, name
    ):
        def short(*_arguments, **_more):
            raise MemoryError

        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        with monkeypatch.context() as patched:
            patched.setattr(shortage, "_is_met", False)
            patched.setattr(where, name, short)
            tasks.drain()
            assert shortage._is_met
        assert settle(run).state == RunState.DONE

    def test_a_fault_in_writing_one_file_down_is_a_gap_and_all_others_come(
        self, project, storage, lost, monkeypatch, leftovers
    ):
        """F73: in the transaction of many files; its bytes do not stay behind."""
        real = settling._values

        def broken(run, line, *more):
            if line.original_filename == "n07.bin":
                raise ZeroDivisionError
            return real(run, line, *more)

        monkeypatch.setattr(settling, "_values", broken)
        run = restore(project, storage, lost)
        assert (run.state, run.n_done, verdicts.problems(run)) == (
            RunState.GAPS,
            29,
            {"internal": 1},
        )
        assert not leftovers()

    def test_a_database_that_is_away_blames_no_file(
        self, project, storage, lost, monkeypatch, leftovers
    ):
        def away(*_arguments, **_more):
            raise OperationalError

        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        with monkeypatch.context() as patched:
            patched.setattr(settling, "_values", away)
            tasks.drain()
        run.refresh_from_db()
        assert (run.state, run.stalls, run.n_failed) == (RunState.RESTORING, 1, 0)
        assert not run.items.exclude(attempts=0).exists()
        assert not leftovers()
        assert settle(run).state == RunState.DONE

    def test_files_that_come_through_begin_to_count_anew(self, project, storage, lost, monkeypatch):
        """F73: faults now and then, with progress between them, end nothing."""
        has_written, real = threading.Event(), bringing._add_up
        keep, values = fetching.keep, settling._values

        def write(*args):
            real(*args)
            has_written.set()

        def late(store, line, **more):
            assert line.original_filename != "n29.bin" or has_written.wait(10)
            return keep(store, line, **more)

        def away(run, line, *more):
            if line.original_filename == "n29.bin":
                raise OperationalError
            return values(run, line, *more)

        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        RestoreRun.objects.update(stalls=runner._GIVE_UP_AFTER_FAULTS - 2)
        with monkeypatch.context() as patched:
            patched.setattr(bringing, "_add_up", write)
            patched.setattr(fetching, "keep", late)
            patched.setattr(settling, "_values", away)
            tasks.drain()
        run.refresh_from_db()
        assert run.n_done > 0
        assert (run.state, run.stalls) == (RunState.RESTORING, 1)
        assert settle(run).state == RunState.DONE

    def test_a_file_that_cannot_be_looked_at_is_tried_in_its_turn(
        self, project, storage, lost, monkeypatch
    ):
        """F73: the dry run of all others does not wait for it."""
        real = comparing.look

        def broken(run, store, line, **more):
            if line.original_filename == "n07.bin":
                raise ZeroDivisionError
            return real(run, store, line, **more)

        monkeypatch.setattr(comparing, "look", broken)
        run = ask(project, storage, lost)
        assert (run.state, run.plan_counts) == (RunState.COUNTED, {"restore": [30, 3000]})
        services.start(run=run, actor="a test")
        assert settle(run).state == RunState.DONE

    def test_a_bucket_that_goes_while_it_is_compared_is_waited_for(
        self, project, storage, lost, bucket
    ):
        bucket.inner.bucket.denied.add("ListObjectsV2")  # so that each file is asked for
        bucket.fail("get", *[None] * 12, *[ServerError()] * 5000)
        run = ask(project, storage, lost)
        assert (run.state, run.items.exclude(plan="").count()) == (RunState.READING, 0)
        bucket.faults.clear()
        assert settle(run).state == RunState.COUNTED

    def test_credentials_that_are_taken_away_end_it_with_their_code(
        self, project, storage, lost, bucket
    ):
        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        bucket.inner.bucket.denied.add("GetObject")
        settle(run)
        assert run.state == RunState.FAILED
        assert "auth_denied" in run.reason
        assert not File.objects.exists()

    def test_where_no_file_may_be_read_its_owner_is_asked_at_once(
        self, project, storage, lost, bucket
    ):
        """F39: as where a KMS key is for the manifest and not for the files."""

        def refuse(real, key, **where):
            if key.endswith(".bin"):
                raise AccessDenied
            return real(key, **where)

        run = ask(project, storage, lost)
        bucket.fail("get", *[refuse] * 500)
        services.start(run=run, actor="a test")
        tasks.drain()
        run.refresh_from_db()
        assert (run.state, "auth_denied" in run.reason) == (RunState.FAILED, True)

    def test_a_key_that_may_only_list_and_read_will_do(self, project, storage, lost, bucket):
        bucket.inner.bucket.denied |= {"HeadObject", "PutObject", "DeleteObject"}
        assert restore(project, storage, lost).state == RunState.DONE

    def test_a_key_that_may_not_list_needs_the_manifest_by_name(
        self, project, storage, lost, bucket
    ):
        bucket.inner.bucket.denied.add("ListObjectsV2")
        del bucket.inner.objects[key_of(bucket, "/n07.bin")]
        run = restore(project, storage, lost)
        assert (run.state, run.n_done) == (RunState.GAPS, 29)

    def test_a_full_disk_waits_and_leaves_nothing_half(
        self, project, storage, lost, bucket, monkeypatch, leftovers
    ):
        """F60: no room for the originals."""

        def full(*_arguments, **_more):
            raise OSError(errno.ENOSPC, "No space left on device")

        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        with monkeypatch.context() as patched:
            patched.setattr(fetching, "_write_all", full)
            tasks.drain()
        run.refresh_from_db()
        assert (run.state, run.n_failed) == (RunState.RESTORING, 0)
        assert "disk_full" in run.reason
        assert not run.items.exclude(attempts=0).exists()
        assert not leftovers()
        assert settle(run).state == RunState.DONE

    def test_a_fault_of_ours_is_tried_again_and_told(self, project, storage, lost, monkeypatch):
        def broken(*_arguments, **_more):
            raise ZeroDivisionError

        with monkeypatch.context() as patched:
            patched.setattr(runner, "_compare_page", broken)
            run = services.request(
                project=project, custom_storage=storage, manifest_key=lost, asked_by="a test"
            )
            tasks.drain()
            run.refresh_from_db()
            assert (run.state, run.stalls) == (RunState.READING, 1)
            assert "(internal)" in run.reason
        assert settle(run).state == RunState.COUNTED
        assert run.stalls == 0

    def test_a_fault_of_ours_that_stays_ends_it_and_says_what_to_do(
        self, project, storage, lost, monkeypatch
    ):
        """F73: an outage may last a day, a fault of ours does not pass by itself."""

        def broken(*_arguments, **_more):
            raise ZeroDivisionError

        monkeypatch.setattr(runner, "_compare_page", broken)
        run = ask(project, storage, lost)
        assert (run.state, run.stalls) == (RunState.FAILED, runner._GIVE_UP_AFTER_FAULTS - 1)
        assert run.reason == runner._FAULT
        assert Event.objects.get(kind="restore.finished").data["reason"] == runner._FAULT


class TestThawing:
    @pytest.fixture
    def frozen(self, project, storage, lost, bucket):
        for key, found in list(bucket.inner.objects.items()):
            if key.endswith(".bin"):
                cold = replace(found, info=replace(found.info, storage_class="GLACIER"))
                bucket.inner.objects[key] = cold
        run = ask(project, storage, lost)
        assert run.plan_counts == {"archived": [30, 3000]}
        return run

    def test_an_object_that_has_gone_is_one_gap(self, frozen, bucket):
        """F72, F73: all others are asked for and come back."""
        del bucket.inner.objects[key_of(bucket, "/n07.bin")]
        services.start_thaw(run=frozen, actor="a test")
        run = settle(frozen)
        assert (run.state, run.plan_counts) == (
            RunState.COUNTED,
            {"archived": [29, 2900], "missing": [1, 100]},
        )
        assert len(bucket.inner.bucket.thaw_asked) == 29
        bucket.inner.bucket.thawed |= bucket.inner.bucket.thaw_asked
        services.look_again(run=run, actor="a test")
        services.start(run=settle(run), actor="a test")
        assert (settle(run).state, run.n_done) == (RunState.GAPS, 29)
        assert verdicts.problems(run) == {"object_missing": 1}

    def test_a_key_that_may_not_thaw_ends_it_with_its_code(self, frozen, bucket):
        bucket.inner.bucket.denied.add("RestoreObject")
        services.start_thaw(run=frozen, actor="a test")
        assert settle(frozen).state == RunState.FAILED
        assert "auth_denied" in frozen.reason


class TestTwoWorkers:
    """The fence: whoever was overtaken writes nothing more."""

    def test_only_one_gets_the_run(self, project, storage, lost):
        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        assert holding.claim(pk=run.pk)
        assert holding.claim(pk=run.pk) is None

    def test_one_that_was_overtaken_writes_no_file(self, project, storage, lost, leftovers):
        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        slow = holding.claim(pk=run.pk)
        RestoreRun.objects.update(lease_until=None)
        quick = holding.claim(pk=run.pk)
        runner.advance(slow)
        assert not File.objects.exists()
        assert not leftovers()
        with pytest.raises(LostRun):
            slow.write(reason="mine")
        runner.advance(quick)
        run.refresh_from_db()
        assert (run.state, run.n_done) == (RunState.DONE, 30)

    def test_one_that_was_cancelled_stops(self, project, storage, lost, leftovers):
        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        hold = holding.claim(pk=run.pk)
        services.cancel(run=run, actor="anna")
        runner.advance(hold)
        run.refresh_from_db()
        assert (run.state, run.n_done) == (RunState.CANCELLED, 0)
        assert not File.objects.exists()
        assert not leftovers()

    def test_a_killed_reader_is_followed_by_one_that_reads_all(
        self, project, storage, lost, monkeypatch
    ):
        real = runner.crashpoint
        with monkeypatch.context() as patched:
            patched.setattr(runner, "crashpoint", _dies_at("restore_page_read"))
            with pytest.raises(KeyboardInterrupt):
                ask(project, storage, lost)
        assert runner.crashpoint is real
        run = RestoreRun.objects.get()
        assert (run.state, run.has_read_all, run.items.count()) == ("reading", False, 30)
        assert settle(run).plan_counts == {"restore": [30, 3000]}

    def test_a_lease_is_taken_by_the_databases_clock(self, project, storage, lost):
        run = ask(project, storage, lost)
        services.start(run=run, actor="a test")
        hold = holding.claim(pk=run.pk)
        assert RestoreRun.objects.filter(pk=run.pk, lease_until__gt=db_now()).exists()
        hold.give_back()
        assert holding.claim(pk=run.pk).run.fence == hold.run.fence + 1


def _dies_at(wanted):
    def crashpoint(name):
        if name == wanted:
            raise KeyboardInterrupt

    return crashpoint


class TestVersions:
    """A bucket that keeps versions has the bytes of the backup under what came over them."""

    @pytest.fixture
    def store(self, s3double):
        s3double.add_bucket("vault", versioning=True)
        return s3double.add_user("backup", policies=[_allow("s3:*")])

    @pytest.fixture
    def versioned(self, s3double, store, project, monkeypatch):
        """One file in a backup on the double; its storage and manifest."""
        storage = make_custom_storage(
            project,
            prefix="b/",
            bucket="vault",
            endpoint_url=s3double.endpoint_url,
            access_key_id=store.access_key_id,
        )
        storage.seal_secret(store.secret_access_key)
        storage.save()
        for module in (runner, services):
            monkeypatch.setattr(module, "open_store", connect.open_store)
        opened = connect.open_store(storage)
        body = b"as it was"
        receipt = opened.put(
            "b/k",
            BytesIO(body),
            size=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
            options=PutOptions(),
        )
        opened.inner = opened
        yield storage, forge(opened, record(body, version_id=receipt.version_id)), opened
        opened.close()

    def test_what_was_overwritten_is_read_from_its_version(self, project, versioned):
        storage, key, opened = versioned
        put_bytes(opened, "b/k", b"encrypted by somebody else")
        run = restore(project, storage, key)
        assert (run.state, run.n_done) == (RunState.DONE, 1), run.reason
        with File.objects.get().open_bytes() as original:
            assert original.read() == b"as it was"
        assert not File.objects.get().copy_jobs.filter(state="done").exists()

    def test_what_was_deleted_is_read_from_its_version(self, project, versioned):
        storage, key, opened = versioned
        opened.delete("b/k")
        assert restore(project, storage, key).state == RunState.DONE

    def test_without_the_right_to_versions_it_is_a_gap(self, project, versioned, store):
        storage, key, opened = versioned
        put_bytes(opened, "b/k", b"encrypted by somebody else")
        store.policies[:] = [_allow("s3:GetObject", "s3:ListBucket")]
        run = restore(project, storage, key)
        assert (run.state, verdicts.problems(run)) == (RunState.FAILED, {"changed": 1})
        assert not File.objects.exists()


def _allow(*actions):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_what_is_missing_for_a_moment_only_is_looked_for_again(project, storage, lost, bucket):
    """Look again compares what was missing, and nothing else."""
    key = key_of(bucket, "/n07.bin")
    gone = bucket.inner.objects.pop(key)
    run = ask(project, storage, lost)
    assert run.plan_counts["missing"] == [1, 100]
    bucket.inner.objects[key] = gone
    services.look_again(run=run, actor="a test")
    settle(run)
    assert run.plan_counts == {"restore": [30, 3000]}


def test_an_object_store_that_says_missing_is_believed(bucket):
    bucket.fail("get", ObjectMissing(), ObjectMissing())
    line = runner.lines.parse(record(), prefix="b/")
    assert not fetching.is_readable(bucket, line)
