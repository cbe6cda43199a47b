"""Why somebody is not let in, or a project or key is not made."""

from storages_app.lib.errors import UcdashError


class BadCredentials(UcdashError):
    """Incorrect authentication credentials."""

    code = "bad_credentials"
    hint = "Send `Authorization: Uploadcare <public key>:<signature>` and a `Date` that is right."


class UnknownPublicKey(BadCredentials):
    """There is no project with this public key."""

    code = "public_key_unknown"
    hint = "Copy the public key from the project's API keys page."

    def __init__(self, public_key: str) -> None:
        super().__init__(f"Public key {public_key} not found.")


class PublicKeyOfRemoved(UnknownPublicKey):
    """The project with this public key was removed."""


class WrongSecretKey(BadCredentials):
    """Secret key not found."""

    code = "secret_key_wrong"
    hint = "Make a new secret key on the project's API keys page; old ones cannot be shown again."


class WrongSignature(BadCredentials):
    """Invalid signature. Please check your Secret key."""

    code = "signature_wrong"
    hint = "Sign the raw path with its query, the raw Content-Type and the raw Date."


class BadName(UcdashError):
    """This name cannot be used."""

    code = "name_invalid"
    hint = "Write 1 to 100 characters without line breaks."


class PublicKeyTaken(UcdashError):
    """Another project has this public key."""

    code = "public_key_taken"
    hint = "Let a new one be made, and tell it to the clients."


class BadScope(UcdashError):
    """A secret key is either for everything or for reading."""

    code = "scope_invalid"
    hint = "Choose `full` or `read`."


class SecretKeyEnds(UcdashError):
    """This key is replaced or deleted already."""

    code = "secret_key_ends"
    hint = "Look at the list of keys: somebody else was here."


class BadRollTime(UcdashError):
    """A key that is rolled works on for at most 30 days."""

    code = "roll_time_invalid"
    hint = "Choose a time from now to 30 days ahead."


class BadMediaType(UcdashError):
    """This is no type of files."""

    code = "media_type_invalid"
    hint = "Write types like image/png, or image/* for all of a kind, separated by commas."


class BadOrigin(UcdashError):
    """This is no origin of a page."""

    code = "origin_invalid"
    hint = "Write origins like https://shop.example, without a path, separated by commas."


class OriginForbidden(UcdashError):
    """Uploads from this page are not allowed."""

    code = "origin_forbidden"
    hint = "Add the page's origin to the allowed origins in the project's upload settings."


class UploadSignatureRefused(UcdashError):
    """The signature of this upload was refused."""

    code = "upload_signature_refused"
    hint = "Sign `expire` with a secret key of the project (HMAC-SHA256)."


class SignatureRequired(UploadSignatureRefused):
    """`signature` is required."""


class ExpireRequired(UploadSignatureRefused):
    """`expire` is required."""


class ExpireMalformed(UploadSignatureRefused):
    """`expire` must be a UNIX timestamp."""


class SignatureExpired(UploadSignatureRefused):
    """Expired signature."""


class SignatureLivesTooLong(UploadSignatureRefused):
    """Expired signature."""

    code = "upload_signature_too_long"
    hint = "`expire` is too far ahead: make a new signature for each upload."


class SignatureInvalid(UploadSignatureRefused):
    """Invalid signature."""


class NoUrlSecret(UcdashError):
    """There is no secret yet that could sign addresses."""

    code = "url_secret_missing"
    hint = "Make a secret first."


class UrlTokenRefused(UcdashError):
    """This address cannot be opened with this token."""

    code = "url_token_refused"
    hint = "Ask whoever gave you the address for a new one."


class UrlTokenRequired(UrlTokenRefused):
    """This address needs a token."""


class UrlTokenInvalid(UrlTokenRefused):
    """The token does not fit this address."""


class UrlTokenExpired(UrlTokenRefused):
    """The token of this address has expired."""


class UrlTokenNotYet(UrlTokenRefused):
    """The token of this address is not valid yet."""


class IdempotencyKeyInvalid(UcdashError):
    """This Idempotency-Key cannot be used."""

    code = "idempotency_key_invalid"
    hint = "Send 1 to 255 visible ASCII characters, such as a random UUID."


class IdempotencyKeyReused(UcdashError):
    """Something else was asked under this Idempotency-Key."""

    code = "idempotency_key_reused"
    hint = "Send a new key with a new request, and the same request with the same key."


class IdempotencyKeyUnderWay(UcdashError):
    """The request with this Idempotency-Key is being answered."""

    code = "idempotency_key_under_way"
    hint = "Ask again in a few seconds; it happens once."


class IdempotencyKeyTakenOver(IdempotencyKeyUnderWay):
    """This request took so long that another process began it anew; this one changed nothing."""
