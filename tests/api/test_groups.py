"""Groups by the Upload API, which makes them, and by REST."""

import hashlib
import hmac
import json
import time
from urllib.parse import quote, urlsplit

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from storages_app.api.wire import file_object, upload_info
from storages_app.library import services as library
from storages_app.models import File, Group
from tests.api.conftest import make_rest
from tests.api.test_upload import assert_cors
from tests.factories import make_file, make_group, make_project

pytestmark = pytest.mark.django_db

IMAGE = {
    "format": "JPEG",
    "width": 400,
    "height": 300,
    "sequence": False,
    "color_mode": "RGB",
    "orientation": 6,
    "geo_location": None,
    "datetime_original": None,
    "dpi": [72, 72],
}


@pytest.fixture(autouse=True)
def incoming(tmp_path, settings):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "incoming"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    yield
    assert list(settings.FILE_UPLOAD_TEMP_DIR.iterdir()) == []


@pytest.fixture
def photo(project):
    return make_file(
        project, name="photo.jpg", detected_type="image/jpeg", content_info={"image": IMAGE}
    )


@pytest.fixture
def text(project):
    return make_file(project, name="notes.txt")


def make(project, *names, path="/group/", **fields):
    data = {"pub_key": project.public_key} | {f"files[{n}]": name for n, name in enumerate(names)}
    return Client().post(path, {k: v for k, v in (data | fields).items() if v is not None})


def uuids_of(answer):
    return [file and file["uuid"] for file in answer.json()["files"]]


class TestMake:
    def test_answers_with_the_group_and_its_files(self, project, photo, text):
        answer = make(project, f"{photo.uuid}/-/resize/x800/", text.uuid)
        group = Group.objects.get()
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/json"
        assert_cors(answer)
        shown = answer.json()
        assert list(shown) == [
            *("id", "datetime_created", "datetime_stored", "files_count", "cdn_url", "url", "files")
        ]
        assert shown == {
            "id": f"{group.uuid}~2",
            "datetime_created": group.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "datetime_stored": None,
            "files_count": 2,
            "cdn_url": f"{settings.CDN_URL}/{group.uuid}~2/",
            "url": f"{settings.API_URL}/groups/{group.uuid}~2/",
            "files": [
                upload_info(photo) | {"default_effects": "resize/x800/"},
                upload_info(text) | {"default_effects": ""},
            ],
        }
        assert shown["files"][0]["image_info"] == IMAGE

    def test_takes_files_as_a_list(self, project, photo, text):
        answer = make(project, **{"files[]": [text.uuid, photo.uuid, text.uuid]})
        assert uuids_of(answer) == [str(text.uuid), str(photo.uuid), str(text.uuid)]

    def test_goes_by_the_numbers_and_not_by_the_order_of_fields(self, project, photo, text):
        answer = make(
            project, **{"files[10]": photo.uuid, "files[9]": text.uuid, "files[]": photo.uuid}
        )
        assert uuids_of(answer) == [str(text.uuid), str(photo.uuid), str(photo.uuid)]

    def test_reads_query_and_encoded_bodies(self, project, photo, text):
        body = f"files%5B1%5D={text.uuid}"
        query = f"?pub_key={project.public_key}&files%5B0%5D={photo.uuid}"
        answer = Client().post(
            f"/group/{query}", body, content_type="application/x-www-form-urlencoded"
        )
        assert uuids_of(answer) == [str(photo.uuid), str(text.uuid)]
        query += f"&files%5B1%5D={text.uuid}"
        assert uuids_of(Client().post(f"/group/{query}")) == [str(photo.uuid), str(text.uuid)]

    @pytest.mark.parametrize("path", ["/group//", "/group///", "//group/"])
    def test_a_doubled_slash_is_forgiven(self, project, photo, path):
        data = {"pub_key": project.public_key, "files[]": photo.uuid}
        assert Client().post("/group/", data, PATH_INFO=path).status_code == 200

    @pytest.mark.parametrize("form", ["multipart", "urlencoded", "query"])
    def test_a_thousand_files_fit_beside_all_other_fields(self, project, text, form):
        pairs = [(f"files[{n}]", str(text.uuid)) for n in range(1_000)]
        pairs += [(name, "1") for name in ("signature", "expire", "source", "jsonerrors")]
        pairs += [("pub_key", project.public_key)]
        encoded = "&".join(f"{quote(name)}={value}" for name, value in pairs)
        if form == "query":
            answer = Client().post(f"/group/?{encoded}")
        elif form == "urlencoded":
            answer = Client().post(
                "/group/", encoded, content_type="application/x-www-form-urlencoded"
            )
        else:
            answer = Client().post("/group/", dict(pairs))
        assert answer.status_code == 200
        assert answer.json()["files_count"] == 1_000

    def test_a_file_that_is_sent_along_is_not_kept(self, project, photo):
        sent = SimpleUploadedFile("x.txt", b"not wanted here")
        assert make(project, photo.uuid, file=sent).status_code == 200
        assert File.objects.count() == 1


class TestMakeRefuses:
    @pytest.mark.parametrize(
        ("fields", "status", "code", "text"),
        [
            ({"pub_key": None}, 403, "ProjectPublicKeyRequiredError", "pub_key is required."),
            ({"pub_key": "nobody"}, 403, "ProjectPublicKeyInvalidError", "pub_key is invalid."),
            ({}, 400, "GroupFilesInvalidError", "No files[N] parameters found."),
            ({"files": "x"}, 400, "GroupFilesInvalidError", "No files[N] parameters found."),
            ({"files[x]": "x"}, 400, "GroupFilesInvalidError", "No files[N] parameters found."),
            (
                {"files[0]": "<b>x"},
                400,
                "GroupFileURLParsingFailedError",
                "This is not valid file url: <b>x.",
            ),
            (
                {"files[0]": "017be467-8174-49b1-8b0d-ba94bb88aaaa"},
                400,
                "GroupFilesNotFoundError",
                "Some files not found.",
            ),
            (
                {"files[]": ["017be467-8174-49b1-8b0d-ba94bb88aaaa"] * 1_001},
                400,
                "FilesNumberLimitExceededError",
                "There are too many files.",
            ),
            (
                {"files[0]": "a\0b"},
                400,
                "NullCharactersForbiddenError",
                "Null characters are not allowed.",
            ),
            (
                {"callback": "alert(1)//"},
                400,
                "BaseViewsError",
                "callback is not the name of a function.",
            ),
        ],
    )
    def test_with_the_text_of_the_wire(self, project, fields, status, code, text):
        answer = make(project, **fields)
        assert (answer.status_code, answer.content.decode()) == (status, text)
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert_cors(answer)
        told = make(project, path="/group/?jsonerrors=1", **fields)
        assert told.status_code == 200
        assert told.json() == {
            "error": {"status_code": status, "content": text, "error_code": code}
        }
        assert not Group.objects.exists()

    def test_files_of_another_project(self, project, photo):
        answer = make(make_project(), photo.uuid)
        assert (answer.status_code, answer.content) == (400, b"Some files not found.")

    def test_one_number_for_two_files(self, project, photo, text):
        answer = make(project, **{"files[0]": [photo.uuid, text.uuid]})
        assert answer.status_code == 400
        assert not Group.objects.exists()

    def test_other_methods(self, project, photo):
        query = f"?pub_key={project.public_key}&files[]={photo.uuid}"
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = Client().generic(method, f"/group/{query}")
            assert answer.status_code == 405
            assert answer.content.decode() == f"HTTP method {method} is not allowed for /group/"
        assert not Group.objects.exists()

    def test_what_is_not_signed_where_signatures_are_wanted(self, project, photo):
        secret = make_rest(project).secret
        project.requires_signed_uploads = True
        project.save()
        expire = str(int(time.time()) + 60)
        signature = hmac.new(secret.encode(), expire.encode(), hashlib.sha256).hexdigest()
        assert make(project, photo.uuid).content == b"`signature` is required."
        answer = make(project, photo.uuid, signature="0" * 64, expire=expire)
        assert (answer.status_code, answer.content) == (403, b"Invalid signature.")
        assert not Group.objects.exists()
        assert make(project, photo.uuid, signature=signature, expire=expire).status_code == 200


class TestScript:
    """JSONP, for the legacy widget."""

    @pytest.mark.parametrize("name", ["done", "jQuery1830_42", "$.fn.done", "_x"])
    def test_calls_the_function_that_was_named(self, project, photo, name):
        query = f"?pub_key={project.public_key}&files[]={photo.uuid}&callback={name}&jsonerrors=1"
        answer = Client().get(f"/group/{query}")
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/javascript; charset=utf-8"
        text = answer.content.decode()
        assert text.startswith(f"{name}(")
        assert text.endswith(")")
        said = json.loads(text.removeprefix(f"{name}(").removesuffix(")"))
        assert said["id"] == Group.objects.get().wire_id

    def test_each_get_makes_a_group_and_a_head_makes_none(self, project, photo):
        path = f"/group/?pub_key={project.public_key}&files[]={photo.uuid}&callback=done"
        assert Client().head(path).status_code == 405
        assert not Group.objects.exists()
        assert Client().get(path)["Cache-Control"] == "no-store"
        assert Client().get(path).status_code == 200
        assert Group.objects.count() == 2

    def test_tells_refusals_to_the_function_too(self, project):
        answer = make(project, path="/group/?callback=done&jsonerrors=1")
        assert answer.content.startswith(b'done({"error": {')
        assert answer["Content-Type"] == "application/javascript; charset=utf-8"
        assert make(project, path="/group/?callback=done").status_code == 400

    def test_no_name_in_a_file_ends_the_line_of_a_script(self, project):
        file = make_file(project, name="a\u2028b</script>.txt")
        text = make(project, file.uuid, callback="done").content.decode()
        assert text.isascii()
        assert "\n" not in text

    @pytest.mark.parametrize(
        "name", ["1a", "a b", "a;b", "a(b", "a.", ".a", "a..b", "a[0]", "ä", "a" * 129, "a\n"]
    )
    def test_refuses_what_is_no_name(self, project, photo, name):
        answer = make(project, photo.uuid, callback=name)
        assert answer.status_code == 400
        assert answer["Content-Type"] == "text/plain; charset=utf-8"
        assert not Group.objects.exists()


class TestGroupInfo:
    def info(self, query):
        return Client().get(f"/group/info/?{query}")

    def test_says_what_was_said_when_it_was_made(self, project, photo, text):
        made = make(project, f"{photo.uuid}/-/preview/", text.uuid).json()
        answer = self.info(f"pub_key={project.public_key}&group_id={made['id']}")
        assert answer.json() == made
        assert_cors(answer)
        encoded = made["id"].replace("~", "%7E")
        assert self.info(f"pub_key={project.public_key}&group_id={encoded}").json() == made

    def test_needs_no_signature(self, project, photo):
        group = make_group(project, photo)
        project.requires_signed_uploads = True
        project.save()
        query = f"pub_key={project.public_key}&group_id={group.wire_id}"
        assert self.info(query).status_code == 200

    def test_null_stands_in_the_place_of_a_removed_file(self, project, photo, text):
        group = make_group(project, photo, text)
        library.delete(file=photo, actor="a test")
        query = f"pub_key={project.public_key}&group_id={group.wire_id}"
        answer = self.info(query)
        assert uuids_of(answer) == [None, str(text.uuid)]
        assert answer.json()["files_count"] == 2

    @pytest.mark.parametrize(
        ("query", "status", "code", "text"),
        [
            ("", 403, "ProjectPublicKeyRequiredError", "pub_key is required."),
            ("pub_key=nobody", 403, "ProjectPublicKeyInvalidError", "pub_key is invalid."),
            ("pub_key={key}", 400, "GroupIdRequiredError", "group_id is required."),
            ("pub_key={key}&group_id=x", 404, "GroupNotFoundError", "group_id is invalid."),
            ("pub_key={key}&group_id=%00", 404, "GroupNotFoundError", "group_id is invalid."),
            (
                "pub_key={key}&group_id=017be467-8174-49b1-8b0d-ba94bb88aaaa~1",
                404,
                "GroupNotFoundError",
                "group_id is invalid.",
            ),
            ("pub_key={key}&group_id={foreign}", 404, "GroupNotFoundError", "group_id is invalid."),
            ("pub_key={key}&group_id={deleted}", 404, "GroupNotFoundError", "group_id is invalid."),
        ],
    )
    def test_refuses_with_the_text_of_the_wire(self, project, photo, query, status, code, text):
        stranger = make_project()
        foreign = make_group(stranger, make_file(stranger))
        deleted = make_group(project, photo)
        Group.objects.filter(pk=deleted.pk).update(removed_at=timezone.now())
        sent = query.format(
            key=project.public_key, foreign=foreign.wire_id, deleted=deleted.wire_id
        )
        answer = self.info(sent)
        assert (answer.status_code, answer.content.decode()) == (status, text)
        assert self.info(f"{sent}&jsonerrors=1").json() == {
            "error": {"status_code": status, "content": text, "error_code": code}
        }


class TestRest:
    def test_lists_the_projects_groups_without_their_files(self, rest, project, photo, text):
        groups = [make_group(project, photo), make_group(project, photo, text)]
        other = make_project()
        make_group(other, make_file(other))
        page = rest.get("/groups/").json()
        assert page == {
            "next": None,
            "previous": None,
            "total": 2,
            "per_page": 100,
            "results": [
                {
                    "id": group.wire_id,
                    "datetime_created": group.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                    "files_count": group.n_files,
                    "cdn_url": f"{settings.CDN_URL}/{group.wire_id}/",
                    "url": f"{settings.API_URL}/groups/{group.wire_id}/",
                }
                for group in groups
            ],
        }

    def test_pages_lead_from_one_to_the_next(self, rest, project, photo):
        groups = [make_group(project, photo).wire_id for _ in range(5)]
        path, seen = "/groups/?limit=2&ordering=-datetime_created", []
        while path:
            page = rest.get(path).json()
            seen += [group["id"] for group in page["results"]]
            path = page["next"] and f"/groups/?{urlsplit(page['next']).query}"
        assert seen == groups[::-1]
        assert page["total"] == 5

    @pytest.mark.parametrize("query", ["limit=0", "limit=1001", "ordering=size", "from=x"])
    def test_refuses_pages_that_make_no_sense(self, rest, query):
        assert rest.get(f"/groups/?{query}").status_code == 400

    def test_shows_a_group_with_its_files(self, rest, project, photo, text):
        group = make_group(project, photo, text, effects="preview/")
        for name in (group.wire_id, group.wire_id.replace("~", "%7E")):
            shown = rest.get(f"/groups/{name}/").json()
            assert "datetime_stored" not in shown
            assert shown["files"] == [
                file_object(file) | {"default_effects": "preview/"} for file in (photo, text)
            ]

    def test_old_versions_have_what_they_know(self, rest, project, photo):
        group = make_group(project, photo)
        old = "application/vnd.uploadcare-v0.6+json"
        shown = rest.get(f"/groups/{group.wire_id}/", accept=old).json()
        assert shown["datetime_stored"] is None
        assert shown["files"][0]["image_info"] == IMAGE
        stored = rest("PUT", f"/groups/{group.wire_id}/storage/", accept=old)
        assert stored.status_code == 200
        assert stored.json()["datetime_stored"] is not None
        assert rest("PUT", f"/groups/{group.wire_id}/storage/").status_code == 404

    def test_a_removed_file_stays_until_its_bytes_are_gone(self, rest, project, photo, text):
        group = make_group(project, photo, text)
        File.objects.filter(pk=photo.pk).update(stored_at=None, removed_at=timezone.now())
        shown = rest.get(f"/groups/{group.wire_id}/").json()["files"]
        assert shown[0]["datetime_removed"] is not None
        assert shown[0]["original_file_url"] is None
        File.objects.filter(pk=photo.pk).update(bytes_removed_at=timezone.now())
        shown = rest.get(f"/groups/{group.wire_id}/").json()["files"]
        assert shown[0] is None
        assert shown[1]["uuid"] == str(text.uuid)

    def test_deleting_leaves_the_files(self, rest, project, photo):
        group = make_group(project, photo)
        answer = rest("DELETE", f"/groups/{group.wire_id}/")
        assert (answer.status_code, answer.content) == (204, b"")
        assert rest.get(f"/groups/{group.wire_id}/").status_code == 404
        assert rest.get("/groups/").json()["total"] == 0
        assert rest.get(f"/files/{photo.uuid}/").status_code == 200

    @pytest.mark.parametrize(
        "name", ["x", "017be467-8174-49b1-8b0d-ba94bb88aaaa~1", "%00", "~1", "{uuid}", "{uuid}~2"]
    )
    def test_what_is_not_there_is_not_found(self, rest, project, photo, name):
        group = make_group(project, photo)
        path = f"/groups/{name.format(uuid=group.uuid)}/"
        for method in ("GET", "DELETE"):
            answer = rest(method, path)
            assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
