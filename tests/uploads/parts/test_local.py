"""The file of parts on a local disk, where permissions count: the product does not run as root."""

import errno
import os
import stat
from io import BytesIO

import pytest

from storages_app.imaging.errors import ImagingBusy
from storages_app.uploads import arrivals, errors, sessions
from storages_app.uploads import multipart_errors as multipart
from storages_app.uploads.parts.local import LocalParts

pytestmark = pytest.mark.django_db

PARTS = {1: b"a" * 10, 2: b"b" * 10, 3: b"c" * 5}


@pytest.fixture(autouse=True)
def _permissions_count(monkeypatch):
    """As for somebody who is not root."""
    real = os.open

    def open_as_somebody(path, flags, *args, **kwargs):
        wants_to_write = flags & os.O_ACCMODE != os.O_RDONLY
        if wants_to_write and "dir_fd" not in kwargs and _is_sealed(path):
            raise PermissionError(errno.EACCES, "not for you", path)
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_as_somebody)


def _is_sealed(path):
    return os.path.lexists(path) and not os.lstat(path).st_mode & stat.S_IWUSR


@pytest.fixture
def sent(session, send):
    for number, content in PARTS.items():
        send(session, number, content)
    return session


def test_a_sealed_file_takes_no_parts(sent):
    LocalParts(sent).path.chmod(0o400)
    with pytest.raises(multipart.PartsClosed):
        LocalParts(sent).write(1, [PARTS[1]])


class TestLettingWritersInAgain:
    def test_after_a_completion_that_failed(self, sent, send, complete, monkeypatch):
        """The client may send parts again although none was wrong."""

        def busy(*args):
            raise ImagingBusy

        monkeypatch.setattr(arrivals, "inspect", busy)
        with pytest.raises(ImagingBusy):
            complete(sent)
        monkeypatch.undo()
        send(sent, 1, PARTS[1])
        assert complete(sent).size == 25

    def test_not_while_somebody_completes(self, sent, send):
        sealed = LocalParts(sent)
        with sealed._sealed(), pytest.raises(multipart.PartsClosed):
            send(sent, 1, PARTS[1])
        assert sent.parts.exclude(sha256="").count() == 3

    def test_not_when_somebody_has_begun_to_in_the_same_moment(self, sent):
        LocalParts(sent).path.chmod(0o400)
        with pytest.raises(multipart.PartsClosed):
            LocalParts(sent).let_writers_in(is_open=lambda: False)
        assert _is_sealed(LocalParts(sent).path)


def test_a_sealed_file_is_completed_by_whoever_comes_after_the_dead(sent, complete):
    LocalParts(sent).path.chmod(0o400)
    with complete(sent).open_bytes() as content:
        assert content.read() == b"".join(PARTS.values())


def test_wrong_parts_make_it_writable_again(sent, send, complete):
    with LocalParts(sent).path.open("r+b") as file:
        file.write(b"?")
    with pytest.raises(multipart.PartsWrong):
        complete(sent)
    send(sent, 1, PARTS[1])
    assert complete(sent).size == 25


def test_an_original_that_came_in_parts_is_for_reading_only(sent, complete, upload_storage):
    file = complete(sent)
    assert stat.S_IMODE((upload_storage / file.blob_name).stat().st_mode) == 0o400


def test_a_planted_link_is_not_followed(session, send, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"not for you")
    LocalParts(session).path.symlink_to(secret)
    with pytest.raises(errors.StorageFailed):
        send(session, 1, PARTS[1])
    assert secret.read_bytes() == b"not for you"


def test_a_disk_that_fails_is_said(session, monkeypatch):
    """F05."""

    def fail(*args):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(errors.StorageFailed):
        sessions.receive_part(session_uuid=session.pk, number=1, length=10, body=BytesIO(b"x" * 10))
