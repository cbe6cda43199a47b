"""Why a multipart upload was not begun, taken or completed; texts of spec/UPLOADCARE 3.11."""

from storages_app.uploads.errors import UploadRefused

# --- Beginning ---------------------------------------------------------------------------------


class SizeInvalid(UploadRefused):
    """size should be integer."""

    code = "multipart_size_refused"


class SizeTooSmall(UploadRefused):
    code = "multipart_size_refused"

    def __init__(self, least: int) -> None:
        super().__init__(
            f"File size can not be less than {least} bytes. "
            "Please use direct upload instead of multipart."
        )


class SizeTooLarge(UploadRefused):
    """File size exceeds project limit."""

    code = "multipart_size_refused"


class PartSizeInvalid(UploadRefused):
    """Multipart Upload Part Size should be an integer."""

    code = "multipart_part_size_refused"


class PartSizeTooSmall(UploadRefused):
    code = "multipart_part_size_refused"
    hint = "An upload has at most 10,000 parts, so a large file needs larger ones."

    def __init__(self, least: int) -> None:
        super().__init__(f"Multipart Upload Part Size can not be less than {least} bytes.")


class PartSizeTooBig(UploadRefused):
    code = "multipart_part_size_refused"

    def __init__(self, most: int) -> None:
        super().__init__(f"Multipart Upload Part Size can not be more than {most} bytes.")


# --- A part ------------------------------------------------------------------------------------


class PartUrlRefused(UploadRefused):
    """This address of a part is not valid, or not any more."""

    code = "part_url_refused"
    hint = "Use the addresses of /multipart/start/ as they are, within 24 hours."


class PartLengthWrong(UploadRefused):
    code = "part_length_wrong"
    hint = "Send exactly the bytes of this part, with a Content-Length."

    def __init__(self, expected: int) -> None:
        super().__init__(f"This part has to have {expected} bytes.")


class PartSuperseded(UploadRefused):
    """Another request has begun to send this part meanwhile."""

    code = "part_superseded"
    hint = "Send the part again once the other request has ended."


class PartsClosed(UploadRefused):
    """No parts are taken any more: the file is being put together."""

    code = "parts_closed"


# --- Completing --------------------------------------------------------------------------------


class SessionMissing(UploadRefused):
    """File is not found."""

    code = "multipart_unknown"
    hint = "An upload that is not completed within 24 hours is removed."


class PartsWrong(UploadRefused):
    """Can not complete upload. Wrong parts size?"""

    code = "multipart_parts_wrong"
    hint = "Send the parts again, then complete once more."


class PartsMissing(PartsWrong):
    """File size mismatch. Not all parts uploaded?"""


class PartsTooLarge(PartsWrong):
    """Uploaded size is more than expected."""
