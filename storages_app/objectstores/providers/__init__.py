"""S3-compatible services as data: one TOML file each; forms, API and checks read them."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Provider:
    """What is particular about one service."""

    slug: str
    name: str
    needs_endpoint: bool
    path_style: bool
    console_url: str
    default_region: str
    endpoint_example: str
    regions: tuple[str, ...] = ()


@cache
def all_providers() -> tuple[Provider, ...]:
    """Every provider, Amazon S3 first and "other" last."""
    found = []
    for path in Path(__file__).parent.glob("*.toml"):
        data = tomllib.loads(path.read_text())
        found.append(Provider(slug=path.stem, **data | {"regions": tuple(data.get("regions", ()))}))
    return tuple(sorted(found, key=lambda p: (p.slug == "other", p.slug != "aws", p.name)))


def provider(slug: str) -> Provider:
    return next(p for p in all_providers() if p.slug == slug)
