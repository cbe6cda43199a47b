"""Why an address is not fetched from; the messages are those of spec/UPLOADCARE 3.4 and 3.11."""

from storages_app.lib.errors import UcdashError


class OrderRefused(UcdashError):
    """Failed to validate URL."""

    code = "url_invalid"
    hint = "Write it like https://www.example.com/photo.jpg, without user name and password."


class SourceUrlRequired(OrderRefused):
    """source_url is required."""


class UrlUnparsable(OrderRefused):
    """Failed to parse URL."""


class SchemeRequired(OrderRefused):
    """No URL scheme supplied."""


class SchemeInvalid(OrderRefused):
    """Invalid URL scheme."""


class HostRequired(OrderRefused):
    """No URL host supplied."""


class HostMalformed(OrderRefused):
    """URL host is malformed."""


class HostUnknown(OrderRefused):
    """Host does not exist."""

    code = "host_not_found"
    hint = "Check the spelling of the host name."


class PrivateAddress(OrderRefused):
    """Only public IPs are allowed."""

    code = "url_forbidden"
    hint = "The operator can let a host of the own network in: UCDASH_ALLOWED_PRIVATE_HOSTS."


class SourceForbidden(OrderRefused):
    """Source is blacklisted."""

    code = "url_forbidden"
    hint = "Files are fetched from the ports 80 and 443, unless the operator opens more."


class TokenRequired(OrderRefused):
    """token is required."""

    code = "url_token_required"
    hint = "Ask with the token that /from_url/ answered."


class UrlUploadsOff(OrderRefused):
    """Uploads from addresses are switched off in this project."""

    code = "url_uploads_off"
    hint = "Send the file itself, or switch uploads from URLs on in the project's upload settings."


class TooManyFetches(OrderRefused):
    """Request was throttled."""

    code = "too_many_fetches"
    hint = "So many addresses of this project wait to be fetched; wait for some of them."
    wait = 10  # seconds
