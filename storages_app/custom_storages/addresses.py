"""What people type into the form, read and put right, or refused with the reason.

The rules are those of spec/DASHBOARD 1.11 and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from storages_app.custom_storages import grants
from storages_app.custom_storages.errors import AddressRefused
from storages_app.lib import outbound

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_BUCKET_CHARACTERS = re.compile(r"[a-z0-9.-]*")
_REGION = re.compile(r"[a-z0-9-]{0,60}")
_PREFIX = re.compile(r"[A-Za-z0-9_.\-/~!'()@+=,]*")
_ACCOUNT_ID = re.compile(r"[0-9]{12}|[0-9a-f]{32}")  # Amazon's, Cloudflare's
_ROLE_ARN = re.compile(
    r"arn:aws(?:-cn|-us-gov)?:iam::[0-9]{12}:role/(?:[\x21-\x2e\x30-\x7e]+/)*[\w+=,.@-]{1,64}",
    re.ASCII,
)
_NOT_A_ROLE = {
    "user": "a user",
    "group": "a group",
    "policy": "a policy",
    "instance-profile": "an instance profile; its role has a different one",
    "assumed-role": "a session of a role, not of the role itself",
    "federated-user": "a session of a user",
    "root": "a whole account",
    "s3": "a bucket",
}
_KEY_ID = re.compile(r"[\x21-\x7e]{1,128}")  # what a header can carry as it is
_KMS_KEY = re.compile(r"[A-Za-z0-9:/_.-]{0,512}")
_MAX_PREFIX = 512
_MAX_ENDPOINT, _MAX_ROLE_ARN = 255, 2048  # the width of the columns
_UNSEEN = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WRAPPERS = ('""', "''", "``", "<>", "“”", "„“", "‘’", "«»")
_RESERVED_PREFIXES = {
    "xn--": "which Amazon keeps for itself",
    "sthree-": "which Amazon keeps for itself",
    "amzn-s3-demo-": "which Amazon keeps for its examples",
}
_RESERVED_SUFFIXES = {
    "-s3alias": "so it is an access point; give the bucket's own name",
    "--ol-s3": "so it is an Object Lambda access point; give the bucket's own name",
    ".mrap": "so it is a Multi-Region Access Point; give the bucket's own name",
    "--x-s3": "so it is a directory bucket; use a general purpose bucket",
    "--table-s3": "so it is a table bucket; use a general purpose bucket",
}


def clean_name(text: str) -> str:
    """The storage's name, which is `target` in the API."""
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise AddressRefused(
            "The name needs letters, digits, - and _, begins with a letter or digit, and has up "
            "to 64 characters."
        )
    return name


def tidy(text: str) -> str:
    """Without what comes along when people copy: spaces, quotes, and characters nobody sees."""
    text = _UNSEEN.sub("", text)
    while True:
        stripped = text.strip()
        if len(stripped) > 1 and stripped[0] + stripped[-1] in _WRAPPERS:
            stripped = stripped[1:-1]
        if stripped == text:
            return text
        text = stripped


def clean_bucket(text: str) -> str:
    bucket = tidy(text).removeprefix("s3://").strip("/")
    reason = fault_of_bucket(bucket)
    if reason:
        raise AddressRefused(
            "Bucket names have lower-case letters, digits, dots and hyphens, 3 to 63 long. "
            f"`{bucket[:80]}` has {reason}."
        )
    return bucket


def fault_of_bucket(bucket: str) -> str:
    """What the name has that no bucket's name may have, or ""."""
    if not 3 <= len(bucket) <= 63:
        return f"{len(bucket)} characters"
    if not _BUCKET_CHARACTERS.fullmatch(bucket):
        return _odd_character(bucket)
    faults = {
        "a dot or hyphen at its beginning or end": not (bucket[0] + bucket[-1]).isalnum(),
        "two dots in a row": ".." in bucket,
        "the form of an IP address": _is_ip_address(bucket),
        **{
            f"the beginning {a}, {why}": bucket.startswith(a)
            for a, why in _RESERVED_PREFIXES.items()
        },
        **{f"the ending {a}, {why}": bucket.endswith(a) for a, why in _RESERVED_SUFFIXES.items()},
    }
    return next((fault for fault, is_there in faults.items() if is_there), "")


def _odd_character(bucket: str) -> str:
    odd = next(c for c in bucket if not _BUCKET_CHARACTERS.fullmatch(c))
    if odd.isascii() and odd.isupper():
        return f"the capital letter {odd}"
    if odd.isspace():
        return "a space or a line break"
    return f"the character {odd}" if odd.isprintable() else "a character that cannot be seen"


def _is_ip_address(bucket: str) -> bool:
    try:
        ipaddress.ip_address(bucket)
    except ValueError:
        return False
    return True


def clean_prefix(text: str) -> str:
    """The prefix with one slash at its end and none at its start; empty stays empty."""
    prefix = tidy(text).strip("/")
    if not prefix:
        return ""
    segments = prefix.split("/")
    if "" in segments:
        raise AddressRefused("The prefix has two slashes in a row.")
    if not {".", ".."}.isdisjoint(segments):
        raise AddressRefused("The prefix has “.” or “..” as a folder.")
    if not _PREFIX.fullmatch(prefix):
        odd = next(c for c in prefix if not _PREFIX.fullmatch(c))
        odd = odd if odd.isprintable() else "that cannot be seen"
        raise AddressRefused(f"The prefix has the character “{odd}”, which not every S3 takes.")
    if len(prefix) >= _MAX_PREFIX:
        raise AddressRefused(f"The prefix is longer than {_MAX_PREFIX - 1} characters.")
    return prefix + "/"


def clean_endpoint(text: str) -> str:
    """``https://host[:port]`` without a path; an empty text stays empty (Amazon S3)."""
    endpoint = tidy(text)
    if not endpoint:
        return ""
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    endpoint = endpoint.rstrip("/")
    if any(c.isspace() or c in "\\@#?" for c in endpoint):
        raise AddressRefused("The address has a space, \\, @, # or ? in it.")
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise AddressRefused("The address has a port that is not a number to 65535.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise AddressRefused("The address needs https:// or http:// and a host.")
    if parts.path:
        raise AddressRefused(
            "The address has a path. Put only the host here, and the bucket and prefix into their "
            "own fields."
        )
    return _origin(endpoint)


def _origin(endpoint: str) -> str:
    """By the parser that connections are made with, so that no stored address fails there."""
    try:
        origin = outbound.parse(endpoint).origin
    except outbound.UnparsableAddress as error:
        raise AddressRefused(
            "The address has no host that can be reached. Write a name like s3.example.com, or an "
            "IP address in its usual form."
        ) from error
    if len(origin) > _MAX_ENDPOINT:
        raise AddressRefused(f"The address is longer than {_MAX_ENDPOINT} characters.")
    return origin


def clean_region(text: str) -> str:
    region = tidy(text).lower()
    if not _REGION.fullmatch(region):
        raise AddressRefused("A region has small letters, digits and hyphens, like eu-central-1.")
    return region


def clean_account_id(text: str) -> str:
    """Amazon's twelve digits, which are shown with dashes and copied with spaces; or the 32
    hexadecimal ones that Cloudflare has in every endpoint of R2.
    """
    account_id = re.sub(r"[\s\u2010-\u2015-]", "", tidy(text)).lower()
    if account_id and not _ACCOUNT_ID.fullmatch(account_id):
        raise AddressRefused(
            "An AWS account id has twelve digits, like 1111-2222-3333; one of Cloudflare has 32 "
            "digits and letters from a to f."
        )
    return account_id


def clean_role_arn(text: str, *, region: str = "") -> str:
    """The ARN of a role that can be assumed, in the partition of the bucket's `region` if given."""
    arn = tidy(text)
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        raise AddressRefused("A role's ARN looks like arn:aws:iam::111122223333:role/ucdash.")
    _, partition, service, _, _, resource = parts
    kind = resource.partition("/")[0] if service in {"iam", "sts"} else service
    if kind != "role":
        what = _NOT_A_ROLE.get(kind, "something that is not a role")
        raise AddressRefused(
            f"This is the ARN of {what}. Open IAM, Roles, and copy the role's ARN."
        )
    if len(arn) > _MAX_ROLE_ARN or not _ROLE_ARN.fullmatch(arn):
        raise AddressRefused(
            "A role's ARN looks like arn:aws:iam::111122223333:role/ucdash: twelve digits of the "
            "account, and a name of letters, digits and +=,.@_-."
        )
    if resource.startswith("role/aws-service-role/"):
        raise AddressRefused("This role belongs to an Amazon service; make one of your own.")
    if region and grants.partition(region) != partition:
        raise AddressRefused(
            f"This role is in {partition}; the bucket is in {grants.partition(region)}."
        )
    return arn


def clean_access_key_id(text: str) -> str:
    """Pasted keys are trimmed; a space inside means that something else came along."""
    key_id = _unquoted(text)
    if not _KEY_ID.fullmatch(key_id):
        raise AddressRefused(
            "The access key id is one word of up to 128 letters, digits and other plain characters."
        )
    return key_id


def _unquoted(text: str) -> str:
    """Without the spaces and quotes that come along from a file of settings."""
    text = text.strip()
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if is_quoted else text


def clean_secret(text: str) -> str:
    secret = _unquoted(text)
    if len(secret) > 1024 or any(c.isspace() or not c.isprintable() for c in secret):
        raise AddressRefused("The secret access key is one word; this has a space or break in it.")
    return secret


def clean_kms_key(text: str) -> str:
    """The id, ARN or alias of a key; empty stays empty."""
    key = tidy(text)
    if not _KMS_KEY.fullmatch(key):
        raise AddressRefused(
            "A KMS key is one word: its id, its ARN or an alias like alias/photos, of up to 512 "
            "letters, digits and :/_.-"
        )
    return key


def clean_encryption(value: Mapping[str, str]) -> dict[str, str]:
    """`mode` and `kms_key_id`; empty for the bucket's own default."""
    mode, key = value.get("mode", ""), clean_kms_key(value.get("kms_key_id", ""))
    if mode not in {"", "AES256", "aws:kms"}:
        raise AddressRefused("Encryption is AES256, aws:kms or, empty, the bucket's own.")
    if key and mode != "aws:kms":
        raise AddressRefused("A KMS key is used with the encryption aws:kms only.")
    return {"mode": mode, "kms_key_id": key} if mode else {}
