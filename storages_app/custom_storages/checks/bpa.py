"""Does Block Public Access let copies be public?"""

import re

from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Noted,
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
from storages_app.objectstores.settings import PublicAccessBlock

PublicMode = CustomStorage.PublicMode
_SAYS_SO = re.compile(r"block\s?public", re.IGNORECASE)
_BOXES = {PublicMode.ACL: "ACL", PublicMode.POLICY: "policy"}


def _level(custom_storage: CustomStorage) -> Level | None:
    is_private = custom_storage.public_mode == PublicMode.PRIVATE
    return None if is_private else Level.REQUIRED


@check(
    "bpa",
    name="Block Public Access",
    position=130,
    level=_level,
    requires=["write", "sse", "class"],
    refusals={
        "blocked": Advice(
            "Block Public Access refuses public files on this {where}.",
            "A private file is taken; a public one is not.",
            [
                "Permissions, Block public access, Edit: clear the two {boxes} boxes.",
                "An account-wide setting wins over the bucket's.",
            ],
        ),
    },
    notes={
        "not_seen": Advice(
            "Nothing of Block Public Access was found in the way",
            (
                "Not all of its switches can be read from here, and strangers do not get "
                "the file yet: see the rows ACL and Public read."
            ),
        ),
    },
)
def bpa(probe: Probe) -> str | Noted:
    """Make the test object public as copies will be, and look at the switches if that fails."""
    mode = PublicMode(probe.custom_storage.public_mode)
    error = _refusal(probe, mode)
    if error is None:
        return "Public access is allowed the way you chose"
    block = switches(probe)
    if block and _is_shut(block, mode):
        raise Refused("blocked", error=error, where="bucket", boxes=_BOXES[mode])
    if _says_so(error):
        where = "account" if block else "bucket or account"
        raise Refused("blocked", error=error, where=where, boxes=_BOXES[mode])
    return Noted("not_seen", error)


def is_blocked(probe: Probe, error: ObjectStoreError) -> bool:
    """Whether a public ACL was refused by Block Public Access, not for want of a right."""
    is_of_a_right = error.action == "s3:PutObjectAcl"
    return _says_so(error) or (not is_of_a_right and blocks_public_acls(probe))


def blocks_public_acls(probe: Probe) -> bool:
    block = switches(probe)
    return block is not None and block.block_public_acls


def _refusal(probe: Probe, mode: PublicMode) -> ObjectStoreError | None:
    """Why strangers do not get the file; None if they do."""
    try:
        if mode == PublicMode.ACL:
            probe.put(is_public=True)
    except (AccessDenied, AclDenied, AclNotSupported, NotSupported) as error:
        return error
    return refusal_of_strangers(probe)


def refusal_of_strangers(probe: Probe) -> ObjectStoreError | None:
    """The answer to a request without credentials; None if it brought the test object."""
    try:
        probe.store.get_anonymously(probe.key)
    except ObjectStoreError as error:
        # Some servers know no unsigned request and call it a bad one.
        if error.http_status is None or not 400 <= error.http_status < 500:
            raise
        return error
    return None


def switches(probe: Probe) -> PublicAccessBlock | None:
    try:
        return probe.store.settings.public_access_block()
    except ObjectStoreError:
        return None


def _is_shut(block: PublicAccessBlock, mode: PublicMode) -> bool:
    if mode == PublicMode.ACL:
        return block.block_public_acls or block.ignore_public_acls
    return block.block_public_policy or block.restrict_public_buckets


def _says_so(error: ObjectStoreError) -> bool:
    return bool(_SAYS_SO.search(error.provider_message))
