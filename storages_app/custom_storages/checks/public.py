"""Can strangers read copies, exactly when they should?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import ObjectStoreError

PublicMode = CustomStorage.PublicMode


def _level(custom_storage: CustomStorage) -> Level | None:
    is_private = custom_storage.public_mode == PublicMode.PRIVATE
    return Level.ADVISED if is_private else Level.REQUIRED


@check(
    "public",
    name="Public read",
    position=190,
    level=_level,
    requires=["write", "acl", "bpa"],
    refusals={
        "public_refused": Advice(
            "The file was written, but strangers get {status}.",
            "Neither an ACL nor a bucket policy lets them read, or a switch overrules it.",
            [
                "See ACL / Block Public Access above.",
                "By policy: add the public-read statement below to the bucket policy.",
            ],
        ),
        "public_unexpectedly": Advice(
            "Copies are meant to be private, but anyone can read them.",
            "A bucket policy or the bucket's ACL lets strangers in.",
            ["Look at the bucket policy and ACLs now."],
        ),
    },
)
def public(probe: Probe) -> str:
    """Read the test object unsigned."""
    wanted = probe.custom_storage.public_mode != PublicMode.PRIVATE
    probe.capabilities["public"] = False
    try:
        is_open = probe.store.get_anonymously(probe.key) == probe.body
    except ObjectStoreError as error:
        if error.http_status is None or not 400 <= error.http_status < 500:
            raise
        if wanted:
            raise Refused("public_refused", error=error, status=error.http_status) from error
        return "Nobody without a link can read it"
    probe.capabilities["public"] = is_open
    if is_open and not wanted:
        raise Refused("public_unexpectedly")
    if wanted and not is_open:
        raise Refused("public_refused", status="something else")
    return "Anyone can read the test file" if is_open else "Nobody without a link can read it"
