"""Rectangles, turns and the colour of what is empty."""

import pytest
from PIL import Image

from storages_app.imaging.effects import parse
from storages_app.imaging.errors import BadEffects, OperationNotAvailable
from tests import pictures
from tests.pictures import BLUE, GREEN, RED, WHITE, YELLOW, corners, four_quarters


class TestCrop:
    @pytest.mark.parametrize(
        ("text", "size", "expected"),
        [
            ("100x50", (100, 50), [RED] * 4),
            ("100x50/0,0", (100, 50), [RED] * 4),
            ("100x50/300,0", (100, 50), [BLUE] * 4),
            ("100x50/0,250", (100, 50), [GREEN] * 4),
            ("100x50/center", (100, 50), [RED, BLUE, GREEN, YELLOW]),
            ("100x50/right,bottom", (100, 50), [YELLOW] * 4),
            ("100x50/bottom,right", (100, 50), [YELLOW] * 4),
            ("100x50/top", (100, 50), [RED, BLUE, RED, BLUE]),
            ("100x50/left", (100, 50), [RED, RED, GREEN, GREEN]),
            ("100x50/100p,0p", (100, 50), [BLUE] * 4),
            ("50px50p", (200, 150), [RED] * 4),
            ("50%x50%/100%,100%", (200, 150), [YELLOW] * 4),
            ("50%25x50%25/50%25,0", (200, 150), [RED, BLUE, RED, BLUE]),
            ("50px50p/center", (200, 150), [RED, BLUE, GREEN, YELLOW]),
            ("1:1", (300, 300), [RED, BLUE, GREEN, YELLOW]),
            ("1:1/left", (300, 300), [RED, BLUE, GREEN, YELLOW]),
            ("1:3/0,0", (100, 300), [RED, RED, GREEN, GREEN]),
            ("1:3/right,top", (100, 300), [BLUE, BLUE, YELLOW, YELLOW]),
            ("4:1", (400, 100), [RED, BLUE, GREEN, YELLOW]),
            ("1.6:0.4/top", (400, 100), [RED, BLUE, RED, BLUE]),
            ("image", (400, 300), [RED, BLUE, GREEN, YELLOW]),
            ("image/100x50", (100, 50), [RED, BLUE, GREEN, YELLOW]),
            ("image/1:1", (300, 300), [RED, BLUE, GREEN, YELLOW]),
            ("image/1:3/right", (100, 300), [BLUE, BLUE, YELLOW, YELLOW]),
            ("400x300", (400, 300), [RED, BLUE, GREEN, YELLOW]),
        ],
    )
    def test_keeps_the_rectangle_asked_for(self, see, text, size, expected):
        image = see(four_quarters(), f"-/crop/{text}/")
        assert image.size == size
        assert corners(image) == expected

    @pytest.mark.parametrize(
        ("text", "size", "expected"),
        [
            ("500x400", (500, 400), [RED, WHITE, WHITE, WHITE]),
            ("500x400/center", (500, 400), [WHITE] * 4),
            ("100x100/-50,-50", (100, 100), [WHITE, WHITE, WHITE, RED]),
            ("100x100/350,250", (100, 100), [YELLOW, WHITE, WHITE, WHITE]),
            ("10x10/5000,5000", (10, 10), [WHITE] * 4),
            ("10x10/-5000,0", (10, 10), [WHITE] * 4),
        ],
    )
    def test_fills_what_lies_beyond_the_picture(self, see, text, size, expected):
        image = see(four_quarters(), f"-/crop/{text}/")
        assert image.size == size
        assert corners(image) == expected

    def test_works_after_other_operations_too(self, see):
        image = see(four_quarters(), "-/resize/40x/-/crop/10x10/right,bottom/-/resize/100x/")
        assert image.size == (100, 100)
        assert corners(image) == [YELLOW] * 4

    def test_is_of_what_people_see_not_of_what_is_stored(self, see):
        upright = pictures.camera_jpeg(400, 300, orientation=6)
        assert see(upright, "-/crop/100x400/").size == (100, 400)

    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            ("050x0100", "50x100"),
            ("50%25x50%25/center,center", "50px50p/center"),
            ("16.0:9/bottom,right", "16:9/right,bottom"),
            ("image/1:1/TOP", None),
        ],
    )
    def test_has_one_canonical_text(self, text, canonical):
        if canonical is None:
            with pytest.raises(BadEffects):
                parse(f"-/crop/{text}/")
        else:
            assert parse(f"-/crop/{text}/").canonical == f"-/crop/{canonical}/"

    @pytest.mark.parametrize(
        "text",
        [
            *("", "100", "100x", "0x10", "1:0", "0:1", "1:2:3", ":1", "10x10/10", "10x10/1,2/3,4"),
            *("image/image", "center", "10x10/center/image", "1:1/somewhere"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, text):
        with pytest.raises(BadEffects) as refusal:
            parse(f"-/crop/{text}/")
        assert refusal.value.operation == "crop"
        assert refusal.value.code == "bad_effects"

    @pytest.mark.parametrize("text", ["face", "face/100x100", "face/1:1", "face/1:1/50p,50p"])
    def test_to_faces_is_not_available(self, text):
        with pytest.raises(OperationNotAvailable) as refusal:
            parse(f"-/crop/{text}/")
        assert refusal.value.code == "operation_not_available"
        assert "moving-from-uploadcare" in refusal.value.advice

    def test_refuses_a_rectangle_that_is_larger_than_a_picture_may_be(self, see):
        with pytest.raises(BadEffects) as refusal:
            see(four_quarters(), "-/crop/99999x99999/-/resize/10x/")
        assert refusal.value.operation == "crop"
        with pytest.raises(BadEffects, match="at most 3000"):
            see(four_quarters(), "-/resize/400x/-/crop/4000x100/")

    def test_alone_gives_what_fits_into_the_limits_of_a_result(self, see):
        assert see(four_quarters(), "-/crop/4000x100/").size == (3000, 75)


class TestTurning:
    @pytest.mark.parametrize(
        ("degrees", "size", "expected"),
        [
            (0, (400, 300), [RED, BLUE, GREEN, YELLOW]),
            (90, (300, 400), [BLUE, YELLOW, RED, GREEN]),
            (180, (400, 300), [YELLOW, GREEN, BLUE, RED]),
            (270, (300, 400), [GREEN, RED, YELLOW, BLUE]),
            (360, (400, 300), [RED, BLUE, GREEN, YELLOW]),
            (-90, (300, 400), [GREEN, RED, YELLOW, BLUE]),
            (-180, (400, 300), [YELLOW, GREEN, BLUE, RED]),
            (-360, (400, 300), [RED, BLUE, GREEN, YELLOW]),
        ],
    )
    def test_rotates_counter_clockwise(self, see, degrees, size, expected):
        image = see(four_quarters(), f"-/rotate/{degrees}/")
        assert image.size == size
        assert corners(image) == expected

    @pytest.mark.parametrize("degrees", [45, -45, 10, 135, 359])
    def test_corners_that_come_free_are_filled(self, see, degrees):
        image = see(four_quarters(), f"-/setfill/000/-/rotate/{degrees}/")
        assert image.width >= 400 or image.height >= 400
        assert corners(image) == [(0, 0, 0)] * 4

    def test_rotates_about_the_middle(self, see):
        image = see(four_quarters(300, 300), "-/rotate/45/")
        middle, near = image.width // 2, 60
        assert image.size in {(425, 425), (424, 424)}
        assert image.getpixel((middle, middle - near)) == BLUE
        assert image.getpixel((middle - near, middle)) == RED
        assert image.getpixel((middle, middle + near)) == GREEN
        assert image.getpixel((middle + near, middle)) == YELLOW

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("-/flip/", [GREEN, YELLOW, RED, BLUE]),
            ("-/mirror/", [BLUE, RED, YELLOW, GREEN]),
            ("-/flip/-/mirror/", [YELLOW, GREEN, BLUE, RED]),
            ("-/mirror/-/mirror/", [RED, BLUE, GREEN, YELLOW]),
            ("-/rasterize/", [RED, BLUE, GREEN, YELLOW]),
        ],
    )
    def test_exchanges_sides(self, see, text, expected):
        image = see(four_quarters(), text)
        assert image.size == (400, 300)
        assert corners(image) == expected

    @pytest.mark.parametrize("text", ["-/flip/", "-/mirror/", "-/rotate/90/", "-/crop/50x50/"])
    @pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1"])
    def test_works_on_pictures_of_every_kind(self, see, text, mode):
        image = see(four_quarters(mode=mode), text)
        assert ("A" in image.mode) == ("A" in mode)

    @pytest.mark.parametrize(
        ("text", "size"),
        [
            ("-/preview/", (300, 400)),
            ("-/autorotate/yes/", (300, 400)),
            ("-/autorotate/no/", (400, 300)),
            ("-/resize/200x/-/autorotate/no/", (200, 150)),
            ("-/autorotate/no/-/autorotate/yes/", (300, 400)),
        ],
    )
    def test_autorotate_follows_the_camera(self, see, text, size):
        assert see(pictures.camera_jpeg(400, 300, orientation=6), text).size == size

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_all_eight_orientations_are_understood(self, see, orientation, kind):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = Image.open(pictures.BytesIO(four_quarters()))
        body = pictures._bytes(stored, kind, exif=exif)
        seen = corners(see(body, "-/preview/-/format/png/"))
        wanted = {
            1: [RED, BLUE, GREEN, YELLOW],
            2: [BLUE, RED, YELLOW, GREEN],
            3: [YELLOW, GREEN, BLUE, RED],
            4: [GREEN, YELLOW, RED, BLUE],
            5: [RED, GREEN, BLUE, YELLOW],
            6: [GREEN, RED, YELLOW, BLUE],
            7: [YELLOW, BLUE, GREEN, RED],
            8: [BLUE, YELLOW, RED, GREEN],
        }[orientation]
        for have, want in zip(seen, wanted, strict=True):
            assert all(abs(a - b) < 25 for a, b in zip(have, want, strict=True)), (seen, wanted)

    @pytest.mark.parametrize(
        "text",
        [
            *("-/rotate/", "-/rotate/361/", "-/rotate/-361/", "-/rotate/east/", "-/rotate/90/90/"),
            *("-/rotate/1.5/", "-/flip/1/", "-/mirror/yes/", "-/rasterize/svg/"),
            *("-/autorotate/", "-/autorotate/maybe/"),
        ],
    )
    def test_refuses_other_parameters(self, text):
        with pytest.raises(BadEffects) as refusal:
            parse(text)
        assert refusal.value.operation in text


class TestSetfill:
    @pytest.mark.parametrize(
        ("colour", "expected"),
        [
            ("000", (0, 0, 0)),
            ("0f0", (0, 255, 0)),
            ("ECE3D2", (236, 227, 210)),
            ("ece3d2ff", (236, 227, 210)),
        ],
    )
    def test_is_seen_beyond_the_picture(self, see, colour, expected):
        image = see(four_quarters(), f"-/setfill/{colour}/-/crop/500x400/")
        assert corners(image) == [RED, expected, expected, expected]
        assert image.mode == "RGB"

    def test_is_seen_in_the_borders_of_stretch(self, see):
        text = "-/stretch/fill/-/setfill/00ff00/-/resize/600x600/"
        assert corners(see(four_quarters(), text)) == [(0, 255, 0)] * 4

    def test_is_seen_where_a_jpeg_cannot_be_transparent(self, see):
        image = see(pictures.transparent_png(), "-/setfill/0000ff/-/format/jpeg/")
        assert image.getpixel((390, 150))[2] > 230
        assert image.getpixel((390, 150))[0] < 25

    def test_colours_a_grey_picture(self, see):
        image = see(four_quarters(mode="L"), "-/setfill/f00/-/crop/500x400/")
        assert corners(image)[3] == (255, 0, 0)

    def test_holds_only_for_what_comes_after_it(self, see):
        image = see(four_quarters(), "-/crop/500x400/-/setfill/000/")
        assert corners(image)[3] == WHITE

    @pytest.mark.parametrize("text", ["-/crop/500x400/", "-/rotate/45/"])
    def test_of_8_digits_can_be_see_through(self, see, text):
        image = see(four_quarters(), f"-/setfill/00ff0000/{text}")
        assert image.mode == "RGBA"
        assert image.getpixel((image.width - 2, image.height - 2))[3] == 0
        as_jpeg = see(four_quarters(), f"-/setfill/00ff0000/{text}-/format/jpeg/")
        assert as_jpeg.mode == "RGB"
        assert corners(as_jpeg)[3][1] > 230

    @pytest.mark.parametrize("text", ["-/setfill/", "-/setfill/ff/", "-/setfill/fff/fff/"])
    def test_refuses_what_is_no_colour(self, text):
        with pytest.raises(BadEffects) as refusal:
            parse(text)
        assert refusal.value.operation == "setfill"
