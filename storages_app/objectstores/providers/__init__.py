"""S3-compatible services as data: one TOML file each; forms, API, checks and docs read them.

Every key is needed in every file, and no other one is taken: what a service does not have is
written down as an empty value, so that "no" and "forgotten" are not the same.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

Answer = Literal["yes", "put", "no", "unknown"]


@dataclass(frozen=True)
class Region:
    """`code` is what signatures and hosts carry; `name` is what people say."""

    code: str
    name: str


@dataclass(frozen=True)
class PastedAddress:
    """One form of address that people copy from this service, as patterns with named groups.

    The groups are `bucket`, `prefix`, `region` and `account`. An empty `path` means bucket and
    prefix as S3 writes them, or the prefix alone if the host has the bucket. `endpoint` is filled
    in where the pasted host is not itself the S3 address (a console, a CDN); `note` then says so.
    `refuse` is the reason why this address cannot be used.
    """

    host: str
    path: str = ""
    region: str = ""  # of hosts that stand for one region without naming it
    endpoint: str = ""
    note: str = ""
    refuse: str = ""

    @cached_property
    def host_pattern(self) -> re.Pattern[str]:
        return re.compile(self.host)

    @cached_property
    def path_pattern(self) -> re.Pattern[str]:
        return re.compile(self.path or _PATH_OF_S3)


_PATH_OF_S3 = r"/(?P<bucket>[^/]*)(?:/(?P<prefix>.*))?"


@dataclass(frozen=True)
class Links:
    """Pages of the service's console; `{bucket}`, `{region}` and `{account_id}` are filled in.

    Empty where the service has no such page, or none that can be linked to.
    """

    bucket: str
    permissions: str
    public_access: str
    lifecycle: str
    keys: str


@dataclass(frozen=True)
class Provider:
    """What is particular about one service. Documented, not measured: the connection test tells."""

    slug: str
    position: int  # among the cards of the wizard
    name: str
    summary: str  # one line for the card
    docs_url: str  # the service's own page about its S3 interface

    # Where it is
    needs_endpoint: bool  # a storage keeps an endpoint URL: everywhere but at Amazon
    endpoint_template: str  # with {region} or {account_id}; "" = a person types the endpoint
    endpoint_example: str
    regions: tuple[Region, ...]
    region_aliases: Mapping[str, str]  # what stands in some hosts → the region's code
    default_region: str
    region_needed: bool  # the person chooses one; else it is found or does not matter
    path_style: bool
    addresses: tuple[PastedAddress, ...]

    # What it can do
    has_acl: bool  # one object can be made public by a canned ACL
    has_bucket_policy: bool
    has_block_public_access: bool
    has_object_ownership: bool
    has_roles: bool
    has_account_id: bool  # there is an account id to ask for: the owner's, or part of the endpoint
    checksums: Literal["crc", "md5", "unknown"]  # the newer S3 checksums, or Content-MD5 only
    conditional_writes: Answer  # If-None-Match; "put" = not when a multipart upload is completed
    max_parts: int  # of one multipart upload
    storage_classes: tuple[str, ...]
    grant: Literal["aws", "mc", "ceph", "console"]  # how rights are given there

    # What a person does there
    console_url: str  # where the rights of a bucket are changed; only {bucket} is filled in
    links: Links
    bucket_path: tuple[str, ...]  # the clicks to a new bucket
    keys_path: tuple[str, ...]  # the clicks to an access key
    public_path: tuple[str, ...]  # how its objects are made public
    traps: tuple[str, ...]

    @property
    def types_endpoint(self) -> bool:
        """Whether the endpoint is typed; else it follows from the region or the account id."""
        return self.needs_endpoint and not self.endpoint_template

    @property
    def needs_account_id(self) -> bool:
        """Whether the endpoint has the account id in it (and nothing else asks for it)."""
        return "{account_id}" in self.endpoint_template

    def link(self, page: str, *, bucket: str, region: str = "", account_id: str = "") -> str:
        """The address of one page of `Links` for this bucket, or "" if there is none."""
        template: str = getattr(self.links, page)
        return template.format(bucket=bucket, region=region, account_id=account_id)


def endpoint_for(provider: Provider, region: str = "", account_id: str = "") -> str:
    """The endpoint that follows from region and account id, or "" while one of them is missing.

    Amazon's too, for showing: a storage at Amazon keeps no endpoint, so that the operator's own
    address of S3 can be used.
    """
    region = region or provider.default_region
    values = {"region": region, "account_id": account_id}
    if any(f"{{{name}}}" in provider.endpoint_template and not v for name, v in values.items()):
        return ""
    endpoint = provider.endpoint_template.format(**values)
    is_chinese = region.startswith("cn-") and endpoint.endswith(".amazonaws.com")
    return f"{endpoint}.cn" if is_chinese else endpoint


@cache
def all_providers() -> tuple[Provider, ...]:
    """Every provider in the order of the cards: Amazon S3 first and "other" last."""
    found = [
        read_provider(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
        for path in Path(__file__).parent.glob("*.toml")
    ]
    return tuple(sorted(found, key=lambda p: p.position))


def read_provider(slug: str, data: Mapping[str, Any]) -> Provider:
    """Raises TypeError for a key that is missing or unknown."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
    }
    if "regions" in data:
        values["regions"] = tuple(Region(code, name) for code, name in data["regions"].items())
    if "addresses" in data:
        values["addresses"] = tuple(PastedAddress(**form) for form in data["addresses"])
    if "links" in data:
        values["links"] = Links(**data["links"])
    return Provider(slug=slug, **values)


def provider(slug: str) -> Provider:
    return next(p for p in all_providers() if p.slug == slug)
