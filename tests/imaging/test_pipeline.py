import hashlib
import json
import random
import tracemalloc
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import (
    BadEffects,
    NoRoom,
    NotAnImage,
    ProcessedTooLarge,
    ProcessingFailed,
)
from storages_app.imaging.limits import LIMITS
from storages_app.imaging.pipeline import Rendered
from storages_app.imaging.pool import POOL
from tests import pictures


@pytest.fixture
def keep(tmp_path):
    """Write bytes to a file, and give its path."""

    def write(body: bytes, name: str = "source") -> Path:
        path = tmp_path / name
        path.write_bytes(body)
        return path

    return write


@pytest.fixture
def out(tmp_path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def render(keep, out):
    def run(body: bytes, text: str, accept: str = "", **options) -> Rendered:
        return pipeline.render(keep(body), parse(text), out, accept, **options)

    return run


def near(seen, wanted) -> bool:
    return all(abs(a - b) < 25 for a, b in zip(seen, wanted, strict=True))


class TestRender:
    def test_tells_the_truth_about_the_file_it_made(self, render):
        made = render(pictures.jpeg(), "-/resize/200x/")
        body = made.path.read_bytes()
        assert (made.content_type, made.width, made.height) == ("image/jpeg", 200, 150)
        assert pictures.read(body).size == (200, 150)
        assert made.size == len(body)
        assert made.sha256 == hashlib.sha256(body).hexdigest()
        assert made.md5 == hashlib.md5(body).hexdigest()

    def test_keeps_the_colours(self, render):
        image = pictures.read(render(pictures.jpeg(), "-/resize/200x/").path.read_bytes())
        assert near(image.getpixel((20, 75)), pictures.RED)
        assert near(image.getpixel((180, 75)), pictures.BLUE)

    @pytest.mark.parametrize("orientation", [1, 3, 6, 8])
    def test_turns_the_picture_by_its_exif_before_everything(self, render, orientation):
        made = render(pictures.camera_jpeg(400, 300, orientation), "-/resize/100x/")
        image = pictures.read(made.path.read_bytes())
        red_at, blue_at, size = {
            1: ((10, 37), (90, 37), (100, 75)),
            3: ((90, 37), (10, 37), (100, 75)),
            6: ((50, 10), (50, 120), (100, 133)),
            8: ((50, 120), (50, 10), (100, 133)),
        }[orientation]
        assert image.size == (made.width, made.height) == size
        assert near(image.getpixel(red_at), pictures.RED)
        assert near(image.getpixel(blue_at), pictures.BLUE)

    def test_strips_all_metadata(self, render):
        made = render(pictures.camera_jpeg(), "-/resize/100x/")
        image = pictures.read(made.path.read_bytes())
        assert not dict(image.getexif())
        assert "icc_profile" not in image.info
        assert b"Exif" not in made.path.read_bytes()

    def test_converts_colours_by_the_profile_of_the_picture(self, render):
        made = render(pictures.wide_gamut_jpeg(), "-/resize/32x/-/format/png/")
        red, green, _ = pictures.read(made.path.read_bytes()).convert("RGB").getpixel((16, 16))
        assert red > 200
        assert green < 60

    def test_converts_cmyk_to_rgb(self, render):
        made = render(pictures._bytes(pictures.two_halves(mode="CMYK"), "JPEG"), "-/resize/100x/")
        assert pictures.read(made.path.read_bytes()).mode == "RGB"

    def test_makes_eight_bits_of_sixteen(self, render):
        made = render(pictures.deep_png(), "-/resize/50x/")
        assert pictures.read(made.path.read_bytes()).mode in {"L", "RGB"}

    def test_a_path_that_is_used_again_gives_its_new_picture(self, render):
        for width in (400, 300, 200, 100):
            assert render(pictures.jpeg(width, 100), "-/preview/").width == width

    @pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
    def test_takes_the_first_frame_of_an_animation(self, render, kind):
        made = render(pictures.animation(kind), "-/resize/20x/")
        image = pictures.read(made.path.read_bytes())
        assert not getattr(image, "is_animated", False)
        assert near(image.convert("RGB").getpixel((5, 5)), pictures.RED)

    def test_scale_crop_keeps_the_middle(self, render):
        made = render(pictures.png(400, 100), "-/scale_crop/100x100/center/")
        image = pictures.read(made.path.read_bytes()).convert("RGB")
        assert image.size == (100, 100)
        assert near(image.getpixel((20, 50)), pictures.RED)
        assert near(image.getpixel((80, 50)), pictures.BLUE)

    @pytest.mark.parametrize("make", [pictures.png, pictures.transparent_png])
    def test_fill_puts_white_borders_around(self, render, make):
        made = render(make(40, 40), "-/stretch/fill/-/scale_crop/80x60/")
        image = pictures.read(made.path.read_bytes()).convert("RGBA")
        assert image.size == (80, 60)
        assert image.getpixel((2, 2)) == (255, 255, 255, 255)
        assert near(image.getpixel((30, 30))[:3], pictures.RED)

    def test_a_second_step_works_on_the_first(self, render):
        made = render(pictures.camera_jpeg(), "-/resize/200x/-/scale_crop/50x50/-/resize/80x20/")
        assert pictures.read(made.path.read_bytes()).size == (80, 20)

    @pytest.mark.parametrize(
        "kind", ["BMP", "TIFF", "WEBP", "AVIF", "PCX", "HEIF", "TGA", "GIF", "PNG"]
    )
    def test_reads_every_promised_format(self, render, kind):
        if kind == "HEIF":
            import pillow_heif

            pillow_heif.register_heif_opener()
        body = pictures.other(kind)
        if kind == "TGA":
            body += b"\0" * 8 + b"TRUEVISION-XFILE.\0"
        made = render(body, "-/resize/100x/")
        image = pictures.read(made.path.read_bytes()).convert("RGB")
        assert image.size == (100, 75)
        assert near(image.getpixel((10, 37)), pictures.RED)
        assert near(image.getpixel((90, 37)), pictures.BLUE)


class TestFormat:
    @pytest.mark.parametrize(
        ("body", "text", "expected"),
        [
            (pictures.jpeg(), "-/preview/", "JPEG"),
            (pictures.png(), "-/preview/", "PNG"),
            (pictures.transparent_png(), "-/preview/", "PNG"),
            (pictures.webp(), "-/preview/", "JPEG"),
            (pictures.animation("GIF"), "-/preview/", "PNG"),
            (pictures.png(), "-/format/preserve/", "PNG"),
            (pictures.png(), "-/format/jpeg/", "JPEG"),
            (pictures.transparent_png(), "-/format/jpeg/", "JPEG"),
            (pictures.jpeg(), "-/format/png/", "PNG"),
            (pictures.transparent_png(), "-/format/webp/", "WEBP"),
            (pictures.png(), "-/format/auto/", "PNG"),  # of two colours
            (pictures.transparent_png(), "-/format/auto/", "PNG"),
        ],
    )
    def test_of_the_result(self, render, body, text, expected):
        made = render(body, text)
        assert pictures.read(made.path.read_bytes()).format == expected
        assert made.content_type == f"image/{expected.lower()}"

    @pytest.mark.parametrize(
        ("accept", "expected"),
        [
            ("image/avif,image/webp,*/*;q=0.8", "image/avif"),
            ("image/webp,*/*", "image/webp"),
            ("image/avif;q=0, image/webp", "image/webp"),
            ("*/*", "image/jpeg"),
        ],
    )
    def test_auto_follows_the_browser(self, render, accept, expected):
        noise = pictures.Image.effect_noise((200, 150), 90)
        body = pictures._bytes(noise, "JPEG")
        made = render(body, "-/resize/100x/-/format/auto/", accept)
        assert made.content_type == expected

    def test_auto_makes_no_large_avif(self, render):
        text = "-/resize/1500x1500/-/format/auto/"
        made = render(pictures.jpeg(), text, "image/avif,image/webp")
        assert made.content_type == "image/webp"

    def test_jpeg_shows_white_where_the_picture_was_transparent(self, render):
        made = render(pictures.transparent_png(), "-/format/jpeg/")
        assert near(pictures.read(made.path.read_bytes()).getpixel((390, 150)), (255, 255, 255))

    def test_quality_changes_the_size(self, render):
        body = pictures._bytes(pictures.Image.effect_noise((300, 300), 90).convert("RGB"), "JPEG")
        sizes = [
            render(body, f"-/quality/{level}/").size
            for level in ("lightest", "lighter", "normal", "better", "best")
        ]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1] / 2

    @pytest.mark.parametrize(("choice", "expected"), [("yes", 1), ("no", None)])
    def test_progressive_is_written_where_asked(self, render, choice, expected):
        made = render(pictures.jpeg(), f"-/progressive/{choice}/-/preview/")
        assert pictures.read(made.path.read_bytes()).info.get("progressive") == expected


class TestRefusals:
    @pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "auto"])
    def test_a_full_disk_is_not_blamed_on_the_picture(self, render, out, monkeypatch, kind):
        (out / "full").symlink_to("/dev/full")  # takes no byte
        monkeypatch.setattr(pipeline.secrets, "token_hex", lambda _: "full")
        with pytest.raises(NoRoom):
            render(pictures.jpeg(), f"-/resize/200x/-/format/{kind}/", "image/avif")

    @pytest.mark.parametrize(
        "body",
        [
            pictures.HTML,
            b"",
            b"\xff\xd8\xff",
            b"GIF89a/*",
            b"%!PS-Adobe-3.0 EPSF-3.0\n",
            b"8BPS" + b"\0" * 60,
            b"RIFF\0\0\0\0WEBP",
            b"\0\0\0\x20ftypavif" + b"\0" * 60,
            b"BM" + b"x" * 60,
        ],
    )
    def test_refuses_what_is_no_image(self, render, out, body):
        with pytest.raises(NotAnImage) as refusal:
            render(body, "-/preview/")
        assert "Not supported for files that are not images." in refusal.value.message
        assert not list(out.iterdir())

    @pytest.mark.parametrize("side", [14_000, 60_000])
    def test_refuses_a_pixel_flood_from_its_header(self, render, keep, side):
        body = pictures.flood_png(side, side)
        assert len(body) < 500_000
        tracemalloc.start()
        with pytest.raises(NotAnImage, match=r"megapixels; at most 75"):
            render(body, "-/resize/10x/")
        assert pipeline.inspect(keep(body)) is None
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
        tracemalloc.stop()
        for pid in POOL.pids:
            peak = Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]
            assert int(peak) < 400_000, "kB; the pool's children have other pictures behind them"

    def test_exactly_the_pixel_limit_passes(self, render):
        limits = replace(LIMITS, source_pixels=400 * 300)
        assert render(pictures.jpeg(400, 300), "-/resize/10x/", limits=limits).width == 10
        with pytest.raises(NotAnImage):
            render(pictures.jpeg(401, 300), "-/resize/10x/", limits=limits)

    @pytest.mark.parametrize("kind", ["GIF", "WEBP"])
    def test_refuses_an_animation_of_too_many_frames(self, render, kind):
        limits = replace(LIMITS, frames=3)
        assert render(pictures.animation(kind, 3), "-/preview/", limits=limits).width == 40
        with pytest.raises(NotAnImage, match="4 frames"):
            render(pictures.animation(kind, 4), "-/preview/", limits=limits)

    def test_a_source_of_exactly_100_mb_passes_and_one_byte_more_does_not(self, keep, out):
        source = keep(pictures.jpeg())
        with source.open("r+b") as file:
            file.truncate(104_857_600)
        assert pipeline.render(source, parse("-/resize/10x/"), out).width == 10
        with source.open("r+b") as file:
            file.truncate(104_857_601)
        with pytest.raises(ProcessedTooLarge) as refusal:
            pipeline.render(source, parse("-/resize/10x/"), out)
        assert refusal.value.code == "processed_too_large_100mb"

    @pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
    def test_a_result_of_exactly_the_limit_passes_and_one_byte_more_does_not(
        self, render, out, kind
    ):
        body = pictures._bytes(pictures.Image.effect_noise((300, 300), 90), "PNG")
        text = f"-/format/{kind}/"
        size = render(body, text).size
        limits = replace(LIMITS, result_bytes=size)
        assert render(body, text, limits=limits).size == size
        for path in out.iterdir():
            path.unlink()
        for less in (1, size // 2):
            with pytest.raises(ProcessedTooLarge):
                render(body, text, limits=replace(LIMITS, result_bytes=size - less))
        assert not list(out.iterdir()), "A refused result leaves nothing behind."

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "AVIF", "BMP", "PCX"])
    def test_damaged_pictures_are_made_or_refused_and_nothing_else(self, render, keep, kind):
        chance = random.Random(kind)
        whole = pictures._bytes(pictures.two_halves(60, 40), kind)
        for _ in range(12):
            body = bytearray(whole)
            for _ in range(chance.randint(1, 12)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            damaged = bytes(body[: chance.randint(len(body) // 2, len(body))])
            with suppress(NotAnImage, ProcessingFailed):
                assert render(damaged, "-/resize/20x/").width == 20
            pipeline.inspect(keep(damaged))

    def test_half_a_jpeg_gives_no_result(self, render, out):
        with pytest.raises(ProcessingFailed) as refusal:
            render(pictures.truncated_jpeg(), "-/resize/100x/")
        assert refusal.value.code == "processing_failed"
        assert not list(out.iterdir())

    def test_names_the_operation_that_is_too_much(self, render):
        with pytest.raises(BadEffects) as refusal:
            render(pictures.jpeg(), "-/resize/30000x/")
        assert refusal.value.operation == "resize"

    def test_too_little_memory_is_a_failure_of_one_request(self, render):
        limits = replace(LIMITS, memory_bytes=150_000_000)
        body = pictures.other("BMP") + b"\0" * 1000
        with pytest.raises(ProcessingFailed):
            render(
                pictures._bytes(pictures.two_halves(5000, 5000), "BMP"), "-/preview/", limits=limits
            )
        assert render(body, "-/resize/10x/").width == 10

    def test_too_much_processor_time_is_a_failure_of_one_request(self, render):
        noise = pictures.Image.effect_noise((2500, 2500), 90).convert("RGB")
        body = pictures._bytes(noise, "PNG", compress_level=1)
        work_of_many_seconds = "-/resize/3000x3000/" + "-/vibrance/50/" * 9 + "-/format/webp/"
        with pytest.raises(ProcessingFailed):
            render(body, work_of_many_seconds, limits=replace(LIMITS, cpu_seconds=0))
        assert render(pictures.jpeg(), "-/resize/10x/").width == 10


class TestInspect:
    def test_reads_what_a_camera_wrote(self, keep):
        info = pipeline.inspect(keep(pictures.camera_jpeg()))
        assert info is not None
        assert asdict(info) == {
            "format": "JPEG",
            "width": 400,
            "height": 300,
            "sequence": False,
            "color_mode": "RGB",
            "orientation": 6,
            "geo_location": {"latitude": -33.8569, "longitude": 151.2093},
            "datetime_original": "2018-08-20T08:59:50",
            "dpi": [300, 300],
        }
        assert json.loads(json.dumps(asdict(info), allow_nan=False)) == asdict(info)

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (pictures.png(dpi=(72, 72)), ("PNG", False, "RGB", [72, 72])),
            (pictures.transparent_png(), ("PNG", False, "RGBA", None)),
            (pictures.deep_png(), ("PNG", False, "L", None)),
            (pictures.animation("GIF"), ("GIF", True, "RGB", None)),
            (pictures.animation("GIF", 1), ("GIF", False, "P", None)),
            (pictures.animation("WEBP"), ("WEBP", True, "RGB", None)),
            (pictures.animation("PNG"), ("PNG", True, "RGB", None)),
            (pictures.webp(), ("WEBP", False, "RGB", None)),
            (pictures.other("TIFF", dpi=(96, 96)), ("TIFF", False, "RGB", [96, 96])),
            (pictures.other("MPO"), ("JPEG", False, "RGB", None)),
        ],
    )
    def test_reads_other_formats(self, keep, body, expected):
        info = pipeline.inspect(keep(body))
        assert info is not None
        seen = (info.format, info.sequence, info.color_mode, info.dpi)
        if expected[0] == "GIF":
            assert seen[:2] == expected[:2]
        else:
            assert seen == expected

    @pytest.mark.parametrize("body", [pictures.HTML, b"", b"\xff\xd8\xffno", b"GIF89a"])
    def test_is_none_where_there_is_no_image(self, keep, body):
        assert pipeline.inspect(keep(body, "named.jpg")) is None

    def test_broken_exif_is_left_out(self, keep):
        body = pictures.camera_jpeg()
        start = body.find(b"Exif\0\0") + 14
        assert pipeline.inspect(keep(body[:start] + b"\xff" * 40 + body[start + 40 :])) is not None

    def test_a_truncated_picture_still_has_a_header(self, keep):
        info = pipeline.inspect(keep(pictures.truncated_jpeg()))
        assert info is not None
        assert (info.width, info.height) == (800, 600)


class TestFingerprint:
    def test_stays_nearly_the_same_when_a_picture_is_resized(self, keep, out):
        noise = pictures.Image.effect_noise((8, 8), 90).resize((400, 400)).convert("RGB")
        source = keep(pictures._bytes(noise, "PNG"))
        small = pipeline.render(source, parse("-/resize/120x/-/format/jpeg/"), out)
        first, second = pipeline.fingerprint(source), pipeline.fingerprint(small.path)
        assert len(first) == 16
        assert (int(first, 16) ^ int(second, 16)).bit_count() <= 6

    def test_differs_between_pictures(self, keep):
        left = keep(pictures.png(), "left")
        right = keep(pictures._bytes(pictures.two_halves().rotate(180), "PNG"), "right")
        assert pipeline.fingerprint(left) != pipeline.fingerprint(right)
