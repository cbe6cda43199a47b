"""Every way in by pyuploadcare, unmodified, and each of its exceptions by an error it meets."""

import hashlib
import inspect
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pyuploadcare import File, Uploadcare, exceptions
from pyuploadcare.resources.file import UploadProgress

from tests.pictures import jpeg
from tests.rig.clients import official_client
from tests.rig.installation import Installation, Project

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

MB = 1024 * 1024
PHOTO = jpeg(320, 240)
BEYOND_DIRECT = 100 * MB + 1
# What this release of the client raises nowhere, or elsewhere.
NOT_TO_BE_MET = {
    "APIConnectionError": "the client raises it nowhere",
    "DefaultResponseClassNotDefined": "a mistake in the client itself",
    "WebhookIsNotUnique": "test_python_rest.py meets it",
}


@pytest.fixture(scope="module")
def project(installation: Installation) -> Project:
    """One for all tests here: a project takes seconds to make."""
    return installation.create_project()


@pytest.fixture(scope="module")
def signed_project(installation: Installation) -> Project:
    """A project that takes signed uploads only."""
    made = installation.create_project()
    change(installation, made, requires_signed_uploads=True)
    return made


def change(installation: Installation, project: Project, **flags: bool) -> None:
    for name, value in flags.items():
        installation.execute(
            f"UPDATE storages_app_project SET {name} = {str(value).lower()} "
            f"WHERE slug = '{project.slug}'"
        )


@pytest.fixture
def upload(uploadcare: Uploadcare, tmp_path: Path) -> Callable[..., File]:
    """Upload bytes as a file of that name, by `uploadcare` or another client."""

    def do(
        content: bytes = PHOTO,
        name: str = "Grand harbour.jpg",
        *,
        client: Uploadcare = uploadcare,
        **options: Any,
    ) -> File:
        path = tmp_path / name
        path.write_bytes(content)
        with path.open("rb") as file:
            return client.upload(file, **options)

    return do


@pytest.fixture
def signing(installation: Installation, signed_project: Project) -> Iterator[Uploadcare]:
    with official_client(installation, signed_project, signed_uploads=True) as client:
        yield client


@pytest.fixture
def unsigned(installation: Installation, signed_project: Project) -> Iterator[Uploadcare]:
    with official_client(installation, signed_project, signed_uploads=False) as client:
        yield client


def content_of(installation: Installation, file: File) -> bytes:
    answer = requests.get(f"{installation.files_url}/{file.uuid}/", timeout=30)
    answer.raise_for_status()
    return answer.content


class TestDirect:
    def test_a_file_arrives_with_its_name_and_metadata(self, installation, upload):
        file = upload(metadata={"album": "ports", "taken-by": "Zoë"})
        info = file.info
        assert (info["original_filename"], info["size"]) == ("Grand harbour.jpg", len(PHOTO))
        assert info["mime_type"] == "image/jpeg"
        assert info["metadata"] == {"album": "ports", "taken-by": "Zoë"}
        assert info["is_ready"]
        assert content_of(installation, file) == PHOTO

    def test_several_files_go_in_one_request(self, installation, uploadcare, tmp_path):
        contents = {f"part {n}.txt": f"content {n}".encode() for n in range(5)}
        opened = []
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
            opened.append((tmp_path / name).open("rb"))
        files = uploadcare.upload_files(opened, common_metadata={"lot": "7"})
        for file in opened:
            file.close()
        assert [content_of(installation, file) for file in files] == [*contents.values()]
        assert [file.info["original_filename"] for file in files] == [*contents]
        assert {file.info["metadata"]["lot"] for file in files} == {"7"}

    def test_the_callback_hears_of_the_end(self, upload):
        heard: list[UploadProgress] = []
        upload(callback=heard.append)
        assert heard == [UploadProgress(total=len(PHOTO), done=len(PHOTO))]

    @pytest.mark.parametrize(
        ("asked", "of_project", "is_stored"),
        [
            (True, False, True),
            (False, True, False),
            (None, True, True),
            (None, False, False),
        ],
    )
    def test_a_file_is_stored_as_asked_else_as_the_project_says(
        self, installation, project, upload, asked, of_project, is_stored
    ):
        change(installation, project, stores_by_default=of_project)
        assert upload(store=asked).is_stored is is_stored


class TestMultipart:
    def test_25_mb_arrive_byte_for_byte_with_progress_and_metadata(
        self, installation, uploadcare, upload
    ):
        content = random.Random(25).randbytes(25 * MB + 1)
        heard: list[UploadProgress] = []
        file = upload(content, "film.bin", callback=heard.append, metadata={"reel": "2"})
        assert heard == [
            UploadProgress(total=len(content), done=min(n * 5 * MB, len(content)))
            for n in range(1, 7)
        ]
        info = uploadcare.file(file.uuid).info
        assert (info["original_filename"], info["size"]) == ("film.bin", len(content))
        assert info["metadata"] == {"reel": "2"}
        received = hashlib.sha256(content_of(installation, file)).digest()
        assert received == hashlib.sha256(content).digest()

    @pytest.mark.parametrize("store", [True, False])
    def test_a_large_file_is_stored_as_asked(self, uploadcare, upload, store):
        file = upload(bytes(10 * MB), "zeros.bin", store=store)
        assert uploadcare.file(file.uuid).is_stored is store

    def test_its_answer_is_what_info_says(self, uploadcare, upload):
        """The client keeps the answer and asks no more, so it has to be whole."""
        file = upload(PHOTO + bytes(10 * MB), "large.jpg")
        answered = file.info
        assert answered["file_id"] == answered["uuid"] == file.uuid
        assert answered["total"] == answered["done"] == answered["size"] == len(PHOTO) + 10 * MB
        assert answered["is_image"] is True
        assert answered["is_ready"] is True


class TestFromUrl:
    def test_a_file_is_fetched_under_the_name_in_its_address(
        self, installation, uploadcare, web_source
    ):
        address = web_source.serve("/pictures/pier.jpg", PHOTO, content_type="image/jpeg")
        file = uploadcare.upload(address, metadata={"album": "ports"}, store=True)
        assert content_of(installation, file) == PHOTO
        info = file.info
        assert info["original_filename"] == "pier.jpg"
        assert info["metadata"] == {"album": "ports"}
        assert info["mime_type"] == "image/jpeg"
        assert file.is_stored

    def test_the_name_asked_for_wins(self, uploadcare, web_source):
        address = web_source.serve("/named", PHOTO, Content_Disposition='inline; filename="x.jpg"')
        assert fetch(uploadcare, address).info["original_filename"] == "x.jpg"
        named = fetch(uploadcare, address, filename="mine.jpg")
        assert named.info["original_filename"] == "mine.jpg"

    def test_its_token_tells_how_far_it_is(self, uploadcare, web_source):
        address = web_source.serve(f"/{uuid.uuid4()}.jpg", PHOTO)
        token = uploadcare.upload_from_url(address)
        assert token.info["status"] in {"waiting", "progress", "success"}
        token.wait(interval=0.05)
        status = token.info
        assert status["status"] == "success"
        assert status["done"] == status["total"] == status["size"] == len(PHOTO)
        assert token.get_file().uuid == status["uuid"]
        assert uploadcare.file_from_url(str(uuid.uuid4())).info == {"status": "unknown"}

    def test_an_address_is_fetched_once_where_its_caller_wants_that(self, uploadcare, web_source):
        address = web_source.serve(f"/{uuid.uuid4()}.jpg", PHOTO)
        first = fetch(uploadcare, address, save_duplicates=True)
        with pytest.raises(exceptions.DuplicateFileError) as refusal:
            uploadcare.upload_from_url(address, check_duplicates=True)
        assert refusal.value.file_id == first.uuid
        assert fetch(uploadcare, address, check_duplicates=True).uuid == first.uuid
        assert fetch(uploadcare, address).uuid != first.uuid


def fetch(client: Uploadcare, address: str, **options: Any) -> File:
    return client.upload_from_url_sync(address, interval=0.05, **options)


class TestGroups:
    def test_a_group_keeps_the_order_and_the_effects_of_its_files(
        self, installation, uploadcare, upload
    ):
        files = [upload(f"content {n}".encode(), f"{n}.txt") for n in range(3)]
        picture = upload()
        picture.set_effects("resize/32x/-/format/png/")
        group = uploadcare.create_file_group([files[2], picture, files[0], files[1]])
        assert len(group) == 4
        wanted = [files[2].uuid, picture.uuid, files[0].uuid, files[1].uuid]
        assert [file.uuid for file in group] == wanted
        effects = [file["default_effects"] for file in group.info["files"]]
        assert effects == ["", "resize/32x/-/format/png/", "", ""]
        assert group.info["cdn_url"] == f"{installation.files_url}/{group.id}/"
        served = [requests.get(address, timeout=10) for address in group.file_cdn_urls]
        assert served[0].content == b"content 2"
        assert served[3].content == b"content 1"
        assert served[1].headers["Content-Type"] == "image/png"

    def test_files_of_others_make_no_group(self, uploadcare, signing, upload):
        own, foreign = upload(), upload(client=signing)
        for missing in (foreign, uploadcare.file(uuid.uuid4())):
            with pytest.raises(exceptions.InvalidRequestError, match="Some files not found"):
                uploadcare.create_file_group([own, missing])


class TestSignedUploads:
    """All ways in of a project that requires signatures, signed by the client itself."""

    def test_a_client_that_signs_gets_in_by_every_way(self, signing, upload, web_source):
        direct = upload(client=signing)
        large = upload(bytes(10 * MB), "large.bin", client=signing)
        fetched = fetch(signing, web_source.serve("/signed.jpg", PHOTO))
        group = signing.create_file_group([direct, large, fetched])
        assert [file.uuid for file in group] == [direct.uuid, large.uuid, fetched.uuid]

    @pytest.mark.parametrize("way", ["direct", "multipart", "from_url", "group"])
    def test_a_client_that_does_not_sign_gets_in_by_none(
        self, signing, unsigned, upload, web_source, way
    ):
        file = upload(client=signing)
        attempts: dict[str, Callable[[], Any]] = {
            "direct": lambda: upload(client=unsigned),
            "multipart": lambda: upload(bytes(10 * MB), "large.bin", client=unsigned),
            "from_url": lambda: fetch(unsigned, web_source.serve("/unsigned.jpg", PHOTO)),
            "group": lambda: unsigned.create_file_group([file]),
        }
        with pytest.raises(exceptions.InvalidRequestError, match="`signature` is required"):
            attempts[way]()

    def test_a_signature_ends(self, installation, signed_project, upload):
        late = official_client(
            installation, signed_project, signed_uploads=True, signed_uploads_ttl=-10
        )
        expected = pytest.raises(exceptions.AuthenticationError, match="Expired signature")
        with late as client, expected:
            upload(client=client)

    def test_another_projects_key_signs_nothing(
        self, installation, project, signed_project, upload
    ):
        key = project.secret_key
        stolen = official_client(installation, signed_project, signed_uploads=True, secret_key=key)
        expected = pytest.raises(exceptions.AuthenticationError, match="Invalid signature")
        with stolen as client, expected:
            upload(client=client)

    def test_where_none_is_required_a_wrong_one_does_no_harm(self, installation, project, upload):
        wrong = official_client(
            installation, project, signed_uploads=True, secret_key="not-the-secret"
        )
        with wrong as client:
            assert upload(client=client).uuid


class TestExceptions:
    """Each type that the client raises, by an error that this server or its caller makes."""

    def test_authentication_error(self, installation, project, upload):
        nobody = Project("", "", "nobody", project.secret_key)
        with official_client(installation, nobody) as client:
            with pytest.raises(exceptions.AuthenticationError) as refusal:
                upload(client=client)
            assert str(refusal.value) == "UPLOADCARE_PUB_KEY is invalid."
            with pytest.raises(exceptions.AuthenticationError, match="pub_key is invalid"):
                client.upload_from_url("https://example.com/a.jpg")

    def test_invalid_request_error(self, uploadcare, upload):
        with pytest.raises(exceptions.InvalidRequestError) as refusal:
            upload(metadata={"album": ""})
        assert str(refusal.value) == "Value of the file metadata key `album` can not be empty."
        with pytest.raises(exceptions.InvalidRequestError, match="Invalid URL scheme"):
            uploadcare.upload_from_url("ftp://example.com/a.jpg")
        with pytest.raises(exceptions.InvalidRequestError, match="File is not found"):
            uploadcare.upload_api.multipart_complete(uuid.uuid4())

    def test_a_private_address_is_an_invalid_request(self, uploadcare):
        with pytest.raises(exceptions.InvalidRequestError, match="Only public IPs are allowed"):
            uploadcare.upload_from_url("http://169.254.169.254/latest/meta-data/")

    def test_api_error(self, uploadcare, tmp_path):
        n_files = uploadcare.list_files().count()
        with (tmp_path / "sparse.bin").open("w+b") as file:
            file.truncate(BEYOND_DIRECT)
            with pytest.raises(exceptions.APIError) as refusal:
                uploadcare.upload_files([file])
        assert str(refusal.value) == "The size of the request is too large."
        assert uploadcare.list_files().count() == n_files

    def test_throttled_request_error(self, strict_installation, upload):
        project = strict_installation.create_project()

        def insist() -> None:
            for _ in range(7):  # a new minute may begin meanwhile
                upload(client=client)

        with official_client(strict_installation, project, retry_throttled=0) as client:
            with pytest.raises(exceptions.ThrottledRequestError) as refusal:
                insist()
            assert 1 < refusal.value.wait <= 61
            assert 3 <= client.list_files().count() <= 6

    def test_throttled_request_error_of_rest(self, strict_installation):
        project = strict_installation.create_project()
        names: list[str] = []

        def insist() -> None:
            while len(names) < 12:  # a new minute may begin meanwhile
                names.append(client.get_project_info().name)

        expected = pytest.raises(exceptions.ThrottledRequestError)
        hasty = official_client(strict_installation, project, retry_throttled=0)
        with hasty as client, expected as refusal:
            insist()
        assert 1 < refusal.value.wait <= 61
        assert 5 <= len(names) <= 10

    def test_upload_error(self, uploadcare, web_source):
        address = web_source.serve("/gone.jpg", status=404)
        with pytest.raises(exceptions.UploadError, match=r"HTTP client error: 404\."):
            fetch(uploadcare, address)

    def test_timeout_error(self, uploadcare, web_source):
        address = web_source.serve("/held.jpg", is_held=True)
        with pytest.raises(exceptions.TimeoutError):
            fetch(uploadcare, address, timeout=0.5)

    def test_duplicate_file_error(self, uploadcare, web_source):
        address = web_source.serve(f"/{uuid.uuid4()}.jpg", PHOTO)
        file = fetch(uploadcare, address, check_duplicates=True)
        with pytest.raises(exceptions.DuplicateFileError) as refusal:
            uploadcare.upload_from_url(address, check_duplicates=True)
        assert refusal.value.file_id == file.uuid

    def test_invalid_param_error(self, uploadcare):
        with pytest.raises(exceptions.InvalidParamError):
            uploadcare.create_file_group([])

    def test_metadata_validation_error(self, upload):
        with pytest.raises(exceptions.MetadataValidationError):
            upload(metadata={"no spaces": "1"})

    def test_tag_validation_error(self, upload):
        with pytest.raises(exceptions.TagValidationError):
            upload(tags=["no spaces"])

    def test_every_type_of_the_client_is_met_above(self):
        types = {
            name
            for name, kind in inspect.getmembers(exceptions, inspect.isclass)
            if kind.__module__ == exceptions.__name__ and kind is not exceptions.UploadcareException
        }
        source = inspect.getsource(type(self))
        met = {name for name in types if f"pytest.raises(exceptions.{name}" in source}
        assert types - met == set(NOT_TO_BE_MET)
