"""The grant as steps in the provider's console."""

from storages_app.custom_storages.grants.tabs import Step, Tab, policy_texts
from storages_app.custom_storages.grants.wanted import Wanted


def tab(wanted: Wanted) -> Tab:
    steps = _aws(wanted) if wanted.provider.grant == "aws" else _other(wanted)
    texts = policy_texts(wanted) if wanted.provider.grant in {"aws", "mc"} else ()
    return Tab("click_path", "Click path", texts, steps)


def _aws(wanted: Wanted) -> tuple[Step, ...]:
    return (*_aws_identity(wanted), *_aws_public(wanted), *_aws_bucket(wanted), *_aws_key(wanted))


def _aws_identity(wanted: Wanted) -> list[Step]:
    keys = wanted.link("keys")
    if wanted.identity == "access_key":
        return [
            Step(f"Open IAM, Users, and create a user named {wanted.name}, or open yours.", keys),
            *_aws_policy_of_user(wanted),
            Step(
                "Security credentials, Create access key, Application running outside AWS. Copy "
                "both parts: the secret is shown once."
            ),
        ]
    if wanted.identity == "role":
        return [
            Step(
                "Open IAM, Roles, Create role, Custom trust policy: paste the trust policy.",
                keys.replace("#/users", "#/roles"),
            ),
            Step(f"Next, Next, name it {wanted.name}, Create role."),
            Step("Open the role, Add permissions, Create inline policy, JSON: paste the policy."),
            Step(f"Next, name it {wanted.name}, Create policy."),
            Step("Copy the role's ARN from the top of its page and enter it here."),
        ]
    return []


def _aws_policy_of_user(wanted: Wanted) -> list[Step]:
    named = f"Next, name it {wanted.name}, Create policy."
    if wanted.fits_inline:
        paste = "Permissions, Add permissions, Create inline policy, JSON: paste the policy."
        return [Step(paste), Step(named)]
    return [
        Step(
            "Open IAM, Policies, Create policy, JSON: paste the policy, too long for a user's own."
        ),
        Step(named),
        Step(
            "Open the user, Permissions, Add permissions, Attach policies directly: choose "
            f"{wanted.name}."
        ),
    ]


def _aws_public(wanted: Wanted) -> list[Step]:
    page = wanted.link("public_access") or wanted.link("permissions")
    if wanted.public_mode == "policy":
        return [
            Step(
                "Permissions, Block public access, Edit: clear the two boxes that name bucket "
                "policies, and leave the two that name ACLs.",
                page,
            )
        ]
    if wanted.public_mode == "acl":
        return [
            Step(
                "Permissions, Object Ownership, Edit: ACLs enabled, Bucket owner preferred.",
                wanted.link("permissions"),
            ),
            Step(
                "Permissions, Block public access, Edit: clear the two boxes that name ACLs, and "
                "leave the two that name bucket policies.",
                page,
            ),
        ]
    return []


def _aws_bucket(wanted: Wanted) -> list[Step]:
    if not wanted.bucket_policy:
        return []
    how = (
        "Permissions, Bucket policy, Edit: put the bucket policy in place of what is there."
        if wanted.merged
        else "Permissions, Bucket policy, Edit: paste the bucket policy. If there is one already, "
        "paste that into this page first, which puts both together."
    )
    return [Step(how, wanted.link("permissions"))]


def _aws_key(wanted: Wanted) -> list[Step]:
    if not wanted.key_policy_statement:
        return []
    return [
        Step(
            "If the key is in another account than the identity: open KMS, the key, Key policy, "
            "Edit, and add the statement for the key to its list."
        )
    ]


def _other(wanted: Wanted) -> tuple[Step, ...]:
    """The provider's own way to a key and to public objects, with its console beside the first."""
    provider = wanted.provider
    texts = list(provider.keys_path)
    if wanted.public_mode != "private":
        texts += provider.public_path
    pages = [wanted.link("keys")] + [""] * (len(texts) - 1)
    if wanted.public_mode != "private" and len(texts) > len(provider.keys_path):
        pages[len(provider.keys_path)] = wanted.link("public_access")
    return tuple(Step(text, page) for text, page in zip(texts, pages, strict=False))
