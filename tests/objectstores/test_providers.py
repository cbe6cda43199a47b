"""What is written down about S3-compatible services."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from string import Formatter
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from storages_app.objectstores import providers
from storages_app.objectstores.providers import (
    Links,
    PastedAddress,
    Provider,
    all_providers,
    endpoint_for,
    provider,
    read_provider,
)

FOLDER = Path(providers.__file__).parent
PAGES = FOLDER.parents[2] / "docs" / "providers"
GROUPS = {"bucket", "prefix", "region", "account"}

each_provider = pytest.mark.parametrize("one", all_providers(), ids=lambda p: p.slug)


def toml_of(slug: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / f"{slug}.toml").read_text(encoding="utf-8"))


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def is_of(value: object, kind: Any) -> bool:
    """Whether a value has the type that the dataclass promises; mypy does not read TOML."""
    origin = get_origin(kind)
    if origin is Literal:
        return value in get_args(kind)
    if origin is tuple:
        return isinstance(value, tuple) and all(is_of(v, get_args(kind)[0]) for v in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    return type(value) is kind


def test_the_cards_are_in_the_order_of_the_wizard():
    assert [p.slug for p in all_providers()] == [
        "aws", "r2", "b2", "minio", "wasabi", "spaces", "hetzner", "scaleway", "ceph", "gcs",
        "other",
    ]  # fmt: skip
    assert len({p.position for p in all_providers()}) == len(all_providers())
    assert len({p.name for p in all_providers()}) == len(all_providers())


@each_provider
def test_each_value_has_its_type(one):
    for name, kind in get_type_hints(Provider).items():
        assert is_of(getattr(one, name), kind), f"{one.slug}.toml: {name} is no {kind}"


@pytest.mark.parametrize("name", [f.name for f in fields(Provider) if f.name != "slug"])
def test_a_missing_key_is_refused(name):
    data = toml_of("aws")
    del data[name]
    with pytest.raises(TypeError, match=name):
        read_provider("aws", data)


@pytest.mark.parametrize("table", [{}, {"links": {"bin": ""}}, {"addresses": [{"hosts": ""}]}])
def test_an_unknown_key_is_refused(table):
    with pytest.raises(TypeError, match=r"colour|bin|hosts"):
        read_provider("aws", toml_of("aws") | (table or {"colour": "red"}))


@each_provider
def test_patterns_have_only_the_groups_that_are_read(one):
    for address in one.addresses:
        groups = {*address.host_pattern.groupindex, *address.path_pattern.groupindex}
        assert groups <= GROUPS
        assert placeholders(address.endpoint) <= {"region", "account_id"}
        assert not (address.refuse and (address.note or address.endpoint))


@each_provider
def test_links_and_templates_name_only_what_is_filled_in(one):
    assert placeholders(one.console_url) <= {"bucket"}
    assert placeholders(one.endpoint_template) <= {"region", "account_id"}
    for page in fields(Links):
        link = one.link(page.name, bucket="b", region="r", account_id="a")
        assert not link or re.fullmatch(r"https://[^{}\s]+", link)
    assert one.docs_url.startswith("https://") or one.slug == "other"


@each_provider
def test_each_provider_says_how_to_get_there_and_what_to_watch(one):
    assert all((one.summary, one.bucket_path, one.keys_path, one.public_path, one.traps))
    for text in (*one.bucket_path, *one.keys_path, *one.public_path, *one.traps, one.summary):
        assert text == text.strip()
    assert "STANDARD" in one.storage_classes


@each_provider
def test_the_default_region_is_one_of_its_own(one):
    codes = {r.code for r in one.regions}
    assert codes
    assert one.default_region in codes | {""}
    assert set(one.region_aliases.values()) <= codes
    assert one.region_needed or one.default_region


@each_provider
def test_its_own_endpoints_are_recognised_as_its_own(one):
    for region in one.regions:
        endpoint = endpoint_for(one, region.code, "0123456789abcdef" * 2)
        assert bool(endpoint) != one.types_endpoint
        host = endpoint.removeprefix("https://")
        assert one.types_endpoint or any(a.host_pattern.fullmatch(host) for a in one.addresses)


@pytest.mark.parametrize(
    ("slug", "region", "account_id", "endpoint"),
    [
        ("aws", "eu-central-1", "", "https://s3.eu-central-1.amazonaws.com"),
        ("aws", "cn-north-1", "", "https://s3.cn-north-1.amazonaws.com.cn"),
        ("r2", "", "ab" * 16, f"https://{'ab' * 16}.r2.cloudflarestorage.com"),
        ("r2", "", "", ""),
        ("b2", "us-west-004", "", "https://s3.us-west-004.backblazeb2.com"),
        ("b2", "", "", ""),
        ("wasabi", "eu-central-2", "", "https://s3.eu-central-2.wasabisys.com"),
        ("spaces", "fra1", "", "https://fra1.digitaloceanspaces.com"),
        ("hetzner", "hel1", "", "https://hel1.your-objectstorage.com"),
        ("scaleway", "nl-ams", "", "https://s3.nl-ams.scw.cloud"),
        ("gcs", "", "", "https://storage.googleapis.com"),
        ("minio", "us-east-1", "", ""),
        ("other", "us-east-1", "", ""),
    ],
)
def test_an_endpoint_follows_from_region_and_account(slug, region, account_id, endpoint):
    assert endpoint_for(provider(slug), region, account_id) == endpoint


def test_only_amazon_has_roles_and_no_endpoint():
    assert [p.slug for p in all_providers() if p.has_roles] == ["aws"]
    assert [p.slug for p in all_providers() if not p.needs_endpoint] == ["aws"]
    assert [p.slug for p in all_providers() if p.needs_account_id] == ["r2"]


def test_the_folder_has_only_providers():
    assert {p.stem for p in FOLDER.glob("*.toml")} == {p.slug for p in all_providers()}
    assert isinstance(all_providers()[0].addresses[0], PastedAddress)


class TestPages:
    """docs/providers: what people read is what the forms say."""

    def test_every_provider_has_exactly_one_page(self):
        assert {page.stem for page in PAGES.iterdir()} == {p.slug for p in all_providers()}
        assert {page.suffix for page in PAGES.iterdir()} == {".md"}

    @each_provider
    def test_the_page_has_every_trap_and_every_click(self, one):
        page = (PAGES / f"{one.slug}.md").read_text(encoding="utf-8")
        for text in (*one.traps, *one.bucket_path, *one.keys_path, *one.public_path):
            assert text in page, f"docs/providers/{one.slug}.md lacks: {text}"

    @each_provider
    def test_the_page_says_what_works_as_the_data_does(self, one):
        page = (PAGES / f"{one.slug}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {one.name}\n")
        assert f"<{one.docs_url}>" in page or not one.docs_url
        assert f"up to {one.max_parts:,} parts" in page
        assert all(f"`{name}`" in page for name in one.storage_classes)
        assert all(f"`{r.code}`" in page for r in one.regions) or one.slug == "aws"
        for row, has_it in {
            "Bucket policy": one.has_bucket_policy,
            "Block Public Access can be read": one.has_block_public_access,
        }.items():
            answers = {"yes"} if has_it else {"no"}
            answers |= {"not known; the test finds out"} if one.slug == "other" else set()
            assert any(f"| {row} | {answer} |" in page for answer in answers)

    @each_provider
    def test_the_page_is_honest_about_what_was_tested(self, one):
        page = (PAGES / f"{one.slug}.md").read_text(encoding="utf-8")
        assert "**not tested against the real service**" in page

    @each_provider
    def test_the_list_of_documents_links_the_page(self, one):
        contents = (PAGES.parent / "README.md").read_text(encoding="utf-8")
        assert f"[{one.name}](providers/{one.slug}.md)" in contents
