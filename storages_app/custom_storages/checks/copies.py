"""Are the copies that were made so far where the storage would look for them?"""

from storages_app.custom_storages.probe import Advice, Level, Probe, Refused, check
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import AccessDenied, ObjectMissing


def _level(custom_storage: CustomStorage) -> Level | None:
    return Level.REQUIRED if custom_storage.copies_to_find else None


@check(
    "copies",
    name="Copies made so far",
    position=35,
    level=_level,
    requires=["bucket"],
    failures={
        AccessDenied: Advice(
            "We may not look whether the copies made so far are in this bucket.",
            "What is shown as done has to be there, so another bucket is not taken on trust.",
            ["Allow s3:GetObject.", "Or connect this bucket as a new storage."],
        ),
    },
    refusals={
        "copies_missing": Advice(
            "The copies made so far are not in this bucket.",
            "{key} is not there, or has another size.",
            [
                "Move them over first, under the same keys.",
                "Or connect this bucket as a new storage; the old one stays as it is.",
            ],
        ),
    },
)
def copies(probe: Probe) -> str:
    """Look for the newest copies where another bucket or address is to take over."""
    for key, size in probe.custom_storage.copies_to_find:
        try:
            is_there = probe.store.head(key).size == size
        except ObjectMissing as error:
            raise Refused("copies_missing", key=key) from error
        if not is_there:
            raise Refused("copies_missing", key=key)
    return f"The newest {len(probe.custom_storage.copies_to_find)} copies are there"
