"""The bucket policy / ACL checklist: what to look at in the bucket, and what is found there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ok", "change", "unknown"]
UNREADABLE = "Could not be read. Tick it yourself, the test will tell."
NO_SUCH_SETTING = "The provider has no such setting."

_ADVICE = {
    "private": (
        "Private copies: nothing to change. ACLs stay off, Block Public Access stays on. "
        "This is what AWS advises."
    ),
    "policy": (
        "Public copies by bucket policy (advised): turn off the two policy settings of Block "
        "Public Access and add the statement below. ACLs stay off."
    ),
    "acl": (
        "Public copies by ACL (as in Uploadcare): turn off the two ACL settings of Block Public "
        "Access and set Object Ownership to Bucket owner preferred. Choose this only if single "
        "files must differ."
    ),
}
_ACL_SWITCHES = frozenset({"block_public_acls", "ignore_public_acls"})
_POLICY_SWITCHES = frozenset({"block_public_policy", "restrict_public_buckets"})
_SWITCHES = _ACL_SWITCHES | _POLICY_SWITCHES
# https://tracker.ceph.com/issues/49135
_OF_CEPH = "Ceph before 2025 refuses every upload, private ones too, while BlockPublicAcls is on."
_WANTED_AT_CEPH = {
    "private": "BlockPublicAcls off, the others as you like",
    "policy": "BlockPublicAcls and the two policy settings off",
    "acl": "The two ACL settings off",
}
_IN_AWS_CONSOLE = {
    "ownership": "Permissions, Object Ownership, Edit.",
    "block_public_access": (
        "Permissions, Block public access, Edit. An account-wide setting wins over the bucket's."
    ),
    "encryption": "Properties, Default encryption.",
    "versioning": "Properties, Bucket versioning.",
    "object_lock": "Properties, Object Lock.",
    "lifecycle": "Management, Lifecycle rules.",
}
_OFF = {"private": frozenset[str](), "policy": _POLICY_SWITCHES, "acl": _ACL_SWITCHES}


@dataclass(frozen=True)
class ChecklistLine:
    """One line of the checklist: how it should be, and what changing it means."""

    id: str
    title: str
    wanted: str
    detail: str
    url: str = ""


def advice(public_mode: str) -> str:
    """The one sentence that says what this way of publishing means for the bucket."""
    return _ADVICE[public_mode]


def checklist(
    *, public_mode: str, console_url: str = "", provider: str = ""
) -> list[ChecklistLine]:
    """What the owner has to look at in the bucket, for this way of publishing.

    `console_url` is the page of the bucket at its provider, `provider` the slug.
    """
    is_ceph = provider == "ceph"
    is_aws = provider in {"", "aws"}
    wanted_switches = {
        "private": "4 of 4 on",
        "policy": "The two policy settings off, the two ACL settings on",
        "acl": "The two ACL settings off, the two policy settings on",
    }
    by_acl = public_mode == "acl"
    lines = [
        (
            "grant",
            "Bucket policy or role grants what you chose",
            "Paste the grant below",
            "With it this instance may do what you ticked, and nothing else.",
        ),
        (
            "ownership",
            "Object Ownership",
            "BucketOwnerPreferred" if by_acl else "BucketOwnerEnforced",
            "ACLs come into force for the whole bucket, for other writers too."
            if by_acl
            else "ACLs stay off, so that only policies say who may read.",
        ),
        (
            "block_public_access",
            "Block Public Access",
            _WANTED_AT_CEPH[public_mode] if is_ceph else wanted_switches[public_mode],
            _OF_CEPH if is_ceph else _what_opens(public_mode),
        ),
        (
            "encryption",
            "Default encryption",
            "SSE-S3 or your KMS key",
            "A KMS key needs rights of its own.",
        ),
        (
            "versioning",
            "Versioning",
            "as you like",
            "On keeps what is overwritten or deleted, and its cost.",
        ),
        (
            "object_lock",
            "Object Lock",
            "as you like",
            "With it copies cannot be removed before their time, by anybody.",
        ),
        (
            "lifecycle",
            "Lifecycle removes unfinished uploads",
            "yes",
            "The parts of a broken upload cost storage until they go.",
        ),
    ]
    return [
        ChecklistLine(id_, title, wanted, _where(id_, is_aws) + detail, url=console_url)
        for id_, title, wanted, detail in lines
    ]


def _where(line_id: str, is_aws: bool) -> str:
    """The way to the setting, in the one console whose words are known here."""
    return f"{_IN_AWS_CONSOLE[line_id]} " if is_aws and line_id in _IN_AWS_CONSOLE else ""


def _what_opens(public_mode: str) -> str:
    if public_mode == "private":
        return "With all four nothing becomes public by mistake."
    of_whom = "an ACL" if public_mode == "acl" else "a policy"
    return f"The bucket may then have public objects, by {of_whom} that somebody writes."


def judge(
    line_id: str, values: Mapping[str, Any], public_mode: str, *, provider: str = ""
) -> tuple[State, str]:
    """Whether one line is as this way of publishing wants it, and what was found.

    `values` holds by line id what BucketSettings read, and for `grant` whether the test could
    write; a line that is not in it could not be read.
    """
    if line_id not in values:
        return "unknown", UNREADABLE
    read = _READERS[line_id]
    if provider == "ceph" and line_id == "block_public_access":
        read = _block_public_access_at_ceph
    is_right, text = read(values[line_id], public_mode)
    return "ok" if is_right else "change", text


def _grant(works: bool, _public_mode: str) -> tuple[bool, str]:
    return works, "Bucket policy or role grants what you chose"


def _ownership(setting: str, public_mode: str) -> tuple[bool, str]:
    # A bucket without the setting is an old one, and those belong to whoever writes.
    found = setting or "ObjectWriter"
    acls_are_off = found == "BucketOwnerEnforced"
    return acls_are_off != (public_mode == "acl"), f"Object Ownership: {found}"


def _block_public_access(block: Any, public_mode: str) -> tuple[bool, str]:
    on = frozenset(name for name in _SWITCHES if getattr(block, name))
    return on == _SWITCHES - _OFF[public_mode], f"Block Public Access: {len(on)} of 4 on"


def _block_public_access_at_ceph(block: Any, public_mode: str) -> tuple[bool, str]:
    _is_right, text = _block_public_access(block, public_mode)
    in_the_way = _OFF[public_mode] | {"block_public_acls"}
    return not any(getattr(block, name) for name in in_the_way), text


def _encryption(default: Any, _public_mode: str) -> tuple[bool, str]:
    if default.mode.startswith("aws:kms"):
        return True, f"Default encryption: KMS key {default.kms_key_id or 'aws/s3'}"
    is_on = bool(default.mode)
    return is_on, f"Default encryption: {'SSE-S3' if is_on else 'none'}"


def _versioning(is_on: bool, _public_mode: str) -> tuple[bool, str]:
    return True, f"Versioning: {'on' if is_on else 'off'}"


def _object_lock(lock: Any, _public_mode: str) -> tuple[bool, str]:
    if lock is None:
        return True, "Object Lock: none"
    if not lock.mode:
        return True, "Object Lock: on, no default"
    unit = "day" if lock.days == 1 else "days"
    return True, f"Object Lock: {lock.mode.lower()} {lock.days} {unit}"


def _lifecycle(days: int | None, _public_mode: str) -> tuple[bool, str]:
    is_removed = days is not None
    return is_removed, f"Lifecycle removes unfinished uploads: {'yes' if is_removed else 'no'}"


_READERS: dict[str, Callable[[Any, str], tuple[bool, str]]] = {
    "grant": _grant,
    "ownership": _ownership,
    "block_public_access": _block_public_access,
    "encryption": _encryption,
    "versioning": _versioning,
    "object_lock": _object_lock,
    "lifecycle": _lifecycle,
}
