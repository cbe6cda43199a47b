"""`srgb` and `max_icc_size`: whose colours the numbers of a result mean."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from storages_app.imaging import pipeline
from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects
from tests import pictures

KEEP = "-/srgb/keep_profile/"
# The picture says (0, 255, 0) and means red, by a profile with red and green exchanged.
RAW, MEANT = (0, 255, 0), (255, 0, 0)
PROFILE: bytes = pictures.read(pictures.wide_gamut_jpeg()).info["icc_profile"]


@pytest.fixture
def show(tmp_path):
    def run(body: bytes, text: str) -> Image.Image:
        source = tmp_path / "source"
        source.write_bytes(body)
        made = pipeline.render(source, parse(text), tmp_path)
        return pictures.read(made.path.read_bytes())

    return run


def middle(image: Image.Image) -> tuple[int, ...]:
    return image.convert("RGB").getpixel((image.width // 2, image.height // 2))


def of_length(n_bytes: int) -> bytes:
    """The same profile with nothing behind it; its first number tells its length."""
    return n_bytes.to_bytes(4, "big") + PROFILE[4:] + bytes(n_bytes - len(PROFILE))


def linear_grey() -> bytes:
    """The smallest profile for pictures of one band: their numbers are light itself."""
    white = struct.pack(">4sIiii", b"XYZ ", 0, *(round(n * 65536) for n in (0.9642, 1, 0.8249)))
    curve = struct.pack(">4sII", b"curv", 0, 0)
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 176, len(curve))
    head = struct.pack(">I4xI4s4s4s12x4s24x4x", 188, 0x02100000, b"mntr", b"GRAY", b"XYZ ", b"acsp")
    illuminant = struct.pack(">iii", *(round(n * 65536) for n in (0.9642, 1, 0.8249)))
    return head + illuminant + bytes(128 - len(head) - 12) + tags + white + curve


def meaning(image: Image.Image) -> tuple[int, ...]:
    """The colour that a screen shows, converted by Pillow."""
    own = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    return middle(ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB")))


def with_profile(kind: str, mode: str = "RGB", profile: bytes = PROFILE) -> bytes:
    body = BytesIO()
    colour = (*RAW, 128) if mode == "RGBA" else RAW
    Image.new(mode, (64, 64), colour).save(body, kind, icc_profile=profile, **LOSSLESS[kind])
    return body.getvalue()


LOSSLESS = {"JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}


class TestSrgb:
    @pytest.mark.parametrize("text", ["-/preview/", "-/srgb/fast/", "-/srgb/icc/"])
    @pytest.mark.parametrize("kind", LOSSLESS)
    def test_colours_become_srgb_and_the_profile_goes(self, show, text, kind):
        image = show(with_profile(kind), text)
        assert middle(image) == pytest.approx(MEANT, abs=6)
        assert "icc_profile" not in image.info

    @pytest.mark.parametrize("kind", LOSSLESS)
    @pytest.mark.parametrize("to", ["jpeg", "png", "webp"])
    def test_a_kept_profile_is_in_the_result_and_the_numbers_are_its_own(self, show, kind, to):
        image = show(with_profile(kind), f"-/resize/32x/{KEEP}-/format/{to}/")
        assert image.size == (32, 32)
        assert middle(image) == pytest.approx(RAW, abs=6)
        assert image.info["icc_profile"] == PROFILE
        assert meaning(image) == pytest.approx(MEANT, abs=8)

    def test_a_kept_profile_is_in_an_avif_too(self, tmp_path):
        source = tmp_path / "source"
        source.write_bytes(with_profile("PNG"))
        made = pipeline.render(source, parse(f"{KEEP}-/format/auto/"), tmp_path, "image/avif")
        image = pictures.read(made.path.read_bytes())
        assert image.format == "AVIF"
        assert image.info["icc_profile"] == PROFILE

    def test_a_kept_profile_outlives_other_operations(self, show):
        steps = (
            "-/crop/40x40/center/-/flip/-/rotate/45/-/blur/20/-/vibrance/0/-/overlay/self/10px10p/"
        )
        image = show(with_profile("PNG", mode="RGBA"), f"{KEEP}{steps}")
        assert image.mode == "RGBA"
        assert image.info["icc_profile"] == PROFILE

    def test_a_kept_profile_and_what_the_camera_wrote_are_both_in_the_result(self, show):
        body = pictures.jpeg(
            exif=pictures.read(pictures.camera_jpeg()).getexif(),
            icc_profile=PROFILE,
        )
        image = show(body, f"{KEEP}-/strip_meta/none/")
        assert image.info["icc_profile"] == PROFILE
        assert image.getexif().get_ifd(0x8825)

    def test_where_there_is_no_profile_none_is_made(self, show):
        for body in (pictures.png(), pictures.jpeg(), pictures.deep_png(), pictures.animation()):
            assert "icc_profile" not in show(body, KEEP).info

    def test_a_profile_of_grey_is_used_and_goes(self, show):
        body = BytesIO()
        Image.new("L", (32, 32), 55).save(body, "PNG", icc_profile=linear_grey())
        for text in ("-/preview/", KEEP):
            image = show(body.getvalue(), text)
            assert "icc_profile" not in image.info
            assert middle(image) == pytest.approx((128,) * 3, abs=2)

    def test_a_profile_of_printing_colours_is_not_kept(self, show):
        body = BytesIO()
        Image.new("CMYK", (32, 32)).save(body, "JPEG", icc_profile=PROFILE)
        image = show(body.getvalue(), KEEP)
        assert "icc_profile" not in image.info
        assert image.mode == "RGB"

    @pytest.mark.parametrize("params", ["", "no/", "icc/fast/", "ICC/"])
    def test_refuses_other_words(self, params):
        with pytest.raises(BadEffects, match="fast, icc, keep_profile"):
            parse(f"-/srgb/{params}")


class TestMaxIccSize:
    @pytest.mark.parametrize(
        ("n_bytes", "text", "is_kept"),
        [
            (10_240, KEEP, True),
            (10_244, KEEP, False),
            (3_072, f"{KEEP}-/max_icc_size/3/", True),
            (3_076, f"{KEEP}-/max_icc_size/3/", False),
            (3_076, f"-/max_icc_size/4/{KEEP}", True),
            (60_000, f"{KEEP}-/max_icc_size/60/", True),
            (1_000, f"{KEEP}-/max_icc_size/0/", False),
            (1_000, "-/max_icc_size/60/", False),  # without keep_profile there is nothing to keep
            (1_000, "-/srgb/icc/-/max_icc_size/60/", False),
        ],
    )
    def test_a_larger_profile_is_used_and_goes(self, show, n_bytes, text, is_kept):
        body = with_profile("PNG", profile=of_length(n_bytes))
        assert len(pictures.read(body).info["icc_profile"]) == n_bytes
        image = show(body, text)
        assert ("icc_profile" in image.info) == is_kept
        assert middle(image) == pytest.approx(RAW if is_kept else MEANT, abs=6)

    @pytest.mark.parametrize("params", ["", "-1/", "10001/", "1/2/", "much/"])
    def test_refuses_what_is_out_of_range(self, params):
        with pytest.raises(BadEffects, match="from 0 to 10000") as refusal:
            parse(f"-/max_icc_size/{params}")
        assert refusal.value.operation == "max_icc_size"
