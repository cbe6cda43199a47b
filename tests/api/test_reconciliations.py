"""/api/v1/custom_storages/<id>/reconciliations/."""

import pytest

from storages_app.models import Reconciliation
from tests.factories import make_copy_job, make_custom_storage, make_file, make_reconciliation

pytestmark = pytest.mark.django_db


@pytest.fixture
def storage(project):
    return make_custom_storage(project)


@pytest.fixture
def path(storage):
    return f"/api/v1/custom_storages/{storage.pk}/reconciliations/"


def test_asking_for_one_answers_202_with_its_location(rest, path, storage):
    answer = rest.post(path, {"kind": "light"})
    asked = Reconciliation.objects.get()
    assert (answer.status_code, answer["Location"]) == (202, f"{path}{asked.pk}/")
    assert answer.json()["kind"] == "light"
    assert rest.post(path, {"kind": "light"}).json()["id"] == asked.pk


@pytest.mark.parametrize("body", [{"kind": "x"}, {"kind": 1}, {"other": 1}, []])
def test_another_kind_is_refused(rest, path, body):
    assert rest.post(path, body).status_code == 400
    assert not Reconciliation.objects.exists()


def test_of_a_draft_is_refused(rest, project):
    draft = make_custom_storage(project, connected_at=None)
    answer = rest.post(f"/api/v1/custom_storages/{draft.pk}/reconciliations/", {})
    assert answer.status_code == 409
    assert answer.json()["code"] == "storage_not_connected"


def test_the_newest_come_first(rest, path, storage):
    pks = [make_reconciliation(storage).pk for _ in range(3)]
    found = rest.get(f"{path}?limit=2").json()["results"]
    assert [one["id"] for one in found] == pks[:0:-1]
    assert rest.get(f"{path}?limit=0").status_code == 400


def test_one_is_shown_with_its_differences_a_page_at_a_time(rest, path, storage, project):
    run = make_reconciliation(storage, state="different", n_differences=3, counts={"extra": 3})
    job = make_copy_job(make_file(project), storage)
    run.differences.create(kind="missing", key=job.key, copy_job=job)
    for n in range(2):
        run.differences.create(kind="extra", key=f"x{n}")
    first = rest.get(f"{path}{run.pk}/?limit=2").json()
    assert (first["state"], first["counts"]) == ("different", {"extra": 3})
    assert first["differences"][0]["uuid"] == str(job.file_id)
    rest_of_it = rest.get(f"{path}{run.pk}/?limit=2&after={first['next_after']}").json()
    assert [one["key"] for one in rest_of_it["differences"]] == ["x1"]
    assert rest_of_it["next_after"] is None


@pytest.mark.parametrize("name", ["x", "9" * 30, "²", "0"])
def test_what_is_no_reconciliation_is_not_found(rest, path, name):
    assert rest.get(f"{path}{name}/").status_code == 404


def test_one_of_another_storage_is_not_found(rest, path, project):
    other = make_reconciliation(make_custom_storage(project))
    assert rest.get(f"{path}{other.pk}/").status_code == 404
