"""The policies that people paste: least rights, real names, right partition."""

import pytest

from storages_app.custom_storages import grants


def actions(policy):
    found = set()
    for statement in policy["Statement"]:
        action = statement["Action"]
        found |= {action} if isinstance(action, str) else set(action)
    return found


def identity(**changed):
    values = {"bucket": "photos", "prefix": "up/", "public_mode": "private", "region": "eu-west-1"}
    return grants.identity_policy(**(values | changed))


def test_the_identity_policy_names_bucket_and_prefix():
    write = identity()["Statement"][0]
    assert write["Resource"] == "arn:aws:s3:::photos/up/*"
    assert write["Action"] == ["s3:PutObject", "s3:AbortMultipartUpload"]


def test_listing_is_allowed_under_the_prefix_only():
    listing = next(s for s in identity()["Statement"] if s["Sid"] == "ListPrefix")
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "up/*"}}
    assert listing["Resource"] == "arn:aws:s3:::photos"


def test_rights_follow_the_uses():
    assert "s3:GetObject" not in actions(identity(uses=["copies"]))
    assert "s3:DeleteObject" not in actions(identity(uses=["copies", "verify"]))
    assert "s3:PutObjectAcl" in actions(identity(public_mode="acl"))
    assert "s3:PutObjectAcl" not in actions(identity(public_mode="policy"))


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-east-1", "aws")],
)
def test_the_partition_follows_the_region(region, partition):
    assert identity(region=region)["Statement"][0]["Resource"].startswith(f"arn:{partition}:s3:::")


def test_no_policy_asks_for_everything():
    every = actions(identity(uses=[*list(grants.DEFAULT_USES), "restore"], public_mode="acl"))
    assert not any(action.endswith("*") or action == "s3:ListAllMyBuckets" for action in every)


def test_a_bucket_policy_is_needed_for_public_reading_and_for_our_principal_only():
    values = {"bucket": "photos", "prefix": "", "region": "us-east-1"}
    assert grants.bucket_policy(**values, public_mode="private", principal_arn="") is None
    public = grants.bucket_policy(**values, public_mode="policy", principal_arn="")
    assert public["Statement"][0]["Principal"] == "*"
    ours = grants.bucket_policy(
        **values, public_mode="private", principal_arn="arn:aws:iam::1:user/u"
    )
    assert all(s["Principal"] == {"AWS": "arn:aws:iam::1:user/u"} for s in ours["Statement"])


@pytest.mark.parametrize("mode", ["private", "policy", "acl"])
def test_the_checklist_says_how_each_switch_should_be(mode):
    switches = [line for line in grants.checklist(public_mode=mode) if "Block" in line.title]
    n_off = sum(line.advice == "Off" for line in switches)
    assert len(switches) == 4
    assert n_off == (0 if mode == "private" else 2)
    assert grants.advice(mode)
