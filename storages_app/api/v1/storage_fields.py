"""What a program may set of a custom storage; the rest of a body is refused as a whole."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from storages_app.api.parsers import choice
from storages_app.api.refusals import FieldUnknown, ParameterInvalid, ParameterMissing
from storages_app.custom_storages.grants import ALL_USES
from storages_app.models import CustomStorage
from storages_app.objectstores.providers import all_providers

_STORAGE_CLASS = re.compile(r"[A-Z0-9_]{0,40}")
_KMS_KEY = re.compile(r"[A-Za-z0-9:/_-]{0,2048}")
_ENCRYPTIONS = ("", "AES256", "aws:kms")


def read(data: Any, *, required: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a body by the names of the services; the secret is under `secret`.

    Whether a text can be a bucket, an address or a pattern is for the service to say.
    """
    body = json_object(data, _READERS)
    for name in required:
        if not body.get(name):
            raise ParameterMissing(name)
    fields = {name: _READERS[name](name, value) for name, value in body.items()}
    if "secret_access_key" in fields:
        fields["secret"] = fields.pop("secret_access_key")
    return fields


def json_object(data: Any, known: Collection[str]) -> Mapping[str, Any]:
    """A JSON object with nothing in it but these; FieldUnknown for anything else."""
    if not isinstance(data, dict):
        raise ParameterInvalid("Expected JSON object.")
    for name in sorted(data):
        if name not in known:
            raise FieldUnknown(name)
    return data


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise ParameterInvalid(f"`{name}` parameter should be a text.")
    return value


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ParameterInvalid(f"`{name}` parameter should be `true` or `false`.")
    return value


def _as_it_is(name: str, value: Any) -> Any:
    """What the service reads itself, with a refusal that names the part."""
    return value


def _one_of(options: Callable[[], Collection[str]]) -> Callable[[str, Any], str]:
    return lambda name, value: choice(name, _text(name, value), options())


def _storage_class(name: str, value: Any) -> str:
    if not _STORAGE_CLASS.fullmatch(_text(name, value)):
        raise ParameterInvalid(f"`{name}` parameter should be a class like `STANDARD_IA`.")
    return _text(name, value)


def _uses(name: str, value: Any) -> list[str]:
    known = [use.slug for use in ALL_USES]
    if not isinstance(value, list):
        raise ParameterInvalid(f"`{name}` parameter should be a list.")
    chosen = {choice(name, _text(name, use), known) for use in value}
    return [use for use in known if use in chosen]


def _encryption(name: str, value: Any) -> dict[str, str]:
    body = json_object(value if value is not None else {}, ("mode", "kms_key_id"))
    mode = choice(f"{name}.mode", _text(f"{name}.mode", body.get("mode")), _ENCRYPTIONS)
    key = _text(f"{name}.kms_key_id", body.get("kms_key_id"))
    if not _KMS_KEY.fullmatch(key) or (key and mode != "aws:kms"):
        raise ParameterInvalid(
            f"`{name}.kms_key_id` parameter should be the ARN of a key, with the mode `aws:kms`."
        )
    return {"mode": mode, "kms_key_id": key} if mode else {}


_TEXTS = (
    *("name", "endpoint_url", "region", "account_id", "bucket", "prefix"),
    *("access_key_id", "secret_access_key", "role_arn", "key_pattern"),
)
_READERS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(_TEXTS, _text),
    "provider": _one_of(lambda: [provider.slug for provider in all_providers()]),
    "identity": _one_of(lambda: CustomStorage.Identity.values),
    "public_mode": _one_of(lambda: CustomStorage.PublicMode.values),
    "on_clash": _one_of(lambda: CustomStorage.OnClash.values),
    "storage_class": _storage_class,
    "encryption": _encryption,
    "uses": _uses,
    "auto_copy": _boolean,
    "auto_copy_rule": _as_it_is,
}
SETTABLE = frozenset(_READERS)
