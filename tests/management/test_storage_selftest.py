"""manage.py storage_selftest: the connection test of a bucket that nothing is kept of."""

import json

import pytest
from django.core.management import CommandError, call_command

from storages_app.custom_storages import grants
from storages_app.models import ConnectionTest, CustomStorage, Event, Finding
from tests.custom_storages.world import make_world

SECRET_VARIABLE = "A_SECRET_OF_MINE"

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(s3double, settings):
    world = make_world(s3double, settings)
    world.grant()
    CustomStorage.objects.all().delete()
    return world


@pytest.fixture
def n_events(world):
    """Of making the world."""
    return Event.objects.count()


@pytest.fixture
def selftest(world, capsys, monkeypatch):
    """Run the command for the double's bucket; its exit code and what it printed."""
    monkeypatch.setenv(SECRET_VARIABLE, world.user.secret_access_key)

    def run(*flags: str, **overrides: str) -> tuple[int, str]:
        options = {
            "bucket": world.bucket.name,
            "prefix": world.storage.prefix,
            "region": world.bucket.region,
            "uses": ",".join(world.storage.uses),
            "access-key-id": world.user.access_key_id,
            "secret-env": SECRET_VARIABLE,
        } | overrides
        words = [f"--{name}={value}" for name, value in options.items() if value]
        try:
            call_command("storage_selftest", *words, *flags)
        except SystemExit as end:
            return int(end.code or 0), capsys.readouterr().out
        return 0, capsys.readouterr().out

    return run


def findings_of(out):
    return {row["id"]: row for row in json.loads(out)["findings"]}


class TestPassing:
    def test_a_good_bucket_passes_every_check_and_is_left_as_it_was(self, selftest, world):
        code, out = selftest("--json")
        answer = json.loads(out)
        assert code == 0, out
        assert answer["state"] == "passed"
        assert answer["address"] == "s3://photos-prod/up/"
        assert {"write", "read", "integrity", "multipart"} <= findings_of(out).keys()
        assert {"feature": "Copies", "works": True, "why": None} in answer["what_works"]
        assert answer["capabilities"]["conditional_put"] is True
        assert world.keys == []

    def test_nothing_is_kept(self, selftest, n_events):
        selftest()
        assert not CustomStorage.objects.exists()
        assert not ConnectionTest.objects.exists()
        assert not Finding.objects.exists()
        assert Event.objects.count() == n_events

    def test_the_report_is_readable_at_80_columns(self, selftest, world):
        world.deny("s3:PutObject")
        code, out = selftest()
        report = out.partition("Policy of")[0]
        long = [line for line in report.splitlines() if len(line) > 80 and "://" not in line]
        assert long == []
        assert "failed   Write: We may not write to `photos-prod/up/`." in out
        assert "1. Open the bucket's Permissions." in out
        assert "/docs/checks/write/#accessdenied" in out
        assert "What works now\nno       Copies: " in out
        assert "Failed." in out.splitlines()[-1]
        assert "Start with “Write”." in out
        assert code == 1

    def test_the_policy_that_the_texts_speak_of_is_below_them(self, selftest, world):
        assert "Policy of the access key's user" not in selftest()[1]
        world.user.policies.clear()
        code, out = selftest()
        below = out.partition("Policy of the access key's user\n")[2].partition("\n\n")[0]
        world.user.policies.append(json.loads(below))
        assert code == 1
        assert selftest("--json")[0] == 0, "pasted as it is, it grants what was missing"

    def test_by_a_role_needs_its_external_id(self, selftest, world):
        ours = "11111111-1111-4111-8111-111111111111"
        trust = grants.trust_policy(
            principal_arn=world.settings.AWS_PRINCIPAL_ARN, external_id=ours
        )
        role = world.double.add_role(
            "writer", account=world.bucket.account.id, trust=trust, policies=[world.policy()]
        )
        by_role = {"access-key-id": "", "secret-env": "", "role-arn": role.arn}
        assert selftest(**by_role, **{"external-id": ours})[0] == 0
        code, out = selftest("--json", **by_role)
        assert code == 1
        assert findings_of(out)["identity"]["state"] == "failed"

    def test_by_the_bucket_policy_needs_no_proof_of_the_operator(self, selftest, world):
        world.bucket.policy = world.bucket_policy()
        code, out = selftest(
            "--json", identity="principal", **{"access-key-id": "", "secret-env": ""}
        )
        assert code == 0, out


class TestFailing:
    def test_a_required_check_that_fails_exits_1_with_its_texts(self, selftest, world):
        world.bucket.name = "elsewhere"
        code, out = selftest("--json", bucket="no-such-bucket")
        row = findings_of(out)["bucket"]
        assert code == 1
        assert (row["state"], row["code"]) == ("failed", "NoSuchBucket")
        assert row["fix"]
        assert findings_of(out)["write"]["title"] == "Waits for “Bucket”"

    def test_secrets_are_never_printed(self, selftest, world, monkeypatch):
        for flags in ((), ("--json",)):
            assert world.user.secret_access_key not in selftest(*flags)[1]
        monkeypatch.setenv(SECRET_VARIABLE, "AWrongSecretThatIsMine")
        for flags in ((), ("--json",)):
            code, out = selftest(*flags)
            assert code == 1
            assert "AWrongSecretThatIsMine" not in out
            assert world.user.access_key_id not in out

    @pytest.mark.parametrize(
        ("overrides", "message"),
        [
            ({"secret-env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE is not set"),
            ({"secret-env": ""}, "needs --access-key-id and --secret-env"),
            ({"access-key-id": ""}, "needs --access-key-id and --secret-env"),
            ({"bucket": "Not A Bucket"}, "Bucket names"),
            ({"provider": "nobody"}, "no provider 'nobody'"),
            ({"uses": "fly"}, "no use 'fly'"),
            ({"kms-key": "key"}, "--encryption=kms"),
            ({"endpoint": "ftp://x", "provider": "other"}, "address"),
            (
                {"identity": "role", "provider": "minio", "endpoint": "https://s3.example.com"},
                "AWS",
            ),
        ],
    )
    def test_options_that_cannot_be_used_exit_2(self, selftest, world, overrides, message):
        with pytest.raises(CommandError, match=message) as refused:
            selftest(**overrides)
        assert refused.value.returncode == 2
        assert world.double.log == []

    def test_an_unknown_option_is_refused(self, selftest):
        with pytest.raises(CommandError):
            selftest("--burn")
