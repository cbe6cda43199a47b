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
        raise _wrong_region(probe, error) from error
    probe.capabilities["list"] = True
    region = probe.store.region_of_bucket() or probe.custom_storage.region
    return f"Bucket found in {region}" if region else "Bucket found"


def _wrong_region(probe: Probe, error: RegionRedirect) -> Refused:
    given, found = probe.custom_storage.region, error.region
    if not found:
        advice = Advice(
            f"The bucket is in another region than {given or 'the default one'}.",
            "The provider did not say in which.",
            ["Put the region of the bucket into the form."],
        )
    else:
        advice = Advice(
            f"The bucket is in {found}, the form said {given or 'nothing'}.",
            "Requests are signed for one region and refused in another.",
            [f"Set the region of this storage to {found} and run the test again."],
        )
    return Refused(advice, code=error.provider_code or "PermanentRedirect")
