"""Are the copies that were made so far where the storage would look for them?"""

from storages_app.custom_storages.probe import (
    Advice,
    Level,
    Probe,
    Refused,
    check,
    is_missing_object,
)
from storages_app.models import CustomStorage
from storages_app.objectstores.errors import (
    AccessDenied,
    Archived,
    ObjectStoreError,
    ServerError,
)

_RANGE_REFUSED = 416


def _level(custom_storage: CustomStorage) -> Level | None:
    return Level.REQUIRED if custom_storage.copies_to_find else None


@check(
    "copies",
    name="Copies made so far",
    position=60,
    level=_level,
    requires=["bucket", "proof"],
    failures={
        AccessDenied: Advice(
            "The copies made so far are not in this bucket, or we may not look.",
            (
                "{action} is missing; without s3:ListBucket a missing object is refused, too. "
                "What is shown as done has to be there, so another bucket is not taken on trust."
            ),
            [
                "Look whether the copies are there.",
                "Allow s3:GetObject.",
                "Or connect this bucket as a new storage.",
            ],
        ),
    },
    refusals={
        "copies_missing": Advice(
            "The copies made so far are not in this bucket.",
            "{copy} is not there, or has another size.",
            [
                "Move them over first, under the same keys.",
                "Or connect this bucket as a new storage; the old one stays as it is.",
            ],
        ),
    },
)
def copies(probe: Probe) -> str:
    """Read the last byte of the newest copies where another bucket is to take over."""
    for key, size in probe.custom_storage.copies_to_find:
        try:
            is_there = _ends_at(probe, key, size)
        except ServerError as error:  # another range came than the one asked for
            raise Refused("copies_missing", copy=key) from error
        except Archived:
            is_there = True
        except ObjectStoreError as error:
            if error.http_status != _RANGE_REFUSED and not is_missing_object(error):
                raise
            is_there = False
        if not is_there:
            raise Refused("copies_missing", copy=key)
    n_found = len(probe.custom_storage.copies_to_find)
    return f"The newest {n_found} are there" if n_found > 1 else "The newest one is there"


def _ends_at(probe: Probe, key: str, size: int) -> bool:
    """Whether the object has this size; a refused HEAD would not say why."""
    if not size:
        return not probe.read(key, limit=1)
    with probe.store.get(key, first=size - 1) as chunks:
        return sum(len(chunk) for chunk in chunks) == 1
