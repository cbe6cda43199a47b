"""manage.py connect_storage: the page's connection test for scripts."""

import json

import pytest
from django.core.management import CommandError, call_command

from storages_app.models import BackupPlan, CustomStorage
from storages_app.objectstores.errors import WrongSecret
from tests.factories import make_project

SECRET = "TheSecretOfTheTests"

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project("Photos")


@pytest.fixture
def connect(project, capsys, monkeypatch):
    """Run the command for the memory bucket; its exit code and what it printed."""
    monkeypatch.setenv("MY_SECRET", SECRET)

    def run(*options: str, **overrides: str) -> tuple[int, str]:
        arguments = {
            "project": project.slug,
            "name": "mine",
            "endpoint": "http://127.0.0.1:9",
            "region": "us-east-1",
            "bucket": "bucket",
            "prefix": "up/",
            "access-key-id": "AKIATEST",
            "secret-env": "MY_SECRET",
        } | overrides
        words = [f"--{name}={value}" for name, value in arguments.items()]
        try:
            call_command("connect_storage", *words, *options)
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


def test_a_good_bucket_is_connected_and_its_findings_are_printed(connect, bucket):
    code, out = connect("--json")
    answer = json.loads(out)
    row = CustomStorage.objects.get()
    assert code == 0
    assert (answer["id"], answer["name"], answer["state"]) == (str(row.pk), "mine", "connected")
    assert answer["test"]["state"] == "passed"
    assert {finding["state"] for finding in answer["test"]["findings"]} == {"passed"}


def test_a_wrong_secret_exits_1_with_the_finding_and_keeps_the_draft(connect, bucket):
    bucket.fail("whoami", WrongSecret(provider_code="SignatureDoesNotMatch", http_status=403))
    code, out = connect("--json", "--auto-copy", "--backup")
    answer = json.loads(out)
    failed = [finding for finding in answer["test"]["findings"] if finding["state"] == "failed"]
    assert code == 1
    assert answer["state"] == "draft"
    assert failed[0]["code"] == "SignatureDoesNotMatch"
    assert failed[0]["fix"]
    assert not CustomStorage.objects.get().auto_copy
    assert not BackupPlan.objects.exists()


def test_a_second_call_with_the_same_name_tests_the_same_storage_again(connect, bucket):
    bucket.fail("whoami", WrongSecret(http_status=403))
    assert connect("--json")[0] == 1
    code, out = connect("--json", bucket="bucket", prefix="other/")
    assert code == 0
    assert CustomStorage.objects.get().prefix == "other/"
    assert json.loads(out)["state"] == "connected"


def test_auto_copy_and_backup_are_switched_on_once(connect, bucket, project):
    for _ in range(2):
        assert connect("--auto-copy", "--backup")[0] == 0
    row = CustomStorage.objects.get()
    assert row.auto_copy
    assert BackupPlan.objects.get(project=project).custom_storage == row


def test_auto_copy_takes_a_rule_and_keeps_it_on_a_second_call(connect, bucket):
    rule = {"types": ["image/*"]}
    assert connect("--auto-copy", "--auto-copy-rule", json.dumps(rule))[0] == 0
    assert connect("--auto-copy")[0] == 0
    assert CustomStorage.objects.get().auto_copy_rule == rule


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--auto-copy", "--auto-copy-rule", "{"], "Expecting"),
        (["--auto-copy", "--auto-copy-rule", '{"size": 5}'], "no `size`"),
        (["--auto-copy-rule", "{}"], "goes with --auto-copy"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused_before_anything_is_kept(
    connect, bucket, options, told
):
    with pytest.raises(CommandError, match=told):
        connect(*options)
    assert not CustomStorage.objects.exists()


def test_without_json_a_failed_row_says_why_and_what_to_do(connect, bucket):
    bucket.fail("whoami", WrongSecret(http_status=403))
    code, out = connect()
    assert code == 1
    assert "failed" in out
    assert "1. " in out
    assert "/docs/checks/identity/" in out
    assert "The test failed." in out


def test_a_role_is_connected_without_a_secret(project, bucket, settings, capsys):
    settings.AWS_PRINCIPAL_ARN = "arn:aws:iam::444455556666:user/ucdash"
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "AKIAOPERATOR", "hush"
    role = "arn:aws:iam::111122223333:role/writer"
    where = ["--bucket=bucket", "--region=eu-central-1", f"--role-arn={role}", "--json"]
    with pytest.raises(SystemExit):  # no STS answers here
        call_command("connect_storage", f"--project={project.slug}", "--name=r", *where)
    row = CustomStorage.objects.get()
    assert (row.identity, row.role_arn, row.provider) == ("role", role, "aws")
    assert json.loads(capsys.readouterr().out)["external_id"] == row.external_id


def test_uses_class_encryption_and_owner_are_kept(connect, bucket):
    connect(
        **{
            "uses": "verify, backup",
            "storage-class": "STANDARD_IA",
            "encryption": "kms",
            "kms-key": "arn:aws:kms:eu-central-1:111122223333:key/1",
            "account-id": "111122223333",
            "provider": "aws",
            "endpoint": "",
        }
    )
    row = CustomStorage.objects.get()
    assert row.uses == ["verify", "backup"]
    assert row.storage_class == "STANDARD_IA"
    assert row.encryption["mode"] == "aws:kms"
    assert row.account_id == "111122223333"


def test_what_a_second_call_leaves_out_stays(connect, bucket):
    connect(uses="verify", **{"storage-class": "STANDARD_IA"})
    connect()
    row = CustomStorage.objects.get()
    assert (row.uses, row.storage_class) == (["verify"], "STANDARD_IA")


def test_the_secret_is_never_printed(connect, bucket):
    assert SECRET not in connect("--json")[1]


def test_a_missing_variable_is_named(connect):
    with pytest.raises(CommandError, match="NO_SUCH_VARIABLE is not set"):
        connect(**{"secret-env": "NO_SUCH_VARIABLE"})
    assert not CustomStorage.objects.exists()


def test_an_unknown_project_is_refused(connect):
    with pytest.raises(CommandError, match="No project"):
        connect(project="nobody")


def test_a_field_that_cannot_be_is_refused_with_its_advice(connect):
    with pytest.raises(CommandError, match=r"Correct the field"):
        connect(bucket="Not A Bucket")
    assert not CustomStorage.objects.exists()
