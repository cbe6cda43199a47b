"""The upload storage on a local disk: what was saved survives a power cut; nothing leads out."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File as DjangoFile
from django.core.files.storage import FileSystemStorage

INCOMING = ".incoming"  # half-written copies; the sweep looks here
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class DurableFileSystemStorage(FileSystemStorage):
    """Files by name under one folder.

    `save` returns when the bytes *and* the name are on the disk: fsync of the file, rename into
    place, fsync of the folder. A received file that lies on the same file system is moved, not
    copied. No step follows a symbolic link below the folder, so a planted one reads nothing
    outside. Names are unique by themselves (they hold a uuid): there is no search for a free one.
    """

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _open(self, name: str, mode: str = "rb") -> "DjangoFile[bytes]":
        if mode != "rb":
            raise ValueError("Originals never change: open them with mode rb.")
        with _links_are_nothing(name), self._folder_of(name) as (folder, leaf):
            fd = os.open(leaf, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        return DjangoFile(os.fdopen(fd, "rb"), name)

    def _save(self, name: str, content: Any) -> str:
        moved = content.temporary_file_path() if hasattr(content, "temporary_file_path") else None
        with self._folder_of(name, create=True) as (folder, leaf):
            if moved and self._move(Path(moved), folder, leaf):
                return name
            self._copy(content, folder, leaf)
        return name

    def delete(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), self._folder_of(name) as (folder, leaf):
            os.unlink(leaf, dir_fd=folder)

    def _move(self, source: Path, folder: int, leaf: str) -> bool:
        """Rename into place; False where that would cross to another file system."""
        _fsync_path(source)
        try:
            os.rename(source, leaf, dst_dir_fd=folder)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise
        os.fsync(folder)
        return True

    def _copy(self, content: Any, folder: int, leaf: str) -> None:
        incoming = Path(self.location) / INCOMING
        incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = incoming / secrets.token_hex(16)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(temporary, flags, 0o600), "wb") as target:
                _pour(content, target)
            self._move(temporary, folder, leaf)
        finally:
            temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _folder_of(self, name: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder of `name`, reached without symbolic links, and the last part of it."""
        *folders, leaf = _parts(name)
        if create:
            Path(self.location).mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.location, _FOLDER)
        try:
            for part in folders:
                parent, fd = fd, _step_into(fd, part, create=create)
                os.close(parent)
            yield fd, leaf
        finally:
            os.close(fd)


@contextlib.contextmanager
def _links_are_nothing(name: str) -> Iterator[None]:
    """What is reached by a symbolic link only is not there."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise FileNotFoundError(errno.ENOENT, "A symbolic link is no original", name) from error
        raise


def _parts(name: str) -> list[str]:
    parts = str(name).split("/")
    if any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise SuspiciousFileOperation("This name does not stay inside the upload storage.")
    return parts


def _step_into(parent: int, part: str, *, create: bool) -> int:
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, 0o700, dir_fd=parent)
            os.fsync(parent)
    return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)


def _fsync_path(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Its bytes may be hours old; as an original it is new, or the sweep would take it.
        os.utime(fd)
        os.fsync(fd)
    finally:
        os.close(fd)


def _pour(content: Any, target: IO[bytes]) -> None:
    content.seek(0)
    shutil.copyfileobj(content, target, length=1024 * 1024)
