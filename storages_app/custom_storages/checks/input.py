"""Can these settings be an address and a way in at all?"""

from storages_app.custom_storages import addresses
from storages_app.custom_storages.errors import AddressRefused
from storages_app.custom_storages.probe import BOTH_KINDS, Advice, Level, Probe, Refused, check
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import AddressInvalid

Identity = CustomStorage.Identity
_CORRECT_IT = ["Correct the field; it stays filled."]


@check(
    "input",
    name="Names and address",
    position=5,
    level=Level.REQUIRED,
    kinds=BOTH_KINDS,
    failures={
        AddressInvalid: Advice(
            "These settings cannot be the address of a bucket.", "{message}", _CORRECT_IT
        ),
    },
    refusals={
        "bucket_name": Advice(
            "`{value}` cannot be a bucket name: {reason}.",
            "Bucket names have lower-case letters, digits, dots and hyphens, 3 to 63 long.",
            _CORRECT_IT,
        ),
        "address_invalid": Advice(
            "{reason}", "Without an address nothing can be asked.", _CORRECT_IT
        ),
        "credentials_missing": Advice(
            "{what} is missing.", "Without it no request can be signed.", ["Fill it in."]
        ),
        "secret_unreadable": Advice(
            "The stored secret cannot be opened on this instance.",
            "It was sealed with a data key that is not here any more.",
            [
                "Paste the secret access key again.",
                "Or ask the operator to put the old key back into UCDASH_DATA_KEYS.",
            ],
        ),
    },
)
def input_(probe: Probe) -> str:
    """Look at what was typed, before anything is sent."""
    row = probe.custom_storage
    try:
        if fault := addresses.fault_of_bucket(row.bucket):
            raise Refused("bucket_name", value=row.bucket[:80], reason=f"it has {fault}")
        addresses.clean_endpoint(row.endpoint_url)
        addresses.clean_region(row.region)
        if row.access_key_id:
            addresses.clean_access_key_id(row.access_key_id)
    except AddressRefused as error:
        raise Refused("address_invalid", reason=error.message) from error
    if missing := _missing(row):
        raise Refused("credentials_missing", what=missing)
    _ = probe.outside  # bucket and endpoint have to form a host
    return "Names and address look right"


def _missing(row: CustomStorage) -> str:
    if row.identity == Identity.ROLE:
        return "" if row.role_arn else "The ARN of the role"
    if row.identity == Identity.PRINCIPAL:
        return ""
    if not row.access_key_id:
        return "The access key id"
    try:
        return "" if row.unseal_secret() else "The secret access key"
    except CannotUnseal as error:
        raise Refused("secret_unreadable") from error
