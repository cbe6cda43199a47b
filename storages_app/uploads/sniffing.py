"""The type of a file, decided by us from its bytes; what the client declared has no say.

Only types that are named here can come out for what a browser would run or lay out: HTML, SVG, XML
and their kin get their true type, so that the file host can refuse to show them. Everything that
nobody knows is `application/octet-stream`.
"""

import codecs
import re
from pathlib import Path

import puremagic

OCTET_STREAM = "application/octet-stream"
HEAD = 64 * 1024  # bytes that are looked at

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"II+\x00", "image/tiff"),
    (0, b"MM\x00+", "image/tiff"),
    (0, b"\x00\x00\x01\x00", "image/vnd.microsoft.icon"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\xff\x0a", "image/jxl"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "image/jxl"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (4, b"1AY&SY", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"SQLite format 3\x00", "application/vnd.sqlite3"),
    (0, b"\x00asm", "application/wasm"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"OTTO", "font/otf"),
    (0, b"\x00\x01\x00\x00\x00", "font/ttf"),
    (0, b"fLaC", "audio/flac"),
    (0, b"ID3\x02", "audio/mpeg"),
    (0, b"ID3\x03", "audio/mpeg"),
    (0, b"ID3\x04", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"MThd", "audio/midi"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "video/x-ms-asf"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"hevx": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"crx ": "image/x-canon-cr3",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
}
_OFFICE = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What browsers take for HTML at the start of a text (https://mimesniff.spec.whatwg.org, 7.1).
_HTML_START = re.compile(
    r"<(?:!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p"
    r"|meta|img|link|form|base|object|embed)(?=[\s/>]|$)",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<(?:[a-z_!?])", re.IGNORECASE)
_ROOT = re.compile(r"<(?:[a-z_][\w.\-]{0,60}:)?([a-z_][\w.\-]{0,60})", re.IGNORECASE)
_SVG_ANYWHERE = re.compile(r"<(?:[a-z_][\w.\-]{0,60}:)?svg[\s/>]", re.IGNORECASE)
_XHTML = "http://www.w3.org/1999/xhtml"
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MHTML = re.compile(
    r"(?:[\w\-]{1,60}:[^\n]{0,998}\n(?:[ \t][^\n]{0,998}\n)*){0,40}?mime-version:", re.I
)

# puremagic gives a hint for what the table leaves open, never for what browsers would run.
_HINTED = re.compile(r"(?:audio|video|font|application)/[a-z0-9.+\-]+")
_NEVER_HINTED = re.compile(r"html|xml|svg|script|ecma|flash|xhtml|mhtml|octet-stream")
_SURE = 0.8
# The beginnings that puremagic knows, by where they stand. Ends do not count: of a large file only
# the head is here.
_MAGICS: dict[tuple[int, int], set[bytes]] = {}
for _magic in puremagic.magic_header_array:
    _place = (_magic.offset, _magic.offset + len(_magic.byte_match))
    _MAGICS.setdefault(_place, set()).add(_magic.byte_match)


def detect_type(path: Path) -> str:
    """The type of the file at `path`."""
    with path.open("rb") as file:
        return sniff(file.read(HEAD))


def sniff(head: bytes) -> str:
    """The type of a file that begins with `head` (its first 64 KB)."""
    if not head:
        return OCTET_STREAM
    return _known_binary(head) or _text_type(head) or _hint(head) or OCTET_STREAM


def _known_binary(head: bytes) -> str:
    for offset, magic, media_type in _SIGNATURES:
        if head.startswith(magic, offset):
            return media_type
    return _container_type(head) or _checked_type(head)


def _checked_type(head: bytes) -> str:
    """Types whose magic bytes are too short, or too easy to forge, to be believed alone."""
    if head[:6] in {b"GIF87a", b"GIF89a"}:
        return "image/gif" if _is_gif(head) else OCTET_STREAM
    if head[:2] == b"BM" and _is_bmp(head):
        return "image/bmp"
    return "application/vnd.microsoft.portable-executable" if _is_windows_program(head) else ""


def _container_type(head: bytes) -> str:
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], OCTET_STREAM)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] == b"\x1aE\xdf\xa3":
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head[:4] == b"OggS":
        return "video/ogg" if b"theora" in head[:256] else "audio/ogg"
    return _zip_type(head) if head[:2] == b"PK" else ""


def _is_gif(head: bytes) -> bool:
    """Whether an image can follow; scripts disguised as GIFs (`GIF89a/*…`) seldom get it right."""
    if len(head) < 14:
        return False
    has_color_table = head[10] & 0x80
    first_block = 13 + (3 << ((head[10] & 7) + 1) if has_color_table else 0)
    return head[first_block : first_block + 1] in {b"\x21", b"\x2c", b"\x3b"}


def _is_bmp(head: bytes) -> bool:
    """`BM` alone begins many a text."""
    return len(head) >= 18 and head[6:10] == b"\0\0\0\0" and head[14:18] in _BMP_HEADERS


_BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 40, 52, 56, 64, 108, 124)}


def _is_windows_program(head: bytes) -> bool:
    if head[:2] != b"MZ" or len(head) < 64:
        return False
    start = int.from_bytes(head[60:64], "little")
    return head[start : start + 4] == b"PE\0\0"


def _zip_type(head: bytes) -> str:
    if head[:4] not in {b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"}:
        return ""
    if head[30:38] == b"mimetype":  # EPUB and OpenDocument store their type first, uncompressed
        size = int.from_bytes(head[18:22], "little")
        named = head[38 : 38 + min(size, 80)]
        if re.fullmatch(rb"application/(?:epub\+zip|vnd\.oasis\.opendocument\.[a-z\-]+)", named):
            return named.decode()
    if b"[Content_Types].xml" in head[:4096]:
        for folder, media_type in _OFFICE:
            if folder in head:
                return media_type
    return "application/zip"


def _text_type(head: bytes) -> str:
    """The kind of text, or nothing if it is none."""
    text = _decode(head)
    if text is None:
        return _markup_in_binary(head)
    return _markup_type(text) or _plain_type(text)


def _decode(head: bytes) -> str | None:
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            return head[len(bom) :].decode(encoding, errors="replace")
    if _CONTROL.search(head):  # the same bytes in UTF-8 and cp1252
        return None
    try:
        # The end of the head may cut a character in two.
        return codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return head.decode("cp1252", errors="replace")


def _markup_in_binary(head: bytes) -> str:
    """Browsers lay out HTML in any old encoding and with stray bytes in it: look for it too."""
    return _markup_type(head[:4096].decode("latin-1"))


def _markup_type(text: str) -> str:
    start = _without_preamble(text)
    if not _MARKUP.match(start):
        return ""
    if start[:5].lower() == "<?php":
        return "application/x-httpd-php"
    root = _ROOT.match(start)
    if root and root[1].lower() == "svg":
        return "image/svg+xml"
    is_declared = "<?xml" in text[:256]
    if _HTML_START.match(start) and not is_declared:
        return "text/html"
    is_xml = is_declared or start[:9].lower() == "<!doctype" or (root and "xmlns" in start[:1024])
    return _xml_type(start) if is_xml else ""


def _xml_type(start: str) -> str:
    if _XHTML in start[:2048]:
        return "application/xhtml+xml"
    return "image/svg+xml" if _SVG_ANYWHERE.search(start) else "text/xml"


def _without_preamble(text: str) -> str:
    """Drop what may stand before the first element: spaces, comments, declarations."""
    position = 0
    while True:
        while position < len(text) and (text[position].isspace() or text[position] in "\ufeff\0"):
            position += 1
        for opening, closing in (("<!--", "-->"), ("<?xml", "?>")):
            if text[position : position + len(opening)].lower() == opening:
                end = text.find(closing, position)
                if end < 0:
                    return "<!doctype unfinished"
                position = end + len(closing)
                break
        else:
            return text[position:]


def _plain_type(text: str) -> str:
    return "message/rfc822" if _MHTML.match(text[:8192]) else "text/plain"


def _hint(head: bytes) -> str:
    # Asking puremagic costs two milliseconds, also where it knows nothing.
    if not any(head[start:end] in magics for (start, end), magics in _MAGICS.items()):
        return ""
    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return ""
    for guess in guesses:
        named = str(guess.mime_type).lower()
        is_sure = guess.confidence >= _SURE and _HINTED.fullmatch(named)
        if is_sure and not _NEVER_HINTED.search(named):
            return named
    return ""
