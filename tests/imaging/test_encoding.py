"""What goes out: format, quality and metadata of the result."""

import io
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageDraw, ImageFilter

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from tests import pictures

pillow_heif.register_heif_opener()
SECRET_TAGS = {0x927C: b"maker", 0xA430: "Ada", 0xA431: "BODY-77", 0xA435: "LENS-77"}


@pytest.fixture
def made(tmp_path):
    """The bytes of the result."""

    def run(body: bytes, text: str, accept: str = "") -> bytes:
        source = tmp_path / "source"
        source.write_bytes(body)
        path: Path = pipeline.render(source, parse(text), tmp_path, accept).path
        return path.read_bytes()

    return run


def write(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    body = io.BytesIO()
    image.save(body, kind, **options)
    return body.getvalue()


def smooth() -> Image.Image:
    """A sky: nothing in it that an encoder could spoil."""
    return Image.radial_gradient("L").resize((600, 450)).convert("RGB")


def grassy() -> Image.Image:
    """Fine detail everywhere."""
    noise = Image.effect_noise((600, 450), 80).filter(ImageFilter.GaussianBlur(0.8))
    return Image.merge("RGB", (noise, noise.rotate(180), noise))


def diagram(mode: str = "RGB") -> Image.Image:
    image = Image.new(mode, (800, 600), "white")
    draw = ImageDraw.Draw(image)
    for n in range(12):
        draw.rectangle((n * 60, 500 - n * 37, n * 60 + 40, 560), fill="black" if n % 2 else "grey")
        draw.text((n * 60, 570), f"{n} units", fill="black")
    return image


def camera_file(kind: str = "JPEG") -> bytes:
    """Held upright, with place, owner, serial numbers and a small picture of the whole."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker of cameras"
    exif[0x8298] = "Ada, 2024"
    exif.get_ifd(0x8769).update({0x9003: "2018:08:20 08:59:50", 0x829A: 0.01, **SECRET_TAGS})
    exif.get_ifd(0x8825).update({1: "S", 2: (33.0, 51.0, 24.84), 3: "E", 4: (151.0, 12.0, 33.48)})
    return write(pictures.two_halves(), kind, exif=exif)


def similarity(first: Image.Image, second: Image.Image) -> float:
    """Mean SSIM over windows of 8×8 across JPEG's blocks, written down without libvips."""
    a, b = (list(image.convert("L").tobytes()) for image in (first, second))
    width, height = first.size
    values = []
    for top in range(4, height - 8, 8):
        for left in range(4, width - 8, 8):
            at = [row * width + left + column for row in range(top, top + 8) for column in range(8)]
            values.append(_window([a[n] for n in at], [b[n] for n in at]))
    return sum(values) / len(values)


def _window(a: list[int], b: list[int]) -> float:
    n = len(a)
    mean_a, mean_b = sum(a) / n, sum(b) / n
    spread_a = sum((v - mean_a) ** 2 for v in a) / n
    spread_b = sum((v - mean_b) ** 2 for v in b) / n
    both = sum((v - mean_a) * (w - mean_b) for v, w in zip(a, b, strict=True)) / n
    top = (2 * mean_a * mean_b + 6.5025) * (2 * both + 58.5225)
    return top / ((mean_a**2 + mean_b**2 + 6.5025) * (spread_a + spread_b + 58.5225))


class TestSmartQuality:
    @pytest.mark.parametrize("kind", ["jpeg", "webp"])
    def test_gives_a_hard_picture_more_quality_than_an_easy_one(self, made, kind):
        hard, easy = (
            len(made(write(image), f"-/preview/-/format/{kind}/-/quality/smart/"))
            / len(made(write(image), f"-/preview/-/format/{kind}/"))
            for image in (grassy(), smooth())
        )
        assert hard > easy * 1.05
        assert easy < 1, "Nobody sees what is missing in a sky."

    @pytest.mark.parametrize(
        ("level", "low", "high"), [("smart", 0.955, 0.985), ("smart_retina", 0.925, 0.965)]
    )
    @pytest.mark.parametrize("kind", ["jpeg", "webp"])
    def test_reaches_its_similarity_and_not_much_more(self, made, kind, level, low, high):
        image = grassy()
        result = made(write(image), f"-/preview/-/format/{kind}/-/quality/{level}/")
        assert low < similarity(image, pictures.read(result)) < high

    def test_is_measured_for_avif_too(self, made):
        body = write(smooth())
        accept = "image/avif"
        smart = made(body, "-/preview/-/format/auto/-/quality/smart/", accept)
        assert pictures.read(smart).format == "AVIF"
        assert len(smart) < len(made(body, "-/preview/-/format/auto/", accept))

    @pytest.mark.parametrize("size", [(1, 1), (3, 700), (700, 5), (383, 384), (385, 400)])
    def test_takes_pictures_of_any_size(self, made, size):
        body = write(smooth().resize(size))
        result = pictures.read(made(body, "-/format/jpeg/-/quality/smart/-/preview/"))
        assert result.size == size

    def test_leaves_png_and_transparency_alone(self, made):
        body = pictures.transparent_png()
        assert pictures.read(made(body, "-/quality/smart/-/preview/")).mode == "RGBA"
        webp = pictures.read(made(body, "-/quality/smart/-/format/webp/-/preview/"))
        assert webp.mode == "RGBA"
        assert webp.getpixel((390, 10))[3] == 0


class TestFewColours:
    @pytest.mark.parametrize(
        ("image", "expected"),
        [
            (diagram(), "PNG"),
            (diagram("L"), "PNG"),
            (Image.new("RGB", (50, 40), "red"), "PNG"),
            (grassy(), "JPEG"),
            (grassy().convert("L"), "JPEG"),
            (smooth(), "JPEG"),
        ],
    )
    def test_make_a_png_where_the_browser_takes_nothing_newer(self, made, image, expected):
        body = write(image)
        assert pictures.read(made(body, "-/preview/-/format/auto/")).format == expected
        webp = made(body, "-/preview/-/format/auto/", "image/webp")
        assert pictures.read(webp).format == "WEBP"

    def test_a_drawing_stays_as_it_was(self, made):
        image = diagram()
        result = pictures.read(made(write(image), "-/preview/-/format/auto/"))
        assert result.convert("RGB").tobytes() == image.tobytes()


class TestStripMeta:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_leaves_out_everything_where_nothing_is_said(self, made, kind):
        for text in ("-/resize/100x/", "-/resize/100x/-/strip_meta/all/"):
            body = made(camera_file(kind), text + "-/format/jpeg/")
            assert not pictures.read(body).getexif()
            assert b"Ada" not in body
            assert b"Exif" not in body

    @pytest.mark.parametrize("result", ["jpeg", "png", "webp"])
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
    def test_none_keeps_what_the_camera_wrote(self, made, kind, result):
        image = pictures.read(
            made(camera_file(kind), f"-/resize/100x/-/strip_meta/none/-/format/{result}/")
        )
        exif = image.getexif()
        assert exif[0x010F] == "Maker of cameras"
        assert exif[0x0112] == 1, "It was turned already."
        details, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
        assert details[0x9003] == "2018:08:20 08:59:50"
        assert details[0xA431] == "BODY-77"
        assert tuple(float(v) for v in place[2]) == pytest.approx((33, 51, 24.84))

    @pytest.mark.parametrize("result", ["jpeg", "png", "webp"])
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
    def test_sensitive_leaves_out_place_owner_and_serial_numbers(self, made, kind, result):
        body = made(camera_file(kind), f"-/resize/100x/-/strip_meta/sensitive/-/format/{result}/")
        exif = pictures.read(body).getexif()
        assert exif[0x010F] == "Maker of cameras"
        assert exif[0x8298] == "Ada, 2024"
        details = exif.get_ifd(0x8769)
        assert details[0x9003] == "2018:08:20 08:59:50"
        assert not details.keys() & SECRET_TAGS.keys()
        assert not exif.get_ifd(0x8825)
        assert b"LENS-77" not in body

    def test_keeps_nothing_of_how_a_tiff_was_laid_out(self, made):
        body = made(camera_file("TIFF"), "-/resize/100x/-/strip_meta/none/-/format/jpeg/")
        exif = pictures.read(body).getexif()
        assert exif[0x010F] == "Maker of cameras"
        assert not exif.keys() & {0x0100, 0x0103, 0x0111, 0x0117}

    def test_is_kept_in_avif(self, made):
        text = "-/resize/100x/-/strip_meta/none/-/format/auto/"
        image = pictures.read(made(camera_file(), text, "image/avif"))
        assert image.format == "AVIF"
        assert image.getexif()[0x010F] == "Maker of cameras"

    @pytest.mark.parametrize("choice", ["none", "sensitive"])
    def test_the_small_picture_inside_is_never_kept(self, made, choice):
        small = write(Image.new("RGB", (16, 16), "green"), "JPEG")
        source = pictures.jpeg(exif=_with_small_picture(small))
        assert small in source
        body = made(source, f"-/strip_meta/{choice}/")
        assert small[-40:] not in body
        assert pictures.read(body).getexif()[0x010F] == "Maker of cameras"

    @pytest.mark.parametrize("choice", ["none", "sensitive"])
    def test_more_than_a_jpeg_can_hold_is_left_out(self, made, choice):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = b"A long comment. " * 5_000
        exif.get_ifd(0x8825).update({1: "S", 2: (33.0, 51.0, 24.84)})
        source = write(pictures.two_halves(), "PNG", exif=exif)
        image = pictures.read(made(source, f"-/resize/20x/-/strip_meta/{choice}/"))
        assert image.width == 20
        assert not image.getexif().get_ifd(0x8825)

    @pytest.mark.parametrize("choice", ["none", "sensitive"])
    def test_broken_or_missing_metadata_is_no_obstacle(self, made, choice):
        broken = camera_file()
        start = broken.find(b"Exif\0\0") + 14
        broken = broken[:start] + b"\xff" * 60 + broken[start + 60 :]
        for body in (broken, pictures.jpeg(), pictures.animation("GIF")):
            text = f"-/resize/20x/-/strip_meta/{choice}/-/format/jpeg/"
            assert pictures.read(made(body, text)).width == 20


def _with_small_picture(small: bytes) -> bytes:
    """EXIF of a maker's name, and in a second directory a JPEG."""
    name = b"Maker of cameras\0"
    ifd0 = _directory([(0x010F, 2, len(name), 38)], following=56)
    ifd1 = _directory([(0x0201, 4, 1, 86), (0x0202, 4, 1, len(small))], following=0)
    head = b"Exif\0\0II*\0\x08\0\0\0" + ifd0
    padded = head.ljust(6 + 38, b"\0") + name
    return padded.ljust(6 + 56, b"\0") + ifd1 + small


def _directory(entries: list[tuple[int, int, int, int]], *, following: int) -> bytes:
    body = len(entries).to_bytes(2, "little")
    for tag, kind, count, value in entries:
        body += tag.to_bytes(2, "little") + kind.to_bytes(2, "little")
        body += count.to_bytes(4, "little") + value.to_bytes(4, "little")
    return body + following.to_bytes(4, "little")
