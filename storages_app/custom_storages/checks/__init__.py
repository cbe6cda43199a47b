"""One question a file; what their answers mean for the features of a storage."""

from storages_app.models import CustomStorage


def what_works(custom_storage: CustomStorage) -> list[tuple[str, bool, str]]:
    """(feature, whether the last test proved it, why not) in the order of the page."""
    can = custom_storage.can
    is_public = custom_storage.public_mode != CustomStorage.PublicMode.PRIVATE
    is_checked = can("verifies_checksum") or can("read")
    copies = not custom_storage.is_draft
    return [
        ("Copies", copies, "The required checks have not passed"),
        ("Files over 16 MB", copies and can("multipart"), "Uploads in parts are refused"),
        ("Proof that the bytes arrived", copies and is_checked, "s3:GetObject is missing"),
        (
            "Public links",
            is_public and can("public"),
            "Strangers may not read" if is_public else "Copies are private, as you chose",
        ),
        ("Restore", can("read"), "s3:GetObject is missing"),
        ("Removing copies", can("delete"), "s3:DeleteObject is missing"),
        ("Backup", copies, "The required checks have not passed"),
    ]
