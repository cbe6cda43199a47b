"""What people type into the form, read and put right, or refused with the reason.

The rules are those of spec/DASHBOARD 1.11 and
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
"""

import ipaddress
import re
from urllib.parse import urlsplit

from storages_app.custom_storages.errors import AddressRefused
from storages_app.lib import outbound

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_BUCKET_CHARACTERS = re.compile(r"[a-z0-9.-]*")
_REGION = re.compile(r"[a-z0-9-]{0,60}")
_PREFIX = re.compile(r"[A-Za-z0-9_.\-/~!'()@+=,]*")
_KEY_ID = re.compile(r"[\x21-\x7e]{1,128}")  # what a header can carry as it is
_MAX_PREFIX = 512


def clean_name(text: str) -> str:
    """The storage's name, which is `target` in the API."""
    name = text.strip()
    if not _NAME.fullmatch(name):
        raise AddressRefused(
            "The name needs letters, digits, - and _, begins with a letter or digit, and has up "
            "to 64 characters."
        )
    return name


def clean_bucket(text: str) -> str:
    bucket = text.strip().removeprefix("s3://").strip("/")
    reason = _fault_of_bucket(bucket)
    if reason:
        raise AddressRefused(
            "Bucket names have lower-case letters, digits, dots and hyphens, 3 to 63 long. "
            f"“{bucket[:80]}” {reason}."
        )
    return bucket


def _fault_of_bucket(bucket: str) -> str:
    if not 3 <= len(bucket) <= 63:
        return f"has {len(bucket)} characters"
    if not _BUCKET_CHARACTERS.fullmatch(bucket):
        odd = next(c for c in bucket if not _BUCKET_CHARACTERS.fullmatch(c))
        return f"has the character “{odd}”"
    if not (bucket[0].isalnum() and bucket[-1].isalnum()):
        return "begins or ends with a dot or hyphen"
    if ".." in bucket:
        return "has two dots in a row"
    try:
        ipaddress.ip_address(bucket)
    except ValueError:
        return ""
    return "looks like an IP address"


def clean_prefix(text: str) -> str:
    """The prefix with one slash at its end and none at its start; empty stays empty."""
    prefix = text.strip().strip("/")
    if not prefix:
        return ""
    segments = prefix.split("/")
    if "" in segments:
        raise AddressRefused("The prefix has two slashes in a row.")
    if not {".", ".."}.isdisjoint(segments):
        raise AddressRefused("The prefix has “.” or “..” as a folder.")
    if not _PREFIX.fullmatch(prefix):
        odd = next(c for c in prefix if not _PREFIX.fullmatch(c))
        raise AddressRefused(f"The prefix has the character “{odd}”, which not every S3 takes.")
    if len(prefix) >= _MAX_PREFIX:
        raise AddressRefused(f"The prefix is longer than {_MAX_PREFIX - 1} characters.")
    return prefix + "/"


def clean_endpoint(text: str) -> str:
    """``https://host[:port]`` without a path; an empty text stays empty (Amazon S3)."""
    endpoint = text.strip()
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
    _require_parsable(endpoint)
    return endpoint


def _require_parsable(endpoint: str) -> None:
    """By the parser that connections are made with, so that no stored address fails there."""
    try:
        outbound.parse(endpoint)
    except outbound.UnparsableAddress as error:
        raise AddressRefused(
            "The address has no host that can be reached. Write a name like s3.example.com, or an "
            "IP address in its usual form."
        ) from error


def clean_region(text: str) -> str:
    region = text.strip().lower()
    if not _REGION.fullmatch(region):
        raise AddressRefused("A region has small letters, digits and hyphens, like eu-central-1.")
    return region


def clean_access_key_id(text: str) -> str:
    """Pasted keys are trimmed; a space inside means that something else came along."""
    key_id = text.strip()
    if not _KEY_ID.fullmatch(key_id):
        raise AddressRefused(
            "The access key id is one word of up to 128 letters, digits and other plain characters."
        )
    return key_id


def clean_secret(text: str) -> str:
    secret = text.strip()
    if len(secret) > 1024 or any(c.isspace() or not c.isprintable() for c in secret):
        raise AddressRefused("The secret access key is one word; this has a space or break in it.")
    return secret
