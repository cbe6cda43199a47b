"""Requests that try for more than they may: others' things, fields nobody may set, methods."""

import json
import uuid

import pytest
from django.urls import reverse

from storages_app.api import urls
from storages_app.api.rest.base import RestView
from storages_app.models import File, Group
from tests.factories import make_file, make_group, make_project

pytestmark = pytest.mark.django_db

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
REST = [
    pattern
    for pattern in urls.urlpatterns
    if issubclass(pattern.callback.cls, RestView) and "api/v1/" not in str(pattern.pattern)
]


@pytest.fixture
def file(project):
    return make_file(project, metadata={"pet": "cat"})


def address(pattern):
    """Of something that there is not: methods are looked at first."""
    names = pattern.pattern.converters
    return reverse(f"api:{pattern.name}", kwargs=dict.fromkeys(names, str(uuid.uuid4())))


class TestOtherProjects:
    def test_one_address_shows_each_project_its_own(self, rest, stranger, file):
        """S041: nothing is kept of an answer that another key would get."""
        foreign = make_file(stranger.project)
        for _ in range(2):
            for caller, own in ((rest, file), (stranger, foreign)):
                page = caller.get("/files/").json()
                assert [item["uuid"] for item in page["results"]] == [str(own.pk)]
                assert page["total"] == 1

    @pytest.mark.parametrize("name", ["project", "project_id", "pub_key", "project__id", "owner"])
    def test_a_filter_by_project_selects_nothing_else(self, rest, stranger, file, name):
        """S037."""
        make_file(stranger.project)
        for value in (stranger.project.pk, stranger.project.public_key):
            page = rest.get(f"/files/?{name}={value}").json()
            assert [item["uuid"] for item in page["results"]] == [str(file.pk)]
            assert page["totals"] == {"removed": 0, "stored": 1, "unstored": 0}

    def test_a_page_of_another_project_is_a_page_of_ones_own(self, rest, stranger, file):
        """S034, S037: a cursor is a time, and gives no right."""
        for _ in range(3):
            make_file(stranger.project)
        following = stranger.get("/files/?limit=1").json()["next"]
        page = rest.get(following.partition("testserver")[2]).json()
        assert {item["uuid"] for item in page["results"]} <= {str(file.pk)}
        assert page["total"] == 1

    def test_a_group_shows_no_file_of_another_project(self, rest, stranger, project, file):
        """S034."""
        group = make_group(project, file)
        assert stranger.get(f"/groups/{group.wire_id}/").status_code == 404
        assert stranger("DELETE", f"/groups/{group.wire_id}/").status_code == 404
        assert Group.objects.get().removed_at is None

    def test_uuids_are_random(self, rest, file):
        """S043."""
        order = {"source": str(file.pk)}
        answers = [rest.post("/files/local_copy/", order).json() for _ in range(3)]
        made = [uuid.UUID(answer["result"]["uuid"]) for answer in answers]
        assert {one.version for one in made} == {4}
        assert len({one.bytes[:4] for one in made}) == 3


class TestFieldsNobodyMaySet:
    """S044."""

    FIELDS = {
        "id": 1,
        "uuid": str(uuid.UUID(int=7)),
        "project": 1,
        "owner": 1,
        "is_staff": True,
        "secret_key": "x",
        "state": "done",
        "size": 1,
        "sha256": "0" * 64,
        "is_ready": False,
        "is_image": True,
        "stored_at": "2001-01-01",
        "datetime_stored": "2001-01-01",
        "datetime_uploaded": "2001-01-01",
        "original_filename": "other.exe",
        "blob_name": "00/other",
        "appdata": {"x": 1},
        "content_info": {"x": 1},
    }

    def test_a_copy_has_only_what_may_be_said_of_it(self, rest, project, file):
        make_project()
        order = {"source": str(file.pk)} | self.FIELDS
        shown = rest.post("/files/local_copy/", order).json()["result"]
        copy = File.objects.get(pk=shown["uuid"])
        assert copy.pk != uuid.UUID(int=7)
        assert copy.project == project
        assert (copy.size, copy.sha256) == (file.size, file.sha256)
        assert copy.original_filename == file.original_filename
        assert copy.stored_at is None
        assert copy.uploaded_at.year > 2001
        assert copy.appdata is None
        assert copy.blob_name != "00/other"

    @pytest.mark.parametrize(
        ("method", "end"), [("PUT", "storage/"), ("POST", "storage/"), ("DELETE", "")]
    )
    def test_what_becomes_of_a_file_changes_nothing_else(self, rest, file, method, end):
        before = File.objects.filter(pk=file.pk).values().get()
        rest(method, f"/files/{file.pk}/{end}", self.FIELDS)
        after = File.objects.filter(pk=file.pk).values().get()
        changed = {name for name, value in before.items() if after[name] != value}
        assert changed <= {"stored_at", "removed_at", "expires_at", "bytes_removed_at"}


class TestMethods:
    """S045."""

    @pytest.mark.parametrize("pattern", REST, ids=lambda pattern: pattern.name)
    def test_others_than_an_address_has_are_refused(self, rest, pattern):
        path = address(pattern)
        allowed = set(pattern.callback.cls().allowed_methods)
        if "GET" in allowed:
            allowed.add("HEAD")
        for method in sorted(METHODS - allowed):
            answer = rest(method, path, {} if method in {"POST", "PUT", "PATCH"} else None)
            assert answer.status_code == 405, (method, path)
            assert answer["Allow"] == ", ".join(sorted(allowed))
            if method != "HEAD":
                assert answer.json() == {"detail": f'Method "{method}" not allowed.'}

    @pytest.mark.parametrize(
        "headers",
        [
            {"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"},
            {"HTTP_X_METHOD_OVERRIDE": "DELETE"},
            {"HTTP_X_HTTP_METHOD": "DELETE"},
        ],
    )
    @pytest.mark.parametrize("query", ["", "?_method=DELETE", "?method=DELETE"])
    def test_no_header_or_parameter_makes_another_of_them(self, rest, file, headers, query):
        for method in ("GET", "POST"):
            rest(method, f"/files/{file.pk}/storage/{query}", {}, **headers)
            rest(method, f"/files/{file.pk}/{query}", {}, **headers)
        file.refresh_from_db()
        assert not file.is_removed


class TestTwoValues:
    """S046."""

    @pytest.mark.parametrize("path", ["/files/local_copy/", "/files/remote_copy/", "/files/"])
    def test_a_body_with_a_key_twice_is_refused(self, rest, file, path):
        other = make_file(file.project)
        body = f'{{"source": "{file.pk}", "target": "a", "source": "{other.pk}"}}'.encode()
        answer = rest.post(path, body)
        assert answer.status_code == 400
        assert "the same key twice" in answer.json()["detail"]
        assert File.objects.count() == 2

    def test_what_the_query_says_of_a_copy_is_not_read(self, rest, file):
        other = make_file(file.project, b"other bytes")
        answer = rest.post(
            f"/files/local_copy/?source={other.pk}&store=true", {"source": str(file.pk)}
        )
        copy = File.objects.get(pk=answer.json()["result"]["uuid"])
        assert copy.sha256 == file.sha256
        assert not copy.is_stored
        assert rest.post(f"/files/local_copy/?source={other.pk}", {}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"nul",
        b'{"source": NaN}',
        b"[" * 100_000,
        json.dumps({"source": "x" * 100_000}).encode(),
        b'{"source": "\\ud800"}',
    ],
    ids=["empty", "cut", "bytes", "word", "nan", "deep", "long", "half a character"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/files/local_copy/"),
        ("POST", "/files/remote_copy/"),
        ("POST", "/files/"),
        ("PUT", "/files/storage/"),
        ("DELETE", "/files/storage/"),
        ("POST", "/convert/document/"),
        ("POST", "/convert/video/"),
        ("POST", "/addons/remove_bg/execute/"),
    ],
)
def test_a_body_that_is_nothing_is_refused(rest, method, path, body):
    answer = rest(method, path, body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/vnd.uploadcare-v0.7+json"
    assert answer.json()
