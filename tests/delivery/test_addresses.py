"""How operations and names are written in an address, as browsers and clients send it."""

import pytest

from tests import pictures
from tests.delivery.conftest import assert_harmless, body_of
from tests.factories import make_file, make_project
from tests.pictures import BLUE, GREEN, RED, YELLOW, corners, four_quarters

pytestmark = pytest.mark.django_db


@pytest.fixture
def quarters():
    return make_file(
        make_project(), four_quarters(), name="four (4).png", detected_type="image/png"
    )


class TestPercentEncoding:
    @pytest.mark.parametrize(
        ("rest", "expected"),
        [
            ("-/crop/100x100/300,0/", BLUE),
            ("-/crop/100x100/300%2C0/", BLUE),
            ("-/crop/100x100/100p,100p/", YELLOW),
            ("-/crop/25%25x25%25/0%25,100%25/", GREEN),
            ("-/crop/25%x25%/0%,100%/", GREEN),
            ("%2D/crop/100x100/right%2Ctop/", BLUE),
            ("-/%63rop/1%30%30x100/top%2Cleft/", RED),
            ("-/crop/1%3A1/left/-/crop/100x100/", RED),
            ("-//crop//100x100//right,bottom/", YELLOW),
        ],
    )
    def test_may_be_used_anywhere(self, browser, quarters, rest, expected):
        response = browser.get(f"/{quarters.uuid}/{rest}")
        body = body_of(response)
        assert response.status_code == 200, body
        assert corners(pictures.read(body)) == [expected] * 4

    def test_all_ways_to_write_the_same_are_one_picture(self, browser, quarters):
        tags = set()
        for rest in (
            "-/crop/50px50p/",
            "-/crop/50%25x50%25/",
            "-/crop/050px50%70/",
            "-/crop/50%x50p/",
        ):
            response = browser.get(f"/{quarters.uuid}/{rest}")
            response.close()
            tags.add(response["ETag"])
        assert len(tags) == 1

    @pytest.mark.parametrize(
        "rest",
        [
            *("-/crop/100x100%00/", "-/crop/%ff%fe/", "-/crop/100x100%2520/", "-/crop/10%2Fx10/"),
            *("-/crop/100x100/%0D%0AX-Evil:1/", "-/%F0%9F%92%A9/", "-/crop/<b>/", "-/crop/'\"/"),
        ],
    )
    def test_nonsense_is_refused_and_harmless(self, browser, quarters, rest):
        response = browser.get(f"/{quarters.uuid}/{rest}")
        assert response.status_code in {400, 404}
        assert "X-Evil" not in response
        assert "html" not in response["Content-Type"]
        assert_harmless(response)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("", 'inline; filename="four4.png"'),
            ("roof.jpg", 'inline; filename="roof.jpg"'),
            ("roof%20%281%29.jpg", 'inline; filename="roof (1).jpg"'),
            ("a%5Bb%5D.png", 'inline; filename="a[b].png"'),
            ("a!$&'()*+,;=:@b.png", 'inline; filename="a!$&\'()*+,;=:@b.png"'),
            ("-", 'inline; filename="-"'),
            ("200x", 'inline; filename="200x"'),
        ],
    )
    def test_are_what_follows_the_last_slash(self, browser, quarters, name, expected):
        for operations in ("", "-/crop/100x100/"):
            response = browser.get(f"/{quarters.uuid}/{operations}{name}")
            body = body_of(response)
            assert response.status_code == 200
            assert response["Content-Disposition"] == expected
            assert pictures.read(body).width == (100 if operations else 400)

    def test_never_choose_the_format(self, browser, quarters):
        response = browser.get(f"/{quarters.uuid}/-/crop/100x100/roof.jpg")
        assert pictures.read(body_of(response)).format == "PNG"
        assert response["Content-Type"] == "image/png"

    def test_a_forgotten_slash_is_told(self, browser, quarters):
        response = browser.get(f"/{quarters.uuid}/-/flip")
        assert response.status_code == 400
        assert b"no slash at the end" in response.content


class TestWhatIsNotHere:
    @pytest.mark.parametrize(
        ("rest", "operation"),
        [
            ("-/crop/face/", "crop"),
            ("-/crop/face/1:1/50p,50p/face.jpg", "crop"),
            ("-/scale_crop/100x100/smart_faces_objects_points/", "scale_crop"),
            ("-/preview/-/zoom_objects/20/", "zoom_objects"),
            ("gif2video/", "gif2video"),
            ("gif2video/-/format/webm/clip.webm", "gif2video"),
            ("detect_faces/", "detect_faces"),
            ("-/remove_bg/", "remove_bg"),
        ],
    )
    def test_is_told_with_what_to_read(self, browser, quarters, rest, operation):
        response = browser.get(f"/{quarters.uuid}/{rest}")
        text = response.content.decode()
        assert response.status_code == 400
        assert f"`{operation}`" in text
        assert "not available on this server" in text
        assert "docs/moving-from-uploadcare.md#what-is-not-here" in text
        assert text.endswith("\n\noperation_not_available\n")
        assert response["Cache-Control"] == "no-store"
        assert_harmless(response)
