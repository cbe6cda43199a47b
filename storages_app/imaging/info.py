"""The facts of a picture, in the words of the API."""

from typing import TypedDict


class ImageInfo(TypedDict):
    """`content_info.image` of the REST API; all keys are always there. Fit for JSON as it is."""

    format: str
    width: int  # as stored, before EXIF rotation
    height: int
    sequence: bool  # animated
    color_mode: str
    orientation: int | None
    geo_location: dict[str, float] | None
    datetime_original: str | None
    dpi: list[int | float] | None
