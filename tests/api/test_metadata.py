"""/files/<uuid>/metadata/ and below."""

import uuid

import pytest
from django.utils import timezone

from storages_app.models import BackupSegment, CopyJob
from tests.factories import (
    make_backup_plan,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_project,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(project):
    return make_file(project, metadata={"pet": "cat"})


@pytest.fixture
def path(file):
    return f"/files/{file.pk}/metadata/"


def kept(file):
    file.refresh_from_db()
    return file.metadata


class TestReading:
    def test_all_of_it(self, rest, path):
        answer = rest.get(path)
        assert (answer.status_code, answer.json()) == (200, {"pet": "cat"})

    def test_of_a_file_without_is_an_empty_object(self, rest, project):
        assert rest.get(f"/files/{make_file(project).pk}/metadata/").json() == {}

    def test_one_value_is_a_json_string(self, rest, path):
        answer = rest.get(f"{path}pet/")
        assert (answer.status_code, answer.content) == (200, b'"cat"')
        assert answer["Content-Type"] == "application/vnd.uploadcare-v0.7+json"

    @pytest.mark.parametrize("key", ["dog", "PET", "pet%20", "p%00t", "%F0%9F%90%B1", "k" * 3000])
    def test_an_unknown_key_is_not_found(self, rest, path, key):
        answer = rest.get(f"{path}{key}/")
        assert answer.status_code == 404
        assert answer.json() == {"detail": "Not found."}

    @pytest.mark.parametrize("end", ["metadata/", "metadata/pet/"])
    def test_of_anothers_file_is_not_found(self, rest, end):
        """S034, S035."""
        foreign = make_file(make_project(), metadata={"pet": "cat"})
        for file_uuid in (foreign.pk, uuid.uuid4(), "nonexistent"):
            answer = rest.get(f"/files/{file_uuid}/{end}")
            assert answer.status_code == 404
            assert answer.json() == {"detail": "Not found."}


class TestWriting:
    def test_a_new_key_is_created(self, rest, file, path):
        answer = rest("PUT", f"{path}colour/", "black")
        assert (answer.status_code, answer.content) == (201, b'"black"')
        assert kept(file) == {"pet": "cat", "colour": "black"}

    def test_a_known_key_is_changed(self, rest, file, path):
        answer = rest("PUT", f"{path}pet/", "dog")
        assert (answer.status_code, answer.json()) == (200, "dog")
        assert kept(file) == {"pet": "dog"}

    @pytest.mark.parametrize("key", ["k", "k" * 64, "A-Z_0.9:a", "-", "..a"])
    @pytest.mark.parametrize("value", ["v", "v" * 512, "ü 🐱\n\t<b>", " ", '"', "null"])
    def test_takes_what_the_rules_allow(self, rest, file, path, key, value):
        assert rest("PUT", f"{path}{key}/", value).status_code == 201
        assert rest.get(f"{path}{key}/").json() == value
        assert kept(file)[key] == value

    @pytest.mark.parametrize(
        ("key", "value", "text"),
        [
            ("k" * 65, "v", "can not be more than 64 symbols"),
            ("a%20b", "v", "symbols not allowed by the metadata key format"),
            ("%C3%BC", "v", "symbols not allowed by the metadata key format"),
            ("a%00", "v", "symbols not allowed by the metadata key format"),
            ("a%0A", "v", "symbols not allowed by the metadata key format"),
            ("a", "", "can not be empty"),
            ("a", "v" * 513, "can not be more than 512 symbols"),
            ("a", "\0", "symbols not allowed by the metadata value format"),
            ("a", None, "Expected JSON string."),
            ("a", 5, "Expected JSON string."),
            ("a", True, "Expected JSON string."),
            ("a", ["v"], "Expected JSON string."),
            ("a", {"a": "v"}, "Expected JSON string."),
            ("a", b"null", "Expected JSON string."),
            ("a", b'"\\ud800"', "JSON parse error"),
            ("a", b"v", "JSON parse error"),
            ("a", b'"v', "JSON parse error"),
        ],
    )
    def test_refuses_what_breaks_a_rule(self, rest, file, path, key, value, text):
        answer = rest("PUT", f"{path}{key}/", value)
        assert answer.status_code == 400
        assert text in answer.json()["detail"]
        assert kept(file) == {"pet": "cat"}

    def test_takes_fifty_keys_and_no_more(self, rest, project):
        fifty = {f"key{n}": "v" for n in range(49)}
        file = make_file(project, metadata=fifty)
        path = f"/files/{file.pk}/metadata/"
        assert rest("PUT", f"{path}last/", "v").status_code == 201
        answer = rest("PUT", f"{path}more/", "v")
        assert answer.status_code == 400
        assert answer.json() == {"detail": "A file can not have more than 50 metadata keys."}
        assert rest("PUT", f"{path}last/", "w").status_code == 200
        assert len(kept(file)) == 50

    def test_a_form_is_no_value(self, rest, path):
        kind = "application/x-www-form-urlencoded"
        assert rest("PUT", f"{path}a/", b"v", CONTENT_TYPE=kind).status_code == 415

    def test_a_removed_file_is_not_changed(self, rest, project):
        file = make_file(project, stored_at=None, removed_at=timezone.now(), metadata={"a": "b"})
        path = f"/files/{file.pk}/metadata/a/"
        assert rest("PUT", path, "c").status_code == 404
        assert rest("DELETE", path).status_code == 404
        assert kept(file) == {"a": "b"}

    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_anothers_file_is_not_changed(self, rest, method):
        """S034, S035."""
        foreign = make_file(make_project(), metadata={"pet": "cat"})
        answer = rest(method, f"/files/{foreign.pk}/metadata/pet/", "dog")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
        assert kept(foreign) == {"pet": "cat"}


class TestDeleting:
    def test_forgets_the_key(self, rest, file, path):
        answer = rest("DELETE", f"{path}pet/")
        assert (answer.status_code, answer.content) == (204, b"")
        assert kept(file) == {}
        assert rest.get(f"{path}pet/").status_code == 404

    @pytest.mark.parametrize("key", ["dog", "p%00t", "k" * 100])
    def test_of_what_is_not_there_changes_nothing(self, rest, file, path, key):
        assert rest("DELETE", f"{path}{key}/").status_code == 204
        assert kept(file) == {"pet": "cat"}


class TestBackups:
    @pytest.fixture
    def job(self, file):
        """A copy that a manifest tells of."""
        storage = make_custom_storage(file.project)
        plan = make_backup_plan(storage)
        record = BackupSegment.objects.create(plan=plan, custom_storage=storage, key="a segment")
        return make_copy_job(file, storage, is_backup=True, record=record)

    def test_the_next_run_writes_the_files_line_anew(self, rest, job, path):
        rest("PUT", f"{path}pet/", "dog")
        job.refresh_from_db()
        assert job.record is None

    def test_so_it_does_after_a_key_was_deleted(self, rest, job, path):
        rest("DELETE", f"{path}pet/")
        job.refresh_from_db()
        assert job.record is None

    def test_what_stays_as_it_was_is_not_written_anew(self, rest, job, path):
        rest("PUT", f"{path}pet/", "cat")
        rest("DELETE", f"{path}dog/")
        job.refresh_from_db()
        assert job.record is not None

    def test_other_files_are_left_alone(self, rest, project, job):
        other = make_file(project)
        rest("PUT", f"/files/{other.pk}/metadata/pet/", "dog")
        assert CopyJob.objects.filter(record=None).count() == 0
