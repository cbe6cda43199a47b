"""What a project has lately had fetched from the web."""

import hashlib
from dataclasses import dataclass

from storages_app.models import File, Project, UrlUpload

_N_SHOWN = 10


@dataclass(frozen=True)
class Fetch:
    """One row; of its address only the host, since the rest may hold a password or a signature."""

    row: UrlUpload

    @property
    def host(self) -> str:
        return self.row.host

    @property
    def file(self) -> File | None:
        """Its file, unless that was removed since."""
        file = self.row.file
        return file if file and file.removed_at is None else None

    @property
    def name(self) -> str:
        return self.row.file.original_filename if self.row.file else self.row.original_filename


@dataclass(frozen=True)
class Fetches:
    rows: list[Fetch]

    @property
    def is_busy(self) -> bool:
        unfinished = {UrlUpload.State.WAITING, UrlUpload.State.RUNNING}
        return any(fetch.row.state in unfinished for fetch in self.rows)

    @property
    def version(self) -> str:
        """Changes when the rows would look different."""
        seen = [(fetch.row.pk, fetch.row.state, fetch.row.n_bytes_done) for fetch in self.rows]
        return hashlib.sha256(repr(seen).encode()).hexdigest()[:16]


def fetches_of(project: Project) -> Fetches:
    rows = UrlUpload.objects.filter(project=project).select_related("file")
    return Fetches([Fetch(row) for row in rows.order_by("-created_at")[:_N_SHOWN]])
