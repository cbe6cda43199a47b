"""What people paste into the fields of an address, taken apart: nothing here asks the network.

Any field may hold anything: an ARN, an `s3://` address, a page of a console, a link to one file.
What was read is shown in words and can be put right; what contradicts itself is refused.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import combinations
from urllib.parse import parse_qsl, unquote, urlsplit

from storages_app.custom_storages import addresses
from storages_app.custom_storages.addresses import tidy
from storages_app.custom_storages.errors import AddressRefused
from storages_app.objectstores import providers
from storages_app.objectstores.providers import PastedAddress, Provider, endpoint_for

_DOT_IN_BUCKET = (
    "A dot in the bucket name breaks HTTPS on virtual-hosted addresses. We will use path style."
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/+")
_HOST_WITH_PORT = re.compile(r"[^/:]+:[0-9]+(?:/|$)")
_BUCKET_SCHEMES = {"s3": "", "s3a": "", "s3n": "", "gs": "gcs", "r2": "r2", "b2": "b2"}
_ANY_HOST = ".+"
_LONGEST = 4096  # the longest page of a console with a whole key in it is half of that

# Never echoed: what these find may be somebody's password.
_SECRETS = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|(?:secret|password|passwd|token)[\w ]*[=:]"
    r"|(?:x-amz-|x-goog-)(?:signature|credential|security-token)|awsaccesskeyid|googleaccessid"
    r"|[?&](?:signature|sig)=",
    re.IGNORECASE,
)
# `name:secret@`, where the secret may have slashes; but neither a port nor an ARN.
_LOGIN = re.compile(r"(?!\[|arn:)(?:[^/?#]*@|[^/?#@:]+:(?!\d{1,5}(?:[/?#]|$)).*@)", re.DOTALL)
_SECRET_KEY = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9/+]{40}")


@dataclass(frozen=True)
class Reading:
    """The fields as we understand them; reading them again changes nothing."""

    provider: str
    endpoint_url: str
    bucket: str
    prefix: str
    region: str
    account_id: str
    notes: list[str] = field(default_factory=list, compare=False)
    changed: set[str] = field(default_factory=set, compare=False)  # names of fields above


@dataclass(frozen=True)
class _Clue:
    """What one field says about the address; empty where it says nothing."""

    source: str  # the field's name, as the person sees it
    provider: str = ""
    endpoint: str = ""
    bucket: str = ""
    prefix: str = ""
    region: str = ""
    account_id: str = ""
    is_unknown_host: bool = False
    is_sentence_due: bool = False  # the one that says how an address was read
    notes: tuple[str, ...] = ()


def read(
    provider_slug: str,
    *,
    endpoint: str = "",
    bucket: str = "",
    prefix: str = "",
    region: str = "",
    account_id: str = "",
) -> Reading:
    """Take apart what was typed; raises AddressRefused where it cannot be an address."""
    chosen = _provider(provider_slug)
    typed = {"endpoint": endpoint, "bucket": bucket, "prefix": prefix}
    texts = {**typed, "region": region, "account id": account_id}
    _refuse_too_long(texts)
    _refuse_secrets(texts)
    clues = [_clue(name, tidy(text), chosen) for name, text in typed.items() if tidy(text)]
    provider = _provider_of(clues, chosen)
    found_region, notes_of_region = _region(clues, provider, region)
    found_account, notes_of_account = _account_id(clues, provider, account_id)
    reading = Reading(
        provider=provider.slug,
        endpoint_url=_endpoint(clues, provider, found_region, found_account),
        bucket=_bucket(clues),
        prefix=addresses.clean_prefix(_agreed(clues, "prefix")),
        region=found_region,
        account_id=found_account,
    )
    before = Reading(chosen.slug, endpoint, bucket, prefix, region, account_id)
    notes = [
        *_notes_of_provider(clues, chosen, provider),
        *_sentence(clues, provider, reading),
        *(note for clue in clues for note in clue.notes),
        *notes_of_region,
        *notes_of_account,
        *([_DOT_IN_BUCKET] if "." in reading.bucket else []),
    ]
    return replace(reading, notes=notes, changed=set(_differences(before, reading)))


def _provider(slug: str) -> Provider:
    for one in providers.all_providers():
        if one.slug == slug:
            return one
    raise AddressRefused("Choose one of the services first.")


def _refuse_too_long(texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        if len(text) > _LONGEST:
            raise AddressRefused(
                f"The {name} field has {len(text):,} characters; no address is that long."
            )


def _refuse_secrets(texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        tidied = tidy(text)
        scheme = _SCHEME.match(tidied)
        rest = tidied[scheme.end() :] if scheme else tidied
        is_folder = name == "prefix" and not scheme  # which may have an @ and any letters
        has_login = _LOGIN.match(rest) and not (is_folder and ":" not in rest)
        has_key = _SECRET_KEY.fullmatch(tidied) and not is_folder
        if has_login or has_key or _SECRETS.search(text):
            raise AddressRefused(
                f"The {name} field has credentials in it. They were not kept. Paste the address "
                "without them; keys have their own fields in step 3."
            )


# --- One field ----------------------------------------------------------------------------------


def _clue(source: str, text: str, chosen: Provider) -> _Clue:
    if text.lower().startswith("arn:"):
        return _of_arn(source, text)
    scheme = _SCHEME.match(text)
    if scheme:
        return _of_url(source, scheme[1].lower(), text[scheme.end() :], chosen)
    if source == "endpoint":
        return _of_url(source, "https", text.lstrip("/"), chosen)
    if source == "prefix":
        return _of_plain_prefix(text)
    if _is_host(text):
        return _of_url(source, "https", text, chosen)
    bucket, _, prefix = text.strip("/").partition("/")
    return _with_folders(_Clue(source, bucket=bucket), prefix)


def _of_plain_prefix(text: str) -> _Clue:
    clue = _with_folders(_Clue("prefix"), text)
    if clue.prefix and not text.endswith("/"):
        return replace(clue, notes=(*clue.notes, "The prefix ends with a slash; we added it."))
    return clue


def _is_host(text: str) -> bool:
    """Whether a text without a scheme begins with a host: a bucket's name can look like one."""
    host = text.partition("/")[0].lower()
    return bool(_HOST_WITH_PORT.match(text)) or any(True for _ in _forms_of(host))


def _with_folders(clue: _Clue, path: str) -> _Clue:
    """The clue with a prefix: our keys have no empty folders, so two slashes become one."""
    single = re.sub("/{2,}", "/", path.strip("/"))
    if single != path.strip("/"):
        clue = replace(clue, notes=(*clue.notes, "We made two slashes in a row one."))
    return replace(clue, prefix=f"{single}/" if single else "")


def _of_arn(source: str, text: str) -> _Clue:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-arn-format.html"""
    parts = text.split(":", 5)
    if len(parts) != 6:
        raise AddressRefused("A bucket's ARN looks like arn:aws:s3:::my-bucket/prefix/*.")
    _, _, service, region, account_id, resource = parts
    if service.lower().startswith("s3-") or re.match("accesspoint[:/]", resource.lower()):
        raise AddressRefused(
            "That is the ARN of an access point. Access points are not supported; use the "
            "bucket's own name."
        )
    if service.lower() != "s3":
        raise AddressRefused(
            f"That is an ARN of {service[:20] or 'nothing'}, not of a bucket. A bucket's looks "
            "like arn:aws:s3:::my-bucket/prefix/*."
        )
    if region or account_id:
        raise AddressRefused("The ARN of a bucket has neither region nor account in it.")
    bucket, _, prefix = resource.partition("/")
    clue = _Clue(source, bucket=bucket, is_sentence_due=True)
    return _with_folders(clue, prefix.removesuffix("*"))


def _of_url(source: str, scheme: str, rest: str, chosen: Provider) -> _Clue:
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    if scheme in _BUCKET_SCHEMES:
        clue = _Clue(source, _BUCKET_SCHEMES[scheme], bucket=authority, is_sentence_due=True)
        return _without_file(_with_folders(clue, unquote(path)), path)
    if scheme not in {"http", "https"}:
        raise AddressRefused("The address needs https:// or http:// and a host.")
    origin = addresses.clean_endpoint(f"{scheme}://{authority}")
    # Old pages of the AWS console keep bucket and prefix behind the #.
    options = dict(parse_qsl(f"{query}&{fragment.lstrip('?')}"))
    clue = _of_host(_Clue(source, endpoint=origin), "/" + path.lstrip("/"), options, chosen)
    return replace(clue, is_sentence_due=bool(clue.bucket))


def _of_host(clue: _Clue, path: str, options: Mapping[str, str], chosen: Provider) -> _Clue:
    host = urlsplit(clue.endpoint).hostname or ""
    forms = list(_forms_of(host, chosen))
    for provider, form in forms:
        if form.refuse:
            raise AddressRefused(form.refuse)
        groups = _groups(form, host, path)
        if groups is not None:
            return _of_form(clue, provider, form, groups, options)
    for provider, form in forms:
        if form.host != _ANY_HOST:
            raise AddressRefused(
                f"That is a page of {provider.name} that names no bucket. Copy the address of the "
                "bucket itself."
            )
    if host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".aws.amazon.com")):
        raise AddressRefused(
            "That is an address of Amazon, but not of a bucket. Leave the endpoint empty, and "
            "give the bucket's name and its region."
        )
    bucket, _, prefix = path.strip("/").partition("/")
    clue = replace(clue, bucket=unquote(bucket), is_unknown_host=True)
    clue = _with_folders(clue, unquote(prefix) or options.get("prefix", ""))
    return _without_file(clue, prefix and path)


def _forms_of(
    host: str, chosen: Provider | None = None
) -> Iterator[tuple[Provider, PastedAddress]]:
    """The known forms that a host has; last those of any host, where people run it themselves."""
    forms = [(one, form) for one in providers.all_providers() for form in one.addresses]
    yield from (pair for pair in forms if _is_of(pair[1], host))
    if chosen and chosen.types_endpoint:
        yield from (pair for pair in forms if pair[1].host == _ANY_HOST)


def _is_of(form: PastedAddress, host: str) -> bool:
    return form.host != _ANY_HOST and bool(form.host_pattern.fullmatch(host))


def _groups(form: PastedAddress, host: str, path: str) -> dict[str, str] | None:
    """What host and path say in this form, or None where the path is of another form."""
    of_host = form.host_pattern.fullmatch(host)
    groups = {name: text or "" for name, text in (of_host.groupdict() if of_host else {}).items()}
    if groups.get("bucket"):
        return groups | {"prefix": unquote(path.lstrip("/"))}
    of_path = form.path_pattern.fullmatch(path)
    if of_path is None:
        return None
    found = {name: unquote(text) for name, text in of_path.groupdict().items() if text}
    return {name: text for name, text in groups.items() if text} | found


def _of_form(
    clue: _Clue,
    provider: Provider,
    form: PastedAddress,
    groups: Mapping[str, str],
    options: Mapping[str, str],
) -> _Clue:
    is_console = bool(form.path)
    region = groups.get("region", form.region) or (is_console and options.get("region")) or ""
    region = provider.region_aliases.get(region, region)
    account_id = groups.get("account", "")
    bucket = groups.get("bucket") or options.get("bucket", "")
    prefix = groups.get("prefix") or options.get("prefix", "")
    notes = (*clue.notes, form.note) if form.note else clue.notes
    clue = replace(
        clue,
        provider=provider.slug,
        bucket=bucket,
        region=region,
        account_id=account_id,
        notes=notes,
    )
    if form.host == _ANY_HOST:
        clue = _of_own_console(clue)
        prefix = _decoded(prefix)
    elif form.endpoint:
        clue = replace(clue, endpoint=_filled(form.endpoint, region, account_id))
    elif not provider.needs_endpoint:
        clue = replace(clue, endpoint="")
    else:
        clue = replace(clue, endpoint=_without_bucket(clue.endpoint, groups, bucket))
    return _without_file(_with_folders(clue, prefix), prefix)


def _filled(template: str, region: str, account_id: str) -> str:
    is_known = region or "{region}" not in template
    return template.format(region=region, account_id=account_id) if is_known else ""


def _without_bucket(origin: str, groups: Mapping[str, str], bucket: str) -> str:
    authority = origin.partition("://")[2]
    return f"https://{authority.removeprefix(f'{bucket}.') if groups.get('bucket') else authority}"


def _of_own_console(clue: _Clue) -> _Clue:
    """MinIO serves its console beside the S3 interface, usually on the next port but one."""
    return replace(
        clue, provider="", is_unknown_host=True, endpoint=re.sub(r":9001$", ":9000", clue.endpoint)
    )


def _decoded(prefix: str) -> str:
    """Older consoles of MinIO write the prefix in base64."""
    try:
        text = base64.b64decode(prefix, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return prefix
    return text if text.endswith("/") and text.isprintable() else prefix


def _without_file(clue: _Clue, path: str) -> _Clue:
    """A link to one file ends at its folder."""
    folders, _, name = clue.prefix.rstrip("/").rpartition("/")
    if path.endswith("/") or "." not in name.strip("."):
        return clue
    note = "The last part looks like a file, so the prefix ends before it."
    return replace(clue, prefix=f"{folders}/" if folders else "", notes=(*clue.notes, note))


# --- All fields together ------------------------------------------------------------------------


def _agreed(clues: Iterable[_Clue], name: str) -> str:
    """What the fields say that say anything; two different things are for the person to settle."""
    said = [(clue.source, getattr(clue, name)) for clue in clues if getattr(clue, name)]
    for (one, text), (other, different) in combinations(said, 2):
        if text != different:
            what = name.replace("_", " ")
            raise AddressRefused(
                f"The {one} field says {what} `{text[:80]}`, the {other} field says "
                f"`{different[:80]}`. Keep the one that is right."
            )
    return said[0][1] if said else ""


def _provider_of(clues: list[_Clue], chosen: Provider) -> Provider:
    found = _agreed(clues, "provider")
    if found:
        return _provider(found)
    is_elsewhere = any(clue.is_unknown_host for clue in clues) and not chosen.types_endpoint
    return _provider("other") if is_elsewhere else chosen


def _bucket(clues: list[_Clue]) -> str:
    bucket = _agreed(clues, "bucket")
    if not bucket:
        return ""
    bucket = addresses.clean_bucket(bucket)
    for provider, _ in _forms_of(bucket):
        raise AddressRefused(f"`{bucket}` is an address of {provider.name}, not a bucket's name.")
    return bucket


def _endpoint(clues: list[_Clue], provider: Provider, region: str, account_id: str) -> str:
    endpoint = _agreed(clues, "endpoint")
    if endpoint or not provider.needs_endpoint or provider.types_endpoint:
        return endpoint
    if provider.region_needed and not region:
        return ""  # the usual region would be a guess
    endpoint = endpoint_for(provider, region, account_id)
    # New regions come up that our list lacks, but all are called like the ones that it has.
    host = endpoint.removeprefix("https://")
    if endpoint and not any(_is_of(form, host) for form in provider.addresses):
        known = ", ".join(one.code for one in provider.regions)
        raise AddressRefused(
            f"`{region}` is no region of {provider.name}. Its regions are {known}."
        )
    return endpoint


def _region(clues: list[_Clue], provider: Provider, typed: str) -> tuple[str, list[str]]:
    found = addresses.clean_region(_agreed(clues, "region"))
    said = _region_named(provider, tidy(typed))
    if not found or not said or found == said:
        return found or said, []
    return found, [
        f"The address says region `{found}`, the region field said `{said}`. We use `{found}`."
    ]


def _region_named(provider: Provider, text: str) -> str:
    """The code of a region that was typed as a code, a name, or as both, as consoles show it."""
    words = set(re.findall(r"[a-z0-9-]+", text.lower()))
    codes = {region.code for region in provider.regions} & words
    names = {r.code for r in provider.regions if r.name.lower() == text.lower()}
    for found in (codes, names):
        if len(found) == 1:
            return found.pop()
    region = addresses.clean_region(text)
    return provider.region_aliases.get(region, region)


def _account_id(clues: list[_Clue], provider: Provider, typed: str) -> tuple[str, list[str]]:
    if not provider.has_account_id:
        return "", [f"{provider.name} needs no account id."] if tidy(typed) else []
    found = addresses.clean_account_id(typed)
    if found and (len(found) == 32) != provider.needs_account_id:
        raise AddressRefused(
            f"{provider.name} has account ids of {32 if provider.needs_account_id else 12} "
            f"characters; this one has {len(found)}."
        )
    return _agreed([*clues, _Clue("account id", account_id=found)], "account_id"), []


# --- In words -----------------------------------------------------------------------------------


def _notes_of_provider(clues: list[_Clue], chosen: Provider, provider: Provider) -> Iterator[str]:
    if provider == chosen:
        return
    if any(clue.provider for clue in clues):
        article = "an" if provider.name[0] in "AEIOU" else "a"
        yield f"That is {article} {provider.name} address; we chose {provider.name}."
    else:
        yield f"That is no address of {chosen.name}; we chose {provider.name}."


def _sentence(clues: list[_Clue], provider: Provider, read_as: Reading) -> Iterator[str]:
    if not any(clue.is_sentence_due for clue in clues):
        return
    region = read_as.region
    shown = read_as.endpoint_url or (endpoint_for(provider, region) if region else "")
    parts = [f"endpoint `{shown}`"] if shown else []
    parts.append(f"bucket `{read_as.bucket}`")
    parts.append(f"prefix `{read_as.prefix}`" if read_as.prefix else "no prefix")
    yield f"That address has the bucket in it. We read it as {', '.join(parts)}."


def _differences(before: Reading, after: Reading) -> Iterator[str]:
    for each in fields(Reading):
        if each.compare and getattr(before, each.name) != getattr(after, each.name):
            yield each.name
