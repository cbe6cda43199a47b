"""May copies be set public one by one?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, check
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import AccessDenied, AclNotSupported, NotSupported

_OFF = Advice(
    "Copies are set to be public by ACL, but this bucket has ACLs turned off.",
    "That is the default of Amazon S3 since April 2023.",
    [
        "Advised: make copies public with a bucket policy instead (statement below).",
        "Or: Permissions, Object Ownership, Edit, ACLs enabled, Bucket owner preferred.",
    ],
)


def _level(custom_storage: CustomStorage) -> Level | None:
    is_asked = custom_storage.public_mode == CustomStorage.PublicMode.ACL
    return Level.REQUIRED if is_asked else None


@check(
    "acl",
    name="ACL",
    position=90,
    level=_level,
    requires=["write"],
    failures={
        AclNotSupported: _OFF,
        NotSupported: _OFF,
        AccessDenied: Advice(
            "We may write files but not set them public.",
            "s3:PutObjectAcl is missing, or Block Public Access refuses public ACLs.",
            [
                "Add s3:PutObjectAcl to the policy, or make copies private.",
                (
                    "Permissions, Block public access, Edit: clear the two ACL boxes. An "
                    "account-wide setting wins over the bucket's."
                ),
            ],
        ),
    },
)
def acl(probe: Probe) -> str:
    """Write the test object with the ACL public-read."""
    probe.put(is_public=True)
    return "Copies can be set public one by one"
