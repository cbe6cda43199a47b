"""What a multipart upload needs of the place where its parts wait."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from storages_app.models import File
from storages_app.uploads.arrivals import BeforeCommit

Beat = Callable[[], None]  # called while bytes move: keeps the lease, or raises what ends the work


class Parts(Protocol):
    """The parts of one session."""

    def begin(self) -> str:
        """Make the place; returns the upload id that it has there, if it has one."""

    def url(self, number: int) -> str:
        """Where a client sends the part."""

    def require_all(self) -> None:
        """PartsWrong unless all are there, as far as that is seen without reading them."""

    def put_together(self, *, beat: Beat, before_commit: BeforeCommit) -> File:
        """Make the parts one file of the project; its row is written with `before_commit`.

        PartsWrong: the client may send parts again. What cannot be helped passes as it is.
        """

    def discard(self) -> None:
        """Remove the bytes of a session that will never be a file."""

    def tidy(self) -> None:
        """Remove what is left after the session became a file."""


@dataclass
class Digests:
    """The checksums of a whole, computed while it is read once."""

    _sha256: Any = field(default_factory=hashlib.sha256)
    _md5: Any = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))

    def update(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        self._md5.update(chunk)

    @property
    def sha256(self) -> str:
        return str(self._sha256.hexdigest())

    @property
    def md5(self) -> str:
        return str(self._md5.hexdigest())
