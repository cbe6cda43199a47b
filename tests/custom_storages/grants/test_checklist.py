"""The checklist: exact texts, and what each way of publishing wants of the bucket."""

from dataclasses import dataclass

import pytest

from storages_app.custom_storages import grants


@dataclass(frozen=True)
class Block:
    block_public_acls: bool = True
    ignore_public_acls: bool = True
    block_public_policy: bool = True
    restrict_public_buckets: bool = True


@dataclass(frozen=True)
class Encryption:
    mode: str
    kms_key_id: str = ""


@dataclass(frozen=True)
class Lock:
    mode: str
    days: int


POLICY_OFF = Block(block_public_policy=False, restrict_public_buckets=False)
ACL_OFF = Block(block_public_acls=False, ignore_public_acls=False)
ALL_OFF = Block(False, False, False, False)
OWNERSHIP = "Object Ownership: "
BLOCK = "Block Public Access: "
ENCRYPTION = "Default encryption: "
LIFECYCLE = "Lifecycle removes unfinished uploads: "


@pytest.mark.parametrize(
    ("line_id", "value", "mode", "state", "text"),
    [
        ("grant", True, "private", "ok", "Bucket policy or role grants what you chose"),
        ("grant", False, "private", "change", "Bucket policy or role grants what you chose"),
        ("ownership", "BucketOwnerEnforced", "private", "ok", f"{OWNERSHIP}BucketOwnerEnforced"),
        ("ownership", "BucketOwnerEnforced", "policy", "ok", f"{OWNERSHIP}BucketOwnerEnforced"),
        ("ownership", "BucketOwnerEnforced", "acl", "change", f"{OWNERSHIP}BucketOwnerEnforced"),
        ("ownership", "BucketOwnerPreferred", "acl", "ok", f"{OWNERSHIP}BucketOwnerPreferred"),
        ("ownership", "ObjectWriter", "private", "change", f"{OWNERSHIP}ObjectWriter"),
        ("ownership", "", "private", "change", f"{OWNERSHIP}ObjectWriter"),
        ("block_public_access", Block(), "private", "ok", f"{BLOCK}4 of 4 on"),
        ("block_public_access", Block(), "policy", "change", f"{BLOCK}4 of 4 on"),
        ("block_public_access", Block(), "acl", "change", f"{BLOCK}4 of 4 on"),
        ("block_public_access", POLICY_OFF, "policy", "ok", f"{BLOCK}2 of 4 on"),
        ("block_public_access", POLICY_OFF, "acl", "change", f"{BLOCK}2 of 4 on"),
        ("block_public_access", POLICY_OFF, "private", "change", f"{BLOCK}2 of 4 on"),
        ("block_public_access", ACL_OFF, "acl", "ok", f"{BLOCK}2 of 4 on"),
        ("block_public_access", ALL_OFF, "acl", "change", f"{BLOCK}0 of 4 on"),
        ("encryption", Encryption("AES256"), "private", "ok", f"{ENCRYPTION}SSE-S3"),
        ("encryption", Encryption("aws:kms", "k-1"), "acl", "ok", f"{ENCRYPTION}KMS key k-1"),
        ("encryption", Encryption("aws:kms"), "acl", "ok", f"{ENCRYPTION}KMS key aws/s3"),
        ("encryption", Encryption(""), "private", "change", f"{ENCRYPTION}none"),
        ("versioning", True, "private", "ok", "Versioning: on"),
        ("versioning", False, "private", "ok", "Versioning: off"),
        ("object_lock", None, "private", "ok", "Object Lock: none"),
        ("object_lock", Lock("GOVERNANCE", 30), "acl", "ok", "Object Lock: governance 30 days"),
        ("object_lock", Lock("COMPLIANCE", 1), "acl", "ok", "Object Lock: compliance 1 day"),
        ("object_lock", Lock("", 0), "acl", "ok", "Object Lock: on, no default"),
        ("lifecycle", 1, "private", "ok", f"{LIFECYCLE}yes"),
        ("lifecycle", None, "private", "change", f"{LIFECYCLE}no"),
    ],
)
def test_a_line_says_what_was_found_and_whether_it_fits(line_id, value, mode, state, text):
    assert grants.judge(line_id, {line_id: value}, mode) == (state, text)


@pytest.mark.parametrize("line", grants.checklist(public_mode="private"), ids=lambda line: line.id)
def test_what_could_not_be_read_is_left_to_the_person_and_the_test(line):
    text = "Could not be read. Tick it yourself, the test will tell."
    assert grants.judge(line.id, {}, "private") == ("unknown", text)


@pytest.mark.parametrize(
    ("mode", "ownership", "switches"),
    [
        ("private", "BucketOwnerEnforced", "4 of 4 on"),
        ("policy", "BucketOwnerEnforced", "The two policy settings off, the two ACL settings on"),
        ("acl", "BucketOwnerPreferred", "The two ACL settings off, the two policy settings on"),
    ],
)
def test_the_checklist_says_what_each_way_of_publishing_wants(mode, ownership, switches):
    lines = {line.id: line for line in grants.checklist(public_mode=mode, console_url="https://c/")}
    assert list(lines) == [
        "grant",
        "ownership",
        "block_public_access",
        "encryption",
        "versioning",
        "object_lock",
        "lifecycle",
    ]
    assert lines["ownership"].wanted == ownership
    assert lines["block_public_access"].wanted == switches
    assert all(line.title and line.detail and line.url == "https://c/" for line in lines.values())


def test_the_way_through_the_console_is_told_at_amazon_only():
    aws = {line.id: line.detail for line in grants.checklist(public_mode="private")}
    there = grants.checklist(public_mode="private", provider="b2")
    other = {line.id: line.detail for line in there}
    assert aws["lifecycle"] == f"Management, Lifecycle rules. {other['lifecycle']}"
    assert not any("Permissions" in text or "Properties" in text for text in other.values())
    assert all(other.values())


def test_the_advice_is_the_one_of_the_specification():
    assert grants.advice("private").startswith("Private copies: nothing to change. ACLs stay off")
    assert "turn off the two policy settings of Block Public Access" in grants.advice("policy")
    assert "set Object Ownership to Bucket owner preferred" in grants.advice("acl")


class TestCeph:
    """BlockPublicAcls refuses every upload there until 2025, so nobody is told to turn it on."""

    @pytest.mark.parametrize("mode", ["private", "policy", "acl"])
    def test_buckets_without_switches_are_right(self, mode):
        values = {"block_public_access": Block(False, False, False, False)}
        assert grants.judge("block_public_access", values, mode, provider="ceph")[0] == "ok"

    @pytest.mark.parametrize("mode", ["private", "policy", "acl"])
    def test_the_switch_that_refuses_everything_has_to_go(self, mode):
        values = {"block_public_access": Block(True, False, False, False)}
        assert grants.judge("block_public_access", values, mode, provider="ceph")[0] == "change"
        lines = {one.id: one for one in grants.checklist(public_mode=mode, provider="ceph")}
        line = lines["block_public_access"]
        assert "BlockPublicAcls" in line.detail
        assert "off" in line.wanted
        assert " on" not in line.wanted
