"""Conversion and add-ons: the answers of a project that has them not."""

import uuid

import pytest

from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db

NO_DOCUMENTS = {"detail": "Document conversion feature is not available for this project."}
NO_VIDEOS = {"detail": "Video conversion feature is not available for this project."}
NOT_FOUND = {"detail": "Not found."}
ADDONS = [
    "aws_rekognition_detect_labels",
    "aws_rekognition_detect_moderation_labels",
    "uc_clamav_virus_scan",
    "remove_bg",
]


class TestConversion:
    @pytest.mark.parametrize(("kind", "text"), [("document", NO_DOCUMENTS), ("video", NO_VIDEOS)])
    def test_is_not_available(self, rest, project, kind, text):
        order = {"paths": [f"{make_file(project).pk}/{kind}/-/format/pdf/"], "store": "1"}
        answer = rest.post(f"/convert/{kind}/", order)
        assert (answer.status_code, answer.json()) == (400, text)

    @pytest.mark.parametrize("kind", ["document", "video"])
    @pytest.mark.parametrize(
        ("body", "text"),
        [
            ([], "Expected JSON object."),
            ("x", "Expected JSON object."),
            ({}, "“paths” parameter is required."),
            ({"paths": []}, "“paths” parameter is required."),
            ({"paths": None}, "“paths” parameter is required."),
        ],
    )
    def test_says_what_an_order_lacks(self, rest, kind, body, text):
        answer = rest.post(f"/convert/{kind}/", body)
        assert (answer.status_code, answer.json()) == (400, {"detail": text})

    def test_of_a_document_has_no_formats(self, rest, project):
        answer = rest.get(f"/convert/document/{make_file(project).pk}/")
        assert (answer.status_code, answer.json()) == (400, NO_DOCUMENTS)

    def test_of_anothers_document_is_not_found(self, rest):
        """S034, S035."""
        for file_uuid in (make_file(make_project()).pk, uuid.uuid4(), "nonexistent"):
            answer = rest.get(f"/convert/document/{file_uuid}/")
            assert (answer.status_code, answer.json()) == (404, NOT_FOUND)

    @pytest.mark.parametrize(
        ("kind", "method"), [("document", "GET"), ("video", "GET"), ("video", "POST")]
    )
    @pytest.mark.parametrize("token", ["445630631", "0", "x", "9" * 400])
    def test_has_no_orders_to_tell_of(self, rest, kind, method, token):
        answer = rest(method, f"/convert/{kind}/status/{token}/")
        assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


class TestAddons:
    @pytest.mark.parametrize("name", ADDONS)
    def test_are_not_available(self, rest, project, name):
        order = {"target": str(make_file(project).pk), "params": {"purge_infected": True}}
        answer = rest.post(f"/addons/{name}/execute/", order)
        assert answer.status_code == 400
        assert answer.json() == {"detail": "This add-on is not available for this project."}

    @pytest.mark.parametrize("target", ["x", "", 5, ["x"], {}, "0" * 32])
    def test_want_a_uuid(self, rest, target):
        answer = rest.post("/addons/remove_bg/execute/", {"target": target})
        assert answer.status_code == 400
        assert answer.json() == {"target": ["Must be a valid UUID."]}

    @pytest.mark.parametrize("body", [{}, [], "x", {"target": None}])
    def test_want_a_target(self, rest, body):
        answer = rest.post("/addons/remove_bg/execute/", body)
        assert answer.status_code == 400
        assert answer.json() == {"target": ["This field is required."]}

    def test_do_not_know_anothers_file(self, rest):
        """S034, S035."""
        for file_uuid in (make_file(make_project()).pk, uuid.uuid4()):
            answer = rest.post("/addons/remove_bg/execute/", {"target": str(file_uuid)})
            assert (answer.status_code, answer.json()) == (404, NOT_FOUND)

    @pytest.mark.parametrize("name", ADDONS)
    def test_know_no_execution(self, rest, name):
        answer = rest.get(f"/addons/{name}/execute/status/?request_id={uuid.uuid4()}")
        assert (answer.status_code, answer.json()) == (200, {"status": "unknown"})

    @pytest.mark.parametrize(
        ("query", "text"),
        [
            ("", "This field is required."),
            ("request_id=", "Must be a valid UUID."),
            ("request_id=5", "Must be a valid UUID."),
            ("request_id=%00", "Must be a valid UUID."),
        ],
    )
    def test_want_the_id_of_an_execution(self, rest, query, text):
        answer = rest.get(f"/addons/remove_bg/execute/status/?{query}")
        assert (answer.status_code, answer.json()) == (400, {"request_id": [text]})

    @pytest.mark.parametrize("name", ["unknown", "remove_bg%00", "REMOVE_BG"])
    def test_with_other_names_are_not_found(self, rest, name):
        for answer in (
            rest.post(f"/addons/{name}/execute/", {"target": str(uuid.uuid4())}),
            rest.get(f"/addons/{name}/execute/status/?request_id={uuid.uuid4()}"),
        ):
            assert (answer.status_code, answer.json()) == (404, NOT_FOUND)
