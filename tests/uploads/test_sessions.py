"""Multipart uploads: begun, sent part by part, completed."""

import errno
import hashlib
import os
import stat
from datetime import timedelta
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from storages_app.imaging.errors import ImagingBusy
from storages_app.models import CopyJob, Event, File, UploadSession
from storages_app.uploads import arrivals, completing, errors, sessions, tasks
from storages_app.uploads import multipart_errors as multipart
from storages_app.uploads.parts import local
from storages_app.uploads.parts.local import LocalParts
from storages_app.uploads.runner import sweep
from tests.factories import make_custom_storage, make_file, make_project, make_upload_session

pytestmark = pytest.mark.django_db

State = UploadSession.State
MIB = 1024 * 1024
PARTS = {1: b"a" * 10, 2: b"b" * 10, 3: b"c" * 5}
WHOLE = b"".join(PARTS.values())
_TOO_SMALL = (
    "File size can not be less than 10485760 bytes. Please use direct upload instead of multipart."
)
_KEY_FORBIDDEN = (
    "File's metadata key `a b` contains symbols not allowed by the metadata key format."
)


@pytest.fixture(autouse=True)
def _own_folders(incoming, upload_storage):
    """No test here sees the bytes of another."""


@pytest.fixture
def sent(session, send):
    """A session whose parts have all come."""
    for number, content in PARTS.items():
        send(session, number, content)
    return session


def start(project=None, **given):
    asked = {
        "filename": "film.mp4",
        "content_type": "video/mp4",
        "size": "12000000",
        "part_size": "",
        "store": "auto",
        "metadata": {},
    }
    return sessions.start(project=project or make_project(), **(asked | given))


def state_of(session):
    session.refresh_from_db()
    return session.state


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


class TestStart:
    def test_gives_an_address_for_each_part(self, settings):
        project = make_project()
        session, urls = start(project, metadata={"pet": "cat"}, store="1")
        assert len(urls) == 3
        for number, url in enumerate(urls, 1):
            query = parse_qs(urlsplit(url).query)
            assert url.startswith(f"{settings.UPLOAD_URL}/multipart/{session.pk}/{number}/?")
            assert query["partNumber"] == [str(number)]
            assert query["uploadId"] == [str(session.pk)]
        session.refresh_from_db()
        assert (session.project, session.size, session.part_size) == (project, 12_000_000, 5 * MIB)
        assert (session.original_filename, session.mime_type) == ("film.mp4", "video/mp4")
        assert (session.store, session.metadata) == ("1", {"pet": "cat"})
        assert session.expires_at - session.created_at == timedelta(hours=24)

    def test_makes_no_file_before_the_first_part(self, incoming):
        start()
        assert left_in(incoming) == []

    @pytest.mark.parametrize(
        ("size", "part_size", "n_parts"),
        [
            ("10485760", "", 2),
            ("10485761", "", 3),
            ("10485760", "5242880", 2),
            ("10485760", "10485760", 1),
            ("10485760", "5368709120", 1),
            ("52428800000", "", 10_000),
            (str(5 * 1024**4), str(550 * MIB), 9533),
        ],
    )
    def test_counts_parts(self, size, part_size, n_parts):
        session, urls = start(size=size, part_size=part_size)
        assert len(urls) == session.n_parts == n_parts

    @pytest.mark.parametrize(
        ("given", "refusal", "text"),
        [
            ({"size": "many"}, multipart.SizeInvalid, "size should be integer."),
            ({"size": "1e9"}, multipart.SizeInvalid, "size should be integer."),
            ({"size": "１２３４５６７８９"}, multipart.SizeInvalid, "size should be integer."),
            ({"size": "9" * 5_000}, multipart.SizeInvalid, "size should be integer."),
            (
                {"size": "10485759"},
                multipart.SizeTooSmall,
                _TOO_SMALL,
            ),
            (
                {"size": "-1"},
                multipart.SizeTooSmall,
                _TOO_SMALL,
            ),
            (
                {"size": str(5 * 1024**4 + 1), "part_size": str(5 * 1024**3)},
                multipart.SizeTooLarge,
                "File size exceeds project limit.",
            ),
            (
                {"part_size": "large"},
                multipart.PartSizeInvalid,
                "Multipart Upload Part Size should be an integer.",
            ),
            (
                {"part_size": "5242879"},
                multipart.PartSizeTooSmall,
                "Multipart Upload Part Size can not be less than 5242880 bytes.",
            ),
            (
                {"part_size": "5368709121"},
                multipart.PartSizeTooBig,
                "Multipart Upload Part Size can not be more than 5368709120 bytes.",
            ),
            (
                {"size": "52428800001"},
                multipart.PartSizeTooSmall,
                "Multipart Upload Part Size can not be less than 5242881 bytes.",
            ),
            (
                {"metadata": {"a b": "c"}},
                errors.MetadataKeyForbidden,
                _KEY_FORBIDDEN,
            ),
        ],
    )
    def test_refuses_with_the_texts_of_the_wire(self, given, refusal, text):
        with pytest.raises(refusal) as caught:
            start(**given)
        assert caught.value.message == text
        assert not UploadSession.objects.exists()

    def test_refuses_what_is_over_the_limit_of_the_project(self):
        project = make_project(max_upload_size=11_000_000)
        assert start(project, size="11000000")
        with pytest.raises(multipart.SizeTooLarge):
            start(project, size="11000001")

    def test_cleans_what_the_client_calls_the_file(self):
        session, _ = start(filename="../../etc/pa\0sswd", content_type="nonsense", store="x" * 90)
        assert session.original_filename == "passwd"
        assert session.mime_type == "application/octet-stream"
        assert session.store == "x" * 10


class TestReceivePart:
    def test_takes_them_in_any_order_and_keeps_each_at_its_place(self, session, send, complete):
        """F06: out of order."""
        for number in (3, 1, 2):
            assert send(session, number, PARTS[number]) == hashlib.sha256(PARTS[number]).hexdigest()
        with complete(session).open_bytes() as content:
            assert content.read() == WHOLE

    def test_takes_one_twice(self, sent, send, complete):
        """F06: repeated, with the same bytes or with others; the last ones count."""
        send(sent, 1, PARTS[1])
        send(sent, 2, b"B" * 10)
        assert sent.parts.count() == 3
        with complete(sent).open_bytes() as content:
            assert content.read() == PARTS[1] + b"B" * 10 + PARTS[3]

    def test_keeps_the_bytes_to_itself(self, sent, incoming):
        """S031."""
        (path,) = incoming.iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_reads_little_at_a_time(self):
        session = make_upload_session(make_project(), size=3 * MIB, part_size=2 * MIB)

        class Body(BytesIO):
            largest = 0

            def read(self, size=-1, /):
                self.largest = max(self.largest, size)
                return super().read(size)

        body = Body(b"x" * 2 * MIB)
        sessions.receive_part(session_uuid=session.pk, number=1, length=2 * MIB, body=body)
        assert 0 < body.largest <= MIB

    def test_one_that_was_cut_off_is_not_there(self, sent, send, complete):
        """It may be that the client had sent it before: what counts is the last."""
        with pytest.raises(errors.FormMalformed):
            sessions.receive_part(
                session_uuid=sent.pk, number=2, length=10, body=BytesIO(PARTS[2][:4])
            )
        with pytest.raises(multipart.PartsMissing):
            complete(sent)
        send(sent, 2, PARTS[2])
        assert complete(sent).size == 25

    def test_a_connection_that_breaks_is_the_clients_trouble(self, session):
        class Broken:
            def read(self, size, /):
                raise ConnectionResetError(errno.ECONNRESET, "reset")

        with pytest.raises(errors.FormMalformed):
            sessions.receive_part(session_uuid=session.pk, number=1, length=10, body=Broken())

    @pytest.mark.parametrize("length", [None, 0, 9, 11, 10**17])
    def test_refuses_another_length(self, session, incoming, length):
        """S054: a larger body."""
        with pytest.raises(multipart.PartLengthWrong):
            sessions.receive_part(
                session_uuid=session.pk, number=1, length=length, body=BytesIO(b"x" * 20)
            )
        assert left_in(incoming) == []
        assert not session.parts.exists()

    def test_the_last_one_has_what_is_left(self, session, send):
        with pytest.raises(multipart.PartLengthWrong):
            send(session, 3, b"x" * 10)
        assert send(session, 3, b"x" * 5)

    @pytest.mark.parametrize("number", [0, 4, 10_000])
    def test_refuses_numbers_that_there_are_not(self, session, send, number):
        with pytest.raises(multipart.PartUrlRefused):
            send(session, number, b"x" * 10)

    @pytest.mark.parametrize(
        ("state", "refusal"),
        [
            (State.COMPLETING, multipart.PartsClosed),
            (State.DONE, errors.AlreadyUploaded),
            (State.FAILED, multipart.PartUrlRefused),
            (State.EXPIRED, multipart.PartUrlRefused),
        ],
    )
    def test_refuses_once_the_session_is_not_open(self, session, send, incoming, state, refusal):
        """F06: a part after complete."""
        UploadSession.objects.update(state=state)
        with pytest.raises(refusal):
            send(session, 1, PARTS[1])
        assert left_in(incoming) == []

    def test_refuses_when_the_session_is_late_or_its_project_gone(self, session, send):
        UploadSession.objects.update(expires_at=timezone.now())
        with pytest.raises(multipart.PartUrlRefused):
            send(session, 1, PARTS[1])
        UploadSession.objects.update(expires_at=timezone.now() + timedelta(hours=1))
        session.project.removed_at = timezone.now()
        session.project.save()
        with pytest.raises(multipart.PartUrlRefused):
            send(session, 1, PARTS[1])

    def test_knows_no_other_session(self, send):
        with pytest.raises(multipart.PartUrlRefused):
            send(UploadSession(), 1, PARTS[1])

    def test_takes_none_where_clients_send_to_a_bucket(self, session, send):
        UploadSession.objects.update(upload_id="of an S3")
        with pytest.raises(multipart.PartUrlRefused):
            send(session, 1, PARTS[1])

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_is_said_and_passes(self, sent, send, complete, monkeypatch, code):
        """F05: the part is not there, and comes again when there is space."""

        def full(*args):
            raise OSError(code, "no space")

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(errors.DiskFull):
            send(sent, 2, PARTS[2])
        monkeypatch.undo()
        with pytest.raises(multipart.PartsMissing):
            complete(sent)
        send(sent, 2, PARTS[2])
        assert complete(sent).sha256 == hashlib.sha256(WHOLE).hexdigest()

    def test_no_descriptor_is_left_open(self, session, send):
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for _ in range(5):
            send(session, 1, PARTS[1])
            with pytest.raises(errors.FormMalformed):
                sessions.receive_part(
                    session_uuid=session.pk, number=2, length=10, body=BytesIO(b"x")
                )
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


class _Interrupted(BytesIO):
    """A body between whose bytes something else happens."""

    def __init__(self, first, then, rest):
        super().__init__()
        self.pieces = [lambda: first, lambda: then() or rest]

    def read(self, size=-1, /):
        return self.pieces.pop(0)()


class TestTwoSendersOfOnePart:
    def send_slowly(self, session, content, meanwhile):
        """The first bytes, then something else happens, then the others."""
        body = _Interrupted(content[:5], meanwhile, content[5:])
        return sessions.receive_part(session_uuid=session.pk, number=2, length=10, body=body)

    def test_the_later_one_counts_and_the_earlier_hears_of_it(self, sent, send, complete):
        with pytest.raises(multipart.PartSuperseded):
            self.send_slowly(sent, PARTS[2], lambda: send(sent, 2, PARTS[2]) and None)
        with complete(sent).open_bytes() as content:
            assert content.read() == WHOLE

    def test_bytes_that_are_not_those_that_were_told_are_never_a_file(self, sent, send, complete):
        """The earlier sender's other bytes came last: the part is taken out, and may come again."""
        with pytest.raises(multipart.PartSuperseded):
            self.send_slowly(sent, b"Z" * 10, lambda: send(sent, 2, PARTS[2]) and None)
        with pytest.raises(multipart.PartsWrong) as caught:
            complete(sent)
        assert caught.value.message == "Can not complete upload. Wrong parts size?"
        assert not File.objects.exists()
        assert sorted(sent.parts.values_list("number", flat=True)) == [1, 3]
        send(sent, 2, PARTS[2])
        with complete(sent).open_bytes() as content:
            assert content.read() == WHOLE

    def test_the_original_is_closed_to_who_is_still_sending(self, sent, complete, send):
        """However late the bytes come: what was hashed is what is kept."""
        made = []

        def complete_meanwhile():
            send(sent, 2, PARTS[2])
            made.append(complete(sent))

        with pytest.raises(multipart.PartsClosed):
            self.send_slowly(sent, b"Z" * 10, complete_meanwhile)
        with made[0].open_bytes() as content:
            assert content.read() == WHOLE

    def test_a_session_that_ends_meanwhile_takes_nothing(self, sent):
        """As one that the sweep ended, or that somebody completes."""
        ended = UploadSession.objects.filter(pk=sent.pk)
        with pytest.raises(multipart.PartUrlRefused):
            self.send_slowly(sent, PARTS[2], lambda: ended.update(state=State.EXPIRED) and None)
        assert not sent.parts.get(number=2).sha256


class TestComplete:
    def test_makes_the_file_that_was_announced(self, complete, send, incoming, blobs):
        project = make_project()
        session = make_upload_session(
            project,
            size=25,
            part_size=10,
            original_filename="film.MP4",
            mime_type="video/mp4",
            metadata={"pet": "cat"},
            store="0",
        )
        for number, content in PARTS.items():
            send(session, number, content)
        file = complete(session)
        file.refresh_from_db()
        assert (file.pk, file.project, file.size) == (session.pk, project, 25)
        assert (file.original_filename, file.mime_type) == ("film.MP4", "video/mp4")
        assert file.sha256 == hashlib.sha256(WHOLE).hexdigest()
        assert file.md5 == hashlib.md5(WHOLE).hexdigest()
        assert file.metadata == {"pet": "cat"}
        assert file.is_ready
        assert not file.is_stored
        assert state_of(session) == State.DONE
        assert session.finished_at
        assert left_in(incoming) == []
        assert blobs() == [file.blob_name]

    def test_moves_the_bytes_and_copies_none(self, sent, complete, upload_storage):
        inode = LocalParts(sent).path.stat().st_ino
        file = complete(sent)
        assert (upload_storage / file.blob_name).stat().st_ino == inode

    def test_works_where_a_file_has_one_name_only(self, sent, complete, monkeypatch, incoming):
        def refuse(*args):
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
        with complete(sent).open_bytes() as content:
            assert content.read() == WHOLE
        assert left_in(incoming) == []

    def test_orders_the_copies_of_the_project(self, sent, complete):
        make_custom_storage(sent.project, auto_copy=True)
        assert complete(sent) == CopyJob.objects.get().file

    def test_asked_twice_it_answers_the_same(self, sent, complete):
        """F06."""
        assert complete(sent) == complete(sent)
        assert File.objects.count() == 1

    def test_asked_while_somebody_is_at_it_it_says_so(self, sent, complete):
        """F06: two at once; the file of the first is the answer of the second."""
        hold = completing.claim(sent)
        assert complete(sent) == sent
        assert sessions.find_completing(project=sent.project, session_uuid=sent.pk) == sent
        file = completing.put_together(hold)
        assert complete(sent) == file
        assert sessions.find_completing(project=sent.project, session_uuid=sent.pk) is None

    def test_two_claims_at_once_are_one(self, sent):
        seen_by_another = UploadSession.objects.get()
        assert completing.claim(sent)
        assert completing.claim(seen_by_another) is None

    def test_nor_is_it_claimed_by_who_saw_it_before_another_had_it(self, sent):
        seen_before = UploadSession.objects.get()
        completing.claim(sent).reopen()
        assert completing.claim(seen_before) is None

    def test_where_another_was_refused_meanwhile_this_one_is_too(self, sent, complete, monkeypatch):
        monkeypatch.setattr(completing, "claim", lambda session: None)
        with pytest.raises(multipart.PartsWrong):
            complete(sent)

    @pytest.mark.parametrize("missing", [1, 2, 3])
    def test_refuses_while_a_part_is_missing(self, session, send, complete, missing):
        """F06."""
        for number in PARTS.keys() - {missing}:
            send(session, number, PARTS[number])
        with pytest.raises(multipart.PartsMissing) as caught:
            complete(session)
        assert caught.value.message == "File size mismatch. Not all parts uploaded?"
        assert state_of(session) == State.OPEN
        send(session, missing, PARTS[missing])
        assert complete(session).size == 25

    def test_refuses_when_no_part_ever_came(self, session, complete):
        with pytest.raises(multipart.PartsMissing):
            complete(session)

    def test_parts_whose_bytes_are_gone_have_to_come_again(self, sent, send, complete):
        LocalParts(sent).discard()
        with pytest.raises(multipart.PartsMissing):
            complete(sent)
        assert not sent.parts.exists()
        for number, content in PARTS.items():
            send(sent, number, content)
        assert complete(sent).size == 25

    def test_damage_on_the_disk_is_found(self, sent, complete):
        with LocalParts(sent).path.open("r+b") as file:
            file.seek(12)
            file.write(b"?")
        with pytest.raises(multipart.PartsWrong):
            complete(sent)
        assert not File.objects.exists()

    def test_bytes_that_nobody_sent_are_found(self, sent, complete):
        with LocalParts(sent).path.open("ab") as file:
            file.write(b"more")
        with pytest.raises(multipart.PartsWrong):
            complete(sent)
        assert not File.objects.exists()

    def test_the_sweep_leaves_it_alone_however_old_its_parts_are(
        self, sent, complete, monkeypatch, incoming
    ):
        """The parts of a slow client may be of yesterday."""
        then = (timezone.now() - timedelta(hours=20)).timestamp()
        os.utime(LocalParts(sent).path, (then, then))
        real = arrivals.inspect

        def sweep_meanwhile(*args):
            assert sweep(now=timezone.now()) == 0
            return real(*args)

        monkeypatch.setattr(arrivals, "inspect", sweep_meanwhile)
        with complete(sent).open_bytes() as content:
            assert content.read() == WHOLE

    def test_knows_no_session_of_another_project(self, sent):
        with pytest.raises(multipart.SessionMissing):
            sessions.complete(project=make_project(), session_uuid=sent.pk)
        with pytest.raises(multipart.SessionMissing):
            sessions.complete(project=sent.project, session_uuid=UploadSession().pk)

    def test_says_of_other_uploads_that_they_are_files_already(self):
        file = make_file(make_project())
        with pytest.raises(errors.AlreadyUploaded):
            sessions.complete(project=file.project, session_uuid=file.pk)
        with pytest.raises(multipart.SessionMissing):
            sessions.complete(project=make_project(), session_uuid=file.pk)

    def test_a_file_that_was_removed_is_not_found(self, sent, complete):
        complete(sent)
        File.objects.update(removed_at=timezone.now(), stored_at=None)
        with pytest.raises(multipart.SessionMissing):
            complete(sent)

    def test_a_session_that_is_late_is_not_found(self, sent, complete):
        UploadSession.objects.update(expires_at=timezone.now())
        with pytest.raises(multipart.SessionMissing):
            complete(sent)
        assert not File.objects.exists()


class TestRefusedForGood:
    @pytest.fixture(params=["type", "size", "project"])
    def refusal(self, request, sent):
        project = sent.project
        if request.param == "type":
            project.accepted_types = ["image/*"]
        elif request.param == "size":
            project.max_upload_size = 24
        project.save()
        if request.param == "project":
            type(project).objects.update(removed_at=timezone.now())
        kinds = {
            "type": errors.TypeForbidden,
            "size": errors.FileTooLarge,
            "project": errors.ProjectRemoved,
        }
        return kinds[request.param]

    def test_the_session_ends_and_leaves_nothing(self, sent, complete, incoming, blobs, refusal):
        with pytest.raises(refusal):
            complete(sent)
        assert state_of(sent) == State.FAILED
        assert sent.reason == refusal.code
        assert sent.finished_at
        assert left_in(incoming) == []
        assert not File.objects.exists()
        with pytest.raises(multipart.SessionMissing):
            complete(sent)


class TestFaultsThatPass:
    def assert_comes_after_all(self, session, complete, incoming):
        assert not File.objects.exists()
        assert state_of(session) == State.OPEN
        with complete(session).open_bytes() as content:
            assert content.read() == WHOLE
        assert left_in(incoming) == []

    def test_a_full_disk(self, sent, complete, monkeypatch, incoming):
        """F05: no row, and the service recovers when space returns."""

        def full(*args, **kwargs):
            raise OSError(errno.ENOSPC, "no space")

        monkeypatch.setattr(type(storages["uploads"]), "_move", full)
        with pytest.raises(errors.DiskFull):
            complete(sent)
        monkeypatch.undo()
        self.assert_comes_after_all(sent, complete, incoming)

    def test_busy_image_processes(self, sent, complete, monkeypatch, incoming):
        def busy(*args):
            raise ImagingBusy

        monkeypatch.setattr(arrivals, "inspect", busy)
        with pytest.raises(ImagingBusy):
            complete(sent)
        monkeypatch.undo()
        self.assert_comes_after_all(sent, complete, incoming)

    def test_a_row_that_could_not_be_written(self, sent, complete, monkeypatch, incoming):
        """The bytes had their place already; the next try finds them there."""

        def fail(*args):
            raise ZeroDivisionError

        monkeypatch.setattr(completing.Hold, "finish", fail)
        with pytest.raises(ZeroDivisionError):
            complete(sent)
        monkeypatch.undo()
        self.assert_comes_after_all(sent, complete, incoming)

    def test_a_living_process_that_has_the_file(self, sent, complete, monkeypatch, incoming):
        """Its lease is over, and it is alive: the system's lock says so, and nobody disturbs it."""
        monkeypatch.setattr(local, "_WRITERS_NEED_AT_MOST_S", 0)
        with LocalParts(sent)._sealed():
            assert complete(sent) == sent
        assert state_of(sent) == State.COMPLETING
        assert not File.objects.exists()


class TestTakeover:
    def test_who_lost_the_session_writes_nothing(self, sent, complete, monkeypatch):
        """Another took over while the bytes were put away; only the other may commit."""
        real = arrivals._keep_bytes

        def keep_slowly(kept):
            real(kept)
            UploadSession.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
            assert completing.claim_next()

        monkeypatch.setattr(arrivals, "_keep_bytes", keep_slowly)
        assert complete(sent) == sent
        assert not File.objects.exists()
        monkeypatch.undo()
        UploadSession.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        tasks.drain()
        with File.objects.get().open_bytes() as content:
            assert content.read() == WHOLE

    def test_who_asks_again_takes_over_from_the_dead(self, sent, complete):
        completing.claim(sent)  # and the process dies
        assert complete(sent) == sent
        UploadSession.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        assert complete(sent) == File.objects.get()

    def test_a_file_that_the_dead_had_sealed_is_opened_all_the_same(self, sent, complete):
        LocalParts(sent).path.chmod(0o400)
        with complete(sent).open_bytes() as content:
            assert content.read() == WHOLE

    def test_long_reading_keeps_the_lease(self, sent, settings):
        hold = completing.claim(sent)
        UploadSession.objects.update(lease_until=timezone.now())
        hold.renew()
        sent.refresh_from_db()
        assert sent.lease_until <= timezone.now()  # a third of the lease is not over
        hold._renewed -= settings.LEASE.total_seconds()
        hold.renew()
        sent.refresh_from_db()
        assert sent.lease_until > timezone.now()
        UploadSession.objects.update(state=State.EXPIRED)
        hold._renewed -= settings.LEASE.total_seconds()
        with pytest.raises(completing.LostSession):
            hold.renew()


class TestByAWorker:
    @pytest.fixture(autouse=True)
    def _all_are_large(self, settings):
        settings.COMPLETE_IN_REQUEST = 24

    def test_large_ones_are_left_to_it(
        self, sent, complete, monkeypatch, django_capture_on_commit_callbacks
    ):
        woken = []
        monkeypatch.setattr(sessions, "wake", woken.append)
        with django_capture_on_commit_callbacks(execute=True):
            assert complete(sent) == sent
        assert woken == ["uploads.complete"]
        assert state_of(sent) == State.COMPLETING
        assert complete(sent) == sent
        tasks.drain()
        assert complete(sent) == File.objects.get()
        with File.objects.get().open_bytes() as content:
            assert content.read() == WHOLE

    def test_what_is_missing_is_refused_at_once(self, session, complete):
        with pytest.raises(multipart.PartsMissing):
            complete(session)
        assert state_of(session) == State.OPEN

    def test_wrong_parts_open_it_again(self, sent, complete):
        with LocalParts(sent).path.open("r+b") as file:
            file.write(b"?")
        complete(sent)
        tasks.drain()
        assert state_of(sent) == State.OPEN
        assert Event.objects.get().data == {"reason": "multipart_parts_wrong"}
        with pytest.raises(multipart.PartsMissing):
            complete(sent)

    def test_a_fault_is_tried_again_later(self, sent, complete, monkeypatch):
        def fail(*args):
            raise ZeroDivisionError

        complete(sent)
        monkeypatch.setattr(arrivals, "inspect", fail)
        tasks.drain()
        monkeypatch.undo()
        assert state_of(sent) == State.COMPLETING
        assert sent.lease_until > timezone.now()
        tasks.drain()
        assert not File.objects.exists()
        UploadSession.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        tasks.drain()
        assert complete(sent) == File.objects.get()

    def test_so_is_a_full_disk(self, sent, complete, monkeypatch):
        def full(*args):
            raise OSError(errno.ENOSPC, "no space")

        complete(sent)
        monkeypatch.setattr(type(storages["uploads"]), "_move", full)
        tasks.drain()
        assert state_of(sent) == State.COMPLETING
        assert sent.lease_until > timezone.now()

    def test_what_is_refused_for_good_ends(self, sent, complete, incoming):
        sent.project.accepted_types = ["image/*"]
        sent.project.save()
        complete(sent)
        tasks.drain()
        (event,) = Event.objects.all()
        assert (event.kind, event.project) == ("upload.failed", sent.project)
        assert event.data == {"reason": "upload_type_forbidden"}
        assert state_of(sent) == State.FAILED
        assert sent.finished_at
        assert left_in(incoming) == []
