"""Damaged pictures of every kind, the same ones each time: `mutants(1_000)` (S090)."""

import random
from collections.abc import Iterator
from functools import cache

from PIL import Image

from tests import pictures
from tests.bombs import of_kind

_HEADER = 600  # bytes; most of what can go wrong is said there
_NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]
_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40" viewBox="0 0 60 40">'
    b'<defs><linearGradient id="a"><stop offset="0" stop-color="red"/></linearGradient>'
    b'<g id="b"><path d="M0 0L9 9C1 2 3 4 5 6z"/></g></defs><rect width="30" height="20" '
    b'fill="url(#a)"/><use href="#b" x="4"/><text x="9" y="20">words</text></svg>'
)


@cache
def whole_pictures() -> dict[str, bytes]:
    """What is damaged, by name: all formats, and the forms that their decoders treat apart."""
    photo = pictures.two_halves(60, 40)
    grainy = Image.effect_noise((60, 40), 60)
    made = {
        kind: of_kind(kind, 60, 40)
        for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "HEIF", "BMP", "PCX", "TGA")
    }
    return made | {
        "JPEG of a camera": pictures.camera_jpeg(60, 40),
        "JPEG progressive": pictures.jpeg(60, 40, progressive=True),
        "JPEG CMYK": pictures._bytes(photo.convert("CMYK"), "JPEG"),
        "JPEG with a profile": pictures.wide_gamut_jpeg(),
        "JPEG with a second": pictures._bytes(photo, "MPO"),
        "PNG of noise": pictures._bytes(grainy, "PNG"),
        "PNG of a palette": pictures._bytes(photo.convert("P"), "PNG"),
        "PNG of 16 bits": pictures.deep_png(),
        "PNG transparent": pictures.transparent_png(60, 40),
        "PNG animated": pictures.animation("PNG"),
        "GIF animated": pictures.animation("GIF"),
        "WEBP animated": pictures.animation("WEBP"),
        "WEBP lossless": pictures._bytes(grainy, "WEBP", lossless=True),
        "AVIF animated": pictures.animation("AVIF"),
        "TIFF LZW": pictures._bytes(photo, "TIFF", compression="tiff_lzw"),
        "TIFF deflated": pictures._bytes(photo, "TIFF", compression="tiff_adobe_deflate"),
        "TIFF of JPEG": pictures._bytes(photo, "TIFF", compression="jpeg"),
        "TIFF of two pages": pictures.animation("TIFF", 2),
        "TIFF of floats": pictures._bytes(photo.convert("F"), "TIFF"),
        "BMP of a palette": pictures._bytes(photo.convert("P"), "BMP"),
        "SVG": _SVG,
    }


def mutants(number: int, seed: int = 90) -> Iterator[tuple[str, bytes]]:
    """Name and bytes; the kinds take turns."""
    chance = random.Random(seed)
    names = list(whole_pictures())
    for n in range(number):
        name = names[n % len(names)]
        yield f"{n}: {name}", _damaged(whole_pictures()[name], chance)


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    body = bytearray(whole)
    for _ in range(chance.choice((1, 1, 2, 4, 12))):
        chance.choice((_flip, _flip, _write, _write, _drop, _repeat, _mix))(body, chance)
    if chance.random() < 0.15:
        del body[chance.randrange(len(body)) :]
    # What is no picture by its first bytes would never come to a decoder.
    return whole[:12] + bytes(body[12:]) if chance.random() < 0.8 else bytes(body)


def _place(body: bytearray, chance: random.Random) -> int:
    end = len(body) if chance.random() < 0.5 else min(len(body), _HEADER)
    return chance.randrange(max(1, end))


def _flip(body: bytearray, chance: random.Random) -> None:
    if body:
        body[_place(body, chance)] ^= 1 << chance.randrange(8)


def _write(body: bytearray, chance: random.Random) -> None:
    """A number that is at an edge, in either order of bytes."""
    number = chance.choice(_NUMBERS)
    size = chance.choice([size for size in (1, 2, 4) if number < 256**size])
    at = _place(body, chance)
    body[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))


def _drop(body: bytearray, chance: random.Random) -> None:
    at = _place(body, chance)
    del body[at : at + chance.randint(1, 40)]


def _repeat(body: bytearray, chance: random.Random) -> None:
    at = _place(body, chance)
    body[at:at] = body[at : at + chance.randint(1, 200)] * chance.choice((1, 2, 50))


def _mix(body: bytearray, chance: random.Random) -> None:
    """A piece of another kind."""
    other = chance.choice(list(whole_pictures().values()))
    start, at = chance.randrange(len(other)), _place(body, chance)
    body[at : at + chance.randint(1, 60)] = other[start : start + chance.randint(1, 60)]
