"""Does the provider know these credentials?"""

from storages_app.custom_storages import grants
from storages_app.custom_storages.probe import (
    BOTH_KINDS,
    Advice,
    Level,
    Probe,
    Refused,
    check,
    is_missing_right,
)
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import (
    AccessDenied,
    AddressInvalid,
    ClockSkewed,
    CredentialsExpired,
    UnknownAccessKey,
    WrongSecret,
)

Identity = CustomStorage.Identity


@check(
    "identity",
    name="Identity",
    position=40,
    level=Level.REQUIRED,
    kinds=BOTH_KINDS,
    requires=["reach", "clock"],
    failures={
        UnknownAccessKey: Advice(
            "The provider does not know the access key id ending in {last4}.",
            "It may be deleted, inactive or of another provider.",
            [
                "Copy the id again.",
                "At Cloudflare R2 use the S3 key pair of the token, not the token itself.",
            ],
        ),
        WrongSecret: Advice(
            "The key id is known, but the secret does not fit it.",
            "The signature of the request was refused.",
            ["Paste the secret again; watch for cut ends and spaces (we trimmed the outer ones)."],
        ),
        CredentialsExpired: Advice(
            "The temporary credentials have run out.",
            "Session tokens end after minutes or hours.",
            ["Use a role or a long-lived key."],
        ),
        ClockSkewed: Advice(
            "This server's clock is away from the provider's, so signatures are refused.",
            "S3 allows 15 minutes of difference.",
            ["Operator: turn on time sync."],
        ),
        AddressInvalid: Advice(
            "This way in does not work here.",
            "{message}",
            ["Check the role's ARN.", "Or use an access key."],
        ),
    },
    refusals={
        "role_refused": Advice(
            "We could not assume {role_arn}.",
            (
                "Either its trust policy does not name {principal_arn}, or the External ID "
                "differs. The refusal is the same where there is no such role."
            ),
            [
                "Open the role's Trust relationships.",
                "Paste the trust policy below (External ID `{external_id}`).",
            ],
        ),
        "other_partition": Advice(
            "This role is in {partition}; the bucket is in {partition2}.",
            "Roles of one partition of AWS have no rights in another.",
            ["Make the role in the bucket's partition."],
        ),
        "operator_identity": Advice(
            "The AWS identity of this instance does not work any more.",
            "Amazon refuses the instance's own key; nothing is wrong with the bucket.",
            ["Tell the operator of this instance."],
        ),
    },
)
def identity(probe: Probe) -> str:
    """Make one signed call and see whose it was."""
    row = probe.custom_storage
    if row.identity == Identity.ROLE:
        _require_one_partition(probe)
    try:
        who = probe.store.whoami()
    except AccessDenied as error:
        if row.identity == Identity.ROLE and is_missing_right(error):
            raise Refused("role_refused", error=error) from error
        if row.identity != Identity.ACCESS_KEY:
            raise Refused("operator_identity", error=error) from error
        raise
    if who.startswith("arn:"):
        return f"Signed in as {who}"
    return f"Signed in as the access key ending in {who[-4:] if len(who) > 4 else '…'}"


def _require_one_partition(probe: Probe) -> None:
    of_role = probe.custom_storage.role_arn.split(":")[1]
    of_bucket = grants.partition(probe.region)
    if of_role != of_bucket:
        raise Refused("other_partition", partition=of_role, partition2=of_bucket)
