"""One question a file; what their answers mean for the features of a storage."""

from collections.abc import Mapping

from django.conf import settings

from storages_app.custom_storages.probe import is_used_for
from storages_app.models import ConnectionTest, CustomStorage, Finding

State = Finding.State
Feature = tuple[str, bool, str]

_NOT_PUBLIC = "Copies are private, as you chose"
_NOT_REMOVING = "Not ticked: copies stay when a file is deleted"
# feature → what proved it, and the checks that have to pass for it beside those of any copy
_FEATURES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Copies", "", ()),
    ("Files over {limit}", "multipart", ("multipart",)),
    ("Public links", "public", ("acl", "bpa", "public")),
    ("Verify", "read", ("read",)),
    ("Restore", "read", ("read",)),
    ("Deletion sync", "delete", ("delete",)),
    ("Backup", "", ()),
)
_OF_ANY_COPY = (
    *("input", "reach", "clock", "identity", "external_id", "bucket", "proof", "copies"),
    *("owner", "write", "checksum", "sse", "class"),
)
_IN_SHORT = {
    ("acl", "AccessControlListNotSupported"): "ACLs are off",
    ("acl", "AccessDenied"): "PutObjectAcl is missing",
    ("bpa", "AccessDenied"): "Block Public Access is on",
    ("public", "AccessDenied"): "Strangers may not read",
}
_ACTIONS_IN_SHORT = {
    "ListParts": "ListMultipartUploadParts",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
}


def what_works(custom_storage: CustomStorage) -> list[Feature]:
    """(feature, whether it works at this moment, why not) in the order of the page.

    The newest finished test of the settings as they are says so. What an earlier one proved says
    nothing about a broken storage, and a test that failed says what broke it.
    """
    tests = ConnectionTest.objects.of_current_settings(custom_storage).over()
    last = tests.order_by("-pk").first()
    if custom_storage.is_broken:
        rows = _rows_of(last) if last and not last.has_passed else {}
        return [
            (name, False, why or "Waits until the storage passes its test again")
            for name, _works, why in what_was_found(custom_storage, rows)
        ]
    if last:
        return what_was_found(custom_storage, _rows_of(last))
    if custom_storage.is_draft:
        why = "Not proved: the required checks have not passed"
        return [(name, False, why) for name, _works, _why in what_was_proved(custom_storage)]
    return what_was_proved(custom_storage)


def what_was_proved(custom_storage: CustomStorage) -> list[Feature]:
    """The same by what the last passed test left in the row, without a query."""
    return [
        _feature(custom_storage, name, _why_unproved(custom_storage, capability))
        for name, capability, _checks in _FEATURES
    ]


def _why_unproved(custom_storage: CustomStorage, capability: str) -> str:
    if not capability or custom_storage.can(capability):
        return ""
    return {
        "multipart": "Uploads in parts are refused",
        "public": "Strangers may not read",
        "read": "GetObject is missing",
        "delete": "DeleteObject is missing",
    }[capability]


def _rows_of(test: ConnectionTest) -> dict[str, Finding]:
    return {row.check_id: row for row in test.findings.all()}


def what_was_found(custom_storage: CustomStorage, rows: Mapping[str, Finding]) -> list[Feature]:
    """The same by the rows of one test, under their check ids."""
    features = []
    for name, _capability, checks in _FEATURES:
        asked = (rows[check_id] for check_id in (*_OF_ANY_COPY, *checks) if check_id in rows)
        in_the_way = [row for row in asked if row.state != State.PASSED and _counts(row)]
        # A row that waits for another says less than the one it waits for.
        in_the_way.sort(key=lambda row: row.state == State.SKIPPED)
        why = _in_short(in_the_way[0]) if in_the_way else ""
        features.append(_feature(custom_storage, name, why))
    return features


def _counts(row: Finding) -> bool:
    """The unfinished upload of a test is litter; big files go through all the same."""
    return (row.check_id, row.operation) != ("multipart", "AbortMultipartUpload")


def _in_short(row: Finding) -> str:
    known = _IN_SHORT.get((row.check_id, row.code))
    if known:
        return known
    if row.code == "AccessDenied" and row.operation and row.state == State.FAILED:
        action = _ACTIONS_IN_SHORT.get(row.operation, row.operation)
        return f"{action} is missing"
    return row.title.rstrip(".")


def _feature(custom_storage: CustomStorage, name: str, why: str) -> Feature:
    is_private = custom_storage.public_mode == CustomStorage.PublicMode.PRIVATE
    if name == "Public links" and is_private:
        why = _NOT_PUBLIC
    if name == "Deletion sync" and not is_used_for(custom_storage, "remove"):
        why = _NOT_REMOVING
    return name.format(limit=_limit()), not why, why


def _limit() -> str:
    return f"{settings.MULTIPART_THRESHOLD // (1024 * 1024)} MB"
