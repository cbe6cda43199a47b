"""Can strangers read copies, exactly when they should?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import AccessDenied, ObjectMissing, ObjectStoreError

_REFUSED = Advice(
    "The file was written, but strangers get 403.",
    "Neither an ACL nor a bucket policy lets them read, or Block Public Access overrules it.",
    [
        (
            "By policy: add the public-read statement below and clear the two policy boxes of "
            "Block public access."
        ),
        (
            "By ACL: clear the two ACL boxes of Block public access and set Object Ownership to "
            "Bucket owner preferred."
        ),
    ],
)
_OPEN = Advice(
    "Copies are meant to be private, but anyone can read them.",
    "A bucket policy or the bucket's ACL lets strangers in.",
    ["Look at the bucket policy and ACLs now."],
)


def _level(custom_storage: CustomStorage) -> Level | None:
    is_private = custom_storage.public_mode == CustomStorage.PublicMode.PRIVATE
    return Level.ADVISED if is_private else Level.REQUIRED


@check(
    "public",
    name="Public read",
    position=100,
    level=_level,
    requires=["write"],
    refusals={"public_refused": _REFUSED, "public_unexpectedly": _OPEN},
)
def public(probe: Probe) -> str:
    """Read the test object unsigned."""
    wanted = probe.custom_storage.public_mode != CustomStorage.PublicMode.PRIVATE
    probe.capabilities["public"] = False
    try:
        is_open = probe.store.get_anonymously(probe.key) == probe.body
    except (AccessDenied, ObjectMissing) as error:
        if wanted:
            raise Refused("public_refused", error=error) from error
        return "Nobody without a link can read it"
    except ObjectStoreError:
        if wanted:
            raise
        return "Nobody without a link can read it"
    probe.capabilities["public"] = is_open
    if is_open and not wanted:
        raise Refused("public_unexpectedly")
    return "Anyone can read the test file"
