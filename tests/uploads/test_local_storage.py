"""The upload storage on a local disk."""

import errno
import os
import stat
from io import BytesIO
from pathlib import Path

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File as DjangoFile

from storages_app.uploads.local_storage import INCOMING, DurableFileSystemStorage
from storages_app.uploads.receiving import TemporaryBytes


@pytest.fixture
def storage(tmp_path):
    return DurableFileSystemStorage(location=tmp_path / "uploads")


def content(data=b"some bytes"):
    return DjangoFile(BytesIO(data))


class TestSave:
    def test_what_was_saved_can_be_opened_and_sought(self, storage):
        storage.save("ab/one", content(b"0123456789"))
        with storage.open("ab/one") as opened:
            opened.seek(5)
            assert opened.read() == b"56789"
            assert opened.size == 10

    def test_the_file_is_for_its_owner_only(self, storage):
        storage.save("ab/one", content())
        mode = stat.S_IMODE(Path(storage.path("ab/one")).stat().st_mode)
        assert mode == 0o600

    def test_a_received_file_is_moved_not_copied(self, storage, tmp_path):
        received = tmp_path / "received"
        received.write_bytes(b"moved")
        inode = received.stat().st_ino
        with TemporaryBytes(received) as opened:
            storage.save("ab/one", opened)
        assert not received.exists()
        assert Path(storage.path("ab/one")).stat().st_ino == inode

    def test_a_file_on_another_file_system_is_copied_and_leaves_nothing(
        self, storage, tmp_path, monkeypatch
    ):
        received = tmp_path / "received"
        received.write_bytes(b"copied")
        real = os.rename

        def rename(source, target, **kwargs):
            if Path(source) == received:
                raise OSError(errno.EXDEV, "another file system")
            real(source, target, **kwargs)

        monkeypatch.setattr(os, "rename", rename)
        with TemporaryBytes(received) as opened:
            storage.save("ab/one", opened)
        with storage.open("ab/one") as opened:
            assert opened.read() == b"copied"
        assert list((Path(storage.location) / INCOMING).iterdir()) == []

    def test_bytes_and_folder_are_synced_before_it_returns(self, storage, monkeypatch):
        synced = []
        real = os.fsync

        def fsync(fd):
            synced.append(stat.S_IFMT(os.fstat(fd).st_mode))
            real(fd)

        monkeypatch.setattr(os, "fsync", fsync)
        storage.save("ab/one", content())
        assert synced.count(stat.S_IFREG) == 1
        assert synced[-1] == stat.S_IFDIR

    @pytest.mark.parametrize("step", ["fsync", "rename", "write"])
    def test_a_full_disk_leaves_nothing(self, storage, monkeypatch, step):
        def full(*args, **kwargs):
            raise OSError(errno.ENOSPC, "no space")

        if step == "write":
            monkeypatch.setattr("storages_app.uploads.local_storage._pour", full)
        else:
            monkeypatch.setattr(os, step, full)
        with pytest.raises(OSError, match="no space"):
            storage.save("one", content())
        monkeypatch.undo()
        left = [path for path in Path(storage.location).rglob("*") if path.is_file()]
        assert left == []


class TestNames:
    @pytest.mark.parametrize("name", ["../out", "ab/../../out", "/etc/passwd", "ab//x", "./x", ""])
    def test_names_that_lead_outside_are_refused(self, storage, name):
        with pytest.raises(SuspiciousFileOperation):
            storage.open(name)
        with pytest.raises(SuspiciousFileOperation):
            storage.save(name or "..", content())

    def test_a_symbolic_link_in_place_of_a_file_is_not_followed(self, storage, tmp_path):
        storage.save("ab/one", content())
        secret = tmp_path / "secret"
        secret.write_text("not for you")
        Path(storage.path("ab/two")).symlink_to(secret)
        with pytest.raises(FileNotFoundError, match="symbolic"):
            storage.open("ab/two")

    def test_a_symbolic_link_in_place_of_a_folder_is_not_followed(self, storage, tmp_path):
        storage.save("ab/one", content())
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "two").write_text("not for you")
        (Path(storage.location) / "cd").symlink_to(outside)
        with pytest.raises(FileNotFoundError, match="symbolic"):
            storage.open("cd/two")
        with pytest.raises(NotADirectoryError):
            storage.save("cd/three", content())
        assert not (outside / "three").exists()

    def test_originals_are_never_opened_for_writing(self, storage):
        storage.save("ab/one", content())
        with pytest.raises(ValueError, match="never change"):
            storage.open("ab/one", "wb")

    def test_deleting_what_is_not_there_is_fine(self, storage):
        storage.delete("ab/one")
        storage.save("ab/one", content())
        storage.delete("ab/one")
        assert not storage.exists("ab/one")

    def test_no_descriptor_is_left_open(self, storage, tmp_path):
        storage.save("ab/one", content())
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        for _ in range(20):
            storage.save("ab/one", content())
            with pytest.raises(FileNotFoundError):
                storage.open("no/such")
            storage.delete("ab/two")
        assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
