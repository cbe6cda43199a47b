"""What no command can use is a sentence and an exit code, never a traceback (S033-S046)."""

import json
import pkgutil

import pytest
from django.core.management import load_command_class

from storages_app.library.filters import FileFilter
from storages_app.management import commands
from storages_app.models import (
    BackupPlan,
    BulkJob,
    CustomStorage,
    Event,
    Project,
    Reconciliation,
    RestoreRun,
)
from storages_app.models.fields import read_db_now
from tests.factories import make_backup_plan, make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db

COMMANDS = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
HALF = b"shop\xff".decode(errors="surrogateescape")  # as a shell passes what is no UTF-8
SHOP = ("--project", "shop")
MINE = (*SHOP, "--storage", "mine")
PLACE = ("--endpoint", "http://127.0.0.1:9", "--region", "us-east-1", "--bucket", "bucket")
BUCKET = (*PLACE, "--access-key-id", "AKIATEST", "--secret-env", "MY_SECRET")
NEW = (*SHOP, "--name", "new", *BUCKET)
DEEP = "[" * 100_000
HUGE = "9" * 400

HOSTILE = [
    # A project, a storage, a person that nobody knows.
    ("project", "show", "--project", "nope"),
    ("project", "show", "--project", ""),
    ("project", "show", "--project", HALF),
    ("project", "show", "--project", "x" * 100_000),
    ("project", "key", "--project", "nope"),
    ("project", "key", *SHOP, "--scope", "everything"),
    ("project", "key", *SHOP, "--label", ""),
    ("project", "end-key", *SHOP, "--key", "1"),
    ("project", "create", ""),
    ("project", "create", "x" * 101),
    ("project", "create", "New", "--owner", "nobody@example.com"),
    ("project", "create", HALF),
    ("project", "list", "--sort"),
    ("project",),
    ("create_project",),
    ("create_project", "\x07"),
    ("create_project", "New", "--owner", HALF),
    ("storage", "list", "--project", "nope"),
    ("storage", "test"),
    ("storage", "test", *SHOP, "--storage", "nope"),
    ("storage", "test", *SHOP, "--storage", HALF),
    ("storage", "pause", *SHOP, "--storage", HUGE),
    ("storage", "check", *MINE, "--kind", "sideways"),
    ("storage", "check", *MINE, "--wait", "-1"),
    ("storage", "checks", *SHOP, "--storage", "nope"),
    ("set_password", "nobody@example.com"),
    ("set_password", "a@b", "--password-env", "NOT_SET"),
    # Numbers and durations.
    *(("storage", "check", *MINE, "--wait", text) for text in ("-5", "nan", "inf", "1e99", "soon")),
    *(("copy", "start", *MINE, "--wait", text) for text in ("-5", "nan", "-inf", "1h", "")),
    *(("doctor", "--grace", text) for text in ("-1", "nan", "1e300", "inf", "two")),
    ("announce", "--timeout", "-1"),
    ("announce", "--timeout", "nan"),
    ("backup", "connect", *MINE, "--keep-days", "-1"),
    ("backup", "connect", *MINE, "--keep-days", HUGE),
    ("backup", "connect", *MINE, "--keep-days", "2.5"),
    ("backup", "run", *SHOP, "--wait", "-0.1"),
    *(("copy", "pause", text) for text in ("0", "-1", HUGE, "1.5", "one")),
    ("copy", "status", HUGE),
    ("copy", "status"),
    ("seed", "--files", "-1"),
    ("seed", "--files", HUGE),
    ("seed", "--files", "many"),
    ("seed", "--files", "1", "--waiting", "2"),
    ("seed",),
    # Dates, filters, patterns, schedules, rules.
    *(("copy", "start", *MINE, "--since", day) for day in ("2026-02-30", "23.11.2026", "0", "now")),
    ("copy", "start", *MINE, "--until", "2026-11-23T10:00"),
    ("copy", "start", *MINE, "--type", "pictures"),
    ("copy", "start", *MINE, "--size", "5MB"),
    ("copy", "start", *MINE, "--stored", "maybe"),
    ("copy", "start", *MINE, "--copied-to", "nope"),
    ("copy", "start", *MINE, "--not-copied-to", "*"),
    ("copy", "start", *MINE, "--copy-failed", "nope"),
    ("copy", "start", *MINE, "--group", "no group"),
    ("copy", "start", *MINE, "--metadata", "k" * 65),
    ("copy", "start", *MINE, "--query", "x" * 256),
    ("copy", "start", *MINE, "--query", HALF),
    ("copy", "start", *MINE, "--file", "not-a-uuid"),
    ("copy", "start", *MINE, "--file", "00000000-0000-4000-8000-000000000000"),
    ("copy", "start", *MINE, "--file"),
    ("copy", "start", *MINE, "--pattern", "${nope}"),
    ("copy", "start", *MINE, "--effects=-/resize/huge/"),
    ("backup", "connect", *MINE, "--cron", "every night"),
    ("backup", "connect", *MINE, "--cron", "99 * * * *"),
    ("backup", "connect", *MINE, "--cron", "* " * 10_000),
    ("backup", "connect", *SHOP, "--storage", "nope"),
    ("backup", "pause", "--project", "empty"),
    ("backup", "status", "--project", "nope"),
    *(
        ("storage", "connect", *NEW, "--auto-copy", "--auto-copy-rule", rule)
        for rule in ("{", "[]", '{"types": 1}', '{"min_size": -1}', '{"min_size": 1e999}', DEEP)
    ),
    ("storage", "connect", *NEW, "--auto-copy-rule", "{}"),
    ("storage", "connect", *NEW, "--uses", "everything"),
    ("storage", "connect", *NEW, "--kms-key", "arn:aws:kms:x"),
    ("storage", "connect", *NEW, "--provider", "nowhere"),
    ("storage", "connect", *NEW, "--public", "sometimes"),
    ("storage", "connect", *NEW, "--pattern", "${nope}"),
    ("storage", "connect", *NEW, "--account-id", "12"),
    ("storage", "connect", "--project", "nope", "--name", "new", *BUCKET, "--dry-run"),
    ("connect_storage", "--project", "nope", "--name", "new", *BUCKET),
    ("connect_storage", *SHOP, "--name", "a/b", *BUCKET),
    ("connect_storage", *SHOP, "--name", "new", *PLACE),
    ("connect_storage", *SHOP, "--name", "new", *PLACE, "--access-key-id", "A", "--secret-env="),
    ("storage_selftest", *BUCKET, "--endpoint", "ftp://example.com"),
    ("storage_selftest", *BUCKET, "--endpoint", "http://[::1"),
    ("storage_selftest", *BUCKET, "--bucket", "../etc"),
    ("storage_selftest", *PLACE, "--role-arn", "not an arn"),
    ("storage_selftest", *BUCKET, "--encryption", "rot13"),
    # The way back.
    ("restore", *BUCKET),
    ("restore", *BUCKET, "--into", "nope"),
    ("restore", *BUCKET, "--into", HALF),
    ("restore", *BUCKET, "--into", "shop", "--only", "not-a-uuid"),
    ("restore", *BUCKET, "--into", "shop", "--project", "both"),
    ("restore", *BUCKET, "--into", "shop", "--on-taken", "burn"),
    ("restore", *BUCKET, "--into", "shop", "--manifest", "no/such/manifest.json"),
    ("restore", *BUCKET, "--into", "shop", "--bucket", "UPPER CASE"),
    ("restore", *PLACE, "--into", "shop"),
    # Files and folders.
    ("installation",),
    ("installation", "restore", "/nowhere/at/all"),
    ("installation", "restore", "/dev/null"),
    ("installation", "restore", HALF),
    ("installation", "backup", "--into", "/dev/null"),
    ("installation", "backup", "--into", "/dev/null", "--dry-run"),
    ("installation", "backup", "--into", "/proc/nothing/here"),
    ("installation", "backup", "--into", "/tmp/" + "x" * 300),
    ("installation", "backup", "--into", "/nowhere", "--keys-into", "/nowhere/keys", "--dry-run"),
    # What is not there at all.
    ("instance_check", "--email", "a@b"),
    ("recount", "everything"),
    ("rotate_data_keys", "--sideways"),
    ("bootstrap", "--quickly"),
    ("make_suspects", "1"),
]


@pytest.fixture(autouse=True)
def _world(monkeypatch, bucket):
    monkeypatch.setenv("MY_SECRET", "TheSecretOfTheTests")
    shop = make_project("Shop")
    for project in (shop, make_project("Empty")):
        project.slug = project.name.lower()
        project.save()
    make_file(shop)
    make_custom_storage(shop, name="mine", connected_at=read_db_now())


def _name(words):
    return " ".join(word if len(word) < 40 else f"{word[:9]}..." for word in words)


def _kept():
    models = (Project, CustomStorage, BulkJob, BackupPlan, Reconciliation, RestoreRun, Event)
    return [model.objects.count() for model in models]


@pytest.mark.parametrize("words", HOSTILE, ids=[ascii(_name(words)) for words in HOSTILE])
def test_is_refused_in_a_sentence_and_keeps_nothing(type_in, words):
    before = _kept()
    code, out, said = type_in(*words)
    assert code in {1, 2}
    assert said.strip(), f"nothing on stderr; on stdout {out!r}"
    assert "Traceback" not in out + said
    assert "TheSecretOfTheTests" not in out + said
    assert _kept() == before


@pytest.mark.parametrize(
    "words",
    [
        words
        for words in HOSTILE
        if words[0] not in {"announce", "bootstrap", "make_suspects"} and len(words) > 1
    ],
    ids=lambda words: ascii(_name(words)),
)
def test_is_refused_in_json_where_json_was_asked_for(type_in, words):
    code, out, _said = type_in(*words, "--json")
    error = json.loads(out)["error"]
    assert code in {1, 2}
    assert error["code"]
    assert error["message"]


def test_what_was_mistyped_is_wrong_use_in_both_ways(type_in):
    code, out, said = type_in("copy", "start", *MINE, "--stored", "maybe")
    assert (code, out) == (2, "")
    assert "invalid choice: 'maybe'" in said
    code, out, said = type_in("copy", "start", *MINE, "--stored", "maybe", "--json")
    assert (code, said) == (2, "")
    assert json.loads(out)["error"]["code"] == "usage"


def test_a_filter_that_makes_no_sense_is_named(type_in):
    code, out, _said = type_in("copy", "start", *MINE, "--since", "2026-02-30", "--json")
    error = json.loads(out)["error"]
    assert (code, error["code"]) == (2, "filter_invalid")
    assert "`since`: Enter a valid date." in error["message"]


def _parsers(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for one in action.choices.values():
                yield from _parsers(one)


class TestHelp:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_every_command_is_a_sentence(self, name):
        assert load_command_class("storages_app", name).help.rstrip().endswith(".")

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_every_option_says_what_it_is(self, name):
        """And in which unit, where it is a number: by its metavar, or in the sentence."""
        command = load_command_class("storages_app", name)
        for parser in _parsers(command.create_parser("manage.py", name)):
            for action in parser._actions:
                if isinstance(action.choices, dict):  # a family
                    continue
                assert action.help, f"{parser.prog} {action.dest}"
                if action.type in {int, float}:
                    assert action.metavar or action.dest in {"id", "verbosity"}, action.dest
            parser.format_help()  # no stray % in it

    @pytest.mark.parametrize("name", COMMANDS)
    def test_of_a_command_that_changes_something_has_a_dry_run_and_json(self, name):
        """Not for those that a machine starts, or that only wait."""
        if name in {"announce", "bootstrap", "make_suspects"}:
            return
        command = load_command_class("storages_app", name)
        leaves = [
            parser
            for parser in _parsers(command.create_parser("manage.py", name))
            if not any(isinstance(action.choices, dict) for action in parser._actions)
        ]
        for parser in leaves:
            words = parser._option_string_actions
            assert "--json" in words, parser.prog
            assert "--dry-run" in words, parser.prog


def test_copies_know_every_filter_of_the_list_of_files(type_in):
    """One definition: a filter that the list gets, the command has."""
    code, out, _said = type_in("copy", "start", "--help")
    assert code == 0
    for name in FileFilter.base_filters:
        assert ("--query" if name == "q" else f"--{name.replace('_', '-')} ") in out


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (("--type", "image"), {"type": "image"}),
        (("--size", "to-100kb"), {"size": "to-100kb"}),
        (("--since", "2020-01-31", "--until", "2099-12-31"), None),
        (("--not-copied-to", "mine"), {"not_copied_to": "mine"}),
        (("--stored", "no", "--query", "cat"), {"stored": "no", "q": "cat"}),
    ],
)
def test_a_filter_is_kept_in_the_job_as_the_list_has_it(type_in, words, kept):
    make_file(
        Project.objects.get(slug="shop"),
        name="cat.jpg",
        size=10,
        detected_type="image/jpeg",
        stored_at=None,
    )
    code, _out, said = type_in("copy", "start", *MINE, *words, "--dry-run")
    assert (code, said) == (0, "")
    job = BulkJob.objects.get()
    assert (job.what, job.is_dry_run) == ("filter", True)
    assert job.filter == (kept or {"since": "2020-01-31", "until": "2099-12-31"})


def test_a_backup_is_paused_only_where_there_is_one(type_in):
    """The table's world has none, so that its refusals are those of the words."""
    make_backup_plan(CustomStorage.objects.get())
    assert type_in("backup", "pause", *SHOP)[0] == 0
