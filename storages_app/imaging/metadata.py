"""What a camera wrote about a picture, for results that are to keep it. Child process only."""

from io import BytesIO
from pathlib import Path

import pyvips
from PIL import ExifTags, Image

from storages_app.imaging.pillow import DECODER_FAULTS, read_exif

_TOLD_OF_PICTURES = (  # TIFF keeps its own workings in the same list
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.Copyright,
)
_SENSITIVE = (  # where it was taken, and by whom
    ExifTags.Base.MakerNote,
    ExifTags.Base.CameraOwnerName,
    ExifTags.Base.BodySerialNumber,
    ExifTags.Base.LensSerialNumber,
)


def exif_of(path: Path, name: str, *, keeps_sensitive: bool) -> bytes:
    """The picture's EXIF for a result, which stands upright; empty where there is none.

    Without the small picture in it, which would show what was cut off, and, where that is not to be
    kept, without place, owner and serial numbers.
    """
    try:
        return _copied(read_exif(path, name), keeps_sensitive=keeps_sensitive)
    except DECODER_FAULTS:
        return b""  # a picture with broken EXIF is still a picture


def _copied(found: Image.Exif, *, keeps_sensitive: bool) -> bytes:
    kept = Image.Exif()
    for tag in _TOLD_OF_PICTURES:
        if tag in found:
            kept[tag] = found[tag]
    details, place = found.get_ifd(ExifTags.IFD.Exif), found.get_ifd(ExifTags.IFD.GPSInfo)
    if not keeps_sensitive:
        details = {tag: value for tag, value in details.items() if tag not in _SENSITIVE}
        place = {}
    for directory, entries in ((ExifTags.IFD.Exif, details), (ExifTags.IFD.GPSInfo, place)):
        if entries:
            kept[directory] = entries
    if not kept:
        return b""
    kept[ExifTags.Base.Orientation] = 1
    return kept.tobytes()


def with_exif(image: pyvips.Image, exif: bytes) -> pyvips.Image:
    """libvips writes EXIF from fields that it sets when it reads a file: so let it read one."""
    image = image.copy()
    for field in image.get_fields():
        if field.startswith(("exif-", "jpeg-thumbnail")):
            image.remove(field)
    body = BytesIO()
    try:
        Image.new("L", (1, 1)).save(body, "JPEG", exif=exif)
    except ValueError:  # over 64 KB, which a JPEG cannot have: nothing is kept
        return image
    carrier = pyvips.Image.jpegload_buffer(body.getvalue())
    for field in carrier.get_fields():
        if field.startswith("exif-"):
            image.set_type(carrier.get_typeof(field), field, carrier.get(field))
    return image
