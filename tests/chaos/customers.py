"""Those who upload: they try again until they hear a yes, and remember what they were told."""

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

from tests.chaos.plan import PlannedFile
from tests.rig.installation import Project

_TRIES = 200
_PAUSE_S = 0.25
_EFFECTS = "-/resize/32x/"


@dataclass(frozen=True)
class Upload:
    """A file that the installation has said yes to."""

    file: PlannedFile
    uuid: str
    sha256: str


@dataclass(frozen=True)
class Variant:
    """A processed copy that the installation has said yes to."""

    uuid: str
    key: str


@dataclass
class Told:
    """What customers were promised, and how often they were turned away."""

    uploads: list[Upload] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    n_refused: int = 0
    n_refused_for_space: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, upload: Upload) -> None:
        with self._lock:
            self.uploads.append(upload)

    def add_variant(self, variant: Variant) -> None:
        with self._lock:
            self.variants.append(variant)

    def refused(self, status: int) -> None:
        with self._lock:
            self.n_refused += 1
            self.n_refused_for_space += status in {503, 507}


class Customers:
    """Upload the files in order, by some threads, as far as `let` allows."""

    def __init__(
        self,
        url: str,
        files: tuple[PlannedFile, ...],
        project_of: dict[bool, Project],
        *,
        n_threads: int,
    ) -> None:
        self.told = Told()
        self._url, self._files, self._project_of = url, files, project_of
        self._allowed = 0
        self._next = 0
        self._changed = threading.Condition()
        self._is_over = False
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="customer")
        self._threads: list[Future[None]] = [self._pool.submit(self._run) for _ in range(n_threads)]

    def let(self, n_files: int) -> None:
        """The first so many files may be uploaded."""
        with self._changed:
            self._allowed = max(self._allowed, n_files)
            self._changed.notify_all()

    def let_more(self, n_files: int) -> None:
        """So many beyond those that may be uploaded already."""
        self.let(self._allowed + n_files)

    def wait_for(self, n_files: int) -> None:
        """Until so many have been begun."""
        while self._next < n_files and not any(thread.done() for thread in self._threads):
            time.sleep(0.02)

    def wait(self) -> None:
        """Until all files are uploaded; raises what went wrong in a thread."""
        for thread in self._threads:
            thread.result()
        self._pool.shutdown()

    def give_up(self) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._pool.shutdown()

    def _run(self) -> None:
        with requests.Session() as session:
            while file := self._take():
                upload = self._upload(session, file)
                if file.wants_variant:
                    self._ask_for_variant(session, upload)

    def _take(self) -> PlannedFile | None:
        with self._changed:
            while self._next >= self._allowed and self._next < len(self._files):
                if self._is_over:
                    return None
                self._changed.wait(1)
            if self._is_over or self._next >= len(self._files):
                return None
            self._next += 1
            return self._files[self._next - 1]

    def _upload(self, session: requests.Session, file: PlannedFile) -> Upload:
        content = file.content()
        project = self._project_of[file.is_rival]
        answer = self._ask(
            lambda: session.post(
                f"{self._url}/base/",
                data={"UPLOADCARE_PUB_KEY": project.public_key, "UPLOADCARE_STORE": "1"},
                files={"file": (file.name, content)},
                timeout=60,
            )
        )
        upload = Upload(file, answer.json()["file"], hashlib.sha256(content).hexdigest())
        self.told.add(upload)
        return upload

    def _ask_for_variant(self, session: requests.Session, upload: Upload) -> None:
        project = self._project_of[upload.file.is_rival]
        answer = self._ask(
            lambda: session.post(
                f"{self._url}/files/remote_copy/",
                json={"source": f"{upload.uuid}/{_EFFECTS}", "target": project.name},
                headers={
                    "Accept": "application/vnd.uploadcare-v0.7+json",
                    "Authorization": (
                        f"Uploadcare.Simple {project.public_key}:{project.secret_key}"
                    ),
                },
                timeout=60,
            )
        )
        key = answer.json()["result"].split("/", 3)[3]
        self.told.add_variant(Variant(upload.uuid, key))

    def _ask(self, send: Callable[[], requests.Response]) -> requests.Response:
        """Until the answer is a yes."""
        last = "no answer"
        for _ in range(_TRIES):
            if self._is_over:
                break
            try:
                answer = send()
            except requests.RequestException as error:
                last = repr(error)
                self.told.refused(0)
            else:
                if answer.ok:
                    return answer
                last = f"{answer.status_code} {answer.text[:300]}"
                self.told.refused(answer.status_code)
            time.sleep(_PAUSE_S)
        raise AssertionError(f"A customer gave up: {last}")
