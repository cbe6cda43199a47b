"""Versions, types, headers and errors that all of REST shares."""

from io import BytesIO

import pytest
from django.conf import settings

from tests.api.conftest import ACCEPT

pytestmark = pytest.mark.django_db

NO_VERSION = (
    "Incorrect Accept header provided. Make sure to specify API version. "
    "Refer to REST API docs for details."
)


class TestVersions:
    @pytest.mark.parametrize("version", ["0.5", "0.6", "0.7"])
    def test_the_type_of_the_answer_is_that_of_the_version_without_a_charset(self, rest, version):
        media_type = f"application/vnd.uploadcare-v{version}+json"
        response = rest.get("/project/", accept=media_type)
        assert response.status_code == 200
        assert response["Content-Type"] == media_type

    @pytest.mark.parametrize(
        "accept",
        [
            f"text/html, {ACCEPT};q=0.9, */*;q=0.1",
            f"{ACCEPT}, application/vnd.uploadcare-v0.6+json",
            ACCEPT.upper(),
        ],
    )
    def test_one_of_several_types_is_enough_and_the_newest_counts(self, rest, accept):
        assert rest.get("/project/", accept=accept)["Content-Type"] == ACCEPT

    @pytest.mark.parametrize(
        "accept", [None, "", "*/*", "application/json", "application/vnd.uploadcare-v0.8+json"]
    )
    def test_without_a_known_version_nothing_is_answered(self, rest, accept):
        response = rest.get("/project/", accept=accept)
        assert response.status_code == 406
        assert response["Content-Type"] == "application/json"
        assert response.json() == {"detail": NO_VERSION}

    def test_errors_have_the_type_of_the_version_too(self, rest):
        assert rest.get("/files/nonexistent/")["Content-Type"] == ACCEPT


class TestHeaders:
    def test_are_those_of_the_recorded_service(self, rest):
        for path in ("/project/", "/files/nonexistent/"):
            response = rest.get(path)
            assert response["Vary"] == "Accept"
            assert response["X-Content-Type-Options"] == "nosniff"
            assert response["X-Frame-Options"] == "SAMEORIGIN"
            assert response["X-Robots-Tag"] == "noindex, nofollow, nosnippet, noarchive"
            assert response["Access-Control-Allow-Origin"] == settings.DASHBOARD_URL
            assert len(response["x-uploadcare-request-id"]) == 36
            assert "Set-Cookie" not in response

    @pytest.mark.parametrize(
        ("path", "allow"),
        [
            ("/project/", "GET, HEAD, OPTIONS"),
            ("/files/", "GET, HEAD, OPTIONS, POST"),
            ("/files/remote_copy/", "OPTIONS, POST"),
            ("/files/x/", "DELETE, GET, HEAD, OPTIONS"),
            ("/files/x/storage/", "DELETE, GET, HEAD, OPTIONS, POST, PUT"),
        ],
    )
    def test_allow_lists_the_methods_by_the_alphabet(self, rest, path, allow):
        assert rest("OPTIONS", path)["Allow"] == allow
        assert rest("PATCH", path)["Allow"] == allow


class TestErrors:
    @pytest.mark.parametrize("method", ["PATCH", "PUT", "POST", "DELETE", "TRACE"])
    def test_a_method_that_is_not_there(self, rest, method):
        response = rest(method, "/project/")
        assert response.status_code == 405
        assert response.json() == {"detail": f'Method "{method}" not allowed.'}

    @pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override"])
    def test_no_header_makes_one_method_another(self, rest, header):
        response = rest.post(
            "/project/", HTTP_X_HTTP_METHOD_OVERRIDE="GET", headers={header: "GET"}
        )
        assert response.status_code == 405

    def test_head_on_what_only_takes_post(self, rest):
        assert rest("HEAD", "/files/remote_copy/").status_code == 405

    def test_head_answers_without_a_body(self, rest):
        response = rest("HEAD", "/project/")
        assert response.status_code == 200
        assert response.content == b""

    @pytest.mark.parametrize(
        "name",
        [
            "nonexistent",
            "{braces}",
            "0" * 36,
            "%00",
            "..",
            "a" * 5_000,
            "017be467817478-49b1-8b0d-ba94bb88aaaa",
        ],
    )
    def test_an_id_that_is_none_is_not_found(self, rest, name):
        for path in (f"/files/{name}/", f"/files/{name}/storage/"):
            response = rest.get(path)
            assert response.status_code == 404
            if response["Content-Type"] == ACCEPT:
                assert response.json() == {"detail": "Not found."}

    def test_a_body_of_another_type(self, rest):
        response = rest.post("/files/remote_copy/", b"a=1", CONTENT_TYPE="text/plain")
        assert response.status_code == 415
        assert response.json() == {"detail": 'Unsupported media type "text/plain" in request.'}


class TestJson:
    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"\xff\xfe",
            b'{"source": "a", "source": "b"}',
            b'{"source": NaN}',
            b'{"source": Infinity}',
            b'{"source": "\\ud800"}',
            b'{"source": ' + b"9" * 5_000 + b"}",
            b"[" * 100_000,
            b'{"a":' * 100_000,
        ],
    )
    def test_what_readers_would_disagree_on_is_refused(self, rest, body):
        response = rest.post("/files/remote_copy/", body)
        assert response.status_code == 400
        assert response.json()["detail"].startswith("JSON parse error")

    @pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"null"])
    def test_a_body_that_is_no_object(self, rest, body):
        response = rest.post("/files/remote_copy/", body)
        assert response.status_code == 400
        assert response.json() == {"detail": "Expected JSON object."}

    def test_a_body_over_the_limit(self, rest):
        response = rest.post("/files/remote_copy/", b'{"source": "' + b"x" * 3_000_000 + b'"}')
        assert response.status_code == 413
        assert response.json() == {"detail": "The size of the request is too large."}

    def test_a_body_full_of_keys_is_an_error_like_another(self, rest):
        body = b"{" + b",".join(b'"%d":1' % n for n in range(150_000)) + b"}"
        response = rest.post("/files/remote_copy/", body)
        assert response.status_code == 400
        assert response.json() == {"detail": "`source` parameter is required."}

    @pytest.mark.parametrize("length", ["100", "abc"])
    def test_a_length_that_is_wrong(self, rest, length):
        cut_off = {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"{}")}
        response = rest.post("/files/remote_copy/", b"{}", **cut_off)
        assert response.status_code == 400

    def test_fields_that_nobody_asked_for_change_nothing(self, rest, project):
        before = (project.name, project.public_key)
        body = {"source": "x", "target": "y", "id": 1, "project": 2, "is_staff": True}
        assert rest.post("/files/remote_copy/", body).status_code == 400
        project.refresh_from_db()
        assert (project.name, project.public_key) == before
