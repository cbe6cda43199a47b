"""The grant as commands of the AWS CLI."""

import shlex

from storages_app.custom_storages.grants.policies import lifecycle_rule
from storages_app.custom_storages.grants.tabs import KEY_NOTE, Tab, Text, as_json
from storages_app.custom_storages.grants.wanted import Wanted

_HAS_A_POLICY = (
    "The bucket has a policy already, or it may not be read. Nothing was changed in it. "
    "Paste it into the page, which puts both together."
)
_HAS_RULES = (
    "The bucket has lifecycle rules already, or they may not be read. Nothing was changed. "
    "Add the rule to them by hand."
)
_SWITCHES = {
    "policy": (
        "BlockPublicAcls=true,IgnorePublicAcls=true,"
        "BlockPublicPolicy=false,RestrictPublicBuckets=false"
    ),
    "acl": (
        "BlockPublicAcls=false,IgnorePublicAcls=false,"
        "BlockPublicPolicy=true,RestrictPublicBuckets=true"
    ),
}


def tab(wanted: Wanted) -> Tab:
    text = Text("Commands", "sh", script(wanted), f"{wanted.name}.sh")
    return Tab("aws_cli", "AWS CLI", (text,))


def script(wanted: Wanted) -> str:
    """In a shell of its own, so that it may be pasted: a refusal stops it, not the terminal."""
    key = [KEY_NOTE] if wanted.key_policy_statement else []
    return _subshell([*_identity(wanted), *_public_access(wanted), *_bucket_policy(wanted), *key])


def lifecycle_script(wanted: Wanted) -> str:
    """Sets the rule that removes unfinished uploads, where the bucket has no rules yet."""
    rules = as_json({"Rules": [lifecycle_rule(prefix=wanted.prefix)]})
    refuse = _unless_missing(
        wanted, "get-bucket-lifecycle-configuration", "NoSuchLifecycleConfiguration", _HAS_RULES
    )
    put = _s3api(wanted, "put-bucket-lifecycle-configuration", "--lifecycle-configuration", rules)
    return _subshell([refuse, put])


def _identity(wanted: Wanted) -> list[str]:
    name = wanted.name
    if wanted.identity == "access_key":
        return [
            "# A user for this storage alone. Leave this line out if you have one.\n"
            + _aws(wanted, "iam", "create-user", "--user-name", name),
            _policy_of_user(wanted),
            "# Shows the secret once: enter it where you connect the storage.\n"
            + _aws(wanted, "iam", "create-access-key", "--user-name", name),
        ]
    if wanted.identity == "role":
        return [
            _aws(
                wanted,
                *("iam", "create-role", "--role-name", name),
                *("--assume-role-policy-document", as_json(wanted.trust_policy)),
            ),
            _aws(
                wanted,
                *("iam", "put-role-policy", "--role-name", name, "--policy-name", name),
                *("--policy-document", as_json(wanted.identity_policy)),
            ),
            "# Shows the role ARN: enter it where you connect the storage.\n"
            + _aws(
                wanted,
                *("iam", "get-role", "--role-name", name),
                *("--query", "Role.Arn", "--output", "text"),
            ),
        ]
    return []


def _policy_of_user(wanted: Wanted) -> str:
    name = wanted.name
    document = ("--policy-document", as_json(wanted.identity_policy))
    if wanted.fits_inline:
        user = ("iam", "put-user-policy", "--user-name", name)
        return _aws(wanted, *user, "--policy-name", name, *document)
    arn = ("--query", "Policy.Arn", "--output", "text")
    create = _aws(wanted, "iam", "create-policy", "--policy-name", name, *document, *arn)
    attach = _aws(wanted, "iam", "attach-user-policy", "--user-name", name)
    return f'policy=$({create})\n{attach} --policy-arn "$policy"'


def _public_access(wanted: Wanted) -> list[str]:
    if wanted.public_mode not in _SWITCHES:
        return []
    switches = _s3api(
        wanted,
        "put-public-access-block",
        *("--public-access-block-configuration", _SWITCHES[wanted.public_mode]),
    )
    if wanted.public_mode == "policy":
        return [switches]
    ownership = _s3api(
        wanted,
        "put-bucket-ownership-controls",
        *("--ownership-controls", "Rules=[{ObjectOwnership=BucketOwnerPreferred}]"),
    )
    return [ownership, switches]


def _bucket_policy(wanted: Wanted) -> list[str]:
    """The command replaces the whole policy, so it only runs where there is none, or knowing it."""
    if not wanted.bucket_policy:
        return []
    put = _s3api(wanted, "put-bucket-policy", "--policy", as_json(wanted.bucket_policy))
    if wanted.merged:
        keep = _s3api(wanted, "get-bucket-policy", "--query", "Policy", "--output", "text")
        before = shlex.quote(f"{wanted.name}-policy-before.json")
        note = "# The policy as it was is kept in a file; the new one has its statements in it.\n"
        return [f"{note}{keep} > {before}", put]
    return [
        _unless_missing(wanted, "get-bucket-policy", "NoSuchBucketPolicy", _HAS_A_POLICY),
        put,
    ]


def _unless_missing(wanted: Wanted, reading: str, missing: str, refusal: str) -> str:
    return (
        f"found=$({_s3api(wanted, reading)} 2>&1) || true\n"
        'case "$found" in\n'
        f"  *{missing}*) ;;\n"
        f"  *) echo {shlex.quote(refusal)} >&2; exit 1 ;;\n"
        "esac"
    )


def _s3api(wanted: Wanted, command: str, *arguments: str) -> str:
    owner = ["--expected-bucket-owner", wanted.account_id] if wanted.account_id else []
    return _aws(wanted, "s3api", command, "--bucket", wanted.bucket, *owner, *arguments)


def _aws(wanted: Wanted, *words: str) -> str:
    # The region also leads to the right partition, for commands that have no region themselves.
    region: list[str] = ["--region", wanted.region] if wanted.region else []
    return shlex.join(["aws", *words, *region])


def _subshell(steps: list[str]) -> str:
    return "(\nset -eu\n\n" + "\n\n".join(steps) + "\n)\n"
