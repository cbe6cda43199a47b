"""Where the server in front sends the bytes: we name the file, and everything else stays ours."""

from pathlib import Path

import pytest
from django.core.files.storage import storages

from tests.delivery.conftest import assert_harmless, body_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def by_nginx(settings):
    settings.FILES_SENT_BY = "x-accel"


def place_of(file):
    return Path(storages["uploads"].path(file.blob_name))


class TestNginx:
    def test_an_original_is_named_and_not_sent(self, browser, photo, by_nginx):
        response = browser.get(f"/{photo.uuid}/")
        assert response.content == b""
        assert response["X-Accel-Redirect"] == f"/ucdash-originals/{photo.blob_name}"
        assert response["Content-Type"] == "image/jpeg"
        assert response["ETag"] == f'"{photo.sha256}"'
        assert response["Content-Disposition"] == 'inline; filename="Haus1.jpg"'
        assert_harmless(response)

    def test_a_processed_image_is_named_in_the_cache(self, browser, photo, by_nginx, settings):
        response = browser.get(f"/{photo.uuid}/-/resize/20x/")
        place = response["X-Accel-Redirect"]
        assert place.startswith("/ucdash-renditions/")
        kept = Path(settings.RENDITION_CACHE_DIR) / place.removeprefix("/ucdash-renditions/")
        settings.FILES_SENT_BY = "python"
        assert body_of(browser.get(f"/{photo.uuid}/-/resize/20x/")) == kept.read_bytes()

    def test_a_range_is_left_to_the_server(self, browser, text_file, by_nginx):
        response = browser.get(f"/{text_file.uuid}/", headers={"range": "bytes=2-4"})
        assert response.status_code == 200
        assert "X-Accel-Redirect" in response

    def test_what_the_browser_has_is_not_sent(self, browser, text_file, by_nginx):
        has_it = {"if-none-match": f'"{text_file.sha256}"'}
        response = browser.get(f"/{text_file.uuid}/", headers=has_it)
        assert response.status_code == 304
        assert "X-Accel-Redirect" not in response

    @pytest.mark.parametrize("condition", ["if-match", "if-unmodified-since"])
    def test_conditions_on_our_etag_are_answered_by_us(
        self, browser, text_file, by_nginx, condition
    ):
        """The server would compare them with an ETag of its own, and refuse."""
        first = browser.get(f"/{text_file.uuid}/")
        value = first["ETag"] if condition == "if-match" else first["Last-Modified"]
        response = browser.get(f"/{text_file.uuid}/", headers={condition: value})
        assert body_of(response) == b"0123456789"
        assert "X-Accel-Redirect" not in response

    def test_a_head_names_no_place(self, browser, text_file, by_nginx):
        response = browser.head(f"/{text_file.uuid}/")
        assert response["Content-Length"] == "10"
        assert "X-Accel-Redirect" not in response

    def test_bytes_that_are_gone_are_our_404(self, browser, text_file, by_nginx):
        storages["uploads"].delete(text_file.blob_name)
        response = browser.get(f"/{text_file.uuid}/")
        assert response.status_code == 404
        assert_harmless(response)

    def test_a_link_in_their_place_is_named_to_nobody(self, browser, text_file, by_nginx, tmp_path):
        """S030."""
        place_of(text_file).unlink()
        (tmp_path / "secret").write_bytes(b"0123456789")
        place_of(text_file).symlink_to(tmp_path / "secret")
        response = browser.get(f"/{text_file.uuid}/")
        assert response.status_code == 404
        assert "X-Accel-Redirect" not in response


def test_apache_gets_the_path(browser, text_file, settings):
    settings.FILES_SENT_BY = "x-sendfile"
    response = browser.get(f"/{text_file.uuid}/")
    assert response["X-Sendfile"] == str(place_of(text_file))
    assert response.content == b""


@pytest.mark.parametrize("name", ["X-Accel-Redirect", "X-Sendfile"])
def test_nobody_is_told_a_path_where_we_send_the_bytes(browser, text_file, name):
    response = browser.get(f"/{text_file.uuid}/", headers={name: "/etc/passwd"})
    assert body_of(response) == b"0123456789"
    assert name not in response
