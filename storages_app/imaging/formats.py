"""Which picture format the first bytes are, by our own list: nothing else is ever decoded.

Names are Pillow's, as the API answers them.
"""

import re
from pathlib import Path

CONTENT_TYPES = {
    "AVIF": "image/avif",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "HEIF": "image/heic",
    "JPEG": "image/jpeg",
    "PCX": "image/x-pcx",
    "PNG": "image/png",
    "SVG": "image/svg+xml",
    "TGA": "image/x-tga",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
}
# The rest is decoded by Pillow: libvips as we get it has no loader for them.
LIBVIPS_FORMATS = {"AVIF", "GIF", "JPEG", "PNG", "SVG", "TIFF", "WEBP"}
EXTENSIONS_BY_TYPE = {  # of what we make
    "image/avif": ".avif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
}

_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"BM": "BMP",
}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
_TGA_FOOTER = b"TRUEVISION-XFILE.\x00"
_HEAD = 8_192  # programs that draw write long declarations in front of their SVG
_SVG = re.compile(  # the root element; what may stand before it is never tried twice
    rb"(?:\xef\xbb\xbf)?"
    rb"(?>\s+|<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>)*+"
    rb"<(?:[\w.-]{1,60}:)?svg[\s/>]",
    re.DOTALL,
)


def sniff(path: Path) -> str | None:
    """The format by magic bytes; None where it is none of ours. Says nothing of the rest."""
    with path.open("rb") as source:
        head = source.read(_HEAD)
        for magic, name in _MAGIC.items():
            if head.startswith(magic):
                return name
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return "WEBP"
        if head[4:8] == b"ftyp":
            return _iso_media(head[:64])
        if _SVG.match(head):
            return "SVG"
        if head[:1] == b"\x0a" and head[1:2] in b"\x00\x02\x03\x04\x05" and head[2:3] == b"\x01":
            return "PCX"
        # TGA has no magic at its start; without the footer too many things would pass for one.
        size = source.seek(0, 2)
        source.seek(max(0, size - len(_TGA_FOOTER)))
        return "TGA" if source.read() == _TGA_FOOTER else None


def _iso_media(head: bytes) -> str | None:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, end, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None
