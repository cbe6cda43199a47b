"""Strangers' files and strangers' addresses: what the file host makes of them.

The files come in as they do from outside, so that the type is the one that we decide on.
"""

from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from storages_app.delivery.headers import SHOWN_INLINE
from storages_app.library import services as library
from storages_app.models import File
from storages_app.renditions import services as renditions
from tests import pictures
from tests.delivery.conftest import assert_harmless, body_of
from tests.factories import make_file, make_project, make_user

pytestmark = pytest.mark.django_db

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
XHTML = b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>'
PROGRAMS = {
    "html": (pictures.HTML, "text/html"),
    "html-after-a-comment": (b"<!-- x -->" * 300 + pictures.HTML, "text/html"),
    "html-after-a-bom": (b"\xef\xbb\xbf  \n" + pictures.HTML, "text/html"),
    "html-utf-16": (b"\xff\xfe" + "<script>alert(1)</script>".encode("utf-16-le"), "text/html"),
    "html-utf-7": (b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", "text/html; charset=utf-7"),
    "html-without-a-tag-in-front": (b"words, then " + pictures.HTML, "text/html"),
    "xhtml": (XHTML, "application/xhtml+xml"),
    "xhtml-after-its-declaration": (b'<?xml version="1.0"?>' + XHTML, "image/png"),
    "svg": (SVG, "image/svg+xml"),
    "svg-named-a-png": (SVG, "image/png"),
    "svg-after-a-doctype": (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG, "image/jpeg"),
    "svg-after-a-bom-and-a-comment": (b"\xef\xbb\xbf<!-- GIF89a -->" + SVG, "image/gif"),
    "xml-with-a-style-sheet": (
        b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#x"?><a/>',
        "text/xml",
    ),
    "mhtml": (b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<script>", "message/rfc822"),
    "pdf": (b"%PDF-1.7\n1 0 obj<</S/JavaScript/JS(app.alert(1))>>", "application/pdf"),
    "javascript": (b"alert(document.domain)", "text/javascript"),
    "flash": (b"FWS\x08" + bytes(60), "application/x-shockwave-flash"),
    "a-web-manifest": (b'{"start_url": "/"}', "application/manifest+json"),
    "javascript-that-begins-as-a-gif": (b"GIF89a/*" + bytes(30) + b"*/=1;alert(1)", "image/gif"),
    "nothing-known": (bytes(range(256)), "text/html"),
}
# Pictures and programs at once: a picture to us, and by `nosniff` to every browser.
POLYGLOTS = {
    "gif-and-javascript": (pictures.animation("GIF") + b"*/=1;alert(1)", "text/javascript"),
    "png-and-html": (pictures.png(4, 4) + pictures.HTML, "text/html"),
    "jpeg-and-html": (pictures.jpeg(4, 4) + pictures.HTML, "text/html"),
}


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def uploaded(project):
    """A file that came in through the Upload API under a lying type."""

    def upload(content, declared="image/png", name="photo.png"):
        client = Client(headers={"host": "localhost"})
        answer = client.post(
            "/base/",
            {
                "UPLOADCARE_PUB_KEY": project.public_key,
                "UPLOADCARE_STORE": "1",
                "file": SimpleUploadedFile(name, content, content_type=declared),
            },
        )
        assert answer.status_code == 200, answer.content
        return File.objects.get(pk=answer.json()["file"])

    return upload


class TestPrograms:
    """S073, S075: what can carry a program is saved, not shown, and can do nothing if opened."""

    @pytest.mark.parametrize("kind", PROGRAMS)
    @pytest.mark.parametrize("rest", ["", "photo.png", "-/inline/yes/", "-/inline/yes/a.html"])
    def test_are_saved_whatever_the_address_wants(self, browser, uploaded, kind, rest):
        content, declared = PROGRAMS[kind]
        file = uploaded(content, declared)
        response = browser.get(f"/{file.uuid}/{rest}")
        assert body_of(response) == content
        assert response["Content-Disposition"].startswith("attachment")
        assert response["Content-Type"].partition(";")[0] not in SHOWN_INLINE
        assert_harmless(response)

    @pytest.mark.parametrize("kind", POLYGLOTS)
    def test_what_is_a_picture_too_is_only_a_picture(self, browser, uploaded, kind):
        content, declared = POLYGLOTS[kind]
        response = browser.get(f"/{uploaded(content, declared, 'a.html').uuid}/a.html")
        assert body_of(response) == content
        assert response["Content-Type"] == f"image/{kind.partition('-')[0]}"
        assert_harmless(response)

    def test_an_svg_keeps_its_type_so_that_a_page_can_embed_it(self, browser, uploaded):
        """S074: as an `<img>` no script of it runs, whatever the disposition says."""
        response = browser.get(f"/{uploaded(SVG).uuid}/")
        body_of(response)
        assert response["Content-Type"] == "image/svg+xml"
        assert response["Content-Disposition"].startswith("attachment")
        assert "sandbox" in response["Content-Security-Policy"]

    @pytest.mark.parametrize("operations", ["-/preview/", "-/resize/10x/", "-/format/png/"])
    def test_an_svg_is_no_source_of_files_or_entities(self, browser, uploaded, operations):
        """S074: external files and entity bombs have no reader."""
        bomb = b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'
        response = browser.get(f"/{uploaded(bomb).uuid}/{operations}")
        assert response.status_code == 400
        assert b"root:" not in response.content


class TestAddresses:
    """S027, S082: no spelling leads to another file or another place."""

    @pytest.fixture
    def secret(self, project):
        return make_file(project, b"another file's bytes", name="other.txt")

    @pytest.mark.parametrize(
        "rest",
        [
            "-/crop/10x10/../../{other}/",
            "-/resize/10x/../../../{other}/",
            "../{other}/",
            "..%2f{other}/",
            "%2e%2e/{other}/",
            "%2e%2e%2f{other}%2f",
            "%252e%252e%252f{other}%252f",
            "..\\{other}\\",
            "..%5c{other}%5c",
            "..;/{other}/",
            "%c0%ae%c0%ae/{other}/",
            ".%00./{other}/",
            "/{other}/",
            "//{other}/",
            "-/../{other}/",
            "name.jpg/../../{other}/",
        ],
    )
    def test_no_way_leads_to_another_file(self, browser, photo, secret, rest):
        response = browser.get(f"/{photo.uuid}/{rest.format(other=secret.uuid)}")
        assert response.status_code in {400, 404}
        assert_harmless(response)

    @pytest.mark.parametrize(
        "path",
        [
            "//evil.example/{uuid}",
            "/\\evil.example/{uuid}",
            "/%2f%2fevil.example/{uuid}",
            "/%5cevil.example/{uuid}",
            "///{uuid}",
            "/{uuid}/-/redirect/https://evil.example/",
            "/-/redirect?next=//evil.example",
            "/{uuid}%0d%0aLocation:%20https://evil.example/",
        ],
    )
    def test_no_address_leads_away(self, browser, photo, path):
        # As a server hands it on: the test client would take `//evil` for a host.
        sent = unquote_to_bytes(path.format(uuid=photo.uuid)).decode("latin-1")
        response = browser.get("/", PATH_INFO=sent)
        assert response.status_code in {400, 404}
        assert "Location" not in response
        assert_harmless(response)

    @pytest.mark.parametrize("query", ["", "?next=//evil.example", "?a=%0d%0aX-Evil:%201"])
    def test_the_one_redirect_stays_at_the_file(self, browser, photo, query):
        response = browser.get(f"/{photo.uuid}{query}")
        assert response["Location"] == f"/{photo.uuid}/{query}"

    @pytest.mark.parametrize("form", ["upper", "hex"])
    def test_a_file_has_one_address(self, browser, photo, form):
        written = photo.uuid.hex if form == "hex" else str(photo.uuid).upper()
        assert browser.get(f"/{written}/").status_code == 404

    @pytest.mark.parametrize(
        "rest",
        [
            "-/<svg onload=alert(1)>/",
            "-/resize/<img src=x onerror=alert(1)>/",
            "<script>alert(1)</script>/x",
            "-/{{7*7}}/",
            "-/%0d%0aX-Evil: 1/",
        ],
    )
    def test_a_refusal_echoes_nothing_a_browser_would_run(self, browser, photo, rest):
        """S084."""
        response = browser.get(f"/{photo.uuid}/{quote(rest, safe='/%')}")
        assert response.status_code in {400, 404}
        assert response["Content-Type"].startswith("text/plain")
        assert "X-Evil" not in response
        assert_harmless(response)


class TestCookies:
    def test_a_session_is_neither_read_nor_answered(
        self, browser, photo, django_assert_num_queries
    ):
        """S076: the file and its project are looked for, and not the session of the cookie."""
        browser.force_login(make_user())
        name = django_settings.SESSION_COOKIE_NAME
        sent = browser.cookies[name].value
        with django_assert_num_queries(2):
            response = browser.get(f"/{photo.uuid}/")
        response.close()
        assert not response.cookies
        assert browser.cookies[name].value == sent
        assert "Vary" not in response

    @pytest.mark.parametrize("origin", ["null", "https://evil.example"])
    def test_any_page_may_read_and_none_with_credentials(self, browser, photo, origin):
        """S077: there is nothing here that a cookie would open."""
        response = browser.get(f"/{photo.uuid}/", headers={"origin": origin})
        response.close()
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response

    def test_a_page_cannot_be_framed_or_opened_into(self, browser, photo):
        """S078, as far as files go: a sandbox without an origin, apart from who opened it."""
        response = browser.get(f"/{photo.uuid}/")
        response.close()
        assert response["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response["Content-Security-Policy"].endswith("sandbox")


class TestRemoved:
    """S080: from the moment of the deletion on; what caches keep, they were allowed to."""

    @pytest.mark.parametrize("rest", ["", "cat.jpg", "-/preview/20x20/", "-/json/"])
    def test_is_404_at_once_whatever_the_browser_has(self, browser, photo, rest):
        first = browser.get(f"/{photo.uuid}/{rest}")
        body_of(first)
        assert first.status_code == 200
        library.delete(file=photo, actor="a test")
        for headers in ({}, {"if-none-match": "*"}, {"range": "bytes=0-1"}):
            response = browser.get(f"/{photo.uuid}/{rest}", headers=headers)
            assert response.status_code == 404
            assert response["Cache-Control"] == "no-store"

    def test_caches_keep_files_as_long_as_the_installation_says(self, browser, photo, settings):
        settings.FILES_KEPT_BY_CACHES_S = 60
        response = browser.get(f"/{photo.uuid}/")
        response.close()
        assert response["Cache-Control"] == "public, max-age=60, immutable"

    def test_of_a_removed_project_nothing_is_served(self, browser, photo):
        type(photo.project).objects.update(removed_at="2026-01-01T00:00Z")
        assert browser.get(f"/{photo.uuid}/").status_code == 404


class TestRanges:
    """S081."""

    @pytest.mark.parametrize(
        "header",
        [
            "bytes=0-0," * 999 + "0-0",
            "bytes=0-,0-,0-",
            "bytes=0-99,50-150",
            "bytes=-1,-2,-3",
            "bytes=0-18446744073709551616",
            "bytes=" + "9" * 5_000 + "-",
            "bytes=-",
            "bytes=a-b",
            "lines=1-2",
            "bytes 0-1",
            "bytes=0-1;2",
            "bytes=\u0661-\u0662",
        ],
    )
    def test_no_header_makes_more_bytes_than_the_file_has(self, browser, text_file, header):
        response = browser.get(f"/{text_file.uuid}/", headers={"range": header})
        assert response.status_code in {200, 206, 416}
        assert len(body_of(response)) <= 100
        assert_harmless(response)


class TestPlantedLinks:
    """S030: a symbolic link in the upload storage leads nowhere."""

    @pytest.fixture
    def outside(self, tmp_path):
        path = tmp_path / "secret.jpg"
        path.write_bytes(pictures.camera_jpeg())
        return path

    def plant(self, file, outside):
        place = Path(storages["uploads"].path(file.blob_name))
        place.unlink()
        place.symlink_to(outside)

    @pytest.mark.parametrize("rest", ["", "-/preview/20x20/", "-/json/"])
    def test_serves_nothing(self, browser, photo, outside, rest, caplog):
        File.objects.filter(pk=photo.pk).update(content_info=None, sha256="0" * 64)
        self.plant(photo, outside)
        response = browser.get(f"/{photo.uuid}/{rest}")
        assert response.status_code == 404
        assert str(photo.uuid) in caplog.text

    def test_gives_no_other_room_a_path(self, photo, outside):
        self.plant(photo, outside)
        with pytest.raises(FileNotFoundError), renditions.local_original(photo):
            pass
