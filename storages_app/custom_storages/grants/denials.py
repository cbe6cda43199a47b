"""What in a foreign policy may stand in the way of copies, or was meant for another bucket."""

from collections.abc import Callable, Iterator
from typing import Any

from storages_app.custom_storages.grants.policies import Statement, as_list

_ENCRYPTION = "s3:x-amz-server-side-encryption"


def warnings_about(foreign: list[Statement], ours: list[Statement]) -> list[str]:
    """Sentences for the person who pasted the policy; none of them refuses it."""
    found = [*_other_buckets(foreign, ours)]
    for statement in foreign:
        if statement["Effect"] == "Deny":
            found += _denial(statement, ours)
    return list(dict.fromkeys(found))


def _other_buckets(foreign: list[Statement], ours: list[Statement]) -> Iterator[str]:
    bucket = _bucket(_texts(ours[0].get("Resource"))[0])
    for statement in foreign:
        for resource in _texts(statement.get("Resource")):
            other = _bucket(resource)
            if other != bucket and not _covers(other, bucket):
                yield (
                    f"{_name(statement)} is about the bucket “{other[:80]}”, and this storage is "
                    f"in “{bucket}”. Is it the right policy?"
                )


def _bucket(resource: str) -> str:
    return resource.split(":::", 1)[-1].split("/", 1)[0]


def _denial(statement: Statement, ours: list[Statement]) -> list[str]:
    hit = sorted(
        {
            str(action)
            for mine in ours
            if _hits(statement, "Principal", _principals(mine.get("Principal")), _is_principal)
            and _hits(statement, "Resource", _texts(mine["Resource"]), _meets)
            for action in as_list(mine["Action"])
            if _hits(statement, "Action", [str(action)], _covers_action)
        }
    )
    if not hit:
        return []
    denies = f"{_name(statement)} denies {', '.join(hit[:3])}{' and more' if hit[3:] else ''}"
    condition = statement.get("Condition")
    if not isinstance(condition, dict) or not condition:
        return [f"{denies}. A Deny wins over what is allowed here."]
    keys = {
        str(key).lower()
        for wanted in condition.values()
        if isinstance(wanted, dict)
        for key in wanted
    }
    if keys == {"aws:securetransport"}:  # copies travel by https
        return []
    if any(key.startswith(_ENCRYPTION) for key in keys):
        found = "to uploads that do not name an encryption. Set the same one in this storage."
        return [f"{denies} {found}"]
    named = ", ".join(sorted(keys))[:120]
    return [f"{denies} under a condition ({named}). The connection test tells whether it is met."]


def _hits(
    statement: Statement,
    element: str,
    values: list[str],
    covers: Callable[[str, str], bool],
) -> bool:
    """Whether `Action` or its `NotAction` takes in one of the values; neither means all."""
    read = _principals if element == "Principal" else _texts
    if element in statement:
        patterns = read(statement[element])
        return any(covers(one, value) for one in patterns for value in values)
    exempt = read(statement.get(f"Not{element}"))
    return not all(any(covers(one, value) for one in exempt) for value in values)


def _principals(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for kind, inner in value.items() if kind == "AWS" for text in _texts(inner)]
    return _texts(value)


def _texts(value: Any) -> list[str]:
    return [str(item) for item in as_list(value)] if value is not None else [""]


def _covers(pattern: str, text: str) -> bool:
    """`*` is any text and `?` one character, in time that no pattern can make long."""
    here = there = resume = 0
    star = -1
    while there < len(text):
        if here < len(pattern) and pattern[here] == "*":
            star, resume = here, there
            here += 1
        elif here < len(pattern) and pattern[here] in {"?", text[there]}:
            here, there = here + 1, there + 1
        elif star >= 0:
            resume += 1
            here, there = star + 1, resume
        else:
            return False
    return not pattern[here:].strip("*")


def _covers_action(pattern: str, action: str) -> bool:
    return _covers(pattern.lower(), action.lower())


def _meets(pattern: str, resource: str) -> bool:
    """Whether they have an object in common, or may have."""
    head = pattern.split("*", 1)[0].split("?", 1)[0]
    return _covers(pattern, resource) or head.startswith(resource.removesuffix("*"))


def _is_principal(pattern: str, arn: str) -> bool:
    """A whole account may be named by its number or its root."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else arn
    return _covers(pattern, arn) or (
        bool(account) and pattern.rpartition("::")[2] in {account, f"{account}:root"}
    )


def _name(statement: Statement) -> str:
    sid = str(statement.get("Sid", ""))
    return f"The statement “{sid[:60]}”" if sid else "A statement without a Sid"
