"""With the policy that the product writes all that is ticked works; without any one action of it
the product names that one, and no other (S052, F43).
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import pytest

from storages_app.custom_storages import checks, grants
from storages_app.custom_storages.grants.rights import SETUP_ACTIONS
from storages_app.models import Finding
from tests.custom_storages.world import ACCOUNT, REGION, Kind, World
from tests.s3double import Block

pytestmark = pytest.mark.django_db

_USES = {
    "default": (),
    **{use.slug: (use.slug,) for use in grants.ALL_USES},
    "all": tuple(use.slug for use in grants.ALL_USES),
}
_ACTION = re.compile(r"\b(?:s3|kms|sts):[A-Z][A-Za-z]+")
_EVERYTHING = {
    "Copies", "Files over 16 MB", "Public links", "Verify", "Restore", "Deletion sync", "Backup",
}  # fmt: skip
# What does not work any more without a right, of what the page tells; of others, nothing.
_LOST = {
    ("s3:PutObject", "objects"): _EVERYTHING,
    ("s3:GetObject", "objects"): {"Verify", "Restore"},
    ("s3:GetObjectVersion", "objects"): {"Verify", "Restore"},
    ("s3:DeleteObject", "objects"): {"Deletion sync"},
    ("s3:ListMultipartUploadParts", "objects"): {"Files over 16 MB"},
    ("s3:PutObjectAcl", "objects"): {"Public links"},
    ("kms:GenerateDataKey", "key"): _EVERYTHING,
    ("kms:Decrypt", "key"): {"Files over 16 MB", "Verify", "Restore"},
}
_LIFECYCLE = {
    "ID": "x",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
}


@dataclass(frozen=True)
class Setting:
    """One way of using a bucket."""

    name: str
    uses: tuple[str, ...] = ()
    identity: str = "access_key"
    public_mode: str = "private"
    versioned: bool = False
    kms: bool = False
    account_id: str = ""

    @property
    def reads(self) -> bool:
        return not self.uses or bool({"verify", "restore"} & {*self.uses})

    @property
    def lists(self) -> bool:
        return not self.uses or bool({"browse", "clean_up"} & {*self.uses})

    @property
    def not_granted(self) -> set[str]:
        """What the policy leaves out because nothing is ticked that needs it."""
        wanted = {"s3:GetObject": self.reads, "s3:ListBucket": self.lists}
        return {action for action, is_wanted in wanted.items() if not is_wanted}

    def made(self, world: World) -> World:
        world.bucket.versioning = self.versioned
        world.bucket.lifecycle = [_LIFECYCLE]
        world.set(uses=list(self.uses), public_mode=self.public_mode, account_id=self.account_id)
        if self.kms:
            key = world.double.add_kms_key(account=ACCOUNT, region=REGION)
            world.set(encryption={"mode": "aws:kms", "kms_key_id": key.arn})
        if self.public_mode == "acl":
            world.bucket.ownership = "BucketOwnerPreferred"
        if self.public_mode != "private":
            world.bucket.block = Block()
        world.grant()
        if self.identity == "role":
            world.become_role()
        elif self.identity == "principal":
            world.become_principal()
        elif self.public_mode == "policy":
            world.bucket.policy = world.bucket_policy(principal_arn="")
        return world

    def policy_of(self, world: World) -> dict:
        return world.bucket.policy if self.identity == "principal" else world.user.policies[0]


SETTINGS = [
    *(Setting(name, uses) for name, uses in _USES.items()),
    Setting("by acl", public_mode="acl"),
    Setting("by policy", public_mode="policy"),
    Setting("versioned", versioned=True),
    Setting("with a key", kms=True),
    Setting("with an owner", account_id=ACCOUNT),
    Setting("role, default", identity="role"),
    Setting("role, all", _USES["all"], identity="role"),
    *(
        Setting(f"principal, {name}", _USES[name], identity="principal")
        for name in ("default", "copies", "all")
    ),
    Setting("principal, by acl", identity="principal", public_mode="acl"),
    Setting("principal, versioned", identity="principal", versioned=True),
]


def rights_of(setting: Setting) -> list[grants.Right]:
    return grants.rights_for(
        setting.uses,
        setting.public_mode,
        versioned=setting.versioned,
        kms_key_id="a key" if setting.kms else "",
        proves_ownership=setting.identity == "principal",
    )


def each_right() -> Iterator[tuple[Setting, grants.Right]]:
    """Those for set-up are the same everywhere, so they are taken away in three settings."""
    for setting in SETTINGS:
        for right in rights_of(setting):
            if right.action in SETUP_ACTIONS and not setting.name.endswith("default"):
                continue
            if is_proof(setting, right) or not is_anybodys(setting, right):
                yield setting, right


def is_proof(setting: Setting, right: grants.Right) -> bool:
    """Without it nothing goes on: the proof of ownership cannot be read."""
    return setting.identity == "principal" and right.action == "s3:GetObject"


def is_anybodys(setting: Setting, right: grants.Right) -> bool:
    """What strangers may, we may without a right of our own."""
    return setting.public_mode != "private" and right.action == "s3:GetObject"


def take_away(policy: dict, right: grants.Right) -> None:
    """The one action on the one kind of resource."""
    left = deepcopy(policy)
    left["Statement"] = []
    n_taken = 0
    for statement in policy["Statement"]:
        actions = grants.policies.as_list(statement["Action"])
        is_public = statement.get("Principal") == "*"
        if right.action in actions and not is_public and _is_on(statement, right):
            actions = [action for action in actions if action != right.action]
            n_taken += 1
        if actions:
            left["Statement"].append({**statement, "Action": actions})
    assert n_taken == 1
    policy["Statement"] = left["Statement"]


def _is_on(statement: dict, right: grants.Right) -> bool:
    endings = {"test_object": ".connection-test/*", "proof": ".ucdash-proof"}
    resource = str(statement["Resource"])
    if right.resource in endings:
        return resource.endswith(endings[right.resource])
    return not resource.endswith(tuple(endings.values()))


def actions_named(rows: dict[str, Finding]) -> set[str]:
    """By what the rows say of refusals; how to mend it may offer more."""
    refused = [row for row in rows.values() if row.http_status == 403]
    return set(_ACTION.findall(" ".join(f"{row.title} {row.why}" for row in refused)))


def works(world: World) -> set[str]:
    return {name for name, is_working, _ in checks.what_works(world.storage) if is_working}


def expected_to_work(setting: Setting) -> set[str]:
    expected = {"Copies", "Files over 16 MB", "Backup"}
    if setting.public_mode != "private":
        expected.add("Public links")
    if "remove" in setting.uses:
        expected.add("Deletion sync")
    return expected | ({"Verify", "Restore"} if setting.reads else set())


def expected_outcome(setting: Setting, right: grants.Right) -> str:
    """What was ticked is required; the rest is a limit; a right for set-up is nobody's need."""
    if right.action == "s3:GetBucketLocation":
        return "passed"
    if is_proof(setting, right):
        return "failed"
    is_limit = {
        "s3:AbortMultipartUpload": bool(setting.uses)
        and not {"large_files", "resume_large"} & {*setting.uses},
        "s3:DeleteObject": right.resource == "test_object",
        "s3:ListBucket": "browse" not in setting.uses,
        "s3:ListBucketMultipartUploads": "browse" not in setting.uses,
    }
    return "limited" if is_limit.get(right.action, right.setup_only) else "failed"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_all_that_is_ticked_works_with_the_policy_as_it_is_written(setting, world):
    setting.made(world)
    rows = world.ask()
    left_out = set() if setting.reads else {"read", "names", "presign"}
    assert {row.check_id for row in rows.values() if row.state != "passed"} == left_out
    assert world.test.state == ("passed" if setting.reads else "limited")
    assert actions_named(rows) == setting.not_granted
    assert works(world) == expected_to_work(setting)


@pytest.mark.parametrize(
    ("setting", "right"),
    list(each_right()),
    ids=lambda part: part.name if isinstance(part, Setting) else f"{part.action} {part.resource}",
)
def test_without_any_one_action_that_one_is_named_and_no_other(setting, right, world):
    setting.made(world)
    take_away(setting.policy_of(world), right)
    kind = Kind.CHECKLIST if right.action in SETUP_ACTIONS else Kind.TEST
    rows = world.ask(kind)
    assert actions_named(rows) - (setting.not_granted - {right.action}) == {right.action}
    assert world.test.state == expected_outcome(setting, right)
    if kind == Kind.TEST:
        lost = _LOST.get((right.action, right.resource), set())
        lost = _EVERYTHING if is_proof(setting, right) else lost
        assert works(world) == expected_to_work(setting) - lost
