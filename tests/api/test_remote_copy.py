"""POST /files/remote_copy/, up to the room that makes the copy."""

import pytest
from django.utils import timezone

from storages_app.api.rest import copies
from storages_app.copying import allowances
from storages_app.copying.errors import TargetMissing
from storages_app.copying.services import RemoteCopy
from storages_app.models import CopyJob
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db

PATH = "/files/remote_copy/"


@pytest.fixture
def file(project):
    return make_file(project)


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="mine")


class TestOrder:
    def test_hands_over_what_was_asked(self, rest, project, file, ordered):
        body = {
            "source": f"{file.uuid}/-/resize/200x/",
            "target": "mine",
            "make_public": "false",
            "pattern": "${uuid}",
        }
        response = rest.post(PATH, body)
        assert response.status_code == 201
        assert response.json() == {"type": "url", "result": "s3://bucket/key"}
        assert ordered == [
            {
                "project": project,
                "file": file,
                "effects": "-/resize/200x/",
                "target": "mine",
                "make_public": False,
                "pattern": "${uuid}",
                "asked_by": "key full key",
            }
        ]

    @pytest.mark.parametrize(
        ("sent", "meant"),
        [
            (True, True),
            (False, False),
            ("true", True),
            ("false", False),
            ("True", True),
            (None, None),
        ],
    )
    def test_booleans_as_clients_write_them(self, rest, file, ordered, sent, meant):
        rest.post(PATH, {"source": str(file.uuid), "target": "mine", "make_public": sent})
        assert ordered[0]["make_public"] is meant

    def test_what_is_left_out_is_up_to_the_storage(self, rest, file, ordered):
        rest.post(PATH, {"source": str(file.uuid), "target": "mine"})
        assert ordered[0]["make_public"] is None
        assert ordered[0]["pattern"] == ""

    @pytest.mark.parametrize("pattern", [None, ""])
    def test_an_empty_pattern_is_that_of_the_storage(self, rest, file, ordered, pattern):
        rest.post(PATH, {"source": str(file.uuid), "target": "mine", "pattern": pattern})
        assert ordered[0]["pattern"] == ""

    def test_status_and_headers_are_those_of_the_outcome(self, rest, file, monkeypatch):
        headers = {
            "X-Ucdash-Copy": "pending",
            "Location": "/api/v1/jobs/1/",
            "Warning": "199 Miscellaneous warning: storage keeps copies private",
        }
        monkeypatch.setattr(
            copies.copying, "remote_copy", lambda **order: RemoteCopy("s3://b/k", 200, headers)
        )
        response = rest.post(PATH, {"source": str(file.uuid), "target": "mine"})
        assert response.status_code == 200
        assert response["X-Ucdash-Copy"] == "pending"
        assert response["Location"] == "/api/v1/jobs/1/"
        assert response["Warning"] == (
            "199 Miscellaneous warning: storage keeps copies private; "
            "You should use secure requests to Uploadcare"
        )


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _nothing_is_ordered(self):
        yield
        assert not CopyJob.objects.exists()

    @pytest.mark.parametrize(
        ("changed", "text"),
        [
            ({"source": None}, "`source` parameter is required."),
            ({"source": ""}, "`source` parameter is required."),
            ({"target": None}, "`target` parameter is required."),
            ({"target": ""}, "`target` parameter is required."),
            ({"source": "x"}, "Bad `source` parameter. Use UUID or CDN URL."),
            ({"source": 5}, "Bad `source` parameter. Use UUID or CDN URL."),
            ({"source": ["x"]}, "Bad `source` parameter. Use UUID or CDN URL."),
            ({"source": {"a": 1}}, "Bad `source` parameter. Use UUID or CDN URL."),
            ({"target": "nobody"}, "Project has no storage with provided name."),
            ({"target": 5}, "Project has no storage with provided name."),
            ({"target": ["mine"]}, "Project has no storage with provided name."),
            ({"target": "mi\0ne"}, "Project has no storage with provided name."),
            ({"make_public": "yes"}, "`make_public` parameter should be `true` or `false`."),
            ({"make_public": 2}, "`make_public` parameter should be `true` or `false`."),
            ({"make_public": []}, "`make_public` parameter should be `true` or `false`."),
            ({"pattern": "${nope}"}, "Invalid pattern provided: `${nope}`"),
            ({"pattern": "a b"}, "Invalid pattern provided: Invalid character in a pattern."),
            ({"pattern": "a\0"}, "Invalid pattern provided: Invalid character in a pattern."),
            ({"pattern": 5}, "Invalid pattern provided: Invalid character in a pattern."),
            (
                {"pattern": "../${uuid}"},
                "Invalid pattern provided: Invalid character in a pattern.",
            ),
        ],
    )
    def test_each_has_the_text_of_the_wire(self, rest, file, storage, changed, text):
        body = {"source": str(file.uuid), "target": "mine"} | changed
        response = rest.post(PATH, body)
        assert response.status_code == 400
        assert response.json() == {"detail": text}

    def test_of_missing_fields(self, rest, file):
        assert rest.post(PATH, {}).json() == {"detail": "`source` parameter is required."}
        response = rest.post(PATH, {"source": str(file.uuid)})
        assert response.json() == {"detail": "`target` parameter is required."}
        assert rest.post(PATH).status_code == 400

    def test_of_a_file_that_is_removed_or_anothers(self, rest, project, storage):
        removed = make_file(project, removed_at=timezone.now(), stored_at=None)
        foreign = make_file(make_project())
        for other in (removed, foreign):
            response = rest.post(PATH, {"source": str(other.uuid), "target": "mine"})
            assert response.status_code == 400
            assert response.json() == {"detail": "Bad `source` parameter. Use UUID or CDN URL."}

    def test_of_a_storage_of_another_project(self, rest, file):
        make_custom_storage(make_project(), name="theirs")
        response = rest.post(PATH, {"source": str(file.uuid), "target": "theirs"})
        assert response.status_code == 400
        assert response.json() == {"detail": "Project has no storage with provided name."}

    def test_of_a_file_that_is_not_ready(self, rest, project, storage):
        file = make_file(project, is_ready=False)
        response = rest.post(PATH, {"source": str(file.uuid), "target": "mine"})
        assert response.json() == {"detail": "File is not ready yet."}

    @pytest.mark.parametrize(
        ("size", "effects"), [(5_368_709_121, ""), (104_857_601, "-/resize/200x/")]
    )
    def test_of_a_file_over_the_limit(self, rest, project, storage, size, effects):
        file = make_file(project, size=size)
        response = rest.post(PATH, {"source": f"{file.uuid}/{effects}", "target": "mine"})
        assert response.status_code == 400
        assert response.json() == {
            "detail": "Copying of large files is not supported at the moment."
        }

    def test_of_the_room_become_400(self, rest, file, monkeypatch):
        def refuse(**order):
            raise TargetMissing

        monkeypatch.setattr(copies.copying, "remote_copy", refuse)
        assert rest.post(PATH, {"source": str(file.uuid), "target": "x"}).status_code == 400

    def test_s056_of_too_many_copies_has_the_shape_that_clients_wait_by(
        self, rest, project, file, storage, settings
    ):
        settings.REMOTE_COPIES_PER_HOUR = 1
        allowances.charge(project=project, n_bytes=1)
        answer = rest.post(PATH, {"source": str(file.pk), "target": "mine"})
        assert answer.status_code == 429
        seconds = int(answer["Retry-After"])
        assert 1 <= seconds <= 3600
        assert answer.json() == {
            "detail": f"Request was throttled. Expected available in {seconds} seconds."
        }
        assert not CopyJob.objects.exists()
