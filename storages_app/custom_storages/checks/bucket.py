"""Is the bucket there, and in which region?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.objectstores.errors import (
    AccessDenied,
    BucketMissing,
    BucketOwnerMismatch,
    RegionRedirect,
    UnknownAccessKey,
    WrongSecret,
)


@check(
    "bucket",
    name="Bucket",
    position=30,
    level=Level.REQUIRED,
    requires=["identity"],
    failures={
        BucketMissing: Advice(
            "There is no bucket called {bucket} at {host}.",
            "The provider says that it does not exist.",
            ["Check the spelling.", "Is the bucket at another provider or in another account?"],
        ),
        BucketOwnerMismatch: Advice(
            "The bucket belongs to another account than the one given.",
            "A bucket that was deleted and made again by somebody else looks like this.",
            ["Check the account id."],
        ),
    },
    refusals={
        "other_region": Advice(
            "The bucket is in {found}, the form said {given}.",
            "Requests are signed for one region and refused in another.",
            ["Set the region of this storage to {found} and run the test again."],
        ),
        "unknown_region": Advice(
            "The bucket is in another region than {given}.",
            "The provider did not say in which.",
            ["Put the region of the bucket into the form."],
        ),
    },
)
def bucket(probe: Probe) -> str:
    """List at most one key; a missing right to list is no fault."""
    try:
        next(iter(probe.store.list_objects(probe.custom_storage.prefix)), None)
    except (UnknownAccessKey, WrongSecret):
        raise
    except AccessDenied:
        probe.capabilities["list"] = False
        return "We may not list the bucket. That is fine for copying; reconciling needs it."
    except RegionRedirect as error:
        given = probe.custom_storage.region or "no region"
        code = "other_region" if error.region else "unknown_region"
        raise Refused(code, error=error, given=given, found=error.region) from error
    probe.capabilities["list"] = True
    region = probe.store.region_of_bucket() or probe.custom_storage.region
    return f"Bucket found in {region}" if region else "Bucket found"
