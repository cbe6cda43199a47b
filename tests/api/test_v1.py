"""Our own additions under /api/v1/."""

import json

import pytest
from django.conf import settings
from django.utils import timezone

from storages_app.models import CopyJob
from storages_app.models.copy_jobs import TERMINAL_STATES
from tests.api.conftest import ACCEPT
from tests.factories import make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db


def make_job(project, **fields):
    values = {
        "project": project,
        "file": fields.get("file") or make_file(project),
        "custom_storage": fields.get("custom_storage") or make_custom_storage(project, name="mine"),
        "key": "some/key.txt",
        "on_clash": "error",
        "lane": CopyJob.Lane.INTERACTIVE,
        "asked_by": "a test",
        # A job that has ended waits for nothing.
        "run_after": None if fields.get("state") in TERMINAL_STATES else timezone.now(),
    }
    return CopyJob.objects.create(**(values | fields))


class TestJob:
    def test_that_waits_has_no_evidence(self, rest, project):
        job = make_job(project)
        shown = rest.get(f"/api/v1/jobs/{job.pk}/").json()
        assert shown == {
            "id": job.pk,
            "state": "pending",
            "word": "Waiting",
            "reason": None,
            "detail": None,
            "url": "s3://bucket/some/key.txt",
            "file": str(job.file_id),
            "effects": "",
            "custom_storage": "mine",
            "attempts": 0,
            "created_at": job.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "finished_at": None,
            "evidence": None,
        }

    def test_that_is_done_shows_its_evidence(self, rest, project):
        now = timezone.now()
        job = make_job(
            project,
            state="done",
            evidence="checksum",
            evidence_checksum="sha256:abc",
            sha256="a" * 64,
            size=10,
            etag='"abc"',
            verified_at=now,
            finished_at=now,
        )
        shown = rest.get(f"/api/v1/jobs/{job.pk}/").json()
        assert shown["word"] == "Done"
        assert shown["evidence"] == {
            "method": "checksum",
            "checksum": "sha256:abc",
            "size": 10,
            "etag": '"abc"',
            "version_id": None,
            "verified_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }

    def test_that_failed_says_why(self, rest, project):
        job = make_job(project, state="failed", reason="auth_denied", detail="Access Denied")
        shown = rest.get(f"/api/v1/jobs/{job.pk}/").json()
        assert (shown["state"], shown["reason"], shown["detail"]) == (
            "failed",
            "auth_denied",
            "Access Denied",
        )

    @pytest.mark.parametrize("job_id", ["0", "-1", "abc", "1.5", "9" * 18, "9" * 40, "१", "%00"])
    def test_that_is_none_is_not_found(self, rest, job_id):
        response = rest.get(f"/api/v1/jobs/{job_id}/")
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"
        assert response.json() == {
            "type": f"{settings.DASHBOARD_URL}/docs/errors/#not_found",
            "title": "Not found.",
            "status": 404,
            "detail": "Not found.",
            "code": "not_found",
            "what": "Not found.",
            "why": None,
            "fix": "It may belong to another project, or may have been deleted.",
            "docs_url": f"{settings.DASHBOARD_URL}/docs/errors/#not_found",
        }

    def test_of_another_project_is_not_found(self, rest):
        foreign = make_job(make_project())
        assert rest.get(f"/api/v1/jobs/{foreign.pk}/").status_code == 404


class TestCustomStorages:
    def test_are_listed_by_name_without_secrets(self, rest, project):
        make_custom_storage(project, name="b", access_key_id="AKIAIOSFODNN7EXAMPLE")
        make_custom_storage(project, name="a", connected_at=None, access_key_id="short")
        make_custom_storage(project, name="gone", removed_at=timezone.now())
        make_custom_storage(make_project(), name="theirs")
        shown = rest.get("/api/v1/custom_storages/").json()["results"]
        assert [(item["name"], item["state"]) for item in shown] == [
            ("a", "draft"),
            ("b", "connected"),
        ]
        assert [item["access_key_id"] for item in shown] == ["…", "…MPLE"]
        text = json.dumps(shown)
        assert "secret of the tests" not in text
        assert "AKIAIOSFODNN7" not in text


class TestDoor:
    @pytest.mark.parametrize("accept", [None, "*/*", "application/json", ACCEPT, "text/html"])
    def test_is_json_whatever_is_asked_for(self, rest, accept):
        response = rest.get("/api/v1/custom_storages/", accept=accept)
        assert response.status_code == 200
        assert response["Content-Type"] == "application/json"

    def test_refuses_with_a_problem_that_says_what_to_do(self, rest):
        rest.secret = "wrong"
        response = rest.get("/api/v1/custom_storages/")
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Uploadcare"
        problem = response.json()
        assert problem["code"] == "secret_key_wrong"
        assert problem["what"] == "Secret key not found."
        assert problem["fix"]

    def test_refuses_a_method_with_a_problem_too(self, rest):
        response = rest("DELETE", "/api/v1/custom_storages/")
        assert response.status_code == 405
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "method_not_allowed"
        assert response["Allow"] == "GET, HEAD, OPTIONS, POST"
