"""Every row of the connection test comes to every one of its texts (spec/DASHBOARD 1.12)."""

import re
import tomllib
from pathlib import Path

import pytest

from storages_app.custom_storages import checks
from storages_app.custom_storages.probe import Advice, Check, registry
from storages_app.models import CustomStorage, Finding
from storages_app.objectstores.errors import TimedOut
from tests.custom_storages.check_cases import CASES, Case, instead, without
from tests.custom_storages.world import Kind, World

pytestmark = pytest.mark.django_db

_TEXTS = tomllib.loads((Path(__file__).parent / "check_texts.toml").read_text("utf-8"))
# What is another one in each run.
_CHANGING = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}": "UUID",
    r"[0-9a-f]{32}": "RANDOM",
    r"SHA-256 [0-9a-f]{8}…": "SHA-256 …",
    r"127\.0\.0\.1:\d+": "127.0.0.1:PORT",
}


def settled(text: str) -> str:
    for pattern, word in _CHANGING.items():
        text = re.sub(pattern, word, text)
    return text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_row_says_what_it_found_why_and_what_to_do(case: Case, world: World, monkeypatch):
    case.provoke(world, monkeypatch)
    before = set(world.keys)
    rows = world.ask(case.kind)
    row = rows[case.check_id]
    assert {
        "state": str(row.state),
        "level": str(row.level),
        "code": row.code,
        "title": settled(row.title),
        "why": settled(row.why),
        "fix": [settled(step) for step in row.fix],
    } == _TEXTS[case.name]
    assert_nothing_is_left(world, rows, before)
    assert_nothing_is_shown(world, rows)


def assert_nothing_is_left(world: World, rows: dict[str, Finding], before: set[str]) -> None:
    """In the bucket, or it is named; and all of it was where tests belong (S050)."""
    shown = "".join(f"{row.title} {row.why} {row.fix}" for row in rows.values())
    for key in set(world.keys) - before:
        assert key.startswith(f"{world.storage.prefix}.connection-test/")
        assert key in shown
    assert all(upload.key in shown for upload in world.bucket.uploads.values())


def assert_nothing_is_shown(world: World, rows: dict[str, Finding]) -> None:
    """No signature, no header that signs, of key ids no more than four characters (S051)."""
    shown = " ".join(f"{row.as_json()} {row.said}" for row in rows.values())
    key_ids = world.double.directory.credentials
    assert not [key_id for key_id in key_ids if key_id in shown]
    assert not [secret for secret in world.secrets if secret in shown]
    assert not re.search(r"AWS4-HMAC|X-Amz-Signature|Signature=|authorization:", shown, re.I)
    assert not re.search(r"(AKIA|ASIA)[A-Z0-9]{5,}", shown)


def test_each_text_is_of_a_case():
    assert _TEXTS.keys() == {case.name for case in CASES}


def codes_of(check: Check) -> set[tuple[str, str]]:
    """What the row can say beside that all is well."""
    named = {*check.refusals, *check.notes, *(kind.__name__ for kind in check.failures)}
    return {(check.check_id, code) for code in named}


def test_each_code_of_each_check_is_provoked_and_each_check_passes():
    expected = {code for check in registry for code in codes_of(check)}
    covered = {(case.check_id, case.covers) for case in CASES}
    assert {pair for pair in covered if pair[1]} == expected
    assert {check_id for check_id, covers in covered if not covers} == set(registry.all())


def texts_of(check: Check) -> list[Advice]:
    return [*check.failures.values(), *check.refusals.values(), *check.notes.values()]


def test_each_failure_has_what_why_and_what_to_do():
    for check in registry:
        for advice in [*check.failures.values(), *check.refusals.values()]:
            assert advice.title, check.check_id
            assert advice.why, (check.check_id, advice.title)
            assert advice.fix, (check.check_id, advice.title)
        assert all(advice.title for advice in texts_of(check))


def test_rows_wait_only_for_rows_above_them():
    for check in registry:
        for required in check.requires:
            assert registry[required].position < check.position, (check.check_id, required)
    positions = [check.position for check in registry]
    assert len(set(positions)) == len(positions)


class TestWhatWorks:
    def why_not(self, storage: CustomStorage) -> dict[str, str]:
        return {name: why for name, works, why in checks.what_works(storage) if not works}

    def test_all_that_is_ticked_does(self, world):
        world.set(uses=["copies", "large_files", "verify", "restore", "remove", "backup"])
        world.grant()
        world.ask()
        assert [name for name, _, _ in checks.what_works(world.storage)] == [
            "Copies", "Files over 16 MB", "Public links", "Verify", "Restore", "Deletion sync",
            "Backup",
        ]  # fmt: skip
        assert self.why_not(world.storage) == {"Public links": "Copies are private, as you chose"}

    @pytest.mark.parametrize(
        ("action", "expected"),
        [
            ("s3:GetObject", {"Verify", "Restore"}),
            ("s3:DeleteObject", {"Deletion sync"}),
        ],
    )
    def test_names_the_right_that_is_missing(self, world, action, expected):
        world.set(uses=["copies", "verify", "remove"])
        world.grant()
        without(world, action)
        world.ask()
        found = self.why_not(world.storage)
        del found["Public links"]
        assert found == dict.fromkeys(expected, f"{action.removeprefix('s3:')} is missing")

    def test_says_that_acls_are_off(self, world):
        world.set(public_mode="acl")
        world.grant()
        world.ask()
        assert self.why_not(world.storage)["Public links"] == "ACLs are off"

    def test_says_that_a_switch_is_on(self, world):
        world.set(public_mode="acl")
        world.grant()
        world.bucket.ownership = "BucketOwnerPreferred"
        world.ask()
        assert self.why_not(world.storage)["Public links"] == "Block Public Access is on"

    def test_says_of_everything_that_writing_is_denied(self, world):
        without(world, "s3:PutObject")
        world.ask()
        found = self.why_not(world.storage)
        assert found["Copies"] == found["Backup"] == "PutObject is missing"

    def test_is_nothing_before_the_first_test(self, world):
        assert set(self.why_not(world.storage).values()) >= {
            "Not proved: the required checks have not passed"
        }
        assert not any(works for _, works, _ in checks.what_works(world.storage))


class TestChecklist:
    def test_writes_nothing(self, world):
        world.ask(Kind.CHECKLIST)
        assert world.writes == []

    @pytest.mark.parametrize(
        ("line", "action"),
        [
            ("ownership", "s3:GetBucketOwnershipControls"),
            ("block_public_access", "s3:GetBucketPublicAccessBlock"),
            ("encryption", "s3:GetEncryptionConfiguration"),
            ("versioning", "s3:GetBucketVersioning"),
            ("object_lock", "s3:GetBucketObjectLockConfiguration"),
            ("lifecycle", "s3:GetLifecycleConfiguration"),
        ],
    )
    def test_a_line_that_may_not_be_read_names_the_right(self, world, line, action):
        without(world, action)
        row = world.ask(Kind.CHECKLIST)[line]
        assert row.state == "skipped"
        assert row.title == "Could not be read. Tick it yourself, the test will tell."
        assert row.why == f"{action} is missing."

    def test_a_setting_that_the_provider_does_not_have_is_not_asked_for(self, world):
        world.double.quirks.no_settings_501 = True
        row = world.ask(Kind.CHECKLIST)["ownership"]
        assert (row.state, row.title) == ("skipped", "The provider has no such setting.")


class TestPatience:
    def test_a_provider_that_is_busy_for_a_moment_is_waited_for(self, world, monkeypatch):
        monkeypatch.setattr("storages_app.custom_storages.checks.write._PAUSES_S", (0.001, 0.001))
        world.double.faults.add(operation="PutObject", code="SlowDown", times=2)
        assert world.ask()["write"].state == "passed"

    def test_a_policy_that_is_mended_meanwhile_passes(self, world):
        world.double.faults.add(operation="PutObject", code="AccessDenied")
        assert world.ask()["write"].state == "passed"


def test_a_region_that_was_found_is_kept(world):
    world.set(region="us-west-2")
    world.ask()
    assert world.test.has_passed
    assert world.storage.region == "eu-central-1"


def test_one_who_may_only_put_can_be_connected_and_hears_what_does_not_work(world):
    world.set(uses=["copies"])
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"{world.bucket.arn}/up/*"}
    world.user.policies[0]["Statement"] = [allowed]
    rows = world.ask()
    assert world.test.state == "limited"
    failed = {check_id for check_id, row in rows.items() if row.state == "failed"}
    assert failed == {"multipart", "read", "delete"}
    assert {name for name, works, _ in checks.what_works(world.storage) if works} == {
        "Copies", "Files over 16 MB", "Backup",
    }  # fmt: skip


def test_where_nothing_may_be_removed_each_test_leaves_the_same_two_files(world):
    without(world, "s3:DeleteObject")
    world.ask()
    once = [key for key in world.keys if world.storage.pk.hex in key]
    assert once == []
    for _ in range(2):
        world.ask()
    again = [key for key in world.keys if world.storage.pk.hex in key]
    assert len(again) == 2
    assert len(world.keys) == 4


def test_an_answer_that_nobody_knows_is_shown_whole_and_told_to_the_operator(world, caplog):
    said = "{bucket.__class__} {0} {secret}"  # and is no template
    world.double.faults.add(
        operation="PutObject", code="Teapot", status=418, message=said, times=None
    )
    row = world.ask()["write"]
    assert row.title == (
        "The provider answered with something we do not know: Teapot (418) on PutObject. Here is "
        "all it said."
    )
    assert (row.why, row.said, row.code) == (said, said, "Teapot")
    assert "Teapot (418) on PutObject. Add a text for this code" in caplog.text


def test_a_refusal_that_the_row_has_no_text_for_names_the_right(world):
    world.double.faults.add(operation="PutObject", code="AccessDenied", after=1)
    row = world.ask()["checksum"]
    assert row.title == "This was refused: s3:PutObject is missing."


@pytest.mark.parametrize(("refusal", "kept"), [(True, "md5"), (False, "sha256")])
def test_the_checksum_that_was_taken_is_kept_for_the_copies(world, refusal, kept):
    world.double.quirks.no_new_checksums = refusal
    world.ask()
    assert world.storage.capabilities["checksum"] == kept


def test_a_file_that_stays_where_writing_failed_is_named(world):
    world.set(prefix="uploads/")
    allowed = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"{world.bucket.arn}/.*"}
    world.user.policies[0]["Statement"] = [allowed]
    rows = world.ask()
    assert rows["write"].title == "Writing works under `/`, not under `uploads/`."
    (key,) = world.keys
    assert rows["delete"].why == f"Test files stay at `{key}`; remove them when you like."


def test_a_request_that_nobody_answered_proves_no_privacy(world, monkeypatch):
    instead(monkeypatch, "get_anonymously", TimedOut(operation="GetObject"))
    row = world.ask()["public"]
    assert (row.state, row.code) == ("failed", "timeout")
