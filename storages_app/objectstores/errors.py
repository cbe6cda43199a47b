"""What can go wrong with a bucket, in our words.

Every error says by `kind` what helps: `transient` (try again later), `owner` (somebody must mend
the bucket or the credentials; the storage's circuit opens), `permanent` (this copy can never
succeed). `code` is ours and stable and doubles as the ledger's reason; what the provider said is
in the attributes.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

from storages_app.lib.errors import UcdashError

Kind = Literal["transient", "owner", "permanent"]


class ObjectStoreError(UcdashError):
    """The bucket answered with something we do not know."""

    code: ClassVar[str] = "internal"
    kind: ClassVar[Kind] = "transient"

    def __init__(
        self,
        message: str = "",
        *,
        provider_code: str = "",
        http_status: int | None = None,
        operation: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        provider_message: str = "",
        action: str = "",
        principal: str = "",
        resource: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.provider_code = provider_code
        self.provider_message = provider_message  # cut, without secrets and inner addresses
        # What a refusal names, where it does: `s3:PutObject`, and ARNs of who asked for what.
        self.action = action
        self.principal = principal
        self.resource = resource
        self.reason = reason  # a word or two that tells cases of one class apart
        self.http_status = http_status
        self.operation = operation
        self.request_id = request_id
        self.retry_after = retry_after  # seconds


class AccessDenied(ObjectStoreError):
    """The bucket refused these credentials."""

    code = "auth_denied"
    kind = "owner"
    hint = "Allow this action on the bucket and prefix."


class UnknownAccessKey(AccessDenied):
    """The provider does not know the access key id."""

    hint = "Copy the access key id again; it may be deleted, inactive or of another provider."


class WrongSecret(AccessDenied):
    """The access key id is known, but the secret does not fit it."""

    hint = "Paste the secret again; watch for cut ends and spaces."


class AccountClosed(AccessDenied):
    """The provider has closed this bucket or account."""

    hint = "See the provider's console; often it is about billing."


class CredentialsExpired(ObjectStoreError):
    """The temporary credentials have run out."""

    code = "credentials_expired"
    kind = "owner"
    hint = "Use a role or a long-lived key."


class BucketMissing(ObjectStoreError):
    """There is no bucket of this name at this address."""

    code = "bucket_missing"
    kind = "owner"
    hint = "Check the spelling. Is the bucket at another provider or in another account?"


class BucketOwnerMismatch(ObjectStoreError):
    """The bucket belongs to another account than the one given."""

    code = "bucket_owner_mismatch"
    kind = "owner"
    hint = "Check the account id; a bucket deleted and made again by somebody else looks like this."


class RegionRedirect(ObjectStoreError):
    """The bucket is in another region; `region` is where, if the provider said so."""

    code = "region_redirect"
    kind = "owner"
    hint = "Use the bucket's own region."

    region: str = ""


class RegionDisabled(ObjectStoreError):
    """The account has not turned this region on."""

    code = "auth_denied"
    kind = "owner"
    hint = "Turn the region on in the account, or use one that is on by default."


class AclNotSupported(ObjectStoreError):
    """The bucket has ACLs turned off."""

    code = "acl_not_supported"
    kind = "owner"
    hint = "Make copies public with a bucket policy, or turn ACLs on (Bucket owner preferred)."


class AclDenied(ObjectStoreError):
    """Files may be written, but not set public."""

    code = "acl_denied"
    kind = "owner"
    hint = "Allow s3:PutObjectAcl and clear the two ACL boxes of Block Public Access."


class KeyInvalid(ObjectStoreError):
    """The provider does not take this object key."""

    code = "key_invalid"
    kind = "permanent"
    hint = "Change the key pattern."


class KeyTaken(ObjectStoreError):
    """An object with this key is there already, and the write was conditional (412)."""

    code = "key_conflict"
    kind = "permanent"


# Of several classes with one code the first is the general one: its text stands for the code.
class ServerError(ObjectStoreError):
    """The provider failed on its side."""

    code = "server_error"


class ConditionConflict(ObjectStoreError):
    """Another conditional write of this key is under way (409)."""

    code = "server_error"


class ObjectMissing(ObjectStoreError):
    """There is no object with this key."""

    code = "object_missing"
    kind = "permanent"


class UploadMissing(ObjectStoreError):
    """The multipart upload is not open any more."""

    code = "server_error"


class ChecksumRefused(ObjectStoreError):
    """The provider says that the bytes do not fit their checksum."""

    code = "dest_checksum_mismatch"


class ChecksumRequired(ObjectStoreError):
    """The bucket takes no upload without a checksum, since it has Object Lock."""

    code = "integrity_unsupported"
    kind = "owner"
    hint = "Run the connection test; it finds a checksum that the provider takes."


class Throttled(ObjectStoreError):
    """The provider asks us to slow down."""

    code = "throttled"


class TimedOut(ObjectStoreError):
    """The provider did not answer in time."""

    code = "timeout"


class ConnectionFailed(ObjectStoreError):
    """No connection to the provider, or it broke."""

    code = "connection"


class HostNotFound(ConnectionFailed):
    """The host name of the endpoint does not resolve."""


class TlsFailed(ObjectStoreError):
    """The certificate of the endpoint was not trusted.

    `reason`: expired, not valid yet, wrong host, self-signed, unknown authority, revoked,
    protocol too old, no TLS; else "".
    """

    code = "tls_error"
    kind = "owner"
    hint = "Use the host name on the certificate. A private CA is added by the operator."


class EndpointForbidden(ObjectStoreError):
    """The endpoint is an address that this instance does not talk to.

    `reason`: private, http, port.
    """

    code = "endpoint_forbidden"
    kind = "owner"
    hint = "Ask the operator to add it to UCDASH_ALLOWED_PRIVATE_HOSTS."


class QuotaExceeded(ObjectStoreError):
    """The account at the provider has reached its limit."""

    code = "quota"
    kind = "owner"
    hint = "Raise the cap at the provider."


class KmsDenied(ObjectStoreError):
    """The bucket took the request, but the KMS key did not."""

    code = "kms_denied"
    kind = "owner"
    hint = "Allow kms:GenerateDataKey and kms:Decrypt in the key policy."


class KmsKeyUnusable(ObjectStoreError):
    """The KMS key is disabled, waiting for deletion or elsewhere.

    `reason`: disabled, waiting for deletion, not found; else "".
    """

    code = "kms_key_unusable"
    kind = "owner"
    hint = "Enable the key or choose another."


class StorageClassInvalid(ObjectStoreError):
    """The provider has no such storage class."""

    code = "storage_class_invalid"
    kind = "owner"
    hint = "Choose Standard."


class ClockSkewed(ObjectStoreError):
    """This server's clock is too far from the provider's, so signatures are refused."""

    code = "clock_skew"
    kind = "owner"
    hint = "Turn on time synchronisation on this server."


class Archived(ObjectStoreError):
    """The object is in an archive class and must be thawed first."""

    code = "archived"
    kind = "permanent"


class NotSupported(ObjectStoreError):
    """The provider does not implement this operation."""

    code = "integrity_unsupported"
    kind = "permanent"


class AddressInvalid(ObjectStoreError):
    """The bucket, region or endpoint cannot be part of an address."""

    code = "endpoint_forbidden"
    kind = "owner"
    hint = "Bucket: 3 to 63 of a-z 0-9 . -; endpoint: https://host without a path."


class ObjectTooLarge(ObjectStoreError):
    """The provider does not take objects this large."""

    code = "too_large_5gb"
    kind = "permanent"


def by_code() -> dict[str, type[ObjectStoreError]]:
    """Code → its error: of several under one code the general one, which is the first."""
    return {error.code: error for error in reversed([*_family(ObjectStoreError)])}


def sentence_of(error: type[ObjectStoreError]) -> str:
    return (error.__doc__ or "").strip().splitlines()[0]


def text_of(code: str) -> str:
    """The sentence of the error with this code; empty for a code that is none of ours."""
    error = by_code().get(code)
    return sentence_of(error) if error else ""


def _family(error: type[ObjectStoreError]) -> Iterator[type[ObjectStoreError]]:
    yield error
    for child in error.__subclasses__():
        yield from _family(child)
