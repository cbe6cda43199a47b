"""One question a file; what their answers mean for the features of a storage."""

from storages_app.models import CustomStorage


def what_works(custom_storage: CustomStorage) -> list[tuple[str, bool, str]]:
    """(feature, whether it works at this moment, why not) in the order of the page.

    What an earlier test proved says nothing about a draft or a broken storage: its keys or its
    address may have changed since.
    """
    if why := _why_nothing_works(custom_storage):
        return [
            (feature, False, why) for feature, _is_proved, _why in what_was_proved(custom_storage)
        ]
    return what_was_proved(custom_storage)


def _why_nothing_works(custom_storage: CustomStorage) -> str:
    if custom_storage.is_draft:
        return "Not proved: the required checks have not passed"
    if custom_storage.is_broken:
        return "Waits until the storage passes its test again"
    return ""


def what_was_proved(custom_storage: CustomStorage) -> list[tuple[str, bool, str]]:
    """(feature, whether the last passed test proved it, why not) in the order of the page."""
    can = custom_storage.can
    is_public = custom_storage.public_mode != CustomStorage.PublicMode.PRIVATE
    is_checked = can("verifies_checksum") or can("read")
    return [
        ("Copies", True, ""),
        ("Files over 16 MB", can("multipart"), "Uploads in parts are refused"),
        ("Proof that the bytes arrived", is_checked, "s3:GetObject is missing"),
        (
            "Public links",
            is_public and can("public"),
            "Strangers may not read" if is_public else "Copies are private, as you chose",
        ),
        ("Reading copies back", can("read"), "s3:GetObject is missing"),
        ("Removing copies", can("delete"), "s3:DeleteObject is missing"),
        ("Backup", True, ""),
    ]
