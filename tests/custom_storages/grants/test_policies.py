"""The policies that people paste: least rights, real names, right partition."""

import itertools

import pytest

from storages_app.custom_storages import grants
from storages_app.custom_storages.grants.policies import (
    OUR_SIDS,
    as_list,
    key_statement_target,
    without_actions,
)

NAMES = {"bucket": "photos", "prefix": "up/", "public_mode": "private", "region": "eu-west-1"}
PRINCIPAL = "arn:aws:iam::999988887777:user/ucdash"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SLUGS = [use.slug for use in grants.ALL_USES]


def actions(policy):
    return {action for s in policy["Statement"] for action in as_list(s["Action"])}


def identity(**changed):
    return grants.identity_policy(**(NAMES | changed))


def for_bucket(**changed):
    return grants.bucket_policy(**(NAMES | {"principal_arn": PRINCIPAL} | changed))


def statement(policy, sid):
    return next((s for s in policy["Statement"] if s["Sid"] == sid), None)


def test_the_identity_policy_for_verified_copies_is_text_a():
    policy = identity(uses=["copies", "verify", "browse"])
    objects, bucket = "arn:aws:s3:::photos/up/*", "arn:aws:s3:::photos"
    expected = [
        {
            "Sid": "WriteCopies",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
            "Resource": objects,
        },
        {"Sid": "ReadBack", "Effect": "Allow", "Action": "s3:GetObject", "Resource": objects},
        {
            "Sid": "ListPrefix",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": "up/*"}},
        },
        {
            "Sid": "SetUpOnly",
            "Effect": "Allow",
            "Action": list(grants.SETUP_ACTIONS),
            "Resource": bucket,
        },
        {
            "Sid": "RemoveTestObject",
            "Effect": "Allow",
            "Action": "s3:DeleteObject",
            "Resource": "arn:aws:s3:::photos/up/.connection-test/*",
        },
    ]
    assert policy == {"Version": "2012-10-17", "Statement": expected}


@pytest.mark.parametrize(
    ("use", "action"),
    [
        ("verify", "s3:GetObject"),
        ("restore", "s3:GetObject"),
        ("resume_large", "s3:ListMultipartUploadParts"),
        ("browse", "s3:ListBucket"),
        ("clean_up", "s3:ListBucketMultipartUploads"),
    ],
)
def test_a_right_comes_with_its_use_and_not_without(use, action):
    assert action in actions(identity(uses=["copies", use]))
    assert action not in actions(identity(uses=["copies"]))


def test_deleting_copies_is_allowed_only_to_who_wants_it():
    assert statement(identity(uses=["copies"]), "RemoveCopies") is None
    wanted = identity(uses=["copies", "remove"])
    assert statement(wanted, "RemoveCopies")["Resource"] == "arn:aws:s3:::photos/up/*"
    assert statement(wanted, "RemoveTestObject") is None


def test_acl_rights_follow_the_way_of_publishing():
    assert "s3:PutObjectAcl" in actions(identity(public_mode="acl"))
    assert "s3:PutObjectAcl" not in actions(identity(public_mode="policy"))


def test_older_versions_are_read_where_they_are_kept_and_reading_is_wanted():
    assert "s3:GetObjectVersion" in actions(identity(uses=["verify"], versioned=True))
    assert "s3:GetObjectVersion" not in actions(identity(uses=["verify"]))
    assert "s3:GetObjectVersion" not in actions(identity(uses=["copies"], versioned=True))


def test_what_is_always_on_cannot_be_left_out():
    assert "s3:PutObject" in actions(identity(uses=["browse"]))
    assert {"copies"} == grants.ALWAYS


def test_no_use_at_all_means_the_defaults_and_an_unknown_one_means_nothing():
    assert identity(uses=()) == identity(uses=grants.DEFAULT_USES)
    assert identity(uses=["copies", "remove_test_object"]) == identity(uses=["copies"])


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("us-east-1", "aws"), ("", "aws")],
)
def test_the_partition_follows_the_region(region, partition):
    policy = identity(region=region)
    assert {s["Resource"].split(":")[1] for s in policy["Statement"]} == {partition}


def test_china_has_hosts_of_its_own():
    assert grants.service_host("sts", "cn-north-1") == "sts.cn-north-1.amazonaws.com.cn"
    assert grants.service_host("s3", "eu-west-1") == "s3.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("mode", ["private", "policy", "acl"])
def test_no_set_of_uses_asks_for_everything_or_for_a_right_twice(mode):
    for n in (1, 2, len(SLUGS)):
        for uses in itertools.combinations(SLUGS, n):
            policy = identity(uses=uses, public_mode=mode, versioned=True, kms_key_id=KEY)
            every = [
                (action, s["Resource"])
                for s in policy["Statement"]
                for action in as_list(s["Action"])
            ]
            assert len(every) == len(set(every))
            assert not any("*" in action or action == "s3:ListAllMyBuckets" for action, _ in every)
            sids = [s["Sid"] for s in policy["Statement"]]
            assert len(sids) == len(set(sids))
            assert set(sids) <= OUR_SIDS


def test_an_empty_prefix_is_the_whole_bucket():
    policy = identity(prefix="", uses=["browse"])
    assert statement(policy, "WriteCopies")["Resource"] == "arn:aws:s3:::photos/*"
    assert statement(policy, "ListPrefix")["Condition"] == {"StringLike": {"s3:prefix": "*"}}


def test_a_prefix_stands_for_itself_even_with_the_signs_of_a_policy_in_it():
    policy = identity(prefix="a*b?${aws:username}/")
    assert (
        statement(policy, "WriteCopies")["Resource"]
        == "arn:aws:s3:::photos/a${*}b${?}${$}{aws:username}/*"
    )


class TestKmsKeys:
    def test_a_key_is_used_by_name(self):
        key = statement(identity(kms_key_id=KEY), "UseKey")
        assert key["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
        assert key["Resource"] == KEY
        assert "Condition" not in key

    def test_without_a_key_nothing_is_asked_of_kms(self):
        assert statement(identity(), "UseKey") is None

    @pytest.mark.parametrize(
        ("key_id", "account", "resource"),
        [
            ("1234abcd", "111122223333", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd"),
            ("1234abcd", "", "arn:aws:kms:eu-west-1:*:key/1234abcd"),
            ("alias/files", "111122223333", "arn:aws:kms:eu-west-1:111122223333:key/*"),
            (
                "arn:aws:kms:eu-west-2:111122223333:alias/files",
                "",
                "arn:aws:kms:eu-west-2:111122223333:key/*",
            ),
        ],
    )
    def test_an_id_or_alias_becomes_what_a_policy_can_name(self, key_id, account, resource):
        found, rest = key_statement_target(
            kms_key_id=key_id, region="eu-west-1", account_id=account
        )
        assert found == resource
        assert bool(rest) == ("alias/" in key_id)
        if rest:
            named = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/files"}}
            assert rest == {"Condition": named}

    def test_the_keys_own_policy_names_who_may_use_it(self):
        ours = grants.key_policy_statement(principal_arn=PRINCIPAL)
        assert ours["Principal"] == {"AWS": PRINCIPAL}
        assert ours["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]


class TestBucketPolicy:
    def test_it_is_needed_for_public_reading_and_for_our_principal_only(self):
        assert for_bucket(principal_arn="") is None
        public = for_bucket(principal_arn="", public_mode="policy", prefix="")
        assert public["Statement"] == [
            {
                "Sid": "PublicRead",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::photos/*",
            }
        ]

    def test_every_statement_for_our_principal_names_it(self):
        assert all(s["Principal"] == {"AWS": PRINCIPAL} for s in for_bucket()["Statement"])

    def test_it_has_the_same_rights_as_an_identity(self):
        assert actions(for_bucket(uses=SLUGS)) == actions(identity(uses=SLUGS))

    def test_the_proof_of_ownership_can_be_read_whatever_the_use(self):
        proof = statement(for_bucket(uses=["copies"]), "ReadProof")
        assert proof["Resource"] == "arn:aws:s3:::photos/up/.ucdash-proof"
        assert statement(for_bucket(uses=["copies"], with_setup=False), "ReadProof") is None


class TestRightsYouCanTakeAwayNow:
    def test_they_are_the_reads_of_the_setup_and_the_removal_of_the_test_object(self):
        rights = grants.removable_rights(["copies", "verify"], "private")
        removable = [right.action for right in rights]
        assert removable == [*grants.SETUP_ACTIONS, "s3:DeleteObject"]
        assert all(right.why for right in rights)

    def test_the_smaller_policy_is_the_same_without_them(self):
        whole = identity(uses=["copies", "browse"])
        smaller = identity(uses=["copies", "browse"], with_setup=False)
        assert [s["Sid"] for s in smaller["Statement"]] == ["WriteCopies", "ListPrefix"]
        assert all(s in whole["Statement"] for s in smaller["Statement"])

    def test_a_right_that_a_use_needs_stays(self):
        rights = grants.removable_rights(["remove", "verify"], "private", proves_ownership=True)
        assert {"s3:DeleteObject", "s3:GetObject"}.isdisjoint(right.action for right in rights)


def test_the_trust_policy_is_text_c():
    assert grants.trust_policy(principal_arn=PRINCIPAL, external_id="e-1") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": PRINCIPAL},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": "e-1"}},
            }
        ],
    }


def test_unfinished_uploads_under_the_prefix_go_after_a_day():
    rule = grants.lifecycle_rule(prefix="up/")
    assert rule["Filter"] == {"Prefix": "up/"}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert rule["Status"] == "Enabled"


def test_actions_that_a_provider_does_not_know_are_left_out_with_empty_statements():
    policy = identity(uses=["copies", "verify"])
    smaller = without_actions(policy, {"s3:GetObject", "s3:AbortMultipartUpload"})
    assert statement(smaller, "ReadBack") is None
    assert statement(smaller, "WriteCopies")["Action"] == "s3:PutObject"
    assert statement(policy, "ReadBack")


def test_the_rights_are_told_in_the_words_of_the_provider():
    rights = [right for right in grants.rights_for(["copies"], "private") if not right.setup_only]
    assert grants.actions_text(rights) == "PutObject, AbortMultipartUpload"


def test_each_use_has_a_label_and_a_sentence():
    assert len(set(SLUGS)) == len(SLUGS)
    assert all(use.label and use.description.endswith(".") for use in grants.ALL_USES)
