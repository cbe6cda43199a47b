"""Our policies, read by the policy engine of the strict S3 double."""

import itertools
import json

import pytest

from storages_app.custom_storages import grants
from storages_app.custom_storages.grants.policies import as_list
from tests.s3double import policies as engine

PRINCIPAL = "arn:aws:iam::999988887777:user/ucdash"
SLUGS = [use.slug for use in grants.ALL_USES]
INSIDE, OUTSIDE = "arn:aws:s3:::photos/up/a.jpg", "arn:aws:s3:::photos/other/a.jpg"


def ours(uses, mode="private", **changed):
    values = {"bucket": "photos", "prefix": "up/", "region": "eu-west-1"}
    return grants.bucket_policy(
        uses=uses, public_mode=mode, principal_arn=PRINCIPAL, **values | changed
    )


def allows(policy, action, resource, **context):
    question = engine.Question(
        action, resource, context={"s3:prefix": context.get("prefix", "")}, names={PRINCIPAL}
    )
    return engine.allows([policy], question)


@pytest.mark.parametrize("mode", ["private", "policy", "acl"])
@pytest.mark.parametrize("n", [0, 1, 2, len(SLUGS)])
def test_every_bucket_policy_is_one_that_s3_takes(mode, n):
    foreign = {"Version": "2012-10-17", "Statement": []}
    for uses in itertools.combinations(SLUGS, n):
        policy = grants.merge(json.dumps(foreign), ours(uses, mode, versioned=True)).text
        assert engine.parse(policy, bucket="photos", principal_exists=[PRINCIPAL].__contains__)


def test_rights_end_at_the_prefix():
    policy = ours(SLUGS)
    for statement in policy["Statement"]:
        for action in as_list(statement["Action"]):
            if statement["Resource"].endswith("/up/*"):
                assert allows(policy, action, INSIDE)
                assert not allows(policy, action, OUTSIDE)


def test_listing_ends_at_the_prefix_too():
    policy = ours(["browse"])
    assert allows(policy, "s3:ListBucket", "arn:aws:s3:::photos", prefix="up/2026/")
    assert not allows(policy, "s3:ListBucket", "arn:aws:s3:::photos", prefix="")


def test_without_deletion_only_the_test_object_can_go():
    policy = ours(["copies"])
    test_object = "arn:aws:s3:::photos/up/.connection-test/x.txt"
    assert allows(policy, "s3:DeleteObject", test_object)
    assert not allows(policy, "s3:DeleteObject", INSIDE)
    assert not allows(ours(["copies"], with_setup=False), "s3:DeleteObject", test_object)
