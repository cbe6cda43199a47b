"""POST /files/local_copy/, and the form that clients of version 0.5 send to /files/."""

from urllib.parse import urlencode

import pytest
from django.utils import timezone

from storages_app.models import CopyJob, File
from tests.api.conftest import ACCEPT
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db

PATH = "/files/local_copy/"
OLD = "application/vnd.uploadcare-v0.5+json"


@pytest.fixture
def file(project):
    return make_file(project, b"what is copied", name="my notes.txt", metadata={"pet": "cat"})


def copy_of(answer):
    assert answer.status_code == 201, answer.content
    return File.objects.get(pk=answer.json()["result"]["uuid"])


class TestAnswer:
    def test_is_the_new_file_complete(self, rest, file, settings):
        answer = rest.post(PATH, {"source": str(file.pk)})
        copy = copy_of(answer)
        assert copy.pk != file.pk
        assert answer["Location"] == f"{settings.API_URL}/files/{copy.pk}/"
        said = answer.json()
        assert said["type"] == "file"
        assert said["result"] == rest.get(f"/files/{copy.pk}/").json()
        assert said["result"]["original_filename"] == "my notes.txt"
        assert said["result"]["mime_type"] == "text/plain"
        assert said["result"]["size"] == len(b"what is copied")
        assert said["result"]["is_ready"] is True
        with copy.open_bytes() as body:
            assert body.read() == b"what is copied"

    @pytest.mark.parametrize(
        ("sent", "is_stored"),
        [
            ({}, False),
            ({"store": None}, False),
            ({"store": False}, False),
            ({"store": "false"}, False),
            ({"store": True}, True),
            ({"store": "true"}, True),
            ({"store": "True"}, True),
        ],
    )
    def test_is_stored_if_that_is_asked(self, rest, project, file, sent, is_stored):
        """Not as uploads are, which follow the project."""
        assert project.stores_by_default
        copy = copy_of(rest.post(PATH, {"source": str(file.pk)} | sent))
        assert copy.is_stored is is_stored
        assert (copy.expires_at is None) is is_stored

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [({}, {}), ({"metadata": None}, {}), ({"metadata": {"a": "b"}}, {"a": "b"})],
    )
    def test_has_the_metadata_that_is_sent(self, rest, file, sent, kept):
        answer = rest.post(PATH, {"source": str(file.pk)} | sent)
        assert answer.json()["result"]["metadata"] == kept
        assert copy_of(answer).metadata == kept

    def test_of_an_old_version_has_its_fields(self, rest, file):
        answer = rest.post(PATH, {"source": str(file.pk)}, accept=OLD)
        assert answer.json()["result"]["image_info"] is None
        assert answer["Content-Type"] == OLD

    @pytest.mark.parametrize(
        "form",
        ["{uuid}/", "https://ucarecdn.com/{uuid}/", "{cdn}/{uuid}/my%20notes.txt"],
    )
    def test_every_form_of_a_source_is_understood(self, rest, file, settings, form):
        source = form.format(uuid=file.pk, cdn=settings.CDN_URL)
        assert copy_of(rest.post(PATH, {"source": source})).sha256 == file.sha256


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _nothing_is_copied(self, file):
        n_files = File.objects.count()
        yield
        assert File.objects.count() == n_files

    @pytest.mark.parametrize(
        ("changed", "text"),
        [
            ({"source": None}, "`source` parameter is required."),
            ({"source": ""}, "`source` parameter is required."),
            ({"source": 5}, "Bad `source` parameter. Use UUID or CDN URL."),
            ({"source": ["x"]}, "Bad `source` parameter. Use UUID or CDN URL."),
            ({"source": "\0"}, "Bad `source` parameter. Use UUID or CDN URL."),
            (
                {"source": "https://example.com/a.jpg"},
                "Bad `source` parameter. Use UUID or CDN URL.",
            ),
            ({"store": "perhaps"}, "`store` parameter should be `true` or `false`."),
            ({"store": 1}, "`store` parameter should be `true` or `false`."),
            ({"store": {}}, "`store` parameter should be `true` or `false`."),
            ({"metadata": []}, "`metadata` parameter should be an object of strings."),
            ({"metadata": "x"}, "`metadata` parameter should be an object of strings."),
            ({"metadata": {"a": 1}}, "`metadata` parameter should be an object of strings."),
            ({"metadata": {"a": ""}}, "Value of the file metadata key `a` can not be empty."),
            (
                {"metadata": {"a b": "c"}},
                (
                    "File's metadata key `a b` contains symbols not allowed by the metadata key "
                    "format."
                ),
            ),
            (
                {"metadata": {"a": "\0"}},
                (
                    "Value of file metadata key `a` contains symbols not allowed by the metadata "
                    "value format."
                ),
            ),
        ],
    )
    def test_say_what_is_wrong(self, rest, file, changed, text):
        answer = rest.post(PATH, {"source": str(file.pk)} | changed)
        assert answer.status_code == 400
        assert answer.json() == {"detail": text}

    @pytest.mark.parametrize("body", [[], "text", 5, None])
    def test_a_body_that_is_no_object(self, rest, body):
        assert rest.post(PATH, body).status_code == 400

    def test_a_file_of_another_project_is_unknown(self, rest, project):
        """S034, S035."""
        foreign = make_file(make_project(), b"foreign")
        answer = rest.post(PATH, {"source": str(foreign.pk)})
        assert answer.json() == {"detail": "Bad `source` parameter. Use UUID or CDN URL."}
        assert not File.objects.filter(project=project, sha256=foreign.sha256).exists()
        foreign.delete()

    def test_a_removed_file(self, rest, project):
        removed = make_file(project, stored_at=None, removed_at=timezone.now())
        assert rest.post(PATH, {"source": str(removed.pk)}).status_code == 400
        removed.delete()

    def test_a_file_that_is_not_ready(self, rest, file):
        File.objects.update(is_ready=False)
        answer = rest.post(PATH, {"source": str(file.pk)})
        assert answer.json() == {"detail": "File is not ready yet."}

    @pytest.mark.parametrize(
        ("effects", "size"), [("", 5_368_709_121), ("-/resize/10x/", 104_857_601)]
    )
    def test_a_file_that_is_too_large(self, rest, file, effects, size):
        File.objects.update(size=size)
        answer = rest.post(PATH, {"source": f"{file.pk}/{effects}"})
        assert answer.json() == {"detail": "Copying of large files is not supported at the moment."}

    def test_too_many_copies(self, rest, file, settings):
        """S056."""
        settings.REMOTE_COPY_BYTES_PER_DAY = 1
        first = copy_of(rest.post(PATH, {"source": str(file.pk)}))
        answer = rest.post(PATH, {"source": str(file.pk)})
        wait = int(answer["Retry-After"])
        assert answer.status_code == 429
        assert answer.json() == {
            "detail": f"Request was throttled. Expected available in {wait} seconds."
        }
        first.delete()

    def test_operations_that_are_none(self, rest, file):
        answer = rest.post(PATH, {"source": f"{file.pk}/-/fly/away/"})
        assert answer.status_code == 400
        assert "fly" in answer.json()["detail"]

    def test_an_original_whose_bytes_are_gone(self, rest, file):
        File.objects.update(blob_name="00/nothing")
        answer = rest.post(PATH, {"source": str(file.pk)})
        assert answer.status_code == 400
        assert answer.json() == {"detail": "The original is not in the upload storage."}


class TestOldForm:
    def send(self, rest, fields):
        return rest(
            "POST",
            "/files/",
            urlencode(fields).encode(),
            accept=OLD,
            CONTENT_TYPE="application/x-www-form-urlencoded",
        )

    def test_without_a_target_makes_a_file(self, rest, file):
        answer = self.send(rest, {"source": file.pk, "store": "true"})
        assert answer.json()["type"] == "file"
        assert copy_of(answer).is_stored

    def test_with_a_target_copies_to_it(self, rest, project, file, ordered):
        answer = self.send(
            rest,
            {"source": f"{file.pk}/-/resize/9x/", "target": "mine", "make_public": "false"},
        )
        assert answer.json() == {"type": "url", "result": "s3://bucket/key"}
        assert ordered[0]["target"] == "mine"
        assert ordered[0]["effects"] == "-/resize/9x/"
        assert ordered[0]["make_public"] is False

    def test_leaves_operations_out_if_that_is_asked(self, rest, file, ordered):
        self.send(
            rest,
            {"source": f"{file.pk}/-/resize/9x/", "target": "mine", "strip_operations": "true"},
        )
        assert (ordered[0]["file"], ordered[0]["effects"]) == (file, "")

    def test_may_be_json(self, rest, file):
        assert copy_of(rest.post("/files/", {"source": str(file.pk)}, accept=ACCEPT))

    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({}, "`source` parameter is required."),
            ({"source": "x"}, "Bad `source` parameter. Use UUID or CDN URL."),
            (
                {"source": "x", "strip_operations": "1"},
                "Bad `source` parameter. Use UUID or CDN URL.",
            ),
            ({"strip_operations": "1"}, "`source` parameter is required."),
            ({"source": "x", "store": "y"}, "`store` parameter should be `true` or `false`."),
            ({"source": "\0", "target": "\0"}, "Project has no storage with provided name."),
        ],
    )
    def test_refuses_with_the_words_of_copies(self, rest, fields, text):
        answer = self.send(rest, fields)
        assert answer.status_code == 400
        assert answer.json() == {"detail": text}

    def test_knows_no_storage_of_another_project(self, rest, file):
        """S036."""
        make_custom_storage(make_project(), name="theirs")
        answer = self.send(rest, {"source": file.pk, "target": "theirs"})
        assert answer.json() == {"detail": "Project has no storage with provided name."}
        assert not CopyJob.objects.exists()

    def test_refuses_a_field_with_two_values(self, rest, file):
        """S046."""
        body = f"source={file.pk}&target=a&target=b".encode()
        answer = rest("POST", "/files/", body, CONTENT_TYPE="application/x-www-form-urlencoded")
        assert answer.status_code == 400
        assert "`target` is given twice" in answer.json()["detail"]

    @pytest.mark.parametrize("charset", ["rot13", "base64", "utf-16", "nothing", "idna"])
    def test_a_strange_charset_is_no_fault_of_ours(self, rest, file, charset):
        kind = f"application/x-www-form-urlencoded; charset={charset}"
        answer = rest("POST", "/files/", f"source={file.pk}".encode(), CONTENT_TYPE=kind)
        assert answer.status_code == 201

    @pytest.mark.parametrize("body", [b"source=%FF%FE", b"\xff\xfe=x&source=\xff", b"&&=&", b"%"])
    def test_bytes_that_are_no_text_are_refused(self, rest, body):
        kind = "application/x-www-form-urlencoded"
        assert rest("POST", "/files/", body, CONTENT_TYPE=kind).status_code == 400
