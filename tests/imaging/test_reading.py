"""What comes in: every way in which a format can keep its colours, and what becomes of it."""

import socket
import struct
from dataclasses import replace
from functools import cache
from io import BytesIO

import pillow_heif
import pytest
import pyvips
from PIL import Image, ImageCms

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import NotAnImage, ProcessingFailed
from storages_app.imaging.limits import LIMITS
from tests import pictures
from tests.pictures import BLUE, RED, two_halves

pillow_heif.register_heif_opener()
CLEAR = (0, 0, 0, 0)


class Loopback:
    """A port on which somebody might call."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def n_connections(self) -> int:
        try:
            self._socket.accept()
        except BlockingIOError:
            return 0
        return 1

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def loopback():
    port = Loopback()
    yield port
    port.close()


@pytest.fixture
def seen(tmp_path):
    """The result, as Pillow reads it."""

    def run(body: bytes, text: str = "-/resize/100x/-/format/png/") -> Image.Image:
        source = tmp_path / "source"
        source.write_bytes(body)
        made = pipeline.render(source, parse(text), tmp_path)
        return pictures.read(made.path.read_bytes())

    return run


def write(image: Image.Image, kind: str, **options) -> bytes:
    body = BytesIO()
    image.save(body, kind, **options)
    return body.getvalue()


def by_libvips(image: Image.Image, suffix: str, change=lambda image: image, **options) -> bytes:
    """What Pillow cannot write."""
    pixels = pyvips.Image.new_from_memory(
        image.tobytes(), image.width, image.height, len(image.getbands()), "uchar"
    ).copy(interpretation="srgb")
    return change(pixels).write_to_buffer(suffix, **options)


def display_p3() -> bytes:
    """sRGB with the primaries of Apple's screens; the profile that phones write."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for tag, values in primaries.items():
        at = profile.index(tag)
        (offset,) = struct.unpack(">I", profile[at + 4 : at + 8])
        profile[offset + 8 : offset + 20] = b"".join(
            round(value * 65536).to_bytes(4, "big", signed=True) for value in values
        )
    for encoding in ("ascii", "utf-16-be"):
        name = "sRGB IEC61966-2.1".encode(encoding)
        profile = profile.replace(name, name[: len(name) // 2] * 2 + name[-1:] * (len(name) % 2))
    return bytes(profile)


@cache
def cmyk_profile() -> bytes:
    return pyvips.Operation.call("profile_load", "cmyk")


def by_profile(colour, profile: bytes, mode: str) -> tuple[int, ...]:
    """One colour in sRGB, by LittleCMS through Pillow: what a colour-managed program shows."""
    image = Image.new(mode, (1, 1), colour)
    shown = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.NONE,
    )
    return shown.getpixel((0, 0))


def with_colour_key() -> bytes:
    """An RGB PNG in which blue means transparent."""
    return write(two_halves(), "PNG", transparency=BLUE)


def transparent(mode: str, kind: str, **options) -> bytes:
    """Left red, right transparent."""
    image = pictures.read(pictures.transparent_png())
    return write(image.convert(mode), kind, **options)


def palette(kind: str) -> bytes:
    """Two colours; the right one is transparent."""
    image = Image.new("P", (400, 300), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (200, 0, 400, 300))
    return write(image, kind, transparency=1)


def deep(image: pyvips.Image) -> pyvips.Image:
    return (image.cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")


def with_profile(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    tagged = image.copy()
    tagged.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile)
    return tagged


GREY_RED, GREY_BLUE = (84,) * 3, (46,) * 3  # of ITU-R 601, as Pillow's "L"
P3 = display_p3()
CMYK_RED = (0, 230, 220, 20)

KEPT = [
    ("JPEG", pictures.jpeg(), RED, BLUE),
    ("JPEG, grey", write(two_halves(mode="L"), "JPEG"), GREY_RED, GREY_BLUE),
    ("JPEG, all colours of every pixel", pictures.jpeg(subsampling=0), RED, BLUE),
    ("JPEG, progressive", pictures.jpeg(progressive=True), RED, BLUE),
    ("JPEG with a second picture in it", pictures.other("MPO"), RED, BLUE),
    ("PNG, interlaced", by_libvips(two_halves(), ".png", interlace=True), RED, BLUE),
    ("PNG, grey", write(two_halves(mode="L"), "PNG"), GREY_RED, GREY_BLUE),
    (
        "PNG, black and white",
        write(two_halves().convert("L").point(lambda v: 255 * (v > 60)).convert("1"), "PNG"),
        (255,) * 3,
        (0,) * 3,
    ),
    ("PNG, palette", write(two_halves().quantize(4), "PNG"), RED, BLUE),
    ("PNG, palette with transparency", palette("PNG"), RED, CLEAR),
    ("PNG, colour key", with_colour_key(), RED, CLEAR),
    ("PNG, grey with alpha", transparent("LA", "PNG"), GREY_RED, CLEAR),
    ("PNG, 16 bits", by_libvips(two_halves(), ".png", deep), RED, BLUE),
    (
        "PNG, 16 bits, alpha",
        by_libvips(pictures.read(pictures.transparent_png()), ".png", deep),
        RED,
        CLEAR,
    ),
    ("PNG, 16 bits, grey", pictures.deep_png(), (155,) * 3, (155,) * 3),
    ("GIF, transparent", palette("GIF"), RED, CLEAR),
    ("WebP, lossless", write(two_halves(), "WEBP", lossless=True), RED, BLUE),
    ("WebP, transparent", transparent("RGBA", "WEBP"), RED, CLEAR),
    ("TIFF", pictures.other("TIFF"), RED, BLUE),
    *(
        (f"TIFF, {kind}", pictures.other("TIFF", compression=kind), RED, BLUE)
        for kind in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")
    ),
    ("TIFF, big-endian", by_libvips(two_halves(), ".tif", bigtiff=True), RED, BLUE),
    (
        "TIFF, tiled, of several sizes",
        by_libvips(two_halves(), ".tif", tile=True, pyramid=True),
        RED,
        BLUE,
    ),
    ("TIFF, palette", write(two_halves().quantize(4), "TIFF"), RED, BLUE),
    ("TIFF, grey", write(two_halves(mode="L"), "TIFF"), GREY_RED, GREY_BLUE),
    ("TIFF, 16 bits", by_libvips(two_halves(), ".tif", deep), RED, BLUE),
    ("TIFF, transparent", transparent("RGBA", "TIFF"), RED, CLEAR),
    (
        "TIFF, two pages",
        write(
            two_halves(),
            "TIFF",
            save_all=True,
            append_images=[Image.new("RGB", (400, 300), "green")],
        ),
        RED,
        BLUE,
    ),
    (
        "TIFF, fax",
        write(
            two_halves().convert("L").point(lambda v: 255 * (v > 60)).convert("1"),
            "TIFF",
            compression="group4",
        ),
        (255,) * 3,
        (0,) * 3,
    ),
    ("AVIF, transparent", transparent("RGBA", "AVIF"), RED, CLEAR),
    ("AVIF, 10 bits", by_libvips(two_halves(), ".avif", deep, bitdepth=10), RED, BLUE),
    ("HEIC", pictures.other("HEIF"), RED, BLUE),
    ("HEIC, transparent", transparent("RGBA", "HEIF"), RED, CLEAR),
    ("BMP, palette", write(two_halves().quantize(4), "BMP"), RED, BLUE),
    ("PCX, palette", write(two_halves().quantize(4), "PCX"), RED, BLUE),
    ("TGA, packed", write(two_halves(), "TGA", compression="tga_rle"), RED, BLUE),
    ("TGA, transparent", transparent("RGBA", "TGA"), RED, CLEAR),
    *(
        (
            f"{kind}, a phone's profile",
            write(two_halves(), kind, icc_profile=P3),
            by_profile(RED, P3, "RGB"),
            by_profile(BLUE, P3, "RGB"),
        )
        for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
    ),
    (
        "PNG, 16 bits, a phone's profile",
        by_libvips(two_halves(), ".png", lambda image: with_profile(deep(image), P3)),
        by_profile(RED, P3, "RGB"),
        by_profile(BLUE, P3, "RGB"),
    ),
    (
        "PNG, palette, a phone's profile",
        write(two_halves().quantize(4), "PNG", icc_profile=P3),
        by_profile(RED, P3, "RGB"),
        by_profile(BLUE, P3, "RGB"),
    ),
    *(
        (
            f"{kind}, CMYK with a profile",
            write(Image.new("CMYK", (400, 300), CMYK_RED), kind, icc_profile=cmyk_profile()),
            by_profile(CMYK_RED, cmyk_profile(), "CMYK"),
            by_profile(CMYK_RED, cmyk_profile(), "CMYK"),
        )
        for kind in ("JPEG", "TIFF")
    ),
    *(
        (
            f"{kind}, CMYK without one",
            write(Image.new("CMYK", (400, 300), CMYK_RED), kind),
            by_profile(CMYK_RED, cmyk_profile(), "CMYK"),
            by_profile(CMYK_RED, cmyk_profile(), "CMYK"),
        )
        for kind in ("JPEG", "TIFF")
    ),
    ("JPEG, a profile that is cut off", pictures.jpeg(icc_profile=P3[:200]), RED, BLUE),
    ("PNG, a profile that is none", pictures.png(icc_profile=b"no profile at all" * 9), RED, BLUE),
    ("PNG, a profile of other colours", pictures.png(icc_profile=cmyk_profile()), RED, BLUE),
    ("HEIC, a profile that is cut off", pictures.other("HEIF", icc_profile=P3[:200]), RED, BLUE),
]
IDS = [row[0] for row in KEPT]


class TestColours:
    @pytest.mark.parametrize(("body", "left", "right"), [row[1:] for row in KEPT], ids=IDS)
    def test_are_those_that_a_colour_managed_program_shows(self, seen, body, left, right):
        image = seen(body).convert("RGBA")
        assert image.size == (100, image.height)
        assert image.getpixel((10, 5)) == pytest.approx((*left, 255)[:4], abs=10)
        assert image.getpixel((90, 5)) == pytest.approx((*right, 255)[:4], abs=10)


def turned(kind: str, orientation: int) -> bytes:
    """Seen upright, its left half is red: stored as `orientation` says."""
    stored = {1: 0, 3: 180, 6: 90, 8: 270}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return write(two_halves().rotate(stored, expand=True), kind, exif=exif)


def turned_heic(quarters: int) -> bytes:
    """As phones write it: the container says by how many quarters to turn, and EXIF says it again.

    Pillow cannot write that: one more property of the picture, behind those that it has.
    """
    exif = Image.Exif()
    exif[0x0112] = {1: 8, 2: 3, 3: 6}[quarters]
    body = bytearray(write(two_halves().rotate(-90 * quarters, expand=True), "HEIF", exif=exif))
    turn = b"\0\0\0\x09irot" + bytes([quarters])
    links = body.index(b"ipma") - 4
    count = links + 18  # of the properties of the first item, which is the picture
    index = body[count] + 1
    body[count] = index
    body[count + index : count + index] = bytes([0x80 | index])
    body[links:links] = turn
    for name, more in ((b"ipco", 9), (b"ipma", 1), (b"iprp", 10), (b"meta", 10)):
        _add(body, body.index(name) - 4, more)
    places = body.index(b"iloc") + 12
    for n in range(int.from_bytes(body[places - 2 : places], "big")):
        _add(body, places + n * 18 + 4, 10)
    return bytes(body)


def _add(body: bytearray, at: int, more: int) -> None:
    body[at : at + 4] = (int.from_bytes(body[at : at + 4], "big") + more).to_bytes(4, "big")


class TestOrientation:
    @pytest.mark.parametrize("quarters", [1, 2, 3])
    def test_of_a_phone_s_heic_is_carried_out_once(self, seen, quarters):
        image = seen(turned_heic(quarters)).convert("RGB")
        assert image.size == (100, 75)
        assert image.getpixel((10, 37)) == pytest.approx(RED, abs=10)
        assert image.getpixel((90, 37)) == pytest.approx(BLUE, abs=10)

    # Not HEIC: its container has a rotation of its own, which Pillow writes for AVIF only.
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
    @pytest.mark.parametrize("orientation", [1, 3, 6, 8])
    def test_is_carried_out_before_everything(self, seen, kind, orientation):
        image = seen(turned(kind, orientation), "-/resize/100x/-/format/png/").convert("RGB")
        assert image.size == (100, 75)
        assert image.getpixel((10, 37)) == pytest.approx(RED, abs=10)
        assert image.getpixel((90, 37)) == pytest.approx(BLUE, abs=10)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
    def test_a_result_does_not_ask_to_be_turned_once_more(self, seen, kind):
        image = seen(turned(kind, 6), "-/resize/100x/-/format/jpeg/")
        assert image.getexif().get(0x0112, 1) == 1


DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {}>'
    '<rect width="40" height="30" fill="rgb(220,30,30)"/>{}</svg>'
)


def svg(size: str = 'width="40" height="30"', inside: str = "", start: str = "") -> bytes:
    return (start + DRAWING.format(size, inside)).encode()


class TestSvg:
    @pytest.mark.parametrize(
        ("body", "size"),
        [
            (svg(), (40, 30)),
            (svg('viewBox="0 0 80 30"'), (80, 30)),
            (svg('width="1in" height="0.5in"'), (72, 36)),
            (svg(start="\ufeff"), (40, 30)),
            (svg(start='<?xml version="1.0"?>\n<!-- a -->\n<!-- b -->'), (40, 30)),
            (svg(start='<!DOCTYPE svg [<!ENTITY ns "http://x/">]>'), (40, 30)),
        ],
    )
    def test_is_drawn_in_its_own_size_where_none_is_asked(self, seen, body, size):
        image = seen(body, "-/preview/")
        assert (image.format, image.size) == ("PNG", size)
        assert image.convert("RGBA").getpixel((5, 5)) == (*RED, 255)

    def test_stays_sharp_when_it_is_enlarged(self, seen):
        image = seen(svg(inside='<rect x="20" width="20" height="30"/>'), "-/resize/2000x/")
        assert image.size == (2000, 1500)
        assert image.convert("RGB").getpixel((997, 700)) == RED
        assert image.convert("RGB").getpixel((1003, 700)) == (0, 0, 0)

    def test_is_transparent_where_nothing_is_drawn(self, seen):
        body = svg('width="80" height="30"')
        assert seen(body, "-/preview/").convert("RGBA").getpixel((60, 5))[3] == 0
        shown = seen(body, "-/preview/-/format/jpeg/").getpixel((60, 5))
        assert shown == pytest.approx((255, 255, 255), abs=3)

    @pytest.mark.parametrize(
        "reference",
        ["other.png", "file://{folder}/other.png", "{folder}/other.png", "http://{host}/other.png"],
    )
    def test_fetches_nothing_neither_from_the_disk_nor_from_the_network(  # S091
        self, seen, tmp_path, loopback, reference
    ):
        (tmp_path / "other.png").write_bytes(pictures.png())
        address = reference.format(folder=tmp_path, host=loopback.address)
        inside = f'<image width="40" height="30" xlink:href="{address}"/>'
        style = f"<style>@import url({address}); rect {{ fill: url({address}) red }}</style>"
        for more in (inside, style, f'<use xlink:href="{address}#a"/>'):
            image = seen(svg(inside=more), "-/preview/").convert("RGB")
            assert image.getpixel((30, 10))[2] < 40, "Nothing blue came in."
        assert loopback.n_connections == 0

    def test_does_not_read_the_files_that_its_declarations_name(self, seen, tmp_path):  # S091
        (tmp_path / "secret").write_text("<rect width='40' height='30' fill='blue'/>")
        start = f'<!DOCTYPE svg [<!ENTITY other SYSTEM "file://{tmp_path}/secret">]>'
        try:
            image = seen(svg(inside="&other;", start=start), "-/preview/")
        except NotAnImage:
            return
        assert image.convert("RGB").getpixel((30, 10)) == RED

    def test_has_the_facts_of_a_picture(self, tmp_path):
        source = tmp_path / "source"
        source.write_bytes(svg())
        info = pipeline.inspect(source)
        assert info is not None
        assert (info.format, info.width, info.height, info.color_mode) == ("SVG", 40, 30, "RGBA")

    @pytest.mark.parametrize(
        "body",
        [
            svg('width="0" height="0"'),
            svg('width="20000" height="20000"'),
            b"<svg",
            b"<svg ><rect",
            b"<html><body><svg></svg></body></html>",
            b"<!--" + b"<!-- -->" * 1_000 + b"<x/>",
        ],
    )
    def test_what_is_no_drawing_or_too_large_is_refused(self, seen, body):
        with pytest.raises(NotAnImage):
            seen(body, "-/preview/")


def entities() -> bytes:
    """A billion characters out of a few hundred."""
    declared = "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    return svg(
        inside="<text>&i;</text>", start=f'<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">{declared}]>'
    )


def nested_uses() -> bytes:
    """A billion rectangles out of ten lines."""
    groups = "".join(
        f'<g id="g{n + 1}">{f"""<use xlink:href="#g{n}"/>""" * 10}</g>' for n in range(9)
    )
    start = '<g id="g0"><rect width="9" height="9"/></g>'
    return svg(inside=f'<defs>{start}{groups}</defs><use xlink:href="#g9"/>')


def long_path(size: int) -> bytes:
    return svg(inside=f'<path d="M 0 0{" L 39 29 L 5 5" * (size // 14)}"/>')


def heavy_filter() -> bytes:
    return svg(
        'width="3000" height="3000"',
        '<filter id="f"><feTurbulence baseFrequency="0.05" numOctaves="20"/></filter>'
        '<rect width="3000" height="3000" filter="url(#f)"/>',
    )


class TestSvgBombs:
    """S091: each is refused or given up; the next request is answered."""

    @pytest.mark.parametrize("make", [entities, nested_uses, heavy_filter])
    def test_are_bounded_in_time_and_memory(self, tmp_path, make):
        source = tmp_path / "source"
        source.write_bytes(make())
        limits = replace(LIMITS, cpu_seconds=0)
        with pytest.raises((NotAnImage, ProcessingFailed)):
            pipeline.render(source, parse("-/preview/"), tmp_path, limits=limits)
        source.write_bytes(svg())
        assert pipeline.render(source, parse("-/preview/"), tmp_path).width == 40

    def test_ten_megabytes_of_a_path_are_refused_unread(self, tmp_path):
        source = tmp_path / "source"
        source.write_bytes(long_path(10_100_000))
        with pytest.raises(NotAnImage, match=r"at most 10,000,000 bytes"):
            pipeline.render(source, parse("-/preview/"), tmp_path)
        assert pipeline.inspect(source) is None
        source.write_bytes(long_path(30_000))
        assert pipeline.render(source, parse("-/preview/"), tmp_path).width == 40


def test_a_tiff_whose_strip_is_too_short_gives_no_result(seen):
    whole = write(
        Image.effect_noise((400, 300), 80).convert("RGB"), "TIFF", compression="tiff_adobe_deflate"
    )
    assert seen(whole).size == (100, 75)
    with pytest.raises(ProcessingFailed):
        seen(_with_a_short_strip(whole))


def _with_a_short_strip(tiff: bytes) -> bytes:
    """Its first strip is said to be of ten bytes (tag 279, StripByteCounts)."""
    body = bytearray(tiff)
    (directory,) = struct.unpack_from("<I", body, 4)
    (n_entries,) = struct.unpack_from("<H", body, directory)
    for number in range(n_entries):
        tag, _, count, value = struct.unpack_from("<HHII", body, directory + 2 + 12 * number)
        if tag == 279 and count > 1:
            struct.pack_into("<I", body, value, 10)
    return bytes(body)
