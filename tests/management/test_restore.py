"""manage.py restore: a backup comes back from its bucket alone."""

import json

import pytest
from django.core.management import CommandError, call_command

from storages_app.backups import services as backups
from storages_app.backups import tasks as backup_tasks
from storages_app.copying import runner as copying
from storages_app.models import BackupRun, CopyJob, CustomStorage, File, Project, RestoreRun
from storages_app.models.projects import SecretKey
from storages_app.restores import rescue, runner, services
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db
PLACE = {
    "endpoint": "http://127.0.0.1:9",
    "region": "us-east-1",
    "bucket": "acme.backups",
    "prefix": "b/",
    "access-key-id": "AKIATEST",
    "secret-env": "MY_SECRET",
}


@pytest.fixture(autouse=True)
def _restores_read_it_too(monkeypatch, bucket):
    for module in (runner, services, rescue):
        monkeypatch.setattr(module, "open_store", lambda custom_storage: bucket)
    monkeypatch.setenv("MY_SECRET", "TheSecretOfTheTests")


@pytest.fixture
def restore(capsys):
    """Run the command for the memory bucket; its exit code and what it printed."""

    def run(*options: str, **overrides: str) -> tuple[int, str]:
        words = [f"--{name}={value}" for name, value in (PLACE | overrides).items()]
        try:
            call_command("restore", *words, *options)
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


def back_up(project):
    storage = make_custom_storage(project, prefix="b/", capabilities=PROVEN)
    plan = backups.connect(project=project, custom_storage=storage, actor="a test")
    for _ in range(3):
        BackupRun.objects.update(lease_until=None)
        backup_tasks.drain()
        copying.drain()
    run = plan.runs.get()
    assert run.state == "done", run.reason
    return run


@pytest.fixture
def lost():
    """A project with three files was backed up, and then everything here was lost."""
    project = make_project("Shop", public_key="0123456789abcdef0123")
    for n in range(3):
        make_file(project, bytes([n]) * (n + 1), name=f"{n}.bin", metadata={"n": str(n)})
    files = list(File.objects.order_by("pk").values("pk", "sha256", "metadata", "uploaded_at"))
    run = back_up(project)
    CopyJob.objects.all().delete()
    File.objects.all().delete()
    Project.objects.update(public_key="another", removed_at=project.created_at)
    return files, run


def test_a_new_project_has_its_files_and_its_public_key_again(restore, lost):
    files, run = lost
    code, out = restore("--project=Shop again", "--json")
    answer = json.loads(out)
    assert (code, answer["state"], answer["done"]) == (0, "done", 3)
    assert answer["manifest"] == run.manifest_key
    project = Project.objects.get(slug=answer["project"])
    assert (project.name, project.public_key) == ("Shop again", "0123456789abcdef0123")
    assert SecretKey.objects.get(project=project).unseal_secret() == answer["secret_key"]
    told = File.objects.filter(project=project).order_by("pk")
    assert list(told.values("pk", "sha256", "metadata", "uploaded_at")) == files
    source = CustomStorage.objects.get(project=project)
    assert (source.state, source.name) == ("draft", "acme-backups")


def test_it_says_in_words_what_it_did(restore, lost):
    code, out = restore("--project=Shop")
    assert code == 0
    assert "3 files restored, all match." in out
    assert "New secret key of “Shop”: " in out
    assert "TheSecretOfTheTests" not in out


def test_a_public_key_that_is_taken_stays_where_it_is(restore, lost):
    owner = make_project("Other", public_key="0123456789abcdef0123")
    code, out = restore("--project=Shop", "--json")
    assert code == 0
    assert json.loads(out)["public_key"] != owner.public_key


def test_a_lost_file_is_exit_1_and_named(restore, lost, bucket):
    del bucket.inner.objects[next(key for key in bucket.inner.objects if "/1.bin" in key)]
    code, out = restore("--project=Shop", "--json")
    answer = json.loads(out)
    assert (code, answer["state"], answer["done"]) == (1, "gaps", 2)
    assert answer["problems"] == {"object_missing": 1}


def interrupted(**_arguments):
    raise KeyboardInterrupt


def test_the_same_command_goes_on_with_what_was_begun(restore, lost, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(services, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            restore("--project=Shop")
    begun = RestoreRun.objects.get()
    assert begun.state == "counted"
    code, _out = restore("--project=Shop")
    begun.refresh_from_db()
    assert (code, begun.state) == (0, "done")
    assert Project.objects.live().count() == 1


def test_one_file_into_a_project_that_is_here(restore, lost):
    files, _run = lost
    project = make_project("Here")
    code, _out = restore(f"--into={project.slug}", "--only", str(files[0]["pk"]))
    assert code == 0
    assert [file.pk for file in File.objects.filter(project=project)] == [files[0]["pk"]]


def test_a_drill_writes_no_file(restore, lost):
    code, out = restore("--project=Drill", "--drill")
    assert code == 0
    assert "Drill passed: 3 files read, all match the manifest. Nothing was written." in out
    assert not File.objects.exists()


def test_a_dry_run_counts_by_the_manifest_and_keeps_nothing(restore, lost, bucket):
    files, run = lost
    here = make_project("Here")
    make_file(here, uuid=files[0]["pk"], sha256=files[0]["sha256"])
    make_file(here, b"other bytes", uuid=files[1]["pk"])
    projects, storages = Project.objects.count(), CustomStorage.objects.count()
    code, out = restore(f"--into={here.slug}", "--dry-run", "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "dry_run": True,
            "manifest": run.manifest_key,
            "files": 3,
            "bytes": 6,
            "same": 1,
            "taken": 1,
            "removed": 0,
        },
    )
    code, out = restore("--project=Shop", "--dry-run", "--only", str(files[2]["pk"]))
    n_bytes = int(files[2]["metadata"]["n"]) + 1
    assert (code, f"1 file, {n_bytes}" in out) == (0, True)
    assert "Nothing was changed, and no file was read" in out
    assert (Project.objects.count(), CustomStorage.objects.count()) == (projects, storages)
    assert not RestoreRun.objects.exists()


def test_a_drill_and_then_the_restore_have_one_project(restore, lost):
    restore("--project=Shop", "--drill")
    assert not Project.objects.filter(public_key="0123456789abcdef0123").exists()
    assert not SecretKey.objects.exists()
    code, _out = restore("--project=Shop")
    assert code == 0
    assert Project.objects.live().get().public_key == "0123456789abcdef0123"
    assert SecretKey.objects.count() == 1
    assert File.objects.filter(project__name="Shop", project__removed_at=None).count() == 3


def test_a_project_with_files_is_not_taken_for_a_new_one(restore, lost):
    make_file(make_project("Shop"))
    with pytest.raises(CommandError, match="restore_project_in_use"):
        restore("--project=Shop")
    assert File.objects.count() == 1


def test_replacing_asks_for_the_name(restore, lost):
    files, _run = lost
    project = make_project("Here")
    make_file(project, b"other bytes", uuid=files[0]["pk"])
    with pytest.raises(CommandError, match="restore_confirmation_missing"):
        restore(f"--into={project.slug}", "--on-taken=replace")
    code, _out = restore(f"--into={project.slug}", "--on-taken=replace", "--replace-in=Here")
    assert code == 0
    assert File.objects.get(pk=files[0]["pk"]).sha256 == files[0]["sha256"]


def test_manifests_are_listed_newest_first(restore, lost):
    _files, run = lost
    code, out = restore("--list", "--json")
    assert code == 0
    assert [one["key"] for one in json.loads(out)] == [run.manifest_key]
    assert not CustomStorage.objects.filter(bucket="acme.backups").exists()


def test_two_backups_in_one_bucket_are_told_apart(restore, lost):
    other = make_project("Other", public_key="fedcba98765432100000")
    make_file(other)
    back_up(other)
    with pytest.raises(CommandError, match="backups of 2 projects"):
        restore("--project=Shop")
    code, out = restore("--project=Shop", "--public-key=0123456789abcdef0123", "--json")
    assert (code, json.loads(out)["done"]) == (0, 3)


def test_a_bucket_without_a_backup(restore, bucket):
    with pytest.raises(CommandError, match="no manifest"):
        restore("--project=Shop")
    assert not Project.objects.exists()


@pytest.mark.parametrize(
    "options",
    [(), ("--into=nowhere",), ("--project=X", "--access-key-id="), ("--project=X", "--provider=?")],
)
def test_what_cannot_be_carried_out_as_written_is_exit_2(restore, lost, options):
    with pytest.raises(CommandError) as refusal:
        restore(*options)
    assert refusal.value.returncode == 2
