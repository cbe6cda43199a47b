"""Is the bucket there, and in which region?"""

from storages_app.custom_storages.probe import (
    BOTH_KINDS,
    Advice,
    Level,
    Noted,
    Probe,
    Refused,
    check,
    is_missing_right,
)
from storages_app.objectstores import providers
from storages_app.objectstores.errors import (
    AccessDenied,
    AccountClosed,
    BucketMissing,
    NotSupported,
    ObjectStoreError,
    RegionRedirect,
)


@check(
    "bucket",
    name="Bucket",
    position=50,
    level=Level.REQUIRED,
    kinds=BOTH_KINDS,
    requires=["identity", "external_id"],
    failures={
        BucketMissing: Advice(
            "There is no bucket called {bucket} at {host}.",
            "The provider says that it does not exist.",
            [
                "Check the spelling.",
                "Is the bucket at another provider or in another account id (R2)?",
            ],
        ),
        AccountClosed: Advice(
            "The provider has closed this bucket or account.",
            "It refuses every request, whoever signs it.",
            ["See the provider's console, often billing."],
        ),
    },
    refusals={
        "unknown_region": Advice(
            "The bucket is in another region than {given}.",
            "The provider did not say in which.",
            ["Put the region of the bucket into the form."],
        ),
    },
    notes={
        "other_region": Advice(
            "The bucket is in {found}, the form said {given}. We now use {found}.",
            "Requests are signed for one region and refused in another.",
            ["Nothing to do: we changed it."],
        ),
        "list_denied": Advice(
            "We may not list the bucket. That is fine for copying; {features} need it.",
            "s3:ListBucket is missing.",
            ["Add s3:ListBucket only if you want {features}."],
        ),
        "location_denied": Advice(
            "Bucket found in {found}",
            "s3:GetBucketLocation is missing; the region was found without it.",
            ["Nothing to do: the right is only for setting up."],
        ),
    },
)
def bucket(probe: Probe) -> str | Noted:
    """List the first keys; a missing right to list is no fault."""
    given = probe.custom_storage.region
    try:
        return _look(probe)
    except RegionRedirect as error:
        _adopt(probe, error)
        answer = _look(probe)
        moved = Noted("other_region", error, {"found": error.region, "given": given})
        return moved if given else answer


def _look(probe: Probe) -> str | Noted:
    try:
        next(iter(probe.store.list_objects(probe.custom_storage.prefix)), None)
    except AccessDenied as error:
        if not is_missing_right(error):
            raise
        probe.capabilities["list"] = False
        return Noted("list_denied", error, {"features": "browsing and cleaning up"})
    probe.capabilities["list"] = True
    return _found(probe)


def _adopt(probe: Probe, error: RegionRedirect) -> None:
    """Go on in the region that the provider names, at the address that goes with it."""
    row = probe.custom_storage
    if not error.region or error.region == row.region:
        raise Refused("unknown_region", error=error, given=probe.region) from error
    found = {"region": error.region}
    provider = providers.provider(row.provider)
    if row.endpoint_url and "{region}" in provider.endpoint_template:
        found["endpoint_url"] = providers.endpoint_for(provider, error.region, row.account_id)
    probe.adopt(**found)


def _found(probe: Probe) -> str | Noted:
    try:
        region = probe.store.settings.location() or probe.custom_storage.region
    except AccessDenied as error:
        region = probe.store.region_of_bucket() or probe.region
        return Noted("location_denied", error, {"found": region})
    except NotSupported:
        region = probe.custom_storage.region
    except ObjectStoreError as error:
        if error.http_status is None:
            raise
        region = probe.custom_storage.region  # it was found; where is of no weight
    return f"Bucket found in {region}" if region else "Bucket found"
