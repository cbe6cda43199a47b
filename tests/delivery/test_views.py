import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.http import Http404
from django.utils import timezone

from storages_app.delivery.views import live_file, live_files
from storages_app.imaging.errors import ImagingBusy, ProcessingFailed
from storages_app.models import File, Project
from storages_app.renditions import services as renditions
from tests import pictures
from tests.delivery.conftest import Browser, assert_harmless, body_of
from tests.factories import make_file, make_project, make_user

pytestmark = pytest.mark.django_db


class TestOriginal:
    def test_comes_byte_for_byte(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/")
        assert response.status_code == 200
        assert body_of(response) == pictures.camera_jpeg()
        assert response["Content-Type"] == "image/jpeg"
        assert response["Content-Length"] == str(photo.size)
        assert response["Content-Disposition"] == 'inline; filename="Haus1.jpg"'
        assert response["ETag"] == f'"{photo.sha256}"'
        assert response["Cache-Control"] == "public, max-age=31536000, immutable"
        assert response["Accept-Ranges"] == "bytes"
        assert (response["X-Image-Width"], response["X-Image-Height"]) == ("400", "300")
        assert "X-Image-Width" in response["Access-Control-Expose-Headers"]
        assert_harmless(response)

    def test_comes_under_any_name(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/other%20name.png")
        assert body_of(response) == pictures.camera_jpeg()
        assert response["Content-Type"] == "image/jpeg"
        assert response["Content-Disposition"] == 'inline; filename="other name.png"'

    def test_is_not_touched_by_what_concerns_only_the_delivery(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/-/@clib/blocks/1.33.0/uploader/-/inline/no/")
        assert body_of(response) == pictures.camera_jpeg()
        assert response["Content-Disposition"].startswith("attachment;")

    def test_head_says_the_same_without_bytes(self, browser, text_file):
        head, get = (browser.generic(method, f"/{text_file.uuid}/") for method in ("HEAD", "GET"))
        assert head.content == b""
        get.close()
        ours = {"x-uploadcare-request-id"}
        assert {k: v for k, v in head.items() if k not in ours} == {
            k: v for k, v in get.items() if k not in ours
        }

    def test_an_empty_file_is_answered(self, browser, text_file):
        empty = make_file(text_file.project, b"", name="empty")
        response = browser.get(f"/{empty.uuid}/")
        assert response.status_code == 200
        assert body_of(response) == b""
        assert response["Content-Length"] == "0"

    def test_an_address_without_slash_is_redirected(self, browser, photo):
        response = browser.get(f"/{photo.uuid}")
        assert response.status_code == 301
        assert response["Location"] == f"/{photo.uuid}/"
        assert_harmless(response)

    def test_an_unstored_file_is_kept_by_caches_only_until_it_expires(self, browser, text_file):
        File.objects.filter(pk=text_file.pk).update(
            stored_at=None, expires_at=timezone.now() + timedelta(seconds=90)
        )
        response = browser.get(f"/{text_file.uuid}/")
        response.close()
        age = int(response["Cache-Control"].removeprefix("public, max-age="))
        assert 80 <= age <= 90


class TestNotFound:
    @pytest.mark.parametrize(
        "change",
        [
            {"stored_at": None, "removed_at": datetime(2026, 1, 2, tzinfo=UTC)},
            {"is_ready": False},
            {"stored_at": None, "expires_at": datetime(2026, 1, 2, tzinfo=UTC)},
        ],
    )
    def test_removed_unready_and_expired_files_are_not_there(self, browser, photo, change):
        File.objects.filter(pk=photo.pk).update(**change)
        for rest in ("", "name.jpg", "-/resize/10x/", "-/json/"):
            response = browser.get(f"/{photo.uuid}/{rest}")
            assert response.status_code == 404
            assert response.content == b"File not found\n"
            assert response["Content-Type"] == "text/plain; charset=utf-8"
            assert response["Cache-Control"] == "no-store"
            assert_harmless(response)

    @pytest.mark.parametrize("is_ready", [True, False])
    @pytest.mark.parametrize("removed_at", [None, datetime(2026, 1, 2, tzinfo=UTC)])
    @pytest.mark.parametrize("is_stored", [True, False])
    @pytest.mark.parametrize("expires_in", [None, -1, 60])
    @pytest.mark.parametrize("is_project_removed", [True, False])
    def test_one_file_and_many_are_judged_alike(
        self, text_file, is_ready, removed_at, is_stored, expires_in, is_project_removed
    ):
        if removed_at and is_stored:
            return  # the database has no such row
        now = timezone.now()
        File.objects.filter(pk=text_file.pk).update(
            is_ready=is_ready,
            removed_at=removed_at,
            stored_at=now if is_stored else None,
            expires_at=None if expires_in is None else now + timedelta(seconds=expires_in),
        )
        if is_project_removed:
            Project.objects.update(removed_at=now)
        try:
            found = live_file(text_file.pk)
        except Http404:
            found = None
        assert found == live_files().first()

    def test_a_stored_file_does_not_expire(self, browser, text_file):
        File.objects.filter(pk=text_file.pk).update(expires_at=datetime(2026, 1, 2, tzinfo=UTC))
        response = browser.get(f"/{text_file.uuid}/")
        response.close()
        assert response.status_code == 200

    @pytest.mark.parametrize(
        "path",
        [
            "/11111111-2222-4333-8444-555555555555/",
            "/",
            "/admin/",
            "/accounts/",
            "/accounts/login/",
            "/files/",
            "/-/redirect",
            "/<script>alert(1)</script>",
            "/11111111-2222-4333-8444-555555555555~2/",
            "/%00",
            "//evil.example/",
        ],
    )
    def test_other_addresses_are_not_there(self, browser, path):
        response = browser.get(path)
        assert response.status_code == 404
        assert b"script" not in response.content
        assert_harmless(response)

    def test_bytes_that_are_gone_are_not_found_and_logged(self, browser, photo, caplog):
        File.objects.filter(pk=photo.pk).update(blob_name="aa/not-there")
        for rest in ("", "-/resize/10x/"):
            assert browser.get(f"/{photo.uuid}/{rest}").status_code == 404
        assert caplog.text.count("not in the upload storage") == 2

    def test_no_path_leads_to_another_file(self, browser, photo, text_file):
        for rest in (
            f"-/resize/10x/../../{text_file.uuid}/",
            f"../{text_file.uuid}/",
            f"-/preview/..%2F..%2F{text_file.uuid}/",
            f"-/preview/%252e%252e%252f{text_file.uuid}/",
            f"..%2f{text_file.uuid}%2f",
        ):
            response = browser.get(f"/{photo.uuid}/{rest}")
            assert response.status_code in {400, 404}
            assert b"0123456789" not in body_of(response)


class TestMethods:
    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_files_can_only_be_read(self, photo, method):
        strict = Browser(enforce_csrf_checks=True)
        response = strict.generic(method, f"/{photo.uuid}/")
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD, OPTIONS"
        assert_harmless(response)

    def test_a_preflight_is_answered(self, browser, photo):
        response = browser.options(f"/{photo.uuid}/", headers={"origin": "https://a.example"})
        assert response.status_code == 204
        assert response["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        assert "Range" in response["Access-Control-Allow-Headers"]
        assert_harmless(response)

    def test_a_session_cookie_is_neither_read_nor_answered(
        self, browser, photo, django_assert_num_queries
    ):
        browser.force_login(make_user())
        for path in (f"/{photo.uuid}/", f"/{photo.uuid}/-/explode/", "/nothing"):
            with django_assert_num_queries(0 if path == "/nothing" else 2):
                response = browser.get(path)
            response.close()
            assert_harmless(response)

    def test_a_fault_of_ours_shows_nothing(self, photo, monkeypatch):
        def fault(**_):
            raise RuntimeError("inner words")

        monkeypatch.setattr(renditions, "render", fault)
        response = Browser(raise_request_exception=False).get(f"/{photo.uuid}/-/preview/")
        assert response.status_code == 500
        assert b"inner" not in response.content
        assert_harmless(response)


class TestDisposition:
    @pytest.mark.parametrize(
        ("detected_type", "expected"),
        [
            ("image/jpeg", "inline"),
            ("image/png", "inline"),
            ("image/webp", "inline"),
            ("audio/mpeg", "inline"),
            ("video/mp4", "inline"),
            ("image/svg+xml", "attachment"),
            ("text/html", "attachment"),
            ("application/xhtml+xml", "attachment"),
            ("text/xml", "attachment"),
            ("text/plain", "attachment"),
            ("application/pdf", "attachment"),
            ("message/rfc822", "attachment"),
            ("application/octet-stream", "attachment"),
        ],
    )
    def test_shows_pictures_sound_and_video_and_saves_the_rest(
        self, browser, detected_type, expected
    ):
        file = make_file(make_project(), b"x", name="a.bin", detected_type=detected_type)
        seen = {}
        for rest in ("", "-/inline/yes/", "-/inline/no/"):
            response = browser.get(f"/{file.uuid}/{rest}")
            response.close()
            seen[rest] = response["Content-Disposition"].partition(";")[0]
            assert response["Content-Type"] == detected_type
            assert_harmless(response)
        assert seen == {"": expected, "-/inline/yes/": expected, "-/inline/no/": "attachment"}

    def test_the_type_is_ours_and_never_the_clients(self, browser):
        file = make_file(
            make_project(),
            pictures.HTML,
            name="photo.jpg",
            detected_type="text/html",
            mime_type="image/jpeg",
        )
        response = browser.get(f"/{file.uuid}/photo.jpg")
        assert body_of(response) == pictures.HTML
        assert response["Content-Type"] == "text/html"
        assert response["Content-Disposition"].startswith("attachment;")
        assert_harmless(response)

    @pytest.mark.parametrize("detected_type", ["", "nonsense", "a/b\r\nX-Evil: 1", "text/html; x"])
    def test_a_type_that_makes_no_sense_becomes_bytes(self, browser, detected_type):
        file = make_file(make_project(), b"x", detected_type=detected_type)
        response = browser.get(f"/{file.uuid}/")
        response.close()
        assert response["Content-Type"] == "application/octet-stream"

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a%0dX-Evil:%201.jpg", 'inline; filename="aX-Evil: 1.jpg"'),
            ("%22quoted%22.jpg", 'inline; filename="\\"quoted\\".jpg"'),
            ("H%C3%A4user.jpg", "inline; filename*=utf-8''H%C3%A4user.jpg"),
            ("%E2%80%AEgpj.exe", 'inline; filename="gpj.exe"'),
            ("%ff%fe.jpg", 'inline; filename="%FF%FE.jpg"'),
            ("..", 'inline; filename="original"'),
        ],
    )
    def test_a_name_in_the_address_is_made_safe(self, browser, photo, name, expected):
        response = browser.get(f"/{photo.uuid}/{name}")
        response.close()
        assert response.status_code == 200
        assert response["Content-Disposition"] == expected
        assert "X-Evil" not in response

    def test_a_line_end_in_the_address_is_not_found(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/a%0d%0aX-Evil:%201.jpg")
        assert response.status_code == 404
        assert_harmless(response)

    @pytest.mark.parametrize(
        "name", ["<svg onload=alert(1)>.png", "\r\nX-Evil: 1", '"><script>', "Straße.png", "\u202e"]
    )
    def test_an_uploaded_name_is_made_safe(self, browser, name):
        file = make_file(make_project(), b"x", name=name, detected_type="image/png")
        response = browser.get(f"/{file.uuid}/")
        response.close()
        assert not set("<>\r\n") & set(response["Content-Disposition"])
        assert "X-Evil" not in response


class TestConditions:
    @pytest.mark.parametrize("rest", ["", "-/resize/100x/"])
    def test_a_browser_that_has_it_gets_304(self, browser, photo, rest):
        first = browser.get(f"/{photo.uuid}/{rest}")
        first.close()
        again = browser.get(f"/{photo.uuid}/{rest}", headers={"if-none-match": first["ETag"]})
        assert again.status_code == 304
        assert again.content == b""
        assert again["ETag"] == first["ETag"]
        assert_harmless(again)

    def test_another_version_gets_all(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/", headers={"if-none-match": '"other"'})
        assert body_of(response) == pictures.camera_jpeg()

    def test_if_modified_since_is_understood(self, browser, photo):
        first = browser.get(f"/{photo.uuid}/")
        first.close()
        since = {"if-modified-since": first["Last-Modified"]}
        assert browser.get(f"/{photo.uuid}/", headers=since).status_code == 304

    def test_if_match_of_another_version_fails(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/", headers={"if-match": '"other"'})
        assert response.status_code == 412

    def test_original_and_processed_have_tags_of_their_own(self, browser, photo):
        tags = set()
        for rest in ("", "-/resize/100x/", "-/resize/101x/"):
            response = browser.get(f"/{photo.uuid}/{rest}")
            response.close()
            tags.add(response["ETag"])
        assert len(tags) == 3


class TestRange:
    @pytest.mark.parametrize(
        ("header", "expected", "content_range"),
        [
            ("bytes=2-4", b"234", "bytes 2-4/10"),
            ("bytes=7-", b"789", "bytes 7-9/10"),
            ("bytes=-2", b"89", "bytes 8-9/10"),
            ("bytes=0-99999", b"0123456789", "bytes 0-9/10"),
        ],
    )
    def test_gives_the_part(self, browser, text_file, header, expected, content_range):
        response = browser.get(f"/{text_file.uuid}/", headers={"range": header})
        assert response.status_code == 206
        assert body_of(response) == expected
        assert response["Content-Range"] == content_range
        assert response["Content-Length"] == str(len(expected))
        assert response["Content-Disposition"].startswith("attachment;")
        assert_harmless(response)

    @pytest.mark.parametrize(
        "header", ["bytes=0-1,1-2", "bytes=" + ",".join(["0-"] * 1_000), "bytes=5-2", "nonsense"]
    )
    def test_several_ranges_and_nonsense_give_the_whole_once(self, browser, text_file, header):
        response = browser.get(f"/{text_file.uuid}/", headers={"range": header})
        assert response.status_code == 200
        assert body_of(response) == b"0123456789"

    def test_behind_the_end_is_refused(self, browser, text_file):
        response = browser.get(f"/{text_file.uuid}/", headers={"range": "bytes=10-"})
        assert response.status_code == 416
        assert response["Content-Range"] == "bytes */10"
        assert_harmless(response)

    @pytest.mark.parametrize(("condition", "status"), [("match", 206), ('"other"', 200)])
    def test_if_range_guards_against_mixing_versions(self, browser, text_file, condition, status):
        tag = f'"{text_file.sha256}"' if condition == "match" else condition
        response = browser.get(
            f"/{text_file.uuid}/", headers={"range": "bytes=2-4", "if-range": tag}
        )
        response.close()
        assert response.status_code == status

    def test_a_processed_image_has_ranges_too(self, browser, photo):
        whole = body_of(browser.get(f"/{photo.uuid}/-/resize/100x/"))
        part = browser.get(f"/{photo.uuid}/-/resize/100x/", headers={"range": "bytes=5-20"})
        assert body_of(part) == whole[5:21]

    def test_the_file_is_closed_after_a_part(self, browser, text_file, monkeypatch):
        opened = []
        real = File.open_bytes

        def remember(file):
            opened.append(real(file))
            return opened[-1]

        monkeypatch.setattr(File, "open_bytes", remember)
        for headers in ({"range": "bytes=2-4"}, {}):
            body_of(browser.get(f"/{text_file.uuid}/", headers=headers))
        assert [handle.closed for handle in opened] == [True, True]


class TestProcessed:
    def test_comes_in_the_size_asked_for(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/-/resize/150x/-/format/png/")
        body = body_of(response)
        assert response.status_code == 200
        assert pictures.read(body).size == (150, 200)
        assert response["Content-Type"] == "image/png"
        assert response["Content-Length"] == str(len(body))
        assert response["Content-Disposition"] == 'inline; filename="Haus1.png"'
        assert (response["X-Image-Width"], response["X-Image-Height"]) == ("150", "200")
        assert response["ETag"] == f'"{hashlib.sha256(body).hexdigest()}"'
        assert response["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Vary" not in response
        assert_harmless(response)

    def test_takes_a_name_from_the_address(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/-/resize/150x/roof.jpg")
        assert pictures.read(body_of(response)).width == 150
        assert response["Content-Disposition"] == 'inline; filename="roof.jpg"'

    def test_can_be_saved_instead_of_shown(self, browser, photo):
        response = browser.get(f"/{photo.uuid}/-/resize/150x/-/inline/no/")
        response.close()
        assert response["Content-Disposition"].startswith("attachment;")

    def test_head_opens_nothing(self, browser, photo):
        response = browser.head(f"/{photo.uuid}/-/resize/150x/")
        assert response.content == b""
        assert int(response["Content-Length"]) > 100

    @pytest.mark.parametrize(
        ("accept", "expected"), [("image/webp", "image/webp"), ("*/*", "image/png")]
    )
    def test_format_auto_varies_by_what_the_browser_accepts(self, browser, photo, accept, expected):
        response = browser.get(
            f"/{photo.uuid}/-/preview/100x100/-/format/auto/", headers={"accept": accept}
        )
        response.close()
        assert response["Content-Type"] == expected
        assert response["Vary"] == "Accept"

    @pytest.mark.parametrize(
        ("rest", "words"),
        [
            ("-/explode/", "`explode`: not known"),
            ("-/resize/abc/", "`resize`: write a size"),
            ("-/resize/200x", "`resize`: write one size"),
            ("-/resize/3001x10/", "at most 3000×3000"),
            ("-/preview/" * 201, "Over 200 operations"),
            ("-/resize/3000x3000/" * 150, "too much work"),
            ("-/<script>alert(1)<script>/", "not known"),
            ("somewhere/else/", "begin with `-/`"),
        ],
    )
    def test_bad_operations_are_told_apart(self, browser, photo, rest, words):
        response = browser.get(f"/{photo.uuid}/{rest}")
        assert response.status_code == 400
        assert words in response.content.decode()
        assert response["Content-Type"] == "text/plain; charset=utf-8"
        assert_harmless(response)

    @pytest.mark.parametrize(
        "body",
        [pictures.HTML, b"words"],
    )
    def test_operations_on_what_is_no_image_say_so_as_clients_expect(self, browser, body):
        file = make_file(make_project(), body, name="photo.jpg", detected_type="text/plain")
        response = browser.get(f"/{file.uuid}/-/resize/10x/")
        assert response.status_code == 400
        assert "Not supported for files that are not images." in response.content.decode()
        assert response["Content-Type"].startswith("text/html")
        assert_harmless(response)

    def test_a_picture_of_too_many_pixels_is_none_and_says_why(self, browser, photo):
        flood = make_file(photo.project, pictures.flood_png(14_000, 14_000))
        response = browser.get(f"/{flood.uuid}/-/resize/10x/")
        assert response.status_code == 400
        assert "It has 196 megapixels; at most 75 are possible." in response.content.decode()

    def test_an_original_over_100_mb_is_not_processed(self, browser, photo):
        File.objects.filter(pk=photo.pk).update(size=104_857_601)
        response = browser.get(f"/{photo.uuid}/-/resize/10x/")
        assert response.status_code == 400
        assert b"100 MB" in response.content

    def test_a_damaged_picture_is_refused(self, browser):
        file = make_file(make_project(), pictures.truncated_jpeg(), detected_type="image/jpeg")
        response = browser.get(f"/{file.uuid}/-/resize/10x/")
        assert response.status_code == 400
        assert b"could not be processed" in response.content
        assert_harmless(response)

    def test_says_when_to_come_again_while_all_is_busy(self, browser, photo, monkeypatch):
        def busy(**_):
            raise ImagingBusy

        monkeypatch.setattr(renditions, "render", busy)
        response = browser.get(f"/{photo.uuid}/-/resize/10x/")
        assert response.status_code == 503
        assert response["Retry-After"] == "5"
        assert_harmless(response)


class TestInfo:
    def test_tells_what_the_picture_is(self, browser, photo):
        File.objects.filter(pk=photo.pk).update(content_info=None)
        response = browser.get(f"/{photo.uuid}/-/json/")
        assert response["Content-Type"] == "application/json"
        info = response.json()
        assert len(info.pop("hash")) == 16
        assert info == {
            "id": str(photo.uuid),
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
        assert_harmless(response)

    def test_reads_what_is_known_from_the_row(self, browser, photo):
        assert browser.get(f"/{photo.uuid}/-/json/").json()["width"] == 400

    def test_a_picture_that_cannot_be_decoded_has_no_hash(self, browser, photo, monkeypatch):
        def fail(**_):
            raise ProcessingFailed

        monkeypatch.setattr(renditions, "fingerprint", fail)
        assert browser.get(f"/{photo.uuid}/-/json/").json()["hash"] is None

    def test_what_is_no_image_has_none(self, browser, text_file):
        response = browser.get(f"/{text_file.uuid}/-/json/")
        assert response.status_code == 400
        assert b"are not images" in response.content
