"""Where a bucket and its objects are: checked names in, addresses of the guard out."""

import ipaddress
import re
from dataclasses import replace
from urllib.parse import quote

from storages_app.lib import outbound
from storages_app.lib.outbound import Address
from storages_app.objectstores.base import Location
from storages_app.objectstores.errors import AddressInvalid
from storages_app.objectstores.keys import check_key

_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{0,60}")
_ACCOUNT = re.compile(r"[0-9]{12}|")
# What a header can carry and a signature covers as it is.
_CREDENTIAL = re.compile(r"[\x21-\x7e]+")
_SESSION_TOKEN = re.compile(r"[\x21-\x7e]*")
DEFAULT_REGION = "us-east-1"
# Amazon's partitions whose hosts are not under amazonaws.com, by how their regions begin.
_DOMAINS = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}


class BucketAddress:
    """The URLs of one bucket. A bad location is refused here, before anything is sent."""

    def __init__(self, location: Location) -> None:
        _check_names(location)
        self.region = location.region or DEFAULT_REGION
        amazons = f"https://s3.{self.region}.{domain_of(self.region)}"
        self.endpoint = _endpoint(location.endpoint_url or amazons)
        self.is_aws = _is_amazons(self.endpoint.host)
        # A wildcard certificate covers no dots, and a number has no subdomains.
        self.path_style = (
            location.path_style or self.endpoint.ip is not None or "." in location.bucket
        )
        self._bucket = location.bucket
        host = self.endpoint.host
        self.host = host if self.path_style else f"{location.bucket}.{host}"
        self._sts_url = location.sts_url

    @property
    def origin(self) -> str:
        return replace(self.endpoint, host=self.host).origin

    def sts(self) -> Address | None:
        """The service that says whose credentials these are, where there is one."""
        if not self.is_aws and not self._sts_url:
            return None
        return sts_address(self.region, self._sts_url)

    def of_bucket(self, query: str = "") -> Address:
        return self._at(f"/{self._bucket}" if self.path_style else "/", query)

    def of_object(self, key: str, query: str = "") -> Address:
        """`key` is taken literally: `..`, `//`, `%2F` and `+` are part of its name."""
        check_key(key)
        prefix = f"/{self._bucket}/" if self.path_style else "/"
        return self._at(prefix + quote(key, safe="/~"), query)

    def _at(self, path: str, query: str) -> Address:
        return replace(self.endpoint, host=self.host, target=f"{path}?{query}" if query else path)

    def of_prepared(self, url: str) -> Address:
        """The address of a URL that botocore made, if it is in this bucket's host."""
        if not url.startswith(self.origin + "/"):
            raise AddressInvalid("The bucket and the endpoint form another host.")
        return replace(self.endpoint, host=self.host, target=url[len(self.origin) :])


def _check_names(location: Location) -> None:
    if not _BUCKET.fullmatch(location.bucket) or _is_number(location.bucket):
        raise AddressInvalid("The bucket's name is none.")
    if not _REGION.fullmatch(location.region):
        raise AddressInvalid("The region's name is none.")
    if not _ACCOUNT.fullmatch(location.account_id):
        raise AddressInvalid("The account id has twelve digits.")
    if not _CREDENTIAL.fullmatch(location.access_key_id):
        # Empty ones would send botocore looking for the operator's own.
        raise AddressInvalid("The access key id is missing or has characters that no key has.")
    if not location.secret_access_key:
        raise AddressInvalid("The secret access key is missing.")
    if not _SESSION_TOKEN.fullmatch(location.session_token):
        raise AddressInvalid("The session token has characters that no token has.")


def _is_number(bucket: str) -> bool:
    try:
        ipaddress.IPv4Address(bucket)
    except ValueError:
        return False
    return True


def _is_amazons(host: str) -> bool:
    return host.endswith((".amazonaws.com", *(f".{domain}" for domain in _DOMAINS.values())))


def domain_of(region: str) -> str:
    """The domain under which Amazon's services of a region are."""
    found = (domain for start, domain in _DOMAINS.items() if region.startswith(start))
    return next(found, "amazonaws.com")


def sts_address(region: str, sts_url: str = "") -> Address:
    """Amazon's identity service for a region, or the one given; "{region}" is filled in."""
    if not _REGION.fullmatch(region):
        raise AddressInvalid("The region's name is none.")
    url = sts_url.replace("{region}", region)
    return _parsed(url or f"https://sts.{region}.{domain_of(region)}")


def _endpoint(url: str) -> Address:
    address = _parsed(url)
    if address.target != "/" or "?" in url or "#" in url:
        raise AddressInvalid("The endpoint has a path or a query.")
    return address


def _parsed(url: str) -> Address:
    try:
        return outbound.parse(url)
    except outbound.UnparsableAddress as error:
        raise AddressInvalid from error
