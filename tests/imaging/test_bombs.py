"""Pictures made to break their reader; the memory and time they take are measured.

A child process of its own is measured, from its state at rest: what a picture costs is what the
kernel says was resident at most.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import (
    BadEffects,
    ImagingError,
    NotAnImage,
    ProcessedTooLarge,
    ProcessingFailed,
)
from storages_app.imaging.limits import LIMITS
from storages_app.imaging.pipeline import Rendered
from storages_app.imaging.pool import Pool
from tests import bombs, pictures

MB = 1_000  # of kB, as the kernel counts
REFUSED_MB = 150  # S087
SOON_S = 15  # where the limit is 30, of a machine that has much else to do


class Bench:
    """Renders in one child, and knows how much memory that took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.out.mkdir()
        self.n_made = 0
        self.pool = Pool(size=1)
        self.render(pictures.jpeg(), "-/resize/10x/")  # all libraries are loaded by that

    def render(self, body: bytes, text: str = "-/resize/10x/", **options: Any) -> Rendered:
        made = pipeline.render(self.keep(body), parse(text), self.out, pool=self.pool, **options)
        self.n_made += 1
        return made

    def inspect(self, body: bytes) -> object:
        return pipeline.inspect(self.keep(body), pool=self.pool)

    def keep(self, body: bytes) -> Path:
        path = self.folder / "source"
        path.write_bytes(body)
        return path

    @property
    def pid(self) -> int:
        (pid,) = self.pool.pids
        return pid

    def peak_mb(self, work: Callable[[], object]) -> float:
        """The most that the child, which must survive it, had resident in the meantime."""
        pid = self.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # begin the peak anew
        begun_at = time.monotonic()
        work()
        assert time.monotonic() - begun_at < SOON_S
        assert self.pid == pid, "The child died of it."
        return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / MB


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.pool.close()


@pytest.fixture(autouse=True)
def nothing_is_left_behind(bench: Bench) -> Iterator[None]:
    """Whatever a picture does, no part of a refused result stays, and the next one is made."""
    n_before = len(list(bench.out.iterdir())) - bench.n_made
    yield
    assert len(list(bench.out.iterdir())) - bench.n_made == n_before
    assert bench.render(pictures.jpeg(), "-/resize/20x/").width == 20


class TestTheMeasure:
    def test_sees_what_a_large_picture_takes(self, bench):
        """Or the others would pass whatever happens."""
        body = pictures.other("BMP")
        small = bench.peak_mb(lambda: bench.render(body))
        large = pictures._bytes(pictures.two_halves(4_000, 4_000), "BMP")
        assert bench.peak_mb(lambda: bench.render(large)) > small + 48


class TestPixelFloods:
    """S087: a header that claims too much is all that is read of a picture."""

    @pytest.mark.parametrize(
        ("kind", "side"),
        [
            ("PNG", 14_000), ("PNG", 60_000), ("JPEG", 65_000), ("GIF", 65_000), ("WEBP", 16_383),
            ("BMP", 60_000), ("AVIF", 60_000), ("HEIF", 60_000), ("PCX", 60_000), ("TGA", 60_000),
        ],
    )  # fmt: skip
    def test_are_refused_from_the_header(self, bench, kind, side):
        body = bombs.claiming(kind, side, side)
        assert len(body) < 500_000

        def refuse() -> None:
            with pytest.raises(NotAnImage, match=r"megapixels; at most 75"):
                bench.render(body)
            assert bench.inspect(body) is None

        assert bench.peak_mb(refuse) < REFUSED_MB

    @pytest.mark.parametrize("text", ["-/preview/", "-/format/webp/"])
    def test_a_tiff_is_not_read_either(self, bench, text):
        body = bombs.claiming_tiff(60_000, 60_000)

        def refuse() -> None:
            with pytest.raises(NotAnImage, match="3600 megapixels"):
                bench.render(body, text)

        assert bench.peak_mb(refuse) < REFUSED_MB

    def test_a_size_that_no_memory_holds_is_one_more_of_them(self, bench):
        body = bombs.claiming("PNG", 60_000, 60_000)
        huge = body[:16] + (2**31 - 1).to_bytes(4, "big") * 2 + body[24:]

        def refuse() -> None:
            with pytest.raises(NotAnImage):
                bench.render(huge)

        assert bench.peak_mb(refuse) < REFUSED_MB

    def test_the_largest_picture_that_is_allowed_is_made_within_the_limit(self, bench):
        """75 megapixels exactly, all of which have to be read."""
        body = bombs.claiming("PNG", 10_000, 7_500)

        def make() -> None:
            assert bench.render(body, "-/resize/100x/").height == 75

        assert bench.peak_mb(make) < LIMITS.memory_bytes / 1e6
        with pytest.raises(NotAnImage):
            bench.render(bombs.claiming("PNG", 10_000, 7_501))

    def test_nor_does_a_format_whose_pixels_are_read_at_once_take_more(self, bench):
        """libvips has no loader for it; a picture of 300 MB must not be kept three times."""
        body = pictures._bytes(Image.new("L", (10_000, 7_500), 90), "PCX")

        def make() -> None:
            assert bench.render(body, "-/resize/100x/").height == 75

        assert bench.peak_mb(make) < 700


class TestAnimations:
    """S088: of what moves the first frame is read, and the number of the others has a limit."""

    def test_five_hundred_large_frames_cost_as_much_as_one(self, bench):
        body = bombs.flood_gif(500, 2_000)
        assert 1_800_000 < len(body) < 2_100_000

        def make() -> None:
            assert bench.render(body, "-/resize/100x/").height == 100
            assert bench.inspect(body).sequence

        assert bench.peak_mb(make) < REFUSED_MB

    @pytest.mark.parametrize(
        ("make", "few", "many"),
        [
            (lambda n: bombs.flood_gif(n, 10), 5_000, 5_001),
            (lambda n: bombs.flood_gif(n, 4), 5_000, 300_000),
            (bombs.many_pages, 5_000, 5_001),
            (bombs.many_pages, 5_000, 60_000),
        ],
        ids=["one-frame-more", "very-many-frames", "one-page-more", "very-many-pages"],
    )
    def test_more_frames_or_pages_than_the_limit_are_refused(self, bench, make, few, many):
        assert bench.render(make(few)).width == 10
        body = make(many)

        def refuse() -> None:
            with pytest.raises(NotAnImage, match=f"{many} frames; at most 5000"):
                bench.render(body)
            bench.inspect(body)

        assert bench.peak_mb(refuse) < REFUSED_MB

    def test_pages_in_a_ring_end(self, bench):
        body = bombs.many_pages(50, is_a_ring=True)

        def make() -> None:
            with suppress(NotAnImage):
                assert bench.render(body).width == 10

        assert bench.peak_mb(make) < REFUSED_MB

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
    def test_other_kinds_are_no_dearer(self, bench, kind):
        body = pictures.animation(kind, 500)
        assert bench.peak_mb(lambda: bench.render(body)) < REFUSED_MB


class TestParts:
    """What a header carries besides the size can unfold as well."""

    @pytest.mark.parametrize("name", [b"iCCP", b"zTXt", b"iTXt"])
    def test_a_text_that_unfolds_to_200_mb_is_left_folded(self, bench, name):
        body = bombs.png_with(name, bombs.unfolding_text(name, 200_000_000))
        assert len(body) < 200_000

        def ask() -> None:
            with suppress(ImagingError):
                bench.render(body)
            bench.inspect(body)

        assert bench.peak_mb(ask) < REFUSED_MB

    def test_a_thousand_passes_over_a_jpeg_are_not_made(self, bench):
        body = bombs.many_scans(1_000, 4_000)

        def refuse() -> None:
            with pytest.raises(ProcessingFailed):
                bench.render(body)

        assert bench.peak_mb(refuse) < REFUSED_MB


class TestDrawings:
    """S091: an SVG is drawn or refused, within bounds."""

    @pytest.mark.parametrize("name", bombs.drawings())
    def test_cost_little_whatever_they_ask_for(self, bench, name):
        body = bombs.drawings()[name]

        def ask() -> None:
            with suppress(NotAnImage, ProcessingFailed):
                assert bench.render(body, "-/resize/100x/").width == 100
            bench.inspect(body)

        assert bench.peak_mb(ask) < REFUSED_MB

    @pytest.mark.parametrize(
        "body",
        [
            bombs.with_picture_inside(20_000),
            bombs.drawing(f'<path d="M0 0{"L9 9 1 1" * 1_200_000}"/>'),
        ],
        ids=["a-large-picture-inside", "a-path-of-10-mb"],
    )
    def test_that_cost_too_much_are_given_up(self, bench, body):
        with pytest.raises(ProcessingFailed):
            bench.render(body, limits=replace(LIMITS, cpu_seconds=1))


class TestTheChild:
    """S089, F47: a decoder that wants too much, crashes or hangs costs its own request."""

    @pytest.mark.parametrize(
        ("limits", "side"),
        [
            (replace(LIMITS, memory_bytes=180_000_000), 5_000),
            (replace(LIMITS, cpu_seconds=0), 3_000),
            (replace(LIMITS, seconds=0.01), 1_000),
        ],
        ids=["memory", "processor", "time"],
    )
    def test_is_held_to_its_limits(self, bench, limits, side):
        body = pictures._bytes(noise().resize((side, side)), "BMP")
        much_work = "-/resize/3000x3000/" + "-/vibrance/50/" * 9
        with pytest.raises(ProcessingFailed) as refusal:
            bench.render(body, f"{much_work}-/format/webp/", limits=limits)
        assert refusal.value.code == "processing_failed"

    def test_has_them_from_the_kernel(self, bench):
        bench.render(pictures.jpeg())
        written = Path(f"/proc/{bench.pid}/limits").read_text().splitlines()
        soft = {line[:26].strip(): line[26:].split()[0] for line in written[1:]}
        assert soft["Max address space"] == str(LIMITS.memory_bytes)
        assert soft["Max file size"] == str(LIMITS.result_bytes + 1)
        assert soft["Max core file size"] == "0"
        assert 0 < int(soft["Max cpu time"]) < 1_000

    def test_gains_no_privileges_by_what_it_starts(self, bench):
        bench.render(pictures.jpeg())
        assert "NoNewPrivs:\t1" in Path(f"/proc/{bench.pid}/status").read_text()

    @pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL, signal.SIGXCPU])
    def test_crashes_alone(self, bench, how):
        body = costly()
        bench.render(pictures.jpeg())
        victim = bench.pid
        os.kill(victim, signal.SIGSTOP)  # so that it surely has the request when it dies
        crash = threading.Timer(
            0.1, lambda: [os.kill(victim, each) for each in (how, signal.SIGCONT)]
        )
        crash.start()
        with pytest.raises(ProcessingFailed):
            bench.render(body)
        crash.join()
        assert bench.render(pictures.jpeg()).width == 10
        assert bench.pid != victim

    def test_that_hangs_is_ended(self, bench):
        bench.render(pictures.jpeg())
        victim = bench.pid
        os.kill(victim, signal.SIGSTOP)
        with pytest.raises(ProcessingFailed, match="too long"):
            bench.render(pictures.jpeg(), limits=replace(LIMITS, seconds=0.05))
        with pytest.raises(ProcessLookupError):
            os.kill(victim, 0)

    @pytest.mark.parametrize(("more", "passes"), [(-1, True), (0, True), (1, False)])
    def test_reads_a_source_up_to_100_mb(self, bench, more, passes):
        """F47: 100 MB less a byte, 100 MB, a byte more."""
        source = bench.keep(pictures.jpeg())
        os.truncate(source, LIMITS.source_bytes + more)
        arguments = (source, parse("-/resize/10x/"), bench.out)
        if passes:
            made = pipeline.render(*arguments, pool=bench.pool)
            assert made.width == 10
            made.path.unlink()
            return
        with pytest.raises(ProcessedTooLarge):
            pipeline.render(*arguments, pool=bench.pool)

    @pytest.mark.parametrize(("more", "passes"), [(-1, False), (0, True), (1, True)])
    def test_writes_a_result_up_to_the_limit(self, bench, more, passes):
        """F47: the variant is one byte too large, as large as may be, one byte smaller."""
        size = bench.render(costly(), "-/format/png/").size
        limits = replace(LIMITS, result_bytes=size + more)
        if passes:
            assert bench.render(costly(), "-/format/png/", limits=limits).size == size
            return
        with pytest.raises(ProcessedTooLarge) as refusal:
            bench.render(costly(), "-/format/png/", limits=limits)
        assert refusal.value.code == "processed_too_large_100mb"


class TestOtherFormats:
    """S090: a decoder that is not on our list is not asked, whatever it could read."""

    @pytest.mark.parametrize(
        "body",
        [
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
            b"%PDF-1.4\n1 0 obj<<>>endobj\n",
            b"8BPS\x00\x01" + bytes(6) + bytes.fromhex("0003 00000009 00000009 0008 0003"),
            b"\x00\x00\x00\x00\x11\xaf\x01\x00\x09\x00\x09\x00\x08\x00\x00\x00" + bytes(112),
            b"\x00\x00\x01\x00\x01\x00\x09\x09\x00\x00\x01\x00\x18\x00",
            b"P6\n9 9\n255\n" + bytes(243),
            b"P7\nWIDTH 9\nHEIGHT 9\nDEPTH 3\nMAXVAL 255\nENDHDR\n" + bytes(243),
            b"\x01\xda\x00\x01\x00\x03\x00\x09\x00\x09\x00\x03" + bytes(500),
            b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9 +X 9\n" + bytes(324),
            b"v/1\x01\x02\x00\x00\x00" + bytes(60),
            b"SIMPLE  =                    T" + bytes(2850),
            b"DDS \x7c\x00\x00\x00" + bytes(120),
            b"\xff\x0a\xfa\x1f",
            b"\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a" + bytes(40),
            b"#define x_width 9\n#define x_height 9\nstatic char x_bits[] = {0};",
            b"/* XPM */\nstatic char *x[] = {\"1 1 1 1\", \"a c #000\", \"a\"};",
            b"\xb6\xa6\x08\xf2" + bytes(64),
        ],
        ids=[
            "eps", "pdf", "psd", "fli", "ico", "ppm", "pam", "sgi", "radiance", "exr", "fits",
            "dds", "jpeg-xl", "jpeg-2000", "xbm", "xpm", "vips",
        ],
    )  # fmt: skip
    def test_are_no_images(self, bench, body):
        with pytest.raises(NotAnImage):
            bench.render(body)
        assert bench.inspect(body) is None

    @pytest.mark.parametrize("kind", ["PPM", "SGI", "TIFF", "BMP", "GIF"])
    def test_are_none_behind_the_first_bytes_of_another(self, bench, kind):
        """Neither library may choose a decoder by itself."""
        body = b"\xff\xd8\xff" + pictures.other(kind)
        with pytest.raises(NotAnImage):
            bench.render(body)
        assert bench.inspect(body) is None


class TestChains:
    """S092: what is too much is refused by its sizes, before a pixel is read."""

    @pytest.mark.parametrize(
        ("text", "operation"),
        [
            ("-/resize/30000x/", "resize"),
            ("-/resize/30000x30000/", "resize"),
            ("-/resize/40000x30000/", "resize"),  # a hundred times each side
            ("-/stretch/fill/-/resize/30000x30000/", "resize"),
            ("-/preview/3000x3000/" + "-/resize/4000x4000/" * 199, "resize"),
            ("-/scale_crop/30000x30000/", "scale_crop"),
            ("-/resize/5000x5000/-/scale_crop/100x100/" * 100, "resize"),
        ],
    )  # fmt: skip
    def test_that_are_too_much_are_refused_unread(self, bench, text, operation):
        body = pictures.jpeg()

        def refuse() -> None:
            with pytest.raises(BadEffects) as refusal:
                bench.render(body, text)
            assert refusal.value.operation == operation

        assert bench.peak_mb(refuse) < REFUSED_MB

    @pytest.mark.parametrize("side", [3_000, 3_001])
    def test_a_result_has_a_largest_size(self, bench, side):
        text = f"-/resize/{side}x10/"
        if side == 3_000:
            assert bench.render(pictures.jpeg(), text).width == side
            return
        with pytest.raises(BadEffects, match="at most 3000×3000"):
            bench.render(pictures.jpeg(), text)

    def test_two_hundred_are_made(self, bench):
        text = "-/resize/300x300/-/resize/301x300/" * 100
        made = []
        assert bench.peak_mb(lambda: made.append(bench.render(pictures.jpeg(), text))) < 500
        assert made[0].width == 301
        with pytest.raises(BadEffects, match="Over 200 operations"):
            parse(f"{text}-/preview/")


@cache
def costly() -> bytes:
    """Noise, which no encoder makes small."""
    return pictures._bytes(noise(), "PNG", compress_level=1)


@cache
def noise() -> Image.Image:
    return Image.effect_noise((1_000, 1_000), 90).convert("RGB")
