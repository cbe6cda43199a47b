"""The grant as tabs, each in the words of one tool."""

import json
from dataclasses import dataclass
from typing import Any

from storages_app.custom_storages.grants.wanted import Wanted


@dataclass(frozen=True)
class Text:
    """Something to copy or download."""

    title: str
    language: str  # json, sh, hcl
    text: str
    filename: str


@dataclass(frozen=True)
class Step:
    """Something to click, with the page where it is."""

    text: str
    url: str = ""


@dataclass(frozen=True)
class Tab:
    """The whole grant in one tool's words: texts, steps, or both."""

    id: str
    title: str
    texts: tuple[Text, ...] = ()
    steps: tuple[Step, ...] = ()


KEY_NOTE = (
    "# If the KMS key is in another account, its own policy needs the statement that is under\n"
    "# “Policy JSON”. A key's policy is only replaced whole, so that is left to you."
)


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def policy_texts(wanted: Wanted) -> tuple[Text, ...]:
    """Every policy of the grant, under the name of where it belongs."""
    named = (
        (_title_of_identity(wanted), wanted.identity_policy, "policy"),
        ("Trust policy of the role", wanted.trust_policy, "trust-policy"),
        ("Bucket policy", wanted.bucket_policy, "bucket-policy"),
        ("Statement for the policy of the KMS key", wanted.key_policy_statement, "key-policy"),
    )
    return tuple(
        Text(title, "json", as_json(value), f"{wanted.name}-{kind}.json")
        for title, value, kind in named
        if value
    )


def _title_of_identity(wanted: Wanted) -> str:
    return "Policy of the role" if wanted.identity == "role" else "Policy of the access key's user"
