"""The Upload API: /base/ and /info/."""

import hashlib
import hmac
import json
import time
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils import timezone
from rest_framework.exceptions import Throttled

from storages_app.api.upload import direct
from storages_app.imaging.errors import ImagingBusy
from storages_app.lib.crypto import CannotUnseal
from storages_app.models import CopyJob, File, SecretKey
from storages_app.uploads import errors
from tests.api.conftest import make_rest
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def incoming(tmp_path, settings):
    """The folder of temporary files, empty before and after each test."""
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    yield
    assert list(settings.FILE_UPLOAD_TEMP_DIR.iterdir()) == []


def some_file(content=b"some bytes", name="notes.txt", content_type="text/plain"):
    return SimpleUploadedFile(name, content, content_type)


def upload(project, query="", path="/base/", **fields):
    data = {"UPLOADCARE_PUB_KEY": project.public_key, "file": some_file()} | fields
    return Client().post(
        path + query, {name: value for name, value in data.items() if value is not None}
    )


def info(query):
    return Client().get(f"/info/?{query}")


def assert_refused(response, status, text):
    assert response.status_code == status
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content.decode() == text
    assert_cors(response)
    assert not File.objects.exists()


def assert_cors(response):
    assert response["Access-Control-Allow-Origin"] == "*"
    assert response["Access-Control-Expose-Headers"] == "Warning, Retry-After"
    assert "X-UC-User-Agent" in response["Access-Control-Allow-Headers"]
    assert response["Vary"] == "Origin"
    assert "Set-Cookie" not in response


class TestBase:
    def test_answers_with_the_uuid_under_the_name_of_the_field(self, project):
        response = upload(project)
        assert response.status_code == 200
        assert response["Content-Type"] == "application/json"
        assert_cors(response)
        file = File.objects.get()
        assert response.json() == {"file": str(file.uuid)}
        assert file.project == project
        assert file.original_filename == "notes.txt"
        with file.open_bytes() as content:
            assert content.read() == b"some bytes"

    def test_takes_several_files(self, project):
        response = upload(project, file=None, **{"a.txt": some_file(), "b.txt": some_file(b"b")})
        made = response.json()
        assert set(made) == {"a.txt", "b.txt"}
        assert {str(file.uuid) for file in File.objects.all()} == set(made.values())

    def test_reads_parameters_from_the_query_too(self, project):
        query = f"?UPLOADCARE_PUB_KEY={project.public_key}&UPLOADCARE_STORE=0&metadata[pet]=cat"
        assert upload(project, query, UPLOADCARE_PUB_KEY=None).status_code == 200
        file = File.objects.get()
        assert not file.is_stored
        assert file.metadata == {"pet": "cat"}

    def test_keeps_metadata(self, project):
        upload(project, **{"metadata[pet]": "cat", "metadata[n.o-t_e:1]": "naïve\nline"})
        assert File.objects.get().metadata == {"pet": "cat", "n.o-t_e:1": "naïve\nline"}

    @pytest.mark.parametrize(("store", "is_stored"), [("0", False), ("1", True), ("auto", True)])
    def test_stores_as_asked(self, project, store, is_stored):
        upload(project, UPLOADCARE_STORE=store)
        assert File.objects.get().is_stored is is_stored

    @pytest.mark.parametrize("path", ["/base//", "//base/", "///base///"])
    def test_doubled_slashes_are_forgiven(self, project, path):
        data = {"UPLOADCARE_PUB_KEY": project.public_key, "file": some_file()}
        assert Client().post("/base/", data, PATH_INFO=path).status_code == 200

    def test_says_the_id_under_which_it_is_logged(self, project):
        assert uuid.UUID(upload(project)["x-uploadcare-request-id"])

    def test_takes_the_name_of_a_client_from_a_page_of_any_origin(self, project):
        asked = {
            "HTTP_ORIGIN": "https://shop.example",
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST",
            "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-uc-user-agent",
        }
        preflight = Client().options("/base/", **asked)
        assert preflight.status_code == 200
        assert preflight.content == b""
        assert_cors(preflight)
        assert preflight["Access-Control-Allow-Methods"] == "OPTIONS, POST"
        assert preflight["Access-Control-Max-Age"] == "1"
        assert Client().options("/info/")["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        sent = {"HTTP_X_UC_USER_AGENT": "UploadcareUploadClient/6.14.1/demo (JavaScript)"}
        data = {"UPLOADCARE_PUB_KEY": project.public_key, "file": some_file()}
        assert Client().post("/base/", data, **sent).status_code == 200

    def test_the_same_again_under_an_idempotency_key_is_the_same_file(self, project):
        """F04"""
        answers = [
            Client()
            .post(
                "/base/",
                {"UPLOADCARE_PUB_KEY": project.public_key, "file": some_file()},
                HTTP_IDEMPOTENCY_KEY="order 66",
            )
            .json()
            for _ in range(2)
        ]
        assert answers[0] == answers[1]
        assert File.objects.count() == 1

    def test_an_empty_file_is_a_file(self, project):
        upload(project, file=some_file(b""))
        assert File.objects.get().size == 0

    def test_orders_the_copies_of_the_project(self, project):
        make_custom_storage(project, auto_copy=True)
        upload(project)
        assert CopyJob.objects.get().file == File.objects.get()

    def test_metadata_is_no_header_of_ours(self, project):
        """S029"""
        upload(
            project, **{"metadata[Content-Type]": "text/html", "metadata[x-amz-acl]": "a\r\nb: c"}
        )
        file = File.objects.get()
        assert file.metadata == {"Content-Type": "text/html", "x-amz-acl": "a\r\nb: c"}
        assert (file.mime_type, file.detected_type) == ("text/plain", "text/plain")

    def test_sets_no_field_that_is_ours(self, project):
        other = make_project()
        fields = {"uuid": str(uuid.uuid4()), "project": str(other.pk), "removed_at": "2020-01-01"}
        upload(project, **{f"metadata[{name}]": value for name, value in fields.items()})
        upload(project, project_id=str(other.pk), is_ready="0")
        assert File.objects.filter(project=project, removed_at=None, is_ready=True).count() == 2
        assert not File.objects.filter(pk=fields["uuid"]).exists()


class TestBaseRefuses:
    @pytest.fixture
    def project(self):
        return make_project(max_upload_size=100)

    @pytest.mark.parametrize(
        ("fields", "status", "code", "text"),
        [
            (
                {"UPLOADCARE_PUB_KEY": None},
                403,
                "ProjectPublicKeyRequiredError",
                "UPLOADCARE_PUB_KEY is required.",
            ),
            (
                {"UPLOADCARE_PUB_KEY": "nobody"},
                403,
                "ProjectPublicKeyInvalidError",
                "UPLOADCARE_PUB_KEY is invalid.",
            ),
            ({"file": None}, 400, "FilesRequiredError", "Request does not contain files."),
            (
                {"metadata[a b]": "x"},
                400,
                "FileMetadataKeyForbiddenError",
                (
                    "File's metadata key `a b` contains symbols not allowed by the metadata key "
                    "format."
                ),
            ),
            (
                {"metadata[]": "x"},
                400,
                "FileMetadataKeyEmptyError",
                "File's metadata key can not be empty.",
            ),
            (
                {"metadata[a]": ["x", "y"]},
                400,
                "FileMetadataKeyDuplicatedError",
                "File's metadata key `a` has a duplicate.",
            ),
            (
                {"metadata[a]": "nul\0"},
                400,
                "NullCharactersForbiddenError",
                "Null characters are not allowed.",
            ),
            (
                {f"metadata[k{n}]": "x" for n in range(51)},
                400,
                "FileMetadataKeysNumberTooBigError",
                "A file can not have more than 50 metadata keys.",
            ),
            (
                {"file": ["a", "b"]},
                400,
                "FilesNumberLimitExceededError",
                "There are too many files.",
            ),
            ({"file": "large"}, 400, "FileSizeLimitExceededError", "File is too large."),
            (
                {"UPLOADCARE_STORE": ["0", "1"]},
                400,
                "BaseViewsError",
                "Parameter `UPLOADCARE_STORE` is given twice with different values.",
            ),
        ],
    )
    def test_with_the_text_of_the_wire(self, project, fields, status, code, text):
        def made():
            fresh = dict(fields)
            if fresh.get("file") == ["a", "b"]:
                fresh["file"] = [some_file(), some_file()]
            if fresh.get("file") == "large":
                fresh["file"] = some_file(b"x" * 101)
            return fresh

        assert_refused(upload(project, **made()), status, text)
        as_json = upload(project, "?jsonerrors=1", **made())
        assert as_json.status_code == 200
        assert as_json["Content-Type"] == "application/json"
        assert as_json.json() == {
            "error": {"status_code": status, "content": text, "error_code": code}
        }
        assert_cors(as_json)
        in_body = upload(project, jsonerrors="1", **made())
        assert in_body.json() == as_json.json()
        assert not File.objects.exists()

    def test_metadata_of_two_kilobytes(self, project):
        """S029"""
        text = "Value of file metadata's key `a` can not be more than 512 symbols in length."
        assert_refused(upload(project, **{"metadata[a]": "x" * 2_048}), 400, text)

    def test_a_value_that_differs_between_query_and_body(self, project):
        response = upload(project, "?UPLOADCARE_PUB_KEY=other")
        assert_refused(
            response, 400, "Parameter `UPLOADCARE_PUB_KEY` is given twice with different values."
        )

    def test_a_removed_project(self, project):
        project.removed_at = timezone.now()
        project.save()
        text = f"Project {project.public_key} is marked as removed."
        assert_refused(upload(project), 403, text)
        as_json = upload(project, "?jsonerrors=1").json()["error"]
        assert as_json["error_code"] == "ProjectPublicKeyRemovedError"

    def test_a_request_over_the_limit(self, project, settings):
        settings.MAX_DIRECT_UPLOAD = 200
        response = upload(project)
        assert_refused(response, 413, "The size of the request is too large.")
        as_json = upload(project, "?jsonerrors=1").json()["error"]
        assert as_json["error_code"] == "RequestSizeLimitExceededError"

    def test_too_many_files_and_fields(self, project):
        files = {f"f{n}": some_file(b"") for n in range(1_000)}
        response = upload(project, **files)
        assert_refused(response, 400, "The request contains too many files.")
        response = upload(project, **{f"f{n}": "x" for n in range(2_000)})
        assert_refused(response, 400, "The request contains too many HTTP POST fields.")

    def test_a_form_that_is_none(self, project):
        response = Client().post(
            "/base/", b"garbage", content_type="multipart/form-data; boundary="
        )
        assert_refused(response, 400, "HTTP POST request parsing failed.")

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
    def test_a_body_that_is_no_form(self, content_type):
        response = Client().post("/base/", b"{}", content_type=content_type)
        assert_refused(response, 403, "UPLOADCARE_PUB_KEY is required.")

    @pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
    def test_other_methods(self, method):
        response = Client().generic(method, "/base/")
        assert_refused(response, 405, f"HTTP method {method} is not allowed for /base/")
        assert response["Allow"] == "OPTIONS, POST"

    @pytest.mark.parametrize(
        ("failure", "status", "code", "text"),
        [
            (
                errors.DiskFull(),
                507,
                "UploadFailedError",
                (
                    "The server has no space left for this file. Nothing of it was kept; "
                    "try again later."
                ),
            ),
            (ImagingBusy(), 503, "UploadFailedError", "All image processes are busy."),
            (CannotUnseal(), 500, "UploadAPIError", "Internal error."),
            (Throttled(10), 429, "RequestThrottledError", "Request was throttled."),
        ],
    )
    def test_what_goes_wrong_behind_the_door(
        self, project, monkeypatch, failure, status, code, text
    ):
        def fail(**kwargs):
            raise failure

        monkeypatch.setattr(direct.uploads, "receive_all", fail)
        response = upload(project)
        assert_refused(response, status, text)
        assert response.get("Retry-After") == {429: "10", 503: "5"}.get(status)
        as_json = upload(project, "?jsonerrors=1").json()
        assert as_json == {"error": {"status_code": status, "content": text, "error_code": code}}

    def test_a_type_that_the_project_does_not_take(self):
        project = make_project(accepted_types="image/*")
        disguised = some_file(b"<html><script>", "photo.png", "image/png")
        text = "Uploading of these file types is not allowed."
        assert_refused(upload(project, file=disguised), 400, text)
        disguised.seek(0)
        as_json = upload(project, "?jsonerrors=1", file=disguised).json()
        assert as_json["error"]["error_code"] == "FileTypeForbiddenError"

    def test_a_fault_of_ours_is_told_like_any_other_and_goes_to_the_log(
        self, project, monkeypatch, caplog
    ):
        def fail(**kwargs):
            raise ZeroDivisionError("secret words")

        monkeypatch.setattr(direct.uploads, "receive_all", fail)
        client = Client(raise_request_exception=False)
        data = {"UPLOADCARE_PUB_KEY": project.public_key, "file": some_file()}
        assert_refused(client.post("/base/", data), 500, "Internal error.")
        assert "ZeroDivisionError" in caplog.text
        with pytest.raises(ZeroDivisionError):
            upload(project)

    @pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
    def test_a_database_that_is_away(self, project, monkeypatch, fault):
        """F05: or has no room left."""

        def fail(**kwargs):
            raise fault("server closed the connection; words of the database")

        monkeypatch.setattr(direct.uploads, "receive_all", fail)
        response = upload(project)
        assert_refused(response, 503, "Upload failed.")
        assert response["Retry-After"] == "5"

    def test_a_page_of_an_error_is_never_html(self, project):
        response = Client().generic("DELETE", "/base//")
        assert response["Content-Type"].startswith("text/plain")
        assert response["X-Content-Type-Options"] == "nosniff"


class TestSignaturesThatAreNotNeeded:
    @pytest.mark.parametrize(
        ("changed", "is_signed"),
        [
            ({}, True),
            ({"signature": None, "expire": None}, False),
            ({"signature": "0" * 64}, False),
            ({"expire": "60"}, False),
            ({"expire": ["1", "2"]}, False),
        ],
    )
    def test_are_noted_and_refuse_nothing(self, project, changed, is_signed):
        fields = TestSignedUploads.signed(make_rest(project).secret, int(time.time()) + 60)
        assert upload(project, **(fields | changed)).status_code == 200
        assert File.objects.get().is_signed is is_signed
        assert SecretKey.objects.get().last_used_at is None


class TestSignedUploads:
    @pytest.fixture
    def project(self):
        return make_project(requires_signed_uploads=True)

    @staticmethod
    def signed(secret, expire):
        message = str(expire).encode()
        signature = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
        return {"signature": signature, "expire": str(expire)}

    def test_a_right_signature_opens(self, project):
        secret = make_rest(project).secret
        assert upload(project, **self.signed(secret, int(time.time()) + 60)).status_code == 200

    @pytest.mark.parametrize(
        ("changed", "status", "text"),
        [
            ({"signature": None}, 400, "`signature` is required."),
            ({"expire": None}, 400, "`expire` is required."),
            ({"expire": "soon"}, 400, "`expire` must be a UNIX timestamp."),
            ({"expire": "60"}, 403, "Expired signature."),
            ({"expire": "-60"}, 400, "`expire` must be a UNIX timestamp."),
            ({"expire": "1.5"}, 400, "`expire` must be a UNIX timestamp."),
            ({"expire": None, "expire[]": "9"}, 400, "`expire` is required."),
            (
                {"expire": ["1", "2"]},
                400,
                "Parameter `expire` is given twice with different values.",
            ),
            ({"signature": "0" * 64}, 403, "Invalid signature."),
        ],
    )
    def test_others_are_refused(self, project, changed, status, text):
        """S057"""
        secret = make_rest(project).secret
        fields = self.signed(secret, int(time.time()) + 60) | changed
        assert_refused(upload(project, **fields), status, text)

    def test_one_that_would_live_too_long_is_refused(self, project):
        """S058"""
        rest = make_rest(project)
        response = upload(project, **self.signed(rest.secret, int(time.time()) + 25 * 3600))
        assert_refused(response, 403, "Expired signature.")
        assert "too far ahead" in response["Warning"]
        milliseconds = self.signed(rest.secret, int(time.time() * 1000))
        assert_refused(upload(project, **milliseconds), 400, "`expire` must be a UNIX timestamp.")

    def test_a_legacy_one_opens_where_the_project_wants_it(self, project):
        """S060"""
        secret = make_rest(project).secret
        expire = str(int(time.time()) + 60)
        signature = hashlib.md5(f"{secret}{expire}".encode()).hexdigest()
        fields = {"signature": signature, "expire": expire}
        assert_refused(upload(project, **fields), 403, "Invalid signature.")
        type(project).objects.update(accepts_legacy_signatures=True)
        assert upload(project, **fields).status_code == 200

    def test_the_key_is_seen_to_be_used(self, project):
        rest = make_rest(project)
        assert upload(project, **self.signed(rest.secret, int(time.time()) + 60)).status_code == 200
        rest.key.refresh_from_db()
        assert rest.key.last_used_at

    def test_the_key_of_another_project_signs_nothing(self, project, stranger):
        fields = self.signed(stranger.secret, int(time.time()) + 60)
        assert_refused(upload(project, **fields), 403, "Invalid signature.")

    def test_are_not_asked_for_elsewhere(self, project):
        file = make_file(project)
        assert info(f"pub_key={project.public_key}&file_id={file.uuid}").status_code == 200
        assert upload(make_project(), signature="wrong", expire="60").status_code == 200


class TestInfo:
    def test_is_what_the_upload_clients_expect(self, project):
        file = make_file(project, name="IMG-0412_123.JPG", metadata={"pet": "cat"})
        response = info(f"pub_key={project.public_key}&file_id={file.uuid}")
        assert response.status_code == 200
        assert response["Content-Type"] == "application/json"
        assert_cors(response)
        assert response.json() == {
            "uuid": str(file.uuid),
            "file_id": str(file.uuid),
            "size": 10,
            "total": 10,
            "done": 10,
            "original_filename": "IMG-0412_123.JPG",
            "filename": "IMG0412_123.JPG",
            "mime_type": "text/plain",
            "is_image": False,
            "is_stored": True,
            "is_ready": True,
            "image_info": None,
            "video_info": None,
            "content_info": None,
            "metadata": {"pet": "cat"},
        }

    @pytest.mark.parametrize(
        ("query", "status", "code", "text"),
        [
            ("", 403, "ProjectPublicKeyRequiredError", "pub_key is required."),
            ("pub_key=nobody", 403, "ProjectPublicKeyInvalidError", "pub_key is invalid."),
            ("pub_key={key}", 400, "FileIdRequiredError", "file_id is required."),
            ("pub_key={key}&file_id=x", 400, "FileIdInvalidError", "file_id is invalid."),
            ("pub_key={key}&file_id=%00", 400, "FileIdInvalidError", "file_id is invalid."),
            (
                "pub_key={key}&file_id=017be467-8174-49b1-8b0d-ba94bb88aaaa",
                404,
                "FileNotFoundError",
                "File is not found.",
            ),
        ],
    )
    def test_refuses_with_the_text_of_the_wire(self, project, query, status, code, text):
        sent = query.format(key=project.public_key)
        assert_refused(info(sent), status, text)
        assert info(f"{sent}&jsonerrors=1").json() == {
            "error": {"status_code": status, "content": text, "error_code": code}
        }

    def test_of_a_file_that_is_removed_or_anothers(self, project):
        removed = make_file(project, removed_at=timezone.now(), stored_at=None)
        foreign = make_file(make_project())
        for file in (removed, foreign):
            response = info(f"pub_key={project.public_key}&file_id={file.uuid}")
            assert response.status_code == 404
            assert response.content == b"File is not found."

    def test_other_methods(self):
        response = Client().post("/info/")
        assert_refused(response, 405, "HTTP method POST is not allowed for /info/")


class TestPreflight:
    @pytest.mark.parametrize(
        ("path", "methods"), [("/base/", "OPTIONS, POST"), ("/info/", "GET, HEAD, OPTIONS")]
    )
    def test_is_answered_empty_with_what_is_allowed(self, path, methods):
        response = Client().options(
            path,
            HTTP_ORIGIN="https://shop.example.com",
            HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
            HTTP_ACCESS_CONTROL_REQUEST_HEADERS="x-uc-user-agent",
        )
        assert response.status_code == 200
        assert response.content == b""
        assert response["Access-Control-Allow-Methods"] == methods
        assert_cors(response)


def test_a_query_that_is_odd_is_no_fault_of_ours():
    many = "&".join(f"x{n}=1" for n in range(2_000))
    for query in ("pub_key=%ff%fe", "pub_key[]=1", "&&&", "pub_key=%00", "x" * 5_000, many):
        assert info(query).status_code in {400, 403}
    assert json.loads(info("jsonerrors=1").content)["error"]["status_code"] == 403
