"""Many at once on the same rows, again and again: `python -m tests.rig.races NAME ROUNDS WORKERS`.

Runs in the environment of an installation whose tables are there; the bucket is in memory. Prints
one JSON object that says what became of all rounds.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.core.files.storage import storages  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from storages_app.bulk_copies import runner as counting  # noqa: E402
from storages_app.bulk_copies import services as bulk_copies  # noqa: E402
from storages_app.bulk_copies.errors import BulkRefused  # noqa: E402
from storages_app.copying import claiming, orders, runner  # noqa: E402
from storages_app.copying import services as copying  # noqa: E402
from storages_app.copying.errors import CopyRefused  # noqa: E402
from storages_app.custom_storages import services as custom_storages  # noqa: E402
from storages_app.lib import outbound  # noqa: E402
from storages_app.library import services as library  # noqa: E402
from storages_app.library.errors import FileGone  # noqa: E402
from storages_app.library.runner import expire_files  # noqa: E402
from storages_app.models import (  # noqa: E402
    CopyJob,
    CustomStorage,
    Event,
    File,
    Membership,
    Project,
    UrlUpload,
    User,
)
from storages_app.objectstores.backends.memory import MemoryStore  # noqa: E402
from storages_app.projects import invitations, members  # noqa: E402
from storages_app.projects import services as projects  # noqa: E402
from storages_app.projects.team_errors import LastOwner, TeamRefused  # noqa: E402
from storages_app.uploads import arrivals, metadata  # noqa: E402
from storages_app.uploads.errors import ProjectRemoved  # noqa: E402
from storages_app.url_uploads import holding  # noqa: E402
from storages_app.url_uploads import runner as fetches  # noqa: E402
from tests import hostile_server  # noqa: E402
from tests.factories import (  # noqa: E402
    make_backup_plan,
    make_channel,
    make_connection_test,
    make_custom_storage,
    make_file,
    make_project,
    make_restore_run,
    make_url_upload,
    make_user,
)
from tests.memory_bucket import PROVEN  # noqa: E402
from tests.rig import together  # noqa: E402


class CountingStore(MemoryStore):
    """A bucket that counts the writes which went through."""

    def __init__(self) -> None:
        super().__init__()
        self.n_written: Counter[str] = Counter()

    def put(self, key: str, *args: Any, **kwargs: Any) -> Any:
        receipt = super().put(key, *args, **kwargs)
        self.n_written[key] += 1
        return receipt


BUCKET = CountingStore()
runner.open_store = lambda custom_storage: BUCKET


def order(file: File, storage: CustomStorage) -> CopyJob:
    wanted = orders.order_for(file=file, custom_storage=storage)
    (job,) = orders.place([wanted], lane=CopyJob.Lane.AUTO_COPY, asked_by="a race")
    return job


def drain(number: int = 0) -> None:
    runner.Pump(worker=f"worker {number}", threads=1).run()


def at_once(*calls: Callable[[], object]) -> None:
    """Start them together and wait for all; each has a connection of its own."""

    def apart(call: Callable[[], object]) -> object:
        try:
            return call()
        finally:
            connection.close()

    together.at_once(*[partial(apart, call) for call in calls])


def one_job(storage: CustomStorage, round_: int, workers: int) -> None:
    """Half are called for one job, half drain the ledger, and two look for what is not there."""
    pk = order(make_file(storage.project), storage).pk
    calls: list[Callable[[], object]] = []
    for number in range(workers):
        if number < 2:
            calls.append(lambda: runner.make_one(copy_job_id=pk + 1_000_000))
        elif number % 2:
            calls.append(lambda: runner.make_one(copy_job_id=pk))
        else:
            calls.append(lambda number=number: drain(number))
    at_once(*calls)


def one_key(storage: CustomStorage, round_: int, workers: int) -> None:
    """Two files that are to get one key, and several workers."""
    storage.key_pattern = f"same-{round_}.txt"
    storage.save()
    for content in (b"first", b"second"):
        order(make_file(storage.project, content), storage)
    at_once(*[lambda number=number: drain(number) for number in range(workers)])
    drain()
    for job in CopyJob.objects.filter(key=f"same-{round_}.txt", state="done"):
        with BUCKET.get(job.key) as chunks:
            assert hashlib.sha256(b"".join(chunks)).hexdigest() == job.sha256


def deleted_file(storage: CustomStorage, round_: int, workers: int) -> None:
    """A file is deleted while it is copied."""
    file = make_file(storage.project)
    order(file, storage)
    at_once(lambda: library.delete(file=file, actor="a race"), *[drain] * (workers - 1))


def edited_storage(storage: CustomStorage, round_: int, workers: int) -> None:
    """The settings that keys are made of change while a copy waits and is made."""
    job = order(make_file(storage.project), storage)

    def edit() -> None:
        row = CustomStorage.objects.get(pk=storage.pk)
        custom_storages.change(
            custom_storage=row, actor="a race", key_pattern=f"{round_}/${{uuid}}${{ext}}"
        )

    at_once(edit, *[drain] * (workers - 1))
    assert CopyJob.objects.get(pk=job.pk).key == job.key
    assert BUCKET.head(job.key)
    storage.refresh_from_db()


def one_address(storage: CustomStorage, round_: int, workers: int) -> None:
    """Each worker holds the one before for dead, and takes its fetch over."""
    long_ago = timezone.now() - timedelta(days=1)

    def take_over() -> None:
        UrlUpload.objects.filter(state="running").update(lease_until=long_ago)
        UrlUpload.objects.filter(state="waiting").update(run_after=long_ago)
        for hold in holding.claim(at_most=1):
            fetches.fetch(hold)

    with hostile_server.running() as web:
        allowed = frozenset({("127.0.0.1", web.port)})
        outbound.configure(outbound.Policy(allowed_private=allowed))
        row = make_url_upload(storage.project, web.url(f"good/{round_}"))
        at_once(*[take_over] * workers)
        while not UrlUpload.objects.filter(pk=row.pk, state__in=["done", "failed"]).exists():
            take_over()
    ended = UrlUpload.objects.get(pk=row.pk)
    assert ended.state == "done", ended.error
    uploads = Path(storages["uploads"].location)
    kept = {path.name for path in uploads.glob("[0-9a-f][0-9a-f]/*")}
    assert kept == {str(uuid) for uuid in File.objects.values_list("uuid", flat=True)}


def upload(project: Project) -> None:
    """A new file; refused if the project is gone."""
    content = uuid4().bytes
    path = Path(settings.FILE_UPLOAD_TEMP_DIR) / f"race-{uuid4().hex}"
    path.write_bytes(content)
    with suppress(ProjectRemoved):
        arrivals.arrive(
            project=project,
            path=path,
            name="race.bin",
            declared_type="application/octet-stream",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            md5=hashlib.md5(content, usedforsecurity=False).hexdigest(),
            store="1",
            metadata={},
        )
    path.unlink(missing_ok=True)


def require_bytes(project: Project) -> None:
    """Each live file of it has its bytes, and nothing else is in the upload storage."""
    uploads = Path(storages["uploads"].location)
    kept = {path.name for path in uploads.glob("[0-9a-f][0-9a-f]/*")}
    live = {str(uuid) for uuid in File.objects.live().values_list("uuid", flat=True)}
    assert kept == live, kept ^ live


def deleted_storage(storage: CustomStorage, round_: int, workers: int) -> None:
    """A storage that wants each file is disconnected while one comes."""
    gone = make_custom_storage(storage.project, auto_copy=True, capabilities=PROVEN)

    def disconnect() -> None:
        row = CustomStorage.objects.get(pk=gone.pk)
        custom_storages.disconnect(custom_storage=row, actor="a race")

    at_once(lambda: upload(storage.project), disconnect, *[drain] * (workers - 2))
    drain()
    claiming.cancel_orphans()
    left = CopyJob.objects.filter(custom_storage=gone, finished_at=None)
    assert not left.exists(), left.values("state", "reason")
    require_bytes(storage.project)


def deleted_project(storage: CustomStorage, round_: int, workers: int) -> None:
    """A project is removed while files of it come."""
    project = Project.objects.create(name="Gone", slug=f"gone-{uuid4().hex}")

    def remove() -> None:
        Project.objects.filter(pk=project.pk).update(removed_at=timezone.now())

    at_once(remove, *[lambda: upload(project)] * (workers - 1))
    require_bytes(project)


def expiring_file(storage: CustomStorage, round_: int, workers: int) -> None:
    """A file is stored in the moment in which it expires, and while it is copied."""
    file = make_file(storage.project, uuid4().bytes, stored_at=None, expires_at=timezone.now())
    order(file, storage)

    def store() -> None:
        with suppress(FileGone):
            library.store(file=File.objects.get(pk=file.pk), actor="a race")

    at_once(store, lambda: expire_files(now=timezone.now()), *[drain] * (workers - 2))
    drain()
    file.refresh_from_db()
    assert file.is_stored is not file.is_removed
    require_bytes(storage.project)
    (job,) = CopyJob.objects.filter(file=file)
    assert job.state == "done" or (file.is_removed and job.state == "cancelled"), job.state


def many_keys(storage: CustomStorage, round_: int, workers: int) -> None:
    """Each worker sets a key of its own in the metadata of one file, and one removes a key."""
    file = make_file(storage.project, metadata={"old": "value"})

    def own_copy() -> File:
        return File.objects.get(pk=file.pk)

    names = [f"key{number}" for number in range(workers - 1)]
    at_once(
        lambda: metadata.remove(file=own_copy(), key="old"),
        *[lambda name=name: metadata.put(file=own_copy(), key=name, value=name) for name in names],
    )
    assert own_copy().metadata == {name: name for name in names}


def two_batches(storage: CustomStorage, round_: int, workers: int) -> None:
    """The same files are stored and removed by requests that name them in other orders."""
    files = [make_file(storage.project, uuid4().bytes, stored_at=None) for _ in range(10)]
    calls: list[Callable[[], object]] = []
    for number in range(workers):
        named = files if number % 4 < 2 else files[::-1]
        act = library.delete_all if number % 2 else library.store_all
        calls.append(lambda act=act, named=named: act(files=named, actor="a race"))
    at_once(*calls)
    assert not File.objects.filter(pk__in=[file.pk for file in files], removed_at=None).exists()


def leaving_owners(storage: CustomStorage, round_: int, workers: int) -> None:
    """All owners of a project leave at the same moment."""
    users = [make_user() for _ in range(workers)]
    project = make_project(owner=users[0])
    for user in users[1:]:
        Membership.objects.create(project=project, user=user, role="owner")

    def leave(user: User) -> None:
        with suppress(LastOwner):
            members.leave(project=project, user=user)

    at_once(*[partial(leave, user) for user in users])
    assert [row.role for row in project.memberships.all()] == ["owner"]


def one_invitation(storage: CustomStorage, round_: int, workers: int) -> None:
    """One address is invited by several at once, and takes it up several times at once."""
    owner = make_user()
    project = make_project(owner=owner)
    email, tokens, refusals = f"{uuid4().hex}@example.com", [], []

    def attempt(call: Callable[[], object]) -> None:
        try:
            call()
        except TeamRefused as refusal:
            refusals.append(refusal.code)

    def invite() -> None:
        invitations.invite(
            project=project, email=email, role="viewer", by=owner, link_of=tokens.append
        )

    def join() -> None:
        invitations.accept_with_new_account(token=tokens[0], name="", password=uuid4().hex)

    at_once(*[partial(attempt, invite)] * workers)
    assert refusals == ["already_invited"] * (workers - 1), refusals
    refusals.clear()
    at_once(*[partial(attempt, join)] * workers)
    assert len(refusals) == workers - 1, refusals
    assert User.objects.filter(email=email, memberships__project=project).count() == 1


def same_project_name(storage: CustomStorage, round_: int, workers: int) -> None:
    """Many make a project of one name."""
    owner, name = make_user(f"{uuid4().hex}@example.com"), f"One name {uuid4().hex}"
    at_once(*[lambda: projects.create_project_with_key(name=name, owner=owner)] * workers)
    made = Project.objects.filter(name=name)
    assert made.count() == made.filter(memberships__user=owner).count() == workers
    assert sum(project.secret_keys.count() for project in made) == workers


def asked_of_a_storage_that_goes(storage: CustomStorage, round_: int, workers: int) -> None:
    """A storage is disconnected while programs and people ask for copies to it."""
    gone = make_custom_storage(storage.project, capabilities=PROVEN)
    file = make_file(storage.project, uuid4().bytes)

    def ask(number: int) -> None:
        with suppress(CopyRefused):
            copying.remote_copy(
                project=storage.project,
                file=file,
                effects="",
                target=gone.name,
                make_public=None,
                pattern=f"{round_}/{number}",
                asked_by="a race",
            )

    def ask_for_many() -> None:
        with suppress(BulkRefused):
            bulk_copies.request(
                project=storage.project,
                custom_storage=CustomStorage.objects.get(pk=gone.pk),
                asked_by="a race",
                what="selection",
                file_uuids=[file.pk],
                is_dry_run=False,
            )

    def disconnect() -> None:
        row = CustomStorage.objects.get(pk=gone.pk)
        custom_storages.disconnect(custom_storage=row, actor="a race")

    asked = [partial(ask, number) for number in range(workers - 4)]
    at_once(*asked, *[ask_for_many] * 2, disconnect, drain)
    counting.drain()
    drain()
    claiming.cancel_orphans()
    left = CopyJob.objects.filter(custom_storage=gone, finished_at=None)
    assert not left.exists(), left.values("state", "reason")
    assert not gone.bulk_jobs.filter(finished_at=None).exists()
    ended = CopyJob.objects.filter(custom_storage=gone).values_list("state", "reason")
    assert {*ended} <= {("done", ""), ("cancelled", "storage_deleted")}, {*ended}


def forms(storage: CustomStorage, round_: int, workers: int) -> None:
    """Each form that makes or begins something is sent by many clicks at once."""
    owner = make_user(f"{uuid4().hex}@example.com")
    project = make_project(owner=owner)
    draft = make_custom_storage(project, name="draft", connected_at=None, setup_step=5)
    make_connection_test(draft)
    make_file(project, uuid4().bytes)
    plan = make_backup_plan(make_custom_storage(project, capabilities=PROVEN), is_on=False)
    restore = make_restore_run(plan.custom_storage)
    channel = make_channel(project, "webhook")
    to = plan.custom_storage.pk
    made: dict[str, tuple[list[object], dict[str, object]]] = {
        "setup_test": ([draft.pk], {"do": "connect", "on_clash": "error", "copy_stored": "on"}),
        "backup_turn_on": ([], {}),
        "restore_start": ([restore.pk], {}),
        "team_invite": ([], {"email": f"{uuid4().hex}@example.com", "role": "viewer"}),
        "key_new": ([], {"label": "once", "scope": "full"}),
        "url_secret": ([], {}),
        "notification_secret": ([channel.pk], {}),
        "bulk_new": ([], {"what": "all", "custom_storage": to}),
    }
    for name, (args, values) in made.items():
        path = reverse(f"dashboard:{name}", args=[project.slug, *args])
        statuses = _click_often(owner, path, values | {"once": uuid4()}, workers)
        assert {*statuses} <= {200, 302}, (name, statuses)
    told = Counter(Event.objects.filter(project=project).values_list("kind", flat=True))
    once = {
        "storage.connected",
        "backup.turned_on",
        "restore.started",
        "invitation.sent",
        "secret_key.created",
        "project.url_secret_made",
        "notification.secret_made",
    }
    assert {kind: told[kind] for kind in once} == dict.fromkeys(once, 1), told
    assert plan.runs.count() == 1
    assert project.invitations.count() == 1
    assert project.secret_keys.count() == 1
    assert draft.bulk_jobs.count() == 1  # of what is stored already
    assert plan.custom_storage.bulk_jobs.count() == 1
    channel.refresh_from_db()
    assert channel.sealed_secret
    assert not channel.sealed_old_secret


def _click_often(user: User, path: str, values: dict[str, object], times: int) -> list[int]:
    """One browser that is signed in sends one form so often; its answers' statuses."""
    host = {"host": urlsplit(settings.DASHBOARD_URL).netloc}
    signed_in = Client(headers=host)
    signed_in.force_login(user)
    statuses = []

    def click() -> None:
        browser = Client(headers=host)
        browser.cookies = signed_in.cookies
        statuses.append(browser.post(path, values).status_code)

    at_once(*[click] * times)
    return statuses


def main(name: str, rounds: int, workers: int) -> None:
    storage = make_custom_storage(
        Project.objects.create(name="Race", slug=f"race-{uuid4().hex}"), capabilities=PROVEN
    )
    for round_ in range(rounds):
        globals()[name](storage, round_, workers)
    jobs = CopyJob.objects.filter(custom_storage=storage)
    states = Counter(
        f"{state} {reason}".strip() for state, reason in jobs.values_list("state", "reason")
    )
    found = {
        "rounds": rounds,
        "objects": len(BUCKET.objects),
        "writes": sum(BUCKET.n_written.values()),
        "states": states,
        "attempts": sum(jobs.values_list("attempts", flat=True)),
        "duplicates": sum(jobs.values_list("duplicates", flat=True)),
        "files": File.objects.filter(project=storage.project).count(),
        "failures": Event.objects.filter(kind="copy.failed", project=storage.project).count(),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
