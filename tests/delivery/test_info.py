"""`-/json/` after operations, and `-/jsonp/`; the plain form is in test_views."""

import json

import pytest

from storages_app.delivery.info import split_form
from tests import pictures
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo():
    return make_file(
        make_project(), pictures.camera_jpeg(), name="a.jpg", detected_type="image/jpeg"
    )


@pytest.mark.parametrize(
    ("written", "cut"),
    [
        ("", ("", "")),
        ("-/json/", ("", "-/json/")),
        ("-/jsonp/", ("", "-/jsonp/")),
        ("-/resize/10x/-/json/", ("-/resize/10x/", "-/json/")),
        ("-/resize/10x/", ("-/resize/10x/", "")),
        ("-/json/-/resize/10x/", ("-/json/-/resize/10x/", "")),
        ("x-/json/", ("x-/json/", "")),
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
        assert browser.get(path, headers={"accept": "image/png"}).json()["format"] == "JPEG"

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
