"""Drawings at the file host: processed like any picture, and as they are only to be saved."""

import pytest

from tests import pictures
from tests.delivery.conftest import assert_harmless, body_of
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def drawing():
    return make_file(
        make_project(),
        pictures.SVG_WITH_SCRIPT,
        name="drawing.svg",
        detected_type="image/svg+xml",
        content_info={"image": {"format": "SVG", "width": 9, "height": 9}},
    )


class TestDrawing:
    def test_is_drawn_where_operations_are_asked_for(self, browser, drawing):
        response = browser.get(f"/{drawing.uuid}/-/resize/90x/")
        assert response.status_code == 200
        assert response["Content-Type"] == "image/png"
        assert (response["X-Image-Width"], response["X-Image-Height"]) == ("90", "90")
        assert pictures.read(body_of(response)).size == (90, 90)
        assert_harmless(response)

    @pytest.mark.parametrize("rest", ["", "-/inline/yes/"])
    def test_is_never_shown_as_it_was_uploaded(self, browser, drawing, rest):
        response = browser.get(f"/{drawing.uuid}/{rest}")
        assert body_of(response) == pictures.SVG_WITH_SCRIPT
        assert response["Content-Disposition"].startswith("attachment")
        assert_harmless(response)
