"""Real pictures for tests, made on the spot."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

RED, BLUE = (220, 30, 30), (30, 30, 220)
GREEN, YELLOW, WHITE = (20, 160, 20), (230, 220, 20), (255, 255, 255)

SVG_WITH_SCRIPT = (
    b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">'
    b'<script>alert(1)</script><rect width="9" height="9" onload="alert(2)"/></svg>'
)
HTML = b"<!doctype html><script>alert(document.domain)</script>"


def _bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    body = BytesIO()
    image.save(body, kind, **options)
    return body.getvalue()


def two_halves(width: int = 400, height: int = 300, mode: str = "RGB") -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image.convert(mode)


def four_quarters(width: int = 400, height: int = 300, mode: str = "RGB") -> bytes:
    """Red and blue above, green and yellow below."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height // 2))
    image.paste(GREEN, (0, height // 2, width // 2, height))
    image.paste(YELLOW, (width // 2, height // 2, width, height))
    return _bytes(image.convert(mode), "PNG")


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Top left, top right, bottom left, bottom right; a little inside."""
    right, bottom = image.width - 2, image.height - 2
    places = ((1, 1), (right, 1), (1, bottom), (right, bottom))
    return [image.convert("RGB").getpixel(place) for place in places]


def all_kinds_of_colours(mode: str = "RGB") -> Image.Image:
    """64×64: red grows to the right, green downwards, blue with both; with alpha, downwards too."""
    image = Image.new("RGB", (64, 64))
    image.putdata([(x * 4, y * 4, (x + y) * 2) for y in range(64) for x in range(64)])
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize((64, 64)))
        return image
    return image.convert(mode)


def jpeg(width: int = 400, height: int = 300, **options: Any) -> bytes:
    return _bytes(two_halves(width, height), "JPEG", quality=90, **options)


def camera_jpeg(width: int = 400, height: int = 300, orientation: int = 6) -> bytes:
    """As a phone makes it: held upright, with place, time and dots per inch."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x9003] = "2018:08:20 08:59:50"
    exif.get_ifd(0x8825).update({1: "S", 2: (33.0, 51.0, 24.84), 3: "E", 4: (151.0, 12.0, 33.48)})
    return jpeg(width, height, exif=exif, dpi=(300, 300))


def wide_gamut_jpeg() -> bytes:
    """Pure (0, 255, 0) in a colour space whose red and green are swapped."""
    profile = ImageCms.createProfile("sRGB")
    swapped = ImageCms.ImageCmsProfile(profile).tobytes()
    red, green = swapped.find(b"rXYZ"), swapped.find(b"gXYZ")
    changed = bytearray(swapped)
    changed[red : red + 4], changed[green : green + 4] = b"gXYZ", b"rXYZ"
    name = "sRGB IEC61966-2.1"
    for text in (name.encode(), name.encode("utf-16-be")):
        changed = bytearray(bytes(changed).replace(text, text[::-1]))
    return _bytes(
        Image.new("RGB", (64, 64), (0, 255, 0)), "JPEG", quality=95, icc_profile=bytes(changed)
    )


def png(width: int = 400, height: int = 300, **options: Any) -> bytes:
    return _bytes(two_halves(width, height), "PNG", **options)


def transparent_png(width: int = 400, height: int = 300) -> bytes:
    """Right half see-through."""
    image = Image.new("RGBA", (width, height), (*RED, 255))
    image.paste((0, 0, 0, 0), (width // 2, 0, width, height))
    return _bytes(image, "PNG")


def deep_png() -> bytes:
    """16 bits a pixel, grey."""
    return _bytes(Image.new("I;16", (100, 50), 40_000), "PNG")


def animation(kind: str = "GIF", n_frames: int = 3) -> bytes:
    """First frame red, the others blue."""
    first = Image.new("RGB", (40, 30), RED)
    rest = [Image.new("RGB", (40, 30), (0, 90 * (n % 2), 250)) for n in range(n_frames - 1)]
    return _bytes(first, kind, save_all=True, append_images=rest, duration=100)


def webp(width: int = 400, height: int = 300) -> bytes:
    return _bytes(two_halves(width, height), "WEBP")


def other(kind: str, **options: Any) -> bytes:
    """Any other kind that Pillow can write."""
    return _bytes(two_halves(), kind, **options)


def flood_png(width: int, height: int) -> bytes:
    """A few hundred kilobytes that unfold to gigabytes: one bit a pixel, all black."""
    row = b"\0" + b"\0" * ((width + 7) // 8)
    packer = zlib.compressobj(9)
    packed = [packer.compress(row * 1_000) for _ in range(0, height, 1_000)]
    packed.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b"".join(packed)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, body) for name, body in chunks)


def _png_chunk(name: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def truncated_jpeg() -> bytes:
    body = jpeg(800, 600)
    return body[: len(body) // 2]


def read(body: bytes) -> Image.Image:
    image = Image.open(BytesIO(body))
    image.load()
    return image
