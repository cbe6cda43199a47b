"""Merging into a policy that is there: nobody's statement is lost, and twice is once."""

import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storages_app.custom_storages import grants
from storages_app.custom_storages.errors import PolicyRefused
from storages_app.custom_storages.grants.denials import _covers
from storages_app.custom_storages.grants.merging import MAX_PASTED, MAX_POLICY

PRINCIPAL = "arn:aws:iam::999988887777:user/ucdash"
OBJECTS = "arn:aws:s3:::photos/up/*"
FOREIGN = {
    "Sid": "Site",
    "Effect": "Allow",
    "Principal": {"AWS": ["arn:aws:iam::111122223333:role/site"]},
    "Action": ["s3:GetObject"],
    "Resource": ["arn:aws:s3:::photos/site/*"],
}


def ours(**changed):
    values = {
        "bucket": "photos",
        "prefix": "up/",
        "public_mode": "private",
        "region": "eu-west-1",
        "principal_arn": PRINCIPAL,
        "uses": ["copies", "verify"],
    }
    return grants.bucket_policy(**(values | changed))


def policy(*statements, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def sids(merged):
    return [s.get("Sid") for s in merged.policy["Statement"]]


def deny(**changed):
    values = {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    return values | {"Resource": "arn:aws:s3:::photos/*"} | changed


class TestMerge:
    @pytest.mark.parametrize("nothing", ["", "  \n", "\ufeff"])
    def test_nothing_pasted_gives_ours_alone(self, nothing):
        merged = grants.merge(nothing, ours())
        assert merged.policy == ours()
        assert merged.kept == []
        assert {kind for kind, _ in merged.diff} == {"added"}

    def test_foreign_statements_stay_first_and_as_they_were(self):
        merged = grants.merge(policy(FOREIGN, Id="site"), ours())
        assert merged.policy["Id"] == "site"
        assert merged.policy["Statement"][0] == FOREIGN
        assert merged.policy["Statement"][1:] == ours()["Statement"]
        assert merged.kept == ["Site"]
        assert merged.added == ["WriteCopies", "ReadBack", "SetUpOnly", "RemoveTestObject"]

    def test_a_second_time_changes_nothing(self):
        once = grants.merge(policy(FOREIGN), ours())
        twice = grants.merge(once.text, ours())
        assert twice.policy == once.policy
        assert not twice.is_changed
        assert twice.added == twice.replaced == twice.removed == []

    def test_ours_is_replaced_where_it_stands_when_its_actions_change(self):
        before = grants.merge(policy(FOREIGN), ours()).text
        merged = grants.merge(before, ours(public_mode="acl"))
        assert merged.replaced == ["WriteCopies"]
        assert sids(merged) == [
            "Site",
            "WriteCopies",
            "ReadBack",
            "SetUpOnly",
            "RemoveTestObject",
        ]
        assert ("added", '        "s3:AbortMultipartUpload",') in merged.diff
        assert ("added", '        "s3:PutObjectAcl"') in merged.diff

    def test_ours_with_a_number_is_recognised(self):
        taken = FOREIGN | {"Sid": "WriteCopies"}
        once = grants.merge(policy(taken), ours())
        assert sids(once)[:2] == ["WriteCopies", "WriteCopies2"]
        assert once.policy["Statement"][0] == taken
        assert not grants.merge(once.text, ours()).is_changed

    def test_rights_that_are_no_longer_wanted_go(self):
        before = grants.merge(policy(FOREIGN), ours(uses=["copies", "browse", "clean_up"])).text
        merged = grants.merge(before, ours(uses=["copies"], with_setup=False))
        assert sids(merged) == ["Site", "WriteCopies"]
        gone = ["ListPrefix", "CleanUp", "SetUpOnly", "RemoveTestObject", "ReadProof"]
        assert merged.removed == gone
        assert any(kind == "removed" for kind, _ in merged.diff)

    def test_another_storage_in_the_same_bucket_keeps_its_rights(self):
        first = grants.merge("", ours(prefix="a/", uses=["copies", "browse", "clean_up"]))
        both = grants.merge(first.text, ours(prefix="b/", uses=["copies", "browse"]))
        listed = [s["Condition"] for s in both.policy["Statement"] if "Condition" in s]
        assert listed == [{"StringLike": {"s3:prefix": f"{prefix}/*"}} for prefix in "ab"]
        assert both.policy["Statement"][: len(sids(first))] == first.policy["Statement"]
        smaller = grants.merge(both.text, ours(prefix="b/", with_setup=False))
        assert [s for s in first.policy["Statement"] if s not in smaller.policy["Statement"]] == []

    def test_a_condition_that_the_owner_added_to_ours_is_not_lost(self):
        tightened = ours()["Statement"][0] | {
            "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
        }
        merged = grants.merge(policy(tightened), ours())
        assert merged.policy["Statement"][0] == tightened
        assert "WriteCopies2" in sids(merged)

    def test_somebody_elses_public_read_that_allows_more_is_kept(self):
        wide = {
            "Sid": "PublicRead",
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "Resource": OBJECTS,
        }
        merged = grants.merge(policy(wide), ours(principal_arn="", public_mode="policy"))
        assert merged.policy["Statement"][0] == wide
        assert sids(merged) == ["PublicRead", "PublicRead2"]

    def test_a_statement_that_stands_alone_becomes_a_list(self):
        text = json.dumps({"Version": "2012-10-17", "Statement": FOREIGN})
        assert grants.merge(text, ours()).policy["Statement"][0] == FOREIGN

    def test_what_the_aws_cli_prints_is_taken_apart(self):
        printed = json.dumps({"Policy": policy(FOREIGN)})
        assert grants.merge(printed, ours()).kept == ["Site"]

    def test_the_old_version_is_kept_while_it_will_do(self):
        old = json.dumps({"Version": "2008-10-17", "Statement": [FOREIGN]})
        assert grants.merge(old, ours()).policy["Version"] == "2008-10-17"
        assert grants.merge(old, ours(prefix="a*/")).policy["Version"] == "2012-10-17"

    def test_a_newer_version_is_refused_where_it_would_change_what_others_mean(self):
        literal = FOREIGN | {"Resource": "arn:aws:s3:::photos/${x}/*"}
        old = json.dumps({"Statement": [literal]})
        assert grants.merge(old, ours()).policy["Version"] == "2008-10-17"
        with pytest.raises(PolicyRefused, match="newer version would read as a variable"):
            grants.merge(old, ours(prefix="a*/"))

    def test_more_than_s3_takes_is_refused_with_the_size(self):
        many = [FOREIGN | {"Sid": f"Site{n}"} for n in range(140)]
        with pytest.raises(PolicyRefused, match=r"bytes, and S3 takes 20,480 \(20 KB\)"):
            grants.merge(policy(*many), ours())

    def test_spaces_are_left_out_where_only_that_fits(self):
        many = [FOREIGN | {"Sid": f"Site{n}"} for n in range(90)]
        merged = grants.merge(policy(*many), ours())
        assert len(merged.text) <= MAX_POLICY < len(json.dumps(merged.policy, indent=2))
        assert json.loads(merged.text) == merged.policy


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                '{"Version": "2012-10-17"\n "Statement": []}',
                "line 2, column 2: a comma or a closing bracket",
            ),
            ('{\n  "Statement": [],\n}', "line 3, column 1: a name in straight double quotes"),
            ("{“Version”: 1}", "line 1, column 2: JSON has straight double quotes"),
            ("{'Version': 1}", "line 1, column 2: JSON has straight double quotes"),
            ('{"Version": "2012', "line 1, column 13: a text begins here and its closing quote"),
            ("{} {}", "line 1, column 4: the policy has ended before this"),
            ("hello", "line 1, column 1: a value belongs here"),
            ('{"Statement": [], "Statement": []}', "“Statement” stands twice"),
            ('{"Statement": [{"Sid": "a", "Sid": "b"}]}', "“Sid” stands twice"),
            ("[]", "begins with { and a Version"),
            ('{"Version": "2012-10-17"}', "it has no Statement"),
            ('{"Version": "2020-01-01", "Statement": []}', "has the Version 2012-10-17"),
            ('{"Version": [], "Statement": []}', "has the Version 2012-10-17"),
            ('{"Statement": ["x"]}', "Statement 1 has no Effect"),
            ('{"Statement": [{"Effect": ["Allow"]}]}', "Statement 1 has no Effect"),
            ('{"Statement": [{"Effect": "Allow", "Action": "*"}]}', "names no Principal"),
            (
                '{"Statement": [{"Effect": "Allow", "Principal": "*", "Sid": 5}]}',
                "Sid of statement 1 is not a text",
            ),
            ('{"a": NaN}', "it has NaN in it"),
            ('{"a": 1e999}', "number that is too large"),
            ('{"a": ' + "9" * 5000 + "}", "number that is too large"),
            ("[" * 5000, "nested too deep"),
            ("[" * 500 + "]" * 500, "nested too deep"),
            ('{"a": "\\ud800"}', "half of a character"),
            ('{"Policy": 5}', "begins with { and a Version"),
            ("x" * (MAX_PASTED + 1), "longer than 65,536 characters"),
        ],
    )
    def test_what_is_not_a_bucket_policy_is_refused_with_the_place(self, text, said):
        with pytest.raises(PolicyRefused) as refused:
            grants.merge(text, ours())
        assert said in refused.value.message

    @pytest.mark.parametrize(
        "text",
        [
            "{" + ",".join(f'"{n}":1' for n in range(6000)) + "}",
            policy(FOREIGN | {"Sid": "1" * 19_000 + "x"}),
            policy(deny(Resource="arn:aws:s3:::photos/" + "*p" * 8_000 + "b")),
        ],
    )
    def test_text_made_to_be_slow_is_not(self, text):
        before = time.process_time()
        with contextlib.suppress(PolicyRefused):
            grants.merge(text, ours(prefix="p" * 500 + "/"))
        assert time.process_time() - before < 2


class TestWarnings:
    def test_a_policy_of_another_bucket_is_pointed_out(self):
        other = FOREIGN | {"Resource": "arn:aws:s3:::videos/*"}
        (warning,) = grants.merge(policy(other), ours()).warnings
        assert "“Site” is about the bucket “videos”, and this storage is in “photos”" in warning

    @pytest.mark.parametrize(
        ("statement", "said"),
        [
            (deny(), "“No” denies s3:PutObject. A Deny wins"),
            (deny(Action="S3:put*"), "denies s3:PutObject."),
            (deny(Action="*"), "and more. A Deny wins"),
            (deny(NotAction="s3:GetObject"), "A Deny wins"),
            (deny(Principal={"AWS": "999988887777"}), "A Deny wins"),
            (deny(Principal={"AWS": ["arn:aws:iam::999988887777:root"]}), "A Deny wins"),
            (deny(Resource="arn:aws:s3:::photos/up/secret/*"), "A Deny wins"),
            (
                deny(Condition={"Null": {"s3:x-amz-server-side-encryption": "true"}}),
                "to uploads that do not name an encryption",
            ),
            (
                deny(Condition={"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}),
                "under a condition (aws:sourcevpce)",
            ),
        ],
    )
    def test_a_deny_that_may_hit_copies_is_pointed_out(self, statement, said):
        if "NotAction" in statement:
            del statement["Action"]
        (warning,) = grants.merge(policy(statement), ours()).warnings
        assert said in warning

    @pytest.mark.parametrize(
        "statement",
        [
            deny(Condition={"Bool": {"aws:SecureTransport": "false"}}),
            deny(Action="s3:DeleteBucket"),
            deny(Resource="arn:aws:s3:::photos/site/*"),
            deny(Principal={"AWS": "arn:aws:iam::111122223333:user/intern"}),
            deny(Effect="Allow"),
        ],
    )
    def test_a_statement_that_does_not_hit_copies_is_not(self, statement):
        assert grants.merge(policy(statement), ours()).warnings == []

    def test_a_deny_for_everybody_but_us_does_not_hit_us(self):
        statement = deny(NotPrincipal={"AWS": PRINCIPAL})
        del statement["Principal"]
        assert grants.merge(policy(statement), ours()).warnings == []


@pytest.mark.parametrize(
    ("pattern", "text", "covers"),
    [("a*c", "abc", True), ("a?c", "ac", False), ("*", "", True), ("a*b*", "axbx", True)],
)
def test_wildcards_are_those_of_a_policy(pattern, text, covers):
    assert _covers(pattern, text) is covers


names = st.sampled_from(["WriteCopies", "WriteCopies2", "SetUpOnly", "PublicRead", "Mine", "", "é"])
principals = st.sampled_from(["*", {"AWS": "*"}, {"AWS": "arn:aws:iam::111122223333:root"}])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
statements = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"]), "Principal": principals},
    optional={"Sid": names, "Action": values, "Resource": values, "Condition": values},
)
uses = st.lists(st.sampled_from([use.slug for use in grants.ALL_USES]), max_size=4)
modes = st.sampled_from(["private", "policy", "acl"])


@settings(max_examples=200, deadline=None)
@given(foreign=st.lists(statements, max_size=4), uses=uses, mode=modes)
def test_no_foreign_statement_is_ever_lost_and_merging_twice_changes_nothing(foreign, uses, mode):
    wanted = ours(uses=uses, public_mode=mode)
    once = grants.merge(policy(*foreign), wanted)
    after = once.policy["Statement"]
    assert after[: len(foreign)] == foreign
    assert len(after) == len(foreign) + len(wanted["Statement"])
    twice = grants.merge(once.text, wanted)
    assert twice.policy == once.policy
    assert not twice.is_changed
    shown = [line for kind, line in once.diff if kind != "removed"]
    assert len(shown) == len([line for kind, line in twice.diff if kind == "same"])


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200) | values.map(json.dumps))
def test_any_text_is_merged_or_refused(text):
    with contextlib.suppress(PolicyRefused):
        assert json.loads(grants.merge(text, ours()).text)
