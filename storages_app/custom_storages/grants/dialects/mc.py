"""The grant as commands of `mc`, MinIO's client."""

import shlex

from storages_app.custom_storages.grants.tabs import Tab, Text, as_json
from storages_app.custom_storages.grants.wanted import Wanted

_ALIAS = "ucdash-admin"


def tab(wanted: Wanted) -> Tab:
    text = Text("Commands", "sh", script(wanted), f"{wanted.name}.sh")
    return Tab("mc", "mc", (text,))


def script(wanted: Wanted) -> str:
    """In a shell of its own, so that it may be pasted; `mc` asks for the keys it is not given."""
    endpoint = wanted.endpoint or wanted.provider.endpoint_example
    name, policy_file = wanted.name, f"{wanted.name}.json"
    steps = [
        "# Asks for the keys of an administrator.\n"
        + shlex.join(["mc", "alias", "set", _ALIAS, endpoint]),
        _file(wanted.identity_policy, policy_file),
        shlex.join(["mc", "admin", "policy", "create", _ALIAS, name, policy_file]),
        f"# Asks for a secret. Enter it where you connect the storage; the key id is {name}.\n"
        + shlex.join(["mc", "admin", "user", "add", _ALIAS, name]),
        shlex.join(["mc", "admin", "policy", "attach", _ALIAS, name, "--user", name]),
        *_bucket_policy(wanted),
    ]
    return "(\nset -eu\n\n" + "\n\n".join(steps) + "\n)\n"


def _bucket_policy(wanted: Wanted) -> list[str]:
    if not wanted.bucket_policy:
        return []
    ours, place = f"{wanted.name}-bucket.json", f"{_ALIAS}/{wanted.bucket}"
    before = shlex.quote(f"{wanted.name}-bucket-before.json")
    note = (
        "# Replaces the bucket's own policy, which is kept in a file.\n"
        "# If there is one, paste it into the page first, which puts both together.\n"
    )
    return [
        f"{note}{shlex.join(['mc', 'anonymous', 'get-json', place])} > {before} || true",
        _file(wanted.bucket_policy, ours),
        shlex.join(["mc", "anonymous", "set-json", ours, place]),
    ]


def _file(policy: object, name: str) -> str:
    return f"printf '%s\\n' {shlex.quote(as_json(policy))} > {shlex.quote(name)}"
