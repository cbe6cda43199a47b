"""Does the role demand its External ID?"""

import uuid

from storages_app.custom_storages.connect import may_assume
from storages_app.custom_storages.probe import BOTH_KINDS, Advice, Level, Probe, Refused, check
from storages_app.models import CustomStorage


def _level(custom_storage: CustomStorage) -> Level | None:
    is_role = custom_storage.identity == CustomStorage.Identity.ROLE
    return Level.REQUIRED if is_role else None


@check(
    "external_id",
    name="External ID",
    position=45,
    level=_level,
    kinds=BOTH_KINDS,
    requires=["identity"],
    refusals={
        "external_id_ignored": Advice(
            "The role can be assumed {how}.",
            (
                "Anyone who learns the role's ARN could have this service assume it and reach "
                "this bucket from a project of their own."
            ),
            [
                "Open the role's Trust relationships, Edit trust policy.",
                (
                    "Paste the trust policy below: its Condition lets us in only with the "
                    "External ID `{external_id}`. Remove other statements that name "
                    "{principal_arn}."
                ),
                "Run the test again. AWS takes up to a minute.",
            ],
        ),
    },
)
def external_id(probe: Probe) -> str:
    """Try to assume the role without its External ID and with another: both must be refused."""
    for tried, how in (
        (None, "without its External ID"),
        (str(uuid.uuid4()), "with another External ID"),
    ):
        if may_assume(probe.custom_storage, external_id=tried):
            raise Refused("external_id_ignored", how=how)
    return "The role asks for the External ID of this storage"
