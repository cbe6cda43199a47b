"""Pictures that are small to send and large to open, made on the spot (S087, S088, S091)."""

import base64
import struct
import zlib
from collections.abc import Iterator
from functools import cache

import pillow_heif

from tests import pictures

TGA_FOOTER = b"\0" * 8 + b"TRUEVISION-XFILE.\0"
_WIDTH, _HEIGHT = 256, 257  # TIFF tags


def claiming(kind: str, width: int, height: int) -> bytes:
    """A whole little picture whose header says that it is so large."""
    if kind == "PNG":
        return pictures.flood_png(width, height)
    body = bytearray(of_kind(kind))
    for at, form in _sizes(kind, bytes(body)):
        struct.pack_into(form, body, at, *_as_written(kind, width, height))
    return bytes(body)


def of_kind(kind: str, width: int = 400, height: int = 300) -> bytes:
    """A picture of any kind that we read."""
    if kind == "HEIF":
        pillow_heif.register_heif_opener()
    body = pictures._bytes(pictures.two_halves(width, height), kind)
    return body + TGA_FOOTER if kind == "TGA" else body


def _as_written(kind: str, width: int, height: int) -> tuple[int, int]:
    if kind == "JPEG":
        return height, width
    return (width - 1, height - 1) if kind == "PCX" else (width, height)


def _sizes(kind: str, body: bytes) -> Iterator[tuple[int, str]]:
    """Where the size is written, and how."""
    if kind == "JPEG":
        yield body.index(b"\xff\xc0") + 5, ">HH"
    elif kind == "GIF":
        yield 6, "<HH"
        yield body.index(b",\0\0\0\0") + 5, "<HH"
    elif kind == "WEBP":
        yield body.index(b"\x9d\x01\x2a") + 3, "<HH"
    elif kind == "BMP":
        yield 18, "<ii"
    elif kind in {"AVIF", "HEIF"}:
        yield body.index(b"ispe") + 8, ">II"
    elif kind in {"PCX", "TGA"}:
        yield {"PCX": 8, "TGA": 12}[kind], "<HH"


def claiming_tiff(width: int, height: int) -> bytes:
    """One strip of nothing, in one bit a pixel."""
    strip = zlib.compress(bytes(1_000))
    tags = {
        _WIDTH: width, _HEIGHT: height, 258: 1, 259: 8, 262: 1, 273: 8, 277: 1, 278: height,
        279: len(strip),
    }  # fmt: skip
    return struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip + _directory(tags, 0)


def _directory(tags: dict[int, int], following: int) -> bytes:
    entries = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items())]
    return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)


def flood_gif(n_frames: int, side: int) -> bytes:
    """So many frames of side×side pixels, each all of one colour (S088)."""
    frame = pictures.read(pictures.other("GIF")).convert("P").resize((side, side)).point(bytes(256))
    whole = pictures._bytes(frame, "GIF", optimize=False)
    first = whole.index(b",\0\0\0\0")
    screen, one = whole[:first], whole[first:-1]
    return screen + one * n_frames + b";"


def many_pages(n_pages: int, *, is_a_ring: bool = False) -> bytes:
    """A TIFF of one strip that all its pages share; the last may lead to the first again."""
    strip = bytes(16)
    body = bytearray(struct.pack("<2sHI", b"II", 42, 8 + len(strip)) + strip)
    tags = {_WIDTH: 4, _HEIGHT: 4, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 4, 279: 16}
    for n in range(1, n_pages + 1):
        end = len(body) + 2 + 12 * len(tags) + 4
        following = end if n < n_pages else (8 + len(strip)) * is_a_ring
        body += _directory(tags, following)
    return bytes(body)


def png_with(name: bytes, body: bytes) -> bytes:
    """A PNG with one chunk more, in front of the pixels."""
    picture = pictures.png(40, 30)
    at = picture.index(b"IDAT") - 4
    return picture[:at] + pictures._png_chunk(name, body) + picture[at:]


def unfolding_text(name: bytes, n_bytes: int) -> bytes:
    """What a compressed chunk of a PNG carries: so many zeros, in a thousandth of their bytes."""
    label = {b"iCCP": b"profile\0\0", b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0"}
    return label[name] + zlib.compress(bytes(n_bytes), 9)


def many_scans(n_scans: int, side: int) -> bytes:
    """A progressive JPEG that sends its last scan again and again: each is a pass over all."""
    body = pictures.jpeg(side, side, progressive=True)
    last = body.rindex(b"\xff\xda")
    return body[:last] + body[last:-2] * n_scans + body[-2:]


def drawing(inside: str, *, before: str = "", size: str = 'width="100" height="100"') -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{before}<svg {names} {size}>{inside}</svg>".encode()


def with_picture_inside(side: int) -> bytes:
    flood = base64.b64encode(pictures.flood_png(side, side)).decode()
    return drawing(f'<image width="9" height="9" xlink:href="data:image/png;base64,{flood}"/>')


@cache
def drawings() -> dict[str, bytes]:
    """SVGs that a reader without bounds would be at for very long, or for ever (S091)."""
    laughs = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
    )
    long_entity = f'<!ENTITY a "{"x" * 100_000}">'
    clips = "".join(
        f'<clipPath id="c{n}" clip-path="url(#c{n - 1})"><rect width="9" height="9"/></clipPath>'
        for n in range(1, 2_000)
    )
    patterns = "".join(
        f'<pattern id="p{n}" width="1" height="1" patternUnits="userSpaceOnUse">'
        f'<rect width="50" height="50" fill="url(#p{n - 1})"/></pattern>'
        for n in range(1, 30)
    )
    blur = '<feGaussianBlur stdDeviation="500"/>'
    box = '<rect width="90" height="90" {}/>'
    return {
        "entities in entities": drawing("<text>&a9;</text>", before=f"<!DOCTYPE svg [{laughs}]>"),
        "a long entity, often": drawing(
            f"<text>{'&a;' * 1_000}</text>", before=f"<!DOCTYPE svg [{long_entity}]>"
        ),
        "an entity of itself": drawing(
            "<text>&a;</text>", before='<!DOCTYPE svg [<!ENTITY a "&b;"><!ENTITY b "&a;">]>'
        ),
        "a use of itself": drawing('<g id="a"><use xlink:href="#a"/></g>'),
        "patterns in patterns": drawing(patterns + box.format('fill="url(#p29)"')),
        "clips in clips": drawing(clips + box.format('clip-path="url(#c1999)"')),
        "very deep": drawing("<g>" * 100_000 + "</g>" * 100_000),
        "a heavy filter": drawing(
            f'<filter id="f" x="-999%" width="3000%">'
            f"{blur * 100}</filter>" + box.format('filter="url(#f)"')
        ),
        "a million octaves": drawing(
            '<filter id="f"><feTurbulence baseFrequency="0.9" numOctaves="1000000"/></filter>'
            + box.format('filter="url(#f)"')
        ),
        "very many dashes": drawing('<path d="M0 0H1e9" stroke="red" stroke-dasharray="0.0001"/>'),
        "a long selector": drawing(
            f"<style>{'g ' * 100_000}rect{{fill:red}}</style>{'<g>' * 200}<rect/>{'</g>' * 200}"
        ),
        "very wide": drawing("", size='width="100000" height="100000"'),
        "no number wide": drawing("", size='width="NaN" height="1e400"'),
        "a pixel flood inside": with_picture_inside(60_000),
    }
