"""`-/json/` after operations, and `-/jsonp/`; the plain form is in test_views."""

import json

import pytest
from django.core.cache import cache

from storages_app.delivery.info import Form, split_form
from storages_app.imaging import pipeline
from tests import pictures
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo():
    return make_file(
        make_project(), pictures.camera_jpeg(), name="a.jpg", detected_type="image/jpeg"
    )


def near(seen, wanted) -> bool:
    return all(abs(a - b) < 25 for a, b in zip(seen, wanted, strict=True))


@pytest.mark.parametrize(
    ("written", "cut"),
    [
        ("", ("", None)),
        ("-/json/", ("", Form("json"))),
        ("-/jsonp/", ("", Form("jsonp"))),
        ("-/main_colors/", ("", Form("main_colors", 4))),
        ("-/main_colors/32/", ("", Form("main_colors", 32))),
        ("-/resize/10x/-/json/", ("-/resize/10x/", Form("json"))),
        ("/-//resize/10x//-/json//", ("-/resize/10x/", Form("json"))),
        ("-/preview/-/main_colors/07/", ("-/preview/", Form("main_colors", 7))),
        ("-/resize/10x/", ("-/resize/10x/", None)),
        ("-/json/-/resize/10x/", ("-/json/-/resize/10x/", None)),
        ("-/json/x/", ("-/json/x/", None)),
        ("-/", ("-/", None)),
        ("x-/json/", ("x-/json/", None)),
    ],
)
def test_the_form_is_the_last_operation(written, cut):
    assert split_form(written) == cut


class TestJson:
    def test_tells_of_the_picture_after_the_operations(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/-/resize/100x50/-/format/png/-/json/")
        info = response.json()
        assert (info["width"], info["height"], info["format"]) == (100, 50, "PNG")
        assert info["id"] == f"/{photo.uuid}/-/resize/100x50/-/format/png/"
        assert (info["original"]["id"], info["original"]["width"]) == (str(photo.uuid), 400)
        assert "Vary" not in response

    def test_varies_where_the_picture_does(self, browser, photo):
        path = f"/{photo.uuid}/-/format/auto/-/json/"
        webp = browser.get(path, headers={"accept": "image/webp"})
        assert (webp.json()["format"], webp["Vary"]) == ("WEBP", "Accept")
        assert browser.get(path, headers={"accept": "image/png"}).json()["format"] != "WEBP"

    def test_the_mark_of_the_uploader_does_not_make_it_another_picture(self, browser, photo):
        plain = browser.get(f"/{photo.uuid}/-/json/").json()
        marked = browser.get(f"/{photo.uuid}/-/@clib/blocks/1.33.0/uploader/-/json/").json()
        assert marked == plain

    @pytest.mark.parametrize("rest", ["-/json/", "-/jsonp/", "-/resize/10x/-/json/"])
    def test_what_is_no_image_has_none(self, browser, rest):
        text = make_file(make_project(), b"0123456789", name="digits.txt")
        response = browser.get(f"/{text.uuid}/{rest}")
        assert response.status_code == 400
        assert response["Content-Type"].startswith("text/html")
        assert b"Not supported for files that are not images." in response.content

    def test_operations_that_nobody_knows_are_refused(self, browser, photo):
        assert browser.get(f"/{photo.uuid}/-/no_such/-/json/").status_code == 400

    @pytest.mark.parametrize("rest", ["-/json/-/resize/9x/", "-/main_colors/3/-/preview/"])
    def test_it_has_to_be_the_last_operation(self, browser, photo, rest):
        response = browser.get(f"/{photo.uuid}/{rest}")
        assert response.status_code == 400
        assert "write it last" in response.content.decode()


class TestMainColors:
    def test_tells_the_most_frequent_colours_of_the_processed_picture(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/-/resize/100x/-/main_colors/2/")
        assert response["Content-Type"] == "application/json"
        told = response.json()
        colours = told.pop("main_colors")
        assert all(
            near(seen, wanted)
            for seen, wanted in zip(
                sorted(colours), sorted([[*pictures.RED], [*pictures.BLUE]]), strict=True
            )
        )
        assert told == {
            "id": f"/{photo.uuid}/-/resize/100x/",
            "width": 100,
            "height": 133,
            "original": {
                "id": str(photo.uuid),
                "width": 400,
                "height": 300,
                "format": "JPEG",
                "orientation": 6,
                "geo_location": told["original"]["geo_location"],
                "datetime_original": "2018-08-20T08:59:50",
            },
        }

    def test_without_operations_it_tells_of_the_original(self, browser, photo):
        told = browser.get(f"/{photo.uuid}/-/main_colors/").json()
        assert (told["id"], told["width"], told["height"]) == (f"/{photo.uuid}/", 400, 300)
        assert 1 <= len(told["main_colors"]) <= 4

    def test_is_the_same_every_time_and_asked_once(self, browser, photo, monkeypatch):
        path = f"/{photo.uuid}/-/main_colors/3/"
        first = browser.get(path).json()
        cache.clear()
        assert browser.get(path).json() == first
        monkeypatch.setattr(pipeline, "main_colours", None)
        assert browser.get(path).json() == first

    def test_varies_where_the_picture_does(self, browser, photo):
        path = f"/{photo.uuid}/-/format/auto/-/main_colors/"
        assert browser.get(path, headers={"accept": "image/webp"})["Vary"] == "Accept"

    @pytest.mark.parametrize("number", ["0", "33", "x", "-1", "1.5", "²", "100", "2/3"])
    def test_a_number_it_cannot_have_is_refused(self, browser, photo, number):
        response = browser.get(f"/{photo.uuid}/-/main_colors/{number}/")
        assert response.status_code == 400
        assert "Operation `main_colors`: write a whole number" in response.content.decode()

    def test_what_is_no_image_has_none(self, browser):
        text = make_file(make_project(), b"0123456789", name="digits.txt")
        response = browser.get(f"/{text.uuid}/-/main_colors/")
        assert response.status_code == 400
        assert b"Not supported for files that are not images." in response.content


class TestWhatIsNotHere:
    @pytest.mark.parametrize(
        "rest",
        [
            "detect_faces/",
            "detect_faces//",  # as official clients write it
            "gif2video/",
            "gif2video/-/format/webm/-/quality/best/",
            "gif2video/-/format/webm/film.webm",
            "-/gif2video/",
            "-/resize/9x/-/detect_faces/",
        ],
    )
    def test_says_so_by_its_own_code_and_where_it_is_explained(self, browser, photo, rest):
        response = browser.get(f"/{photo.uuid}/{rest}")
        assert response.status_code == 400
        text = response.content.decode()
        assert "not available" in text
        assert "docs/moving-from-uploadcare.md#what-is-not-here" in text

    def test_slashes_that_are_too_many_do_no_harm(self, browser, photo):
        info = browser.get(f"/{photo.uuid}//-//resize/10x//-/json//").json()
        assert info["width"] == 10


class TestScript:
    def test_calls_the_function_of_the_official_service(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/-/jsonp/?callback=evil")
        assert response["Content-Type"] == "application/javascript; charset=utf-8"
        assert response["X-Content-Type-Options"] == "nosniff"
        text = response.content.decode()
        assert text.isascii()
        assert "evil" not in text
        head = f'uploadcare_callback("{photo.uuid}", '
        assert text.startswith(head)
        told = json.loads(text.removeprefix(head).removesuffix(")"))
        assert told == browser.get(f"/{photo.uuid}/-/json/").json()

    def test_names_a_processed_picture_by_its_path(self, browser, photo):
        text = browser.get(f"/{photo.uuid}/-/resize/100x/-/jsonp/").content.decode()
        assert text.startswith(f'uploadcare_callback("/{photo.uuid}/-/resize/100x/", ')
