"""Do the links work that we make?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.objectstores.errors import ObjectStoreError

_HOUR_S = 3600


@check(
    "presign",
    name="Link",
    position=200,
    level=Level.ADVISED,
    requires=["read"],
    refusals={
        "link_refused": Advice(
            "Links we make are refused: {code}.",
            "Signed requests pass, signed links do not.",
            ["Mostly region or path style; run “Bucket” again."],
        ),
        "link_differs": Advice(
            "A link we make leads to something else.",
            "What came back is not the test file; a proxy may stand between.",
            ["Look at what stands between this instance and the bucket."],
        ),
    },
)
def presign(probe: Probe) -> str:
    """Follow a link of an hour to the test object."""
    probe.capabilities["presign"] = False
    url = probe.store.presigned_url(probe.key, seconds=_HOUR_S)
    try:
        found = probe.store.fetch_link(url)
    except ObjectStoreError as error:
        if error.http_status is None:
            raise
        raise Refused("link_refused", error=error) from error
    if found != probe.body:
        raise Refused("link_differs")
    probe.capabilities["presign"] = True
    return "A one-hour link works"
