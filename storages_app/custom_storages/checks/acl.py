"""May copies be set public one by one?"""

from storages_app.custom_storages.checks.bpa import is_blocked, refusal_of_strangers, switches
from storages_app.custom_storages.probe import (
    Advice,
    CannotTell,
    Level,
    Probe,
    Refused,
    check,
)
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import (
    AccessDenied,
    AclDenied,
    AclNotSupported,
    NotSupported,
    ObjectStoreError,
)

_WITHOUT = "Copies are sent without an ACL"
_OFF = Advice(
    (
        "Copies are set to be public by ACL, but this bucket has ACLs turned off, the default "
        "since April 2023."
    ),
    "Nothing is written that comes with an ACL while they are off.",
    [
        "Advised: make copies public with a bucket policy (statement below).",
        "Or: Permissions, Object Ownership, Edit, ACLs enabled, Bucket owner preferred.",
    ],
)


def _level(custom_storage: CustomStorage) -> Level:
    is_asked = custom_storage.public_mode == CustomStorage.PublicMode.ACL
    return Level.REQUIRED if is_asked else Level.INFO


@check(
    "acl",
    name="ACL",
    position=120,
    level=_level,
    requires=["write", "sse", "class"],
    failures={
        AclNotSupported: _OFF,
        NotSupported: Advice(
            "Copies are set to be public by ACL, but this provider has no ACLs.",
            "It answers that this is not implemented.",
            ["Make copies public with a bucket policy, or keep them private."],
        ),
    },
    refusals={
        "acl_denied": Advice(
            "We may write files but not set them public: s3:PutObjectAcl is missing.",
            "A public ACL was refused where a private file was taken.",
            ["Add s3:PutObjectAcl to the policy, or make copies private."],
        ),
        "acl_ignored": Advice(
            "The public ACL was taken, but strangers get {status}.",
            "The provider knows no ACLs, or a switch of the bucket or account overrules them.",
            [
                "Make copies public with a bucket policy, or keep them private.",
                "Or look at Block Public Access of the bucket and of the account.",
            ],
        ),
    },
)
def acl(probe: Probe) -> str:
    """Write the test object with the ACL public-read, if copies are to have one, and read it.

    Servers without ACLs take the header and do nothing.
    """
    if probe.custom_storage.public_mode != CustomStorage.PublicMode.ACL:
        return _as_it_is_set(probe)
    try:
        probe.put(is_public=True)
    except (AccessDenied, AclDenied) as error:
        if is_blocked(probe, error):
            raise CannotTell("Waits for “Block Public Access”", error=error) from error
        raise Refused("acl_denied", error=error) from error
    if refusal := refusal_of_strangers(probe):
        block = switches(probe)
        if block and block.ignore_public_acls:
            raise CannotTell("Waits for “Block Public Access”")
        raise Refused("acl_ignored", status=refusal.http_status)
    return "Copies can be set public one by one"


def _as_it_is_set(probe: Probe) -> str:
    try:
        setting = probe.store.settings.ownership()
    except ObjectStoreError:
        return _WITHOUT
    if setting == "BucketOwnerEnforced":
        return f"ACLs are off (bucket owner enforced). {_WITHOUT}"
    return f"ACLs are on. {_WITHOUT}"
