"""Does the provider know these credentials?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, check
from storages_app.objectstores.errors import (
    ClockSkewed,
    CredentialsExpired,
    UnknownAccessKey,
    WrongSecret,
)


@check(
    "identity",
    name="Identity",
    position=20,
    level=Level.REQUIRED,
    requires=["reach"],
    failures={
        UnknownAccessKey: Advice(
            "The provider does not know the access key id ending in {last4}.",
            "It may be deleted, inactive or of another provider.",
            ["Copy the id again.", "For R2 use the S3 key pair of the token."],
        ),
        WrongSecret: Advice(
            "The key id is known, but the secret does not fit it.",
            "The signature of the request was refused.",
            ["Paste the secret again; watch for cut ends and spaces."],
        ),
        CredentialsExpired: Advice(
            "The temporary credentials have run out.",
            "Session tokens end after minutes or hours.",
            ["Use a long-lived access key."],
        ),
        ClockSkewed: Advice(
            "This server's clock is too far from the provider's, so signatures are refused.",
            "S3 allows 15 minutes of difference.",
            ["Operator: turn on time synchronisation."],
        ),
    },
)
def identity(probe: Probe) -> str:
    """Make one signed call and see whose it was."""
    who, key_id = probe.store.whoami(), probe.custom_storage.access_key_id
    return f"Signed in as {who.replace(key_id, f'the access key ending in {key_id[-4:]}')}"
