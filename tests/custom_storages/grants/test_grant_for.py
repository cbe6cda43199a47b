"""The grant in each tool's words: what is pasted means exactly the policies."""

import json
import re
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storages_app.custom_storages import grants
from storages_app.custom_storages.grants.dialects import aws_cli, mc, terraform
from storages_app.custom_storages.grants.policies import as_list
from storages_app.objectstores.providers import all_providers, provider

PRINCIPAL = "arn:aws:iam::999988887777:user/ucdash"
EXTERNAL_ID = "7d1b0a52-36de-4c5e-9a0e-5e6a8f6d9a11"
IDENTITIES = ["access_key", "role", "principal"]


def wanted(slug="aws", **changed):
    values = {
        "provider": provider(slug),
        "bucket": "photos",
        "prefix": "it's/",
        "region": "eu-west-1",
        "uses": ("copies", "verify", "browse"),
        "storage_name": "main",
        "endpoint": "https://minio.example.com",
        "principal_arn": PRINCIPAL,
        "external_id": EXTERNAL_ID,
    }
    return grants.Wanted(**(values | changed))


def tabs(**changed):
    return {tab.id: tab for tab in grants.grant_for(wanted(**changed)).tabs}


def commands(script):
    """The words of each command, as a shell would hand them over."""
    body = script.removeprefix("(\n").removesuffix(")\n")
    found = []
    for block in body.split("\n\n"):
        lines = block.strip().split("\n")
        while lines and lines[0].startswith("#"):
            lines.pop(0)
        found.append(shlex.split("\n".join(lines)))
    return [words for words in found if words]


def argument(script, command, option):
    words = next(words for words in commands(script) if command in words)
    return words[words.index(option) + 1]


def is_valid_shell(script):
    return (
        subprocess.run(["sh", "-n"], check=False, input=script.encode(), timeout=10).returncode == 0
    )


class TestTabs:
    @pytest.mark.parametrize("identity", IDENTITIES)
    def test_amazon_has_four(self, identity):
        titles = [tab.title for tab in tabs(identity=identity).values()]
        assert titles == ["Policy JSON", "AWS CLI", "Terraform", "Click path"]

    def test_minio_has_mc_and_the_click_path(self):
        assert [tab.title for tab in tabs(slug="minio").values()] == ["mc", "Click path"]

    @pytest.mark.parametrize("one", all_providers(), ids=lambda one: one.slug)
    @pytest.mark.parametrize("mode", ["private", "policy", "acl"])
    def test_every_provider_has_a_click_path_and_texts_that_can_be_used(self, one, mode):
        found = tabs(slug=one.slug, public_mode=mode)
        assert found["click_path"].steps
        assert all(step.text for step in found["click_path"].steps)
        assert ("policy_json" in found) == (
            one.grant in {"aws", "ceph"} or (one.grant == "console" and one.has_bucket_policy)
        )
        for tab in found.values():
            for text in tab.texts:
                assert text.filename.startswith("ucdash-main")
                assert "{" not in text.filename
                if text.language == "json":
                    assert json.loads(text.text)

    def test_the_rights_are_those_of_the_policy(self):
        grant = grants.grant_for(wanted())
        assert grants.actions_text(list(grant.rights)).startswith("PutObject, AbortMultipart")
        smaller = grants.grant_for(wanted().smaller)
        assert not any(right.setup_only for right in smaller.rights)


class TestPolicyJson:
    def test_each_identity_gets_the_policies_it_needs(self):
        titles = {
            identity: [text.title for text in tabs(identity=identity)["policy_json"].texts]
            for identity in IDENTITIES
        }
        assert titles == {
            "access_key": ["Policy of the access key's user"],
            "role": ["Policy of the role", "Trust policy of the role"],
            "principal": ["Bucket policy"],
        }

    def test_public_copies_by_policy_add_the_bucket_policy(self):
        texts = tabs(public_mode="policy")["policy_json"].texts
        assert '"PublicRead"' in texts[1].text

    def test_a_key_of_another_account_gets_its_statement(self):
        texts = tabs(identity="principal", kms_key_id="k-1")["policy_json"].texts
        assert json.loads(texts[-1].text)["Principal"] == {"AWS": PRINCIPAL}
        assert texts[-1].title == "Statement for the policy of the KMS key"

    def test_scripts_leave_the_keys_policy_to_its_owner_and_say_so(self):
        keyed = wanted(identity="principal", kms_key_id="k-1")
        assert "its own policy needs the statement" in aws_cli.script(keyed)
        assert "its own policy needs the statement" in terraform.configuration(keyed)
        assert is_valid_shell(aws_cli.script(keyed))
        assert "KMS" not in aws_cli.script(wanted(identity="principal"))

    def test_the_smaller_grant_has_no_setup_in_any_tab(self):
        for tab in grants.grant_for(wanted().smaller).tabs:
            assert not any("SetUpOnly" in text.text for text in tab.texts)


class TestAwsCli:
    def test_a_user_gets_the_policy_and_a_key(self):
        script = aws_cli.script(wanted())
        assert json.loads(argument(script, "put-user-policy", "--policy-document")) == (
            wanted().identity_policy
        )
        assert argument(script, "create-access-key", "--user-name") == "ucdash-main"
        assert all("--region" in words for words in commands(script) if words[0] == "aws")

    def test_a_role_gets_both_policies(self):
        role = wanted(identity="role")
        script = aws_cli.script(role)
        trust = argument(script, "create-role", "--assume-role-policy-document")
        assert json.loads(trust) == role.trust_policy
        assert EXTERNAL_ID in trust
        rights = argument(script, "put-role-policy", "--policy-document")
        assert json.loads(rights) == role.identity_policy

    def test_a_bucket_policy_is_only_put_where_there_is_none(self):
        script = aws_cli.script(wanted(identity="principal", account_id="111122223333"))
        put = argument(script, "put-bucket-policy", "--policy")
        assert json.loads(put) == wanted(identity="principal").bucket_policy
        assert argument(script, "put-bucket-policy", "--expected-bucket-owner") == "111122223333"
        assert script.index("*NoSuchBucketPolicy*") < script.index("put-bucket-policy")

    def test_the_guard_refuses_a_bucket_that_has_a_policy(self, tmp_path):
        for answer, expected in [
            ("echo '{\"Policy\": 1}'", 1),
            ("echo 'An error occurred (NoSuchBucketPolicy)' >&2; exit 254", 0),
            ("echo 'An error occurred (AccessDenied)' >&2; exit 254", 1),
        ]:
            fake = tmp_path / "aws"
            fake.write_text(f'#!/bin/sh\ncase "$*" in *get-bucket-policy*) {answer} ;; esac\n')
            fake.chmod(0o755)
            ran = subprocess.run(
                ["sh"],
                check=False,
                input=aws_cli.script(wanted(identity="principal")).encode(),
                env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
                capture_output=True,
                timeout=10,
            )
            assert ran.returncode == expected
            assert (b"has a policy already" in ran.stderr) == bool(expected)

    def test_a_merged_policy_is_put_whole_and_the_old_one_kept_in_a_file(self):
        plain = wanted(identity="principal")
        merged = {**plain.bucket_policy, "Id": "theirs"}
        script = aws_cli.script(wanted(identity="principal", merged=merged))
        assert json.loads(argument(script, "put-bucket-policy", "--policy")) == merged
        assert "> ucdash-main-policy-before.json" in script

    @pytest.mark.parametrize(
        ("mode", "switches"),
        [
            ("policy", "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=false"),
            ("acl", "BlockPublicAcls=false,IgnorePublicAcls=false,BlockPublicPolicy=true"),
        ],
    )
    def test_public_copies_open_two_switches_and_no_more(self, mode, switches):
        script = aws_cli.script(wanted(public_mode=mode))
        option = "--public-access-block-configuration"
        assert argument(script, "put-public-access-block", option).startswith(switches)
        assert ("put-bucket-ownership-controls" in script) == (mode == "acl")
        assert "put-public-access-block" not in aws_cli.script(wanted())

    def test_the_lifecycle_rule_is_set_where_there_are_none(self):
        script = grants.lifecycle_script(wanted())
        command = "put-bucket-lifecycle-configuration"
        rules = json.loads(argument(script, command, "--lifecycle-configuration"))
        assert rules == {"Rules": [grants.lifecycle_rule(prefix="it's/")]}
        assert "*NoSuchLifecycleConfiguration*" in script

    @pytest.mark.parametrize("identity", IDENTITIES)
    @pytest.mark.parametrize("mode", ["private", "policy", "acl"])
    def test_the_shell_can_read_it(self, identity, mode):
        assert is_valid_shell(aws_cli.script(wanted(identity=identity, public_mode=mode)))


class TestAPolicyTooLongForAUser:
    """IAM takes 2,048 characters as a user's own; a prefix has up to 512 and stands in it often."""

    def test_stands_beside_the_user_in_every_tool(self):
        long = wanted(prefix="p" * 500 + "/")
        words = commands(
            aws_cli.script(long).replace("policy=$(aws", "aws").replace(")\naws", "\naws")
        )
        made = next(one for one in words if "create-policy" in one)
        assert json.loads(made[made.index("--policy-document") + 1]) == long.identity_policy
        assert '--policy-arn "$policy"' in aws_cli.script(long)
        assert is_valid_shell(aws_cli.script(long))
        assert 'resource "aws_iam_user_policy_attachment"' in terraform.configuration(long)
        steps = " ".join(step.text for step in grants.grant_for(long).tabs[-1].steps)
        assert "Attach policies directly: choose ucdash-main" in steps

    def test_is_a_roles_own_all_the_same(self):
        script = aws_cli.script(wanted(prefix="p" * 500 + "/", identity="role"))
        assert "put-role-policy" in script

    def test_a_usual_one_is_the_users_own(self):
        assert wanted(bucket="b" * 63, prefix="p" * 60 + "/").fits_inline


class TestMc:
    def test_user_and_policy_are_made_and_put_together(self):
        minio = wanted("minio")
        script = mc.script(minio)
        words = commands(script)
        assert ["mc", "alias", "set", "ucdash-admin", "https://minio.example.com"] in words
        printed = next(line for line in words if line[0] == "printf")
        assert json.loads(printed[2]) == minio.identity_policy
        attach = ["mc", "admin", "policy", "attach", "ucdash-admin", "ucdash-main"]
        assert [*attach, "--user", "ucdash-main"] in words
        assert is_valid_shell(script)

    def test_actions_that_minio_would_refuse_are_left_out(self):
        text = mc.script(wanted("minio", public_mode="acl"))
        assert "GetBucketOwnershipControls" not in text
        assert "PutObjectAcl" not in text
        assert "GetBucketVersioning" in text

    def test_public_copies_get_the_bucket_policy(self):
        assert "set-json" not in mc.script(wanted("minio"))
        script = mc.script(wanted("minio", public_mode="policy"))
        assert "mc anonymous set-json ucdash-main-bucket.json ucdash-admin/photos" in script
        assert is_valid_shell(script)

    def test_the_regions_of_other_services_do_not_change_the_partition(self):
        assert "arn:aws:s3:::" in mc.script(wanted("minio", region="cn-north-1"))


def unquoted(literal):
    """What Terraform makes of a quoted string of ours."""
    assert not re.search(r"(?<![$])\$\{|(?<![%])%\{", literal.replace("$${", "").replace("%%{", ""))
    return json.loads(literal.replace("$${", "${").replace("%%{", "%{"))


class TestTerraform:
    @pytest.mark.parametrize("identity", IDENTITIES)
    def test_every_action_and_resource_of_the_policies_is_there(self, identity):
        chosen = wanted(identity=identity, public_mode="policy")
        text = terraform.configuration(chosen)
        for policy in (chosen.identity_policy, chosen.trust_policy, chosen.bucket_policy):
            for statement in policy["Statement"] if policy else []:
                for value in [
                    *as_list(statement["Action"]),
                    *as_list(statement.get("Resource", [])),
                ]:
                    assert terraform.quoted(value) in text
        assert text.count("{") == text.count("}")

    def test_the_resources_fit_the_identity(self):
        assert 'resource "aws_iam_user_policy" "ucdash_main"' in terraform.configuration(wanted())
        role = terraform.configuration(wanted(identity="role"))
        assert 'resource "aws_iam_role" "ucdash_main"' in role
        assert EXTERNAL_ID in role
        principal = terraform.configuration(wanted(identity="principal"))
        assert 'resource "aws_s3_bucket_policy" "ucdash_main"' in principal
        assert "aws_iam_role" not in principal

    def test_the_public_statement_waits_for_its_switches(self):
        text = terraform.configuration(wanted(public_mode="policy"))
        assert "depends_on = [aws_s3_bucket_public_access_block.ucdash_main]" in text
        assert "restrict_public_buckets = false" in text

    def test_public_copies_by_acl_change_the_ownership(self):
        text = terraform.configuration(wanted(public_mode="acl"))
        assert 'object_ownership = "BucketOwnerPreferred"' in text
        assert re.search(r"block_public_acls +?= false", text)
        assert re.search(r"block_public_policy +?= true", text)

    def test_a_merged_policy_is_written_whole(self):
        merged = {"Version": "2012-10-17", "Statement": [{"Sid": "${aws:x}", "A": True, "B": []}]}
        text = terraform.configuration(wanted(identity="principal", merged=merged))
        assert '"Sid" = "$${aws:x}"' in text
        assert '"A" = true' in text
        assert '"B" = []' in text
        assert text.count("{") == text.count("}")

    @settings(max_examples=300, deadline=None)
    @given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
    def test_a_string_stands_for_itself(self, text):
        if "$${" in text or "%%{" in text:
            return
        literal = terraform.quoted(text)
        assert unquoted(literal) == text
        assert "\n" not in literal
        escapes = set(re.findall(r"\\(.)", literal.replace("\\\\", "")))
        assert escapes <= set('nrtu"')

    @pytest.mark.parametrize(
        ("text", "literal"),
        [
            ("${x}", '"$${x}"'),
            ("%{if}", '"%%{if}"'),
            ("a\\b", '"a\\\\b"'),
            ("\b\f", '"\\u0008\\u000c"'),
            ('"', '"\\""'),
        ],
    )
    def test_templates_and_controls_are_escaped(self, text, literal):
        assert terraform.quoted(text) == literal


class TestClickPath:
    def test_the_steps_follow_the_identity(self):
        steps = {
            identity: " ".join(s.text for s in tabs(identity=identity)["click_path"].steps)
            for identity in IDENTITIES
        }
        assert "create a user named ucdash-main" in steps["access_key"]
        assert "Custom trust policy" in steps["role"]
        assert "paste the bucket policy" in steps["principal"]
        assert "Bucket policy" not in steps["access_key"]

    def test_public_copies_say_which_boxes_to_clear(self):
        steps = " ".join(s.text for s in tabs(public_mode="acl")["click_path"].steps)
        assert "Bucket owner preferred" in steps
        assert "clear the two boxes that name ACLs" in steps
        steps = " ".join(s.text for s in tabs(public_mode="policy")["click_path"].steps)
        assert "clear the two boxes that name bucket policies" in steps

    def test_a_key_in_another_account_has_its_step(self):
        steps = tabs(identity="principal", kms_key_id="k-1")["click_path"].steps
        assert "open KMS" in steps[-1].text

    def test_chinese_regions_have_their_own_console(self):
        chosen = wanted(region="cn-north-1", identity="principal")
        urls = [step.url for step in grants.grant_for(chosen).tabs[-1].steps if step.url]
        assert urls
        assert all("console.aws.amazon.com" not in url for url in urls)


class TestWanted:
    def test_names_for_the_provider_are_made_of_what_it_takes(self):
        assert wanted(storage_name="a b/é").name == "ucdash-a-b--"
        assert wanted(storage_name="").name == "ucdash-photos"
        assert len(wanted(storage_name="x" * 64).name) == 64
        assert wanted(storage_name="a-b").label == "ucdash_a_b"

    def test_it_has_no_secret(self):
        assert not any("secret" in name for name in grants.Wanted.__dataclass_fields__)


@settings(max_examples=100, deadline=None)
@given(prefix=st.text(alphabet="ab'\"\\$`!(){}*? \n;|&/-é", max_size=20))
def test_no_prefix_gets_out_of_its_quotes(prefix):
    chosen = wanted(prefix=prefix)
    document = argument(aws_cli.script(chosen), "put-user-policy", "--policy-document")
    assert json.loads(document) == chosen.identity_policy


class TestCeph:
    """Its users have no policies of their own, so the bucket's policy names the user."""

    def test_the_bucket_policy_lets_the_new_user_in_and_nothing_else_is_to_be_pasted(self):
        found = tabs(slug="ceph", public_mode="policy", uses=("copies",))
        (text,) = found["policy_json"].texts
        assert text.title == "Bucket policy"
        ours, *_, public = json.loads(text.text)["Statement"]
        assert ours["Principal"] == {"AWS": "arn:aws:iam:::user/ucdash"}
        assert public["Principal"] == "*"
        assert "uid=ucdash" in " ".join(step.text for step in found["click_path"].steps)

    def test_no_action_is_in_it_that_radosgw_refuses(self):
        policy = wanted("ceph", uses=tuple(use.slug for use in grants.ALL_USES)).bucket_policy
        actions = {action for one in policy["Statement"] for action in as_list(one["Action"])}
        assert "s3:GetBucketPublicAccessBlock" in actions
        assert not actions & {"s3:GetBucketOwnershipControls", "s3:GetEncryptionConfiguration"}

    def test_the_switches_can_be_read_by_the_right_that_radosgw_asks_for(self):
        (reading,) = [
            one["Action"]
            for one in wanted("ceph").bucket_policy["Statement"]
            if one["Sid"] == "SetUpOnly"
        ]
        assert {"s3:GetBucketPublicAccessBlock", "s3:GetBucketPolicy"} <= set(reading)
        assert "s3:GetBucketPolicy" not in str(wanted("ceph").smaller.bucket_policy)

    def test_no_proof_of_ownership_is_read_where_nobody_asked_for_one(self):
        policy = wanted("ceph", uses=("copies",)).bucket_policy
        assert "ReadProof" not in {one["Sid"] for one in policy["Statement"]}
