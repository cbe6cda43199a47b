"""Does the bucket keep what is written from being removed?"""

from storages_app.custom_storages.probe import Advice, CannotTell, Level, Noted, Probe, check
from storages_app.objectstores.errors import AccessDenied, NotSupported
from storages_app.objectstores.settings import ObjectLock

_NONE = "No Object Lock"
_WANTS_CHECKSUM = "The bucket has Object Lock and wants a checksum on each upload."


@check(
    "lock",
    name="Object Lock",
    position=140,
    level=Level.INFO,
    requires=["write"],
    notes={
        "checksum_wanted": Advice(
            "{what}", f"{_WANTS_CHECKSUM} We now send one.", ["Nothing to do."]
        ),
    },
)
def lock(probe: Probe) -> str | Noted:
    """Read the lock; a bucket that has one showed it by wanting a checksum."""
    try:
        what = _in_words(probe.store.settings.object_lock())
    except NotSupported:
        what = _NONE
    except AccessDenied as error:
        if not probe.wants_checksum:
            raise CannotTell(
                "Whether there is an Object Lock could not be read.",
                "s3:GetBucketObjectLockConfiguration is missing; it is only for setting up.",
                error=error,
            ) from error
        what = "Object Lock is on"
    return Noted("checksum_wanted", facts={"what": what}) if probe.wants_checksum else what


def _in_words(found: ObjectLock | None) -> str:
    if found is None:
        return _NONE
    if not found.mode:
        return "Object Lock without a default: copies can be removed"
    days = f"{found.days} day{'' if found.days == 1 else 's'}"
    return (
        f"Object Lock {found.mode.lower()}, {days}: copies cannot be removed before that; the "
        "test file neither"
    )
