"""The Upload API: /multipart/."""

import hashlib
import hmac
import re
import time
import uuid
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from storages_app.models import File, UploadSession
from storages_app.uploads import completing, tasks
from tests.api.conftest import make_rest
from tests.factories import make_file, make_project, make_upload_session

pytestmark = pytest.mark.django_db

MIB = 1024 * 1024
CONTENT = bytes(range(256)) * (10 * 4096)  # 10 MiB, the smallest there is
CONTENT_PARTS = [CONTENT[: 5 * MIB], CONTENT[5 * MIB :]]
TOO_SMALL = (
    "File size can not be less than 10485760 bytes. Please use direct upload instead of multipart."
)


@pytest.fixture(autouse=True)
def incoming(tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    return settings.FILE_UPLOAD_TEMP_DIR


def start(project, query="", path="/multipart/start/", **fields):
    asked = {
        "UPLOADCARE_PUB_KEY": project.public_key,
        "filename": "film.mp4",
        "size": str(len(CONTENT)),
        "content_type": "video/mp4",
    } | fields
    return Client().post(path + query, {k: v for k, v in asked.items() if v is not None})


def put(url, content, method="put", **headers):
    parts = urlsplit(url)
    sender = getattr(Client(), method)
    return sender(f"{parts.path}?{parts.query}", content, "any/thing", **headers)


def complete(project, query="", path="/multipart/complete/", **fields):
    asked = {"UPLOADCARE_PUB_KEY": project.public_key} | fields
    return Client().post(path + query, {k: v for k, v in asked.items() if v is not None})


def info(project, file_id):
    return Client().get(f"/info/?pub_key={project.public_key}&file_id={file_id}")


@pytest.fixture
def sent(project):
    """The answer of a start whose parts have come."""
    begun = start(project).json()
    for url, content in zip(begun["parts"], CONTENT_PARTS, strict=True):
        assert put(url, content).status_code == 200
    return begun


class TestTheWholeWay:
    def test_start_parts_complete(self, project):
        response = start(project, **{"metadata[pet]": "cat", "UPLOADCARE_STORE": "1"})
        assert response.status_code == 200
        assert response["Content-Type"] == "application/json"
        begun = response.json()
        assert len(begun["parts"]) == 2
        for url, content in reversed(list(zip(begun["parts"], CONTENT_PARTS, strict=True))):
            response = put(url, content)
            assert response.status_code == 200
            assert response["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
        response = complete(project, uuid=begun["uuid"])
        assert response.status_code == 200
        told = response.json()
        assert told["uuid"] == told["file_id"] == begun["uuid"]
        assert told["size"] == told["total"] == told["done"] == len(CONTENT)
        assert (told["is_ready"], told["is_stored"]) == (True, True)
        assert (told["original_filename"], told["mime_type"]) == ("film.mp4", "video/mp4")
        assert told["metadata"] == {"pet": "cat"}
        file = File.objects.get()
        assert (str(file.pk), file.project) == (begun["uuid"], project)
        assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert info(project, begun["uuid"]).json() == told
        assert complete(project, uuid=begun["uuid"]).json() == told

    def test_parameters_may_be_in_the_query(self, project):
        query = (
            f"?UPLOADCARE_PUB_KEY={project.public_key}&filename=a.bin&size=20000000"
            "&content_type=a/b&part_size=10000000"
        )
        assert len(Client().post(f"/multipart/start/{query}").json()["parts"]) == 2

    def test_a_form_may_be_urlencoded(self, project):
        body = (
            f"UPLOADCARE_PUB_KEY={project.public_key}&filename=a.bin&size=20000000&content_type=a/b"
        )
        response = Client().post("/multipart/start/", body, "application/x-www-form-urlencoded")
        assert len(response.json()["parts"]) == 4

    @pytest.mark.parametrize("path", ["/multipart/start//", "/multipart//start/"])
    def test_doubled_slashes_are_forgiven(self, project, path):
        assert start(project, path=path).status_code == 200

    def test_what_is_being_put_together_is_told_of(self, project, sent, settings):
        """As long as there is no row, /info/ answers of the session."""
        settings.COMPLETE_IN_REQUEST = 0
        told = complete(project, uuid=sent["uuid"]).json()
        assert told["uuid"] == told["file_id"] == sent["uuid"]
        assert told["is_ready"] is False
        assert told["size"] == len(CONTENT)
        assert info(project, sent["uuid"]).json() == told
        assert info(make_project(), sent["uuid"]).status_code == 404
        tasks.drain()
        ready = info(project, sent["uuid"]).json()
        assert ready["is_ready"] is True
        assert set(told) == set(ready)

    def test_before_that_there_is_nothing_to_tell(self, project, sent):
        assert info(project, sent["uuid"]).status_code == 404

    def test_complete_needs_no_signature(self, project, sent):
        project.requires_signed_uploads = True
        project.save()
        assert complete(project, uuid=sent["uuid"]).status_code == 200


class TestSignedUploads:
    @pytest.fixture
    def project(self):
        return make_project(requires_signed_uploads=True)

    def test_start_wants_one(self, project):
        response = start(project)
        assert (response.status_code, response.content) == (400, b"`signature` is required.")
        assert not UploadSession.objects.exists()

    def test_and_takes_it(self, project):
        expire = str(int(time.time()) + 60)
        secret = make_rest(project).secret
        signature = hmac.new(secret.encode(), expire.encode(), hashlib.sha256).hexdigest()
        assert start(project, signature=signature, expire=expire).status_code == 200
        assert UploadSession.objects.get().is_signed is True

    def test_where_none_is_needed_it_is_noted_that_there_was_none(self):
        assert start(make_project()).status_code == 200
        assert UploadSession.objects.get().is_signed is False


class TestStartRefuses:
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
            ({"filename": None}, 400, "RequestParamRequiredError", "filename is required."),
            ({"size": None}, 400, "RequestParamRequiredError", "size is required."),
            ({"content_type": None}, 400, "RequestParamRequiredError", "content_type is required."),
            ({"size": "1.5"}, 400, "MultipartSizeInvalidError", "size should be integer."),
            ({"size": "10485759"}, 400, "MultipartFileSizeTooSmallError", TOO_SMALL),
            (
                {"size": "20000001"},
                400,
                "MultipartFileSizeLimitExceededError",
                "File size exceeds project limit.",
            ),
            (
                {"part_size": "x"},
                400,
                "MultipartPartSizeInvalidError",
                "Multipart Upload Part Size should be an integer.",
            ),
            (
                {"part_size": "5242879"},
                400,
                "MultipartPartSizeTooSmallError",
                "Multipart Upload Part Size can not be less than 5242880 bytes.",
            ),
            (
                {"part_size": "5368709121"},
                400,
                "MultipartPartSizeTooBigError",
                "Multipart Upload Part Size can not be more than 5368709120 bytes.",
            ),
            (
                {"filename": "a\0b"},
                400,
                "NullCharactersForbiddenError",
                "Null characters are not allowed.",
            ),
            (
                {"metadata[]": "x"},
                400,
                "FileMetadataKeyEmptyError",
                "File's metadata key can not be empty.",
            ),
        ],
    )
    def test_with_the_text_of_the_wire(self, fields, status, code, text):
        project = make_project(max_upload_size=20_000_000)
        response = start(project, **fields)
        assert (response.status_code, response.content.decode()) == (status, text)
        assert response["Access-Control-Allow-Origin"] == "*"
        as_json = start(project, "?jsonerrors=1", **fields)
        assert as_json.status_code == 200
        assert as_json.json() == {
            "error": {"status_code": status, "content": text, "error_code": code}
        }
        assert not UploadSession.objects.exists()

    def test_ten_thousand_fields(self, project):
        """S093."""
        body = "&".join(f"f{n}=x" for n in range(10_000))
        response = Client().post("/multipart/start/", body, "application/x-www-form-urlencoded")
        text = b"The request contains too many HTTP POST fields."
        assert (response.status_code, response.content) == (400, text)

    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
    @pytest.mark.parametrize("path", ["/multipart/start/", "/multipart/complete/"])
    def test_other_methods(self, method, path):
        response = getattr(Client(), method)(path)
        assert response.status_code == 405
        assert response["Allow"] == "OPTIONS, POST"


class TestCompleteRefuses:
    def assert_refused(self, project, status, code, text, **fields):
        response = complete(project, **fields)
        assert (response.status_code, response.content.decode()) == (status, text)
        assert response["Access-Control-Allow-Origin"] == "*"
        answer = complete(project, "?jsonerrors=1", **fields).json()
        assert answer["error"] == {"status_code": status, "content": text, "error_code": code}

    def test_without_a_uuid(self, project):
        self.assert_refused(project, 400, "MultipartFileIdRequiredError", "uuid is required.")

    @pytest.mark.parametrize("sent", ["x", "0" * 32, "{" + "0" * 36 + "}"])
    def test_what_is_no_uuid(self, project, sent):
        self.assert_refused(project, 400, "UUIDInvalidError", "uuid is invalid.", uuid=sent)

    def test_another_projects_or_nobodys(self, project):
        other = make_upload_session(make_project())
        for unknown in (other.pk, uuid.uuid4()):
            self.assert_refused(
                project, 404, "MultipartFileNotFoundError", "File is not found.", uuid=str(unknown)
            )

    def test_missing_parts(self, project):
        """F06."""
        begun = start(project).json()
        put(begun["parts"][1], CONTENT_PARTS[1])
        text = "File size mismatch. Not all parts uploaded?"
        code = "MultipartUploadSizeTooSmallError"
        self.assert_refused(project, 400, code, text, uuid=begun["uuid"])

    def test_wrong_parts(self, project, sent, incoming):
        (path,) = incoming.iterdir()
        with path.open("r+b") as file:
            file.write(b"?")
        response = complete(project, "?jsonerrors=1", uuid=sent["uuid"])
        assert response.json()["error"] == {
            "status_code": 400,
            "content": "Can not complete upload. Wrong parts size?",
            "error_code": "MultipartFileCompletionFailedError",
        }

    def test_a_file_that_came_another_way(self, project):
        text, code = "File is already uploaded.", "MultipartFileAlreadyUploadedError"
        self.assert_refused(project, 400, code, text, uuid=str(make_file(project).pk))

    def test_types_that_the_project_does_not_take(self, project, sent):
        project.accepted_types = ["image/*"]
        project.save()
        response = complete(project, uuid=sent["uuid"])
        assert response.content == b"Uploading of these file types is not allowed."


class TestPart:
    @pytest.fixture
    def url(self, project):
        return start(project).json()["parts"][0]

    def test_is_open_to_pages_of_any_origin(self, url):
        """spec/UPLOADCARE 3.1 and 9: a preflight, and an ETag that scripts can read."""
        preflight = put(url, b"", "options")
        assert preflight.status_code == 200
        assert preflight["Access-Control-Allow-Origin"] == "*"
        assert preflight["Access-Control-Allow-Methods"] == "OPTIONS, PUT"
        assert "Content-Type" in preflight["Access-Control-Allow-Headers"]
        response = put(url, CONTENT_PARTS[0])
        assert response["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in response["Access-Control-Expose-Headers"]
        assert "Set-Cookie" not in response

    def test_its_address_is_told_to_nobody(self, url):
        """S054."""
        response = put(url, CONTENT_PARTS[0])
        assert response["Referrer-Policy"] == "no-referrer"
        assert response["Cache-Control"] == "no-store"

    @pytest.mark.parametrize(
        "spoilt",
        [
            lambda url: re.sub(r"/1/", "/2/", url),
            lambda url: re.sub(r"/1/", "/99999/", url),
            lambda url: re.sub(r"/multipart/[^/]+/", f"/multipart/{uuid.uuid4()}/", url),
            lambda url: re.sub(r"expires=\d+", "expires=99999999999", url),
            lambda url: re.sub(r"expires=\d+", "expires=1", url),
            lambda url: re.sub(r"signature=\w+", "", url),
            lambda url: re.sub(r"signature=(\w+)", r"signature=\1\1", url),
            lambda url: url.partition("?")[0],
        ],
    )
    def test_refuses_another_address(self, url, spoilt, incoming):
        """S054: another part, another upload, a later end."""
        response = put(spoilt(url), CONTENT_PARTS[0])
        assert response.status_code == 403
        assert response["Access-Control-Allow-Origin"] == "*"
        assert list(incoming.iterdir()) == []

    @pytest.mark.parametrize("method", ["get", "post", "patch", "delete"])
    def test_refuses_other_methods(self, url, method):
        """S054."""
        assert put(url, b"", method).status_code == 405

    @pytest.mark.parametrize("length", [0, 5 * MIB - 1, 5 * MIB + 1])
    def test_refuses_another_length(self, url, length, incoming):
        """S054."""
        response = put(url, b"x" * length)
        assert response.status_code == 403
        assert response.content == b"This part has to have 5242880 bytes."
        assert list(incoming.iterdir()) == []

    @pytest.mark.parametrize("length", ["", "x", "-5", "１２", "9" * 5_000])
    def test_refuses_a_length_that_is_none(self, url, length):
        assert put(url, b"x", CONTENT_LENGTH=length).status_code == 403

    def test_after_its_time(self, url):
        """S054: expired."""
        UploadSession.objects.update(expires_at=timezone.now())
        assert put(url, CONTENT_PARTS[0]).status_code == 403

    def test_after_the_completion(self, project, sent):
        """F06."""
        complete(project, uuid=sent["uuid"])
        response = put(sent["parts"][0], CONTENT_PARTS[0])
        assert (response.status_code, response.content) == (400, b"File is already uploaded.")

    def test_during_the_completion(self, sent):
        """F06."""
        completing.claim(UploadSession.objects.get())
        assert put(sent["parts"][0], CONTENT_PARTS[0]).status_code == 409

    def test_is_not_counted_as_a_request_for_an_upload(self, project, settings):
        settings.UPLOADS_PER_MINUTE_OF_ADDRESS = 2
        urls = start(project).json()["parts"]
        for url, content in [*zip(urls, CONTENT_PARTS, strict=True)] * 2:
            assert put(url, content).status_code == 200
