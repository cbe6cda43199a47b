"""What a storage is used for, and the rights each use needs: the only such table.

The rights are those of spec/DASHBOARD 1.11. Texts, checks and pages are made from this table.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Resource = Literal["objects", "bucket", "key", "test_object", "proof"]


@dataclass(frozen=True)
class Use:
    """One thing that a storage can be used for, as the wizard asks it."""

    slug: str
    label: str
    description: str
    always: bool = False
    ticked: bool = False


@dataclass(frozen=True)
class Right:
    """One action of the provider's, and what would not work without it."""

    action: str
    resource: Resource
    why: str
    use: str
    setup_only: bool = False


# Ticked at first is what makes green mean something, and no more: large files cost no further
# right; verifying is how a copy is proved at providers that check nothing themselves; cleaning up
# finds what a broken upload left. Who may delete or browse is for the owner to say.
ALL_USES = (
    Use("copies", "Copies", "Put copies of files into the bucket.", always=True, ticked=True),
    Use("public_links", "Public links to copies", "Anyone with the address may read a copy."),
    Use("large_files", "Large files", "Send files in parts, up to 5 GB.", ticked=True),
    Use("verify", "Verify copies", "Read a copy back to prove that it is whole.", ticked=True),
    Use("restore", "Restore", "Bring files back from the bucket, or practise it."),
    Use("remove", "Remove copies when a file is deleted", "Also what a backup keeps no longer."),
    Use("backup", "Backup", "Keep a second copy of every stored file here."),
    Use("resume_large", "Resume large copies", "Go on where a broken large upload stopped."),
    Use("browse", "Browse", "List what is under the prefix, to audit or adopt a bucket."),
    Use(
        "clean_up",
        "Clean up",
        "Find unfinished uploads and copies that went missing.",
        ticked=True,
    ),
)
USE_SLUGS = frozenset(use.slug for use in ALL_USES)
ALWAYS = frozenset(use.slug for use in ALL_USES if use.always)
DEFAULT_USES = tuple(use.slug for use in ALL_USES if use.ticked)

_FOR_USES: dict[str, tuple[tuple[str, Resource, str], ...]] = {
    "copies": (
        ("s3:PutObject", "objects", "write copies"),
        ("s3:AbortMultipartUpload", "objects", "take back an upload that broke"),
    ),
    "verify": (("s3:GetObject", "objects", "read copies back"),),
    "restore": (("s3:GetObject", "objects", "bring files back"),),
    "remove": (("s3:DeleteObject", "objects", "delete copies"),),
    "resume_large": (
        ("s3:ListMultipartUploadParts", "objects", "see which parts have arrived already"),
    ),
    "browse": (("s3:ListBucket", "bucket", "list what is under the prefix"),),
    "clean_up": (
        ("s3:ListBucketMultipartUploads", "bucket", "find unfinished uploads"),
        ("s3:ListBucket", "bucket", "find copies that went missing"),
    ),
}
_READING = frozenset({"verify", "restore"})
_SETUP = (
    ("s3:GetBucketLocation", "find the region"),
    ("s3:GetBucketOwnershipControls", "see whether ACLs are off"),
    ("s3:GetBucketPublicAccessBlock", "see the four Block Public Access switches"),
    ("s3:GetEncryptionConfiguration", "see the default encryption"),
    ("s3:GetBucketVersioning", "see whether versions are kept"),
    ("s3:GetBucketObjectLockConfiguration", "see the Object Lock"),
    ("s3:GetLifecycleConfiguration", "see whether unfinished uploads are removed"),
)
SETUP_ACTIONS = tuple(action for action, _ in _SETUP)


def with_always(uses: Collection[str]) -> frozenset[str]:
    """These uses with those that cannot be switched off; none at all means the defaults."""
    return frozenset(uses or DEFAULT_USES) & USE_SLUGS | ALWAYS


def rights_for(
    uses: Collection[str],
    public_mode: str,
    *,
    versioned: bool = False,
    kms_key_id: str = "",
    proves_ownership: bool = False,
) -> list[Right]:
    """Every right these uses need, each once, those for set-up last.

    `proves_ownership` is for a bucket that trusts our principal: the object that its owner lays
    down there has to be read, whatever the storage is used for.
    """
    chosen = with_always(uses)
    rights = [
        Right(action, resource, why, slug)
        for slug, wanted in _FOR_USES.items()
        if slug in chosen
        for action, resource, why in wanted
    ]
    if versioned and chosen & _READING:
        use = "verify" if "verify" in chosen else "restore"
        rights.append(Right("s3:GetObjectVersion", "objects", "read the version written", use))
    if public_mode == "acl":
        rights.append(Right("s3:PutObjectAcl", "objects", "make copies public", "public_links"))
    if kms_key_id:
        rights += [
            Right("kms:GenerateDataKey", "key", "encrypt copies", "copies"),
            Right("kms:Decrypt", "key", "put the parts of an encrypted upload together", "copies"),
        ]
    return _each_once(rights + _setup_rights(chosen, proves_ownership=proves_ownership))


def removable_rights(
    uses: Collection[str], public_mode: str, *, proves_ownership: bool = False
) -> list[Right]:
    """What is needed for setting up and testing only: rights you can take away now."""
    every = rights_for(uses, public_mode, proves_ownership=proves_ownership)
    return [right for right in every if right.setup_only]


def actions_text(rights: list[Right]) -> str:
    """`PutObject, AbortMultipartUpload`: the rights in the words of the provider's pages."""
    names = dict.fromkeys(right.action.removeprefix("s3:") for right in rights)
    return ", ".join(names)


def _setup_rights(chosen: frozenset[str], *, proves_ownership: bool) -> list[Right]:
    rights = [Right(action, "bucket", why, "copies", setup_only=True) for action, why in _SETUP]
    if "remove" not in chosen:
        why = "remove the object of the connection test"
        rights.append(Right("s3:DeleteObject", "test_object", why, "copies", setup_only=True))
    if proves_ownership and not chosen & _READING:
        why = "find the proof that the bucket is yours"
        rights.append(Right("s3:GetObject", "proof", why, "copies", setup_only=True))
    return rights


def _each_once(rights: list[Right]) -> list[Right]:
    """The first use that asks for a right is the one it is named after."""
    first: dict[tuple[str, Resource], Right] = {}
    for right in rights:
        first.setdefault((right.action, right.resource), right)
    return list(first.values())
