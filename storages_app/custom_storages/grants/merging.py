"""Our statements into a bucket policy that is there already, with nobody else's lost.

A statement is ours if it has our Sid (or that with a number), our principal, our resource and our
condition, so that another storage in the same bucket, which has the same Sids, is foreign.
"""

import difflib
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from storages_app.custom_storages.errors import PolicyRefused
from storages_app.custom_storages.grants.denials import warnings_about
from storages_app.custom_storages.grants.policies import (
    BUCKET_SIDS,
    OUR_SIDS,
    RESOURCE_ENDINGS,
    VERSION,
    Policy,
    Statement,
    as_list,
)

MAX_PASTED = 65_536  # characters; a policy in force has at most 20 KB, the rest is space
MAX_POLICY = 20_480  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
_OLD_VERSION = "2008-10-17"
_MAX_DEPTH = 12  # a policy in force needs six

Kind = Literal["same", "added", "removed"]


@dataclass(frozen=True)
class Merged:
    """The policy to put in place, and what became of each statement, by Sid."""

    policy: Policy
    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    diff: list[tuple[Kind, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """As people read it; without spaces where only that fits into the limit."""
        readable = json.dumps(self.policy, indent=2, ensure_ascii=False)
        return readable if _size(readable) <= MAX_POLICY else _compact(self.policy)

    @property
    def is_changed(self) -> bool:
        return any(kind != "same" for kind, _ in self.diff)


def merge(existing_text: str, ours: Policy) -> Merged:
    """The pasted policy with our statements in it; PolicyRefused says where it cannot be read.

    Merging the result again changes nothing.
    """
    existing = _read(existing_text)
    before = _statements(existing)
    plan = _Plan(before, ours["Statement"])
    statements = [after for _, after in plan.pairs if after]
    policy = {**existing, "Version": _version(existing, before, ours), "Statement": statements}
    if "Version" not in existing:  # in its usual place, at the top
        policy = {"Version": policy["Version"], **existing, "Statement": statements}
    _require_fit(policy)
    return Merged(
        policy=policy,
        added=plan.sids("added"),
        replaced=plan.sids("replaced"),
        removed=plan.sids("removed"),
        kept=plan.sids("kept"),
        warnings=warnings_about(plan.foreign, ours["Statement"]),
        diff=list(_diff(existing, policy, plan)),
    )


class _Plan:
    """Pairs of a statement before and after; either may be None. Foreign ones stay in place."""

    def __init__(self, before: list[Statement], ours: list[Statement]) -> None:
        self.pairs: list[tuple[Statement | None, Statement | None]] = []
        self.foreign: list[Statement] = []
        waiting = list(ours)
        for statement in before:
            mine = next((one for one in waiting if _is_ours(statement, one)), None)
            if mine:
                waiting.remove(mine)
                # Compared by value: order and single things in lists are the owner's style.
                after = statement if _same(statement, mine) else {**mine, "Sid": statement["Sid"]}
                self.pairs.append((statement, after))
            elif _is_left_over(statement, before, ours):
                self.pairs.append((statement, None))
            else:
                self.foreign.append(statement)
                self.pairs.append((statement, statement))
        taken = {_sid(after) for _, after in self.pairs if after}
        for mine in waiting:
            self.pairs.append((None, {**mine, "Sid": _free(mine["Sid"], taken)}))

    def sids(self, what: Literal["added", "replaced", "removed", "kept"]) -> list[str]:
        found: dict[str, list[Statement | None]] = {
            "added": [after for before, after in self.pairs if not before],
            "removed": [before for before, after in self.pairs if not after],
            "replaced": [
                after for before, after in self.pairs if before and after and before != after
            ],
            "kept": [after for before, after in self.pairs if before == after],
        }
        return [_sid(statement) or "(without a Sid)" for statement in found[what] if statement]


def _is_ours(statement: Statement, mine: Statement) -> bool:
    if not _matches(statement, mine, "Effect", "Principal", "Resource", "Condition"):
        return False
    is_named = _base(_sid(statement)) == mine["Sid"] and statement.keys() <= mine.keys()
    # Other people call it PublicRead too, and may allow more by it.
    return is_named and (mine["Principal"] != "*" or _matches(statement, mine, "Action"))


def _is_left_over(statement: Statement, before: list[Statement], ours: list[Statement]) -> bool:
    """Ours from another time: a use that is ticked no more, or rights for the set-up.

    What stands on the whole bucket is left alone while another storage there shares it.
    """
    write = next((one for one in ours if one["Sid"] == "WriteCopies"), None)
    sid = _base(_sid(statement))
    if not write or sid not in OUR_SIDS or not _matches(statement, write, "Effect", "Principal"):
        return False
    objects = str(write["Resource"])
    bucket, _, prefix = objects.partition("/")
    home: Statement = {"Resource": bucket}
    if sid == "ListPrefix":
        home["Condition"] = {"StringLike": {"s3:prefix": prefix}}
    elif sid not in BUCKET_SIDS:
        home["Resource"] = objects.removesuffix("*") + RESOURCE_ENDINGS.get(sid, "*")
    if statement.keys() - {"Sid", "Effect", "Principal", "Action", *home}:
        return False
    is_shared = sid in BUCKET_SIDS and any(_is_neighbour(one, write) for one in before)
    return _matches(statement, home, *home) and not is_shared


def _is_neighbour(statement: Statement, write: Statement) -> bool:
    """Whether this lets our principal write somewhere else in the bucket."""
    return (
        _base(_sid(statement)) == "WriteCopies"
        and _matches(statement, write, "Effect", "Principal")
        and not _matches(statement, write, "Resource")
    )


def _same(one: Statement, other: Statement) -> bool:
    return _matches(one, other, "Action")


def _matches(one: Statement, other: Statement, *names: str) -> bool:
    return all(_normal(one.get(name)) == _normal(other.get(name)) for name in names)


def _normal(value: Any) -> Any:
    """One thing and a list with that thing are the same in a policy, in any order."""
    if isinstance(value, dict):
        return {name: _normal(inner) for name, inner in value.items()}
    return sorted({json.dumps(item, sort_keys=True) for item in as_list(value)})


def _sid(statement: Statement) -> str:
    return str(statement.get("Sid", ""))


def _base(sid: str) -> str:
    return sid.rstrip("0123456789")


def _free(sid: str, taken: set[str]) -> str:
    number, free = 2, sid
    while free in taken:
        number, free = number + 1, f"{sid}{number}"
    return free


def _version(existing: Policy, before: list[Statement], ours: Policy) -> str:
    """The version stays, since a newer one would read `${…}` in foreign statements otherwise."""
    found = existing.get("Version", _OLD_VERSION if before else VERSION)
    if found == VERSION or "${" not in json.dumps(ours["Statement"]):
        return str(found)
    if "${" in json.dumps(before):
        raise PolicyRefused(
            f"The policy is of version {found} and has “${{” in it, which a newer version would "
            "read as a variable. The prefix of this storage needs the newer one."
        )
    return VERSION


def _require_fit(policy: Policy) -> None:
    size = _size(_compact(policy))
    if size > MAX_POLICY:
        raise PolicyRefused(
            f"Together the policy has {size:,} bytes, and S3 takes {MAX_POLICY:,} (20 KB). Take "
            "out what is no longer needed, or use an access key or a role."
        )


def _compact(policy: Policy) -> str:
    return json.dumps(policy, separators=(",", ":"), ensure_ascii=False)


def _size(text: str) -> int:
    return len(text.encode())


# Reading what was pasted


_TOO_DEEP = "That is not a policy: it is nested too deep, or has a number that is too large."


def _read(text: str) -> Policy:
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return {}
    if len(text) > MAX_PASTED:
        raise PolicyRefused(f"That is longer than {MAX_PASTED:,} characters; a policy is not.")
    try:
        policy = json.loads(text, object_pairs_hook=_each_name_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise PolicyRefused(_where(text, error)) from error
    except (RecursionError, ValueError) as error:
        raise PolicyRefused(_TOO_DEEP) from error
    _require_plain(policy)
    if isinstance(policy, dict) and list(policy) == ["Policy"]:
        return _read(str(policy["Policy"]))  # as `aws s3api get-bucket-policy` prints it
    if not isinstance(policy, dict):
        raise PolicyRefused("That is JSON, but not a policy: a policy begins with { and a Version.")
    return policy


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    counted = Counter(name for name, _ in pairs)
    twice = next((name for name, count in counted.items() if count > 1), None)
    if twice is not None:
        raise PolicyRefused(
            f"“{twice[:60]}” stands twice in one pair of braces, and only one of them counts. "
            "Take one out."
        )
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise PolicyRefused(f"That is not a policy: it has {name} in it.")


_FAULTS = {
    "Expecting ',' delimiter": "a comma or a closing bracket is missing before this",
    "Expecting ':' delimiter": "a colon is missing before this",
    "Expecting property name enclosed in double quotes": (
        "a name in straight double quotes belongs here; often there is a comma too many before it"
    ),
    "Expecting value": "a value belongs here; often there is a comma too many before it",
    "Unterminated string starting at": "a text begins here and its closing quote is missing",
    "Extra data": "the policy has ended before this, and something follows",
    "Invalid control character at": "a line break or tab stands inside a text",
    "Invalid \\escape": "a backslash stands before a letter that needs none",
    "Illegal trailing comma before end of object": "there is a comma too many",
    "Illegal trailing comma before end of array": "there is a comma too many",
}


def _where(text: str, error: json.JSONDecodeError) -> str:
    fault = next((said for start, said in _FAULTS.items() if error.msg.startswith(start)), "")
    if text[error.pos : error.pos + 1] in {"“", "”", "„", "‘", "’", "'"}:
        fault = "JSON has straight double quotes"
    place = f"line {error.lineno}, column {error.colno}"
    return f"That is not JSON: {place}: {fault or 'something unexpected stands here'}."


def _require_plain(value: Any, depth: int = 0) -> None:
    """Nothing that could not be shown or sent: half characters, or endless nesting."""
    if depth > _MAX_DEPTH:
        raise PolicyRefused(_TOO_DEEP)
    if isinstance(value, float) and not math.isfinite(value):
        raise PolicyRefused(_TOO_DEEP)
    if isinstance(value, str) and not _is_text(value):
        raise PolicyRefused("The policy has half of a character in it (an escape like \\ud800).")
    if isinstance(value, dict):
        for name, inner in value.items():
            _require_plain(name, depth + 1)
            _require_plain(inner, depth + 1)
    if isinstance(value, list):
        for inner in value:
            _require_plain(inner, depth + 1)


def _is_text(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _statements(policy: Policy) -> list[Statement]:
    if not policy:
        return []
    if policy.get("Version", VERSION) not in [VERSION, _OLD_VERSION]:
        raise PolicyRefused(f"A policy has the Version {VERSION} or {_OLD_VERSION}.")
    if "Statement" not in policy:
        raise PolicyRefused("That is JSON, but not a policy: it has no Statement.")
    statements = as_list(policy["Statement"])
    for number, statement in enumerate(statements, 1):
        if not isinstance(statement, dict) or statement.get("Effect") not in ["Allow", "Deny"]:
            raise PolicyRefused(f"Statement {number} has no Effect, which is Allow or Deny.")
        if not statement.keys() & {"Principal", "NotPrincipal"}:
            raise PolicyRefused(
                f"Statement {number} names no Principal, so this is not a bucket policy but one "
                "for a user or role."
            )
        if not isinstance(statement.get("Sid", ""), str):
            raise PolicyRefused(f"The Sid of statement {number} is not a text.")
    return statements


# Showing the difference


def _diff(existing: Policy, policy: Policy, plan: _Plan) -> Iterator[tuple[Kind, str]]:
    """Line by line, a statement at a time, so that a moved bracket marks nothing as changed."""
    is_new = not existing
    yield ("added" if is_new else "same"), "{"
    for name, value in policy.items():
        if name == "Statement":
            yield from _diff_of_statements(plan, is_new=is_new)
        else:
            yield from _diff_of_values(name, existing.get(name), value)
    yield ("added" if is_new else "same"), "}"


def _diff_of_values(name: str, before: Any, after: Any) -> Iterator[tuple[Kind, str]]:
    if before == after:
        yield "same", f"  {json.dumps(name)}: {_compact(after)}"
        return
    if before is not None:
        yield "removed", f"  {json.dumps(name)}: {_compact(before)}"
    yield "added", f"  {json.dumps(name)}: {_compact(after)}"


def _diff_of_statements(plan: _Plan, *, is_new: bool) -> Iterator[tuple[Kind, str]]:
    frame: Kind = "added" if is_new else "same"
    yield frame, '  "Statement": ['
    for before, after in plan.pairs:
        for kind, line in _line_diff(_lines(before), _lines(after)):
            yield kind, f"    {line}"
    yield frame, "  ]"


def _lines(statement: Statement | None) -> list[str]:
    return json.dumps(statement, indent=2, ensure_ascii=False).splitlines() if statement else []


def _line_diff(before: list[str], after: list[str]) -> Iterator[tuple[Kind, str]]:
    if before == after:
        yield from (("same", line) for line in before)
        return
    matcher = difflib.SequenceMatcher(None, before, after)
    for _, i, j, k, m in matcher.get_opcodes():
        if before[i:j] == after[k:m]:
            yield from (("same", line) for line in before[i:j])
        else:
            yield from (("removed", line) for line in before[i:j])
            yield from (("added", line) for line in after[k:m])
