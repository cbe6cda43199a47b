"""The facts of a picture, in the words of the API."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageInfo:
    """`content_info.image` of the REST API; `asdict` of it is fit for JSON."""

    format: str
    width: int  # as stored, before EXIF rotation
    height: int
    sequence: bool  # animated
    color_mode: str
    orientation: int | None
    geo_location: dict[str, float] | None
    datetime_original: str | None
    dpi: list[int | float] | None
