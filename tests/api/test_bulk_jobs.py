"""/api/v1/bulk-jobs/: orders, refusals with their reasons, figures and lists."""

import uuid

import pytest
from django.utils import timezone

from storages_app.api.v1 import bulk_job_schema as schema
from storages_app.bulk_copies import orders, runner
from storages_app.models import BulkItem, BulkJob
from tests.api.test_schema import fields_of
from tests.factories import make_bulk_job, make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db
PATH = "/api/v1/bulk-jobs/"


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="archive")


@pytest.fixture
def order(rest, storage):
    def order(**fields):
        return rest.post(PATH, {"target": "archive", "what": "all"} | fields)

    return order


class TestOrder:
    def test_is_answered_with_the_job_and_its_place(self, rest, project, order):
        make_file(project)
        answer = order()
        job = BulkJob.objects.get()
        assert answer.status_code == 201
        assert answer["Location"] == f"{PATH}{job.pk}/"
        shown = answer.json()
        assert shown == rest.get(answer["Location"]).json()
        assert (shown["state"], shown["target"], shown["dry_run"]) == ("counting", "archive", False)
        assert set(shown) == fields_of(schema.BulkJobWhole)
        assert set(shown["count"]) == fields_of(schema.BulkCount)
        assert set(shown["progress"]) == fields_of(schema.BulkProgress)

    def test_takes_every_field(self, project, storage, order):
        storage.public_mode = "acl"
        storage.save()
        file = make_file(project, name="cat.jpg")
        shown = order(
            what="selection",
            files=[str(file.pk)],
            effects="-/resize/9x/",
            pattern="${uuid}${ext}",
            on_clash="skip",
            make_public=False,
            dry_run=True,
        ).json()
        expected = {
            "what": "selection",
            "effects": "-/resize/9x/",
            "pattern": "${uuid}${ext}",
            "on_clash": "skip",
            "is_public": False,
            "dry_run": True,
        }
        assert shown | expected == shown
        assert order(what="filter", filter={"q": "CAT"}).json()["filter"] == {"q": "CAT"}

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"target": "nowhere"}, "target_missing"),
            ({"target": ""}, "parameter_missing"),
            ({"target": 7}, "parameter_invalid"),
            ({"target": "a\0b"}, "parameter_invalid"),
            ({"what": None}, "parameter_missing"),
            ({"what": "everything"}, "parameter_invalid"),
            ({"what": ["all"]}, "parameter_invalid"),
            ({"colour": "red"}, "field_unknown"),
            ({"filter": {"q": "x"}}, "parameter_invalid"),
            ({"files": []}, "parameter_invalid"),
            ({"what": "filter", "filter": {"colour": "red"}}, "field_unknown"),
            ({"what": "filter", "filter": {"q": 7}}, "filter_invalid"),
            ({"what": "filter", "filter": {"q": "x" * 256}}, "filter_invalid"),
            ({"what": "filter", "filter": {"q": "a\0b"}}, "filter_invalid"),
            ({"what": "filter", "filter": {"stored": "maybe"}}, "filter_invalid"),
            ({"what": "filter", "filter": [1]}, "parameter_invalid"),
            ({"what": "filter", "filter": {"q": "nothing like it"}}, "nothing_chosen"),
            ({"what": "selection"}, "nothing_chosen"),
            ({"what": "selection", "files": "all"}, "parameter_invalid"),
            ({"what": "selection", "files": [7]}, "parameter_invalid"),
            ({"what": "selection", "files": ["x"]}, "parameter_invalid"),
            ({"what": "selection", "files": [str(uuid.UUID(int=1))]}, "files_unknown"),
            ({"effects": "-/nonsense/"}, "bad_effects"),
            ({"effects": 7}, "parameter_invalid"),
            ({"pattern": "${foo}"}, "pattern_invalid"),
            ({"pattern": "x" * 600}, "pattern_invalid"),
            ({"on_clash": "burn"}, "parameter_invalid"),
            ({"make_public": "yes"}, "parameter_invalid"),
            ({"make_public": True}, "publicity_fixed"),
            ({"dry_run": 1}, "parameter_invalid"),
        ],
    )
    def test_bad_input_is_refused_with_its_reason(self, project, order, fields, code):
        make_file(project)
        answer = order(**fields)
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        assert not BulkJob.objects.exists()

    @pytest.mark.parametrize("body", [b"", b"[]", b"7", b'"all"', b"{", b'{"what": NaN}'])
    def test_a_body_that_is_no_object_is_refused(self, rest, body):
        assert rest.post(PATH, body).status_code == 400

    def test_a_storage_that_takes_no_copies_now_is_a_conflict(self, project, storage, order):
        make_file(project)
        storage.paused_at = timezone.now()
        storage.save()
        answer = order()
        assert (answer.status_code, answer.json()["code"]) == (409, "storage_paused")
        storage.paused_at, storage.connected_at = None, None
        storage.save()
        answer = order()
        assert (answer.status_code, answer.json()["code"]) == (409, "storage_not_connected")

    def test_files_and_storages_of_others_are_not_there(self, order):
        foreign = make_project()
        file = make_file(foreign)
        make_custom_storage(foreign, name="theirs")
        answer = order(what="selection", files=[str(file.pk)])
        assert (answer.status_code, answer.json()["code"]) == (400, "files_unknown")
        assert order(target="theirs").json()["code"] == "target_missing"

    def test_ten_thousand_files_are_taken_and_not_one_more(self, project, order, monkeypatch):
        chosen = [str(make_file(project).pk)]
        assert order(what="selection", files=chosen * 10_000).status_code == 201  # each once
        others = [str(uuid.UUID(int=n)) for n in range(orders.SELECTION_LIMIT + 1)]
        answer = order(what="selection", files=others)
        assert (answer.status_code, answer.json()["code"]) == (400, "too_many_chosen")
        assert "10,001 files were chosen; 10,000 are the most." in answer.text

    def test_too_many_open_jobs_are_429(self, project, order, monkeypatch):
        monkeypatch.setattr(orders, "OPEN_JOBS_LIMIT", 1)
        make_file(project)
        order()
        assert order().status_code == 429


class TestJob:
    def test_tells_its_figures_and_gaps(self, rest, project, storage):
        job = make_bulk_job(
            storage,
            state="gaps",
            n_files=9,
            n_already=1,
            n_copied=6,
            n_failed=2,
            gaps={"key_conflict": 2},
        )
        file = make_file(project)
        BulkItem.objects.create(bulk_job=job, file=file, state="failed", reason="key_conflict")
        shown = rest.get(f"{PATH}{job.pk}/").json()
        assert (shown["state"], shown["word"]) == ("gaps", "Done with gaps")
        progress = shown["progress"]
        assert (progress["files"], progress["ended"], progress["percent"]) == (8, 8, 100)
        assert (progress["copied"], progress["already_there"]) == (6, 1)
        assert shown["gaps"] == [
            {"reason": "key_conflict", "files": 2, "may_retry": True, "samples": [str(file.pk)]}
        ]
        assert set(shown["gaps"][0]) == fields_of(schema.BulkGap)

    def test_is_driven_from_the_count_to_the_end(self, rest, project, order):
        make_file(project)
        path = order(dry_run=True)["Location"]
        runner.drain()
        counted = rest.get(path).json()
        assert (counted["state"], counted["count"]["to_copy"]) == ("counted", 1)
        assert counted["count"]["seconds"] is not None
        for verb, word in (("start", "Running"), ("pause", "Paused"), ("resume", "Running")):
            answer = rest.post(f"{path}{verb}/")
            assert (answer.status_code, answer.json()["word"]) == (200, word)
        assert rest.post(f"{path}cancel/").json()["cancelled_by"]
        runner.drain()
        assert rest.get(path).json()["state"] == "cancelled"
        late = rest.post(f"{path}resume/")
        assert (late.status_code, late.json()["code"]) == (409, "wrong_moment")

    def test_what_failed_for_one_reason_is_tried_again(self, rest, project, storage):
        job = make_bulk_job(storage, state="gaps", n_files=1, n_failed=1, gaps={"throttled": 1})
        path = f"{PATH}{job.pk}/retry/"
        assert rest.post(path, {"reason": "key_conflict"}).status_code == 409
        assert rest.post(path, {"reason": 7}).status_code == 400
        assert rest.post(path, {"colour": "red"}).status_code == 400
        shown = rest.post(path, {"reason": "throttled"}).json()
        assert (shown["state"], shown["gaps"]) == ("copying", [])

    @pytest.mark.parametrize("job_id", ["0", "x", "1" * 30, "-1", "%C2%B2"])
    def test_an_id_that_is_none_is_not_found(self, rest, job_id):
        assert rest.get(f"{PATH}{job_id}/").status_code == 404

    def test_its_files_are_a_csv(self, rest, project, storage):
        job = make_bulk_job(storage)
        for state in ("copied", "failed"):
            BulkItem.objects.create(bulk_job=job, file=make_file(project), state=state)
        answer = rest.get(f"{PATH}{job.pk}/items/")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert len(answer.getvalue().splitlines()) == 3
        gaps = rest.get(f"{PATH}{job.pk}/items/?only=gaps").getvalue()
        assert len(gaps.splitlines()) == 2
        assert rest.get(f"{PATH}{job.pk}/items/?only=nonsense").status_code == 400


class TestList:
    def test_is_newest_first_and_goes_on_before_an_id(self, rest, storage):
        jobs = [make_bulk_job(storage) for _ in range(3)]
        make_bulk_job(make_custom_storage(make_project()))

        def listed(query=""):
            return [job["id"] for job in rest.get(f"{PATH}{query}").json()["results"]]

        assert listed() == [job.pk for job in reversed(jobs)]
        assert listed("?limit=2") == [jobs[2].pk, jobs[1].pk]
        assert listed(f"?before={jobs[1].pk}") == [jobs[0].pk]
        (shown, *_) = rest.get(PATH).json()["results"]
        assert set(shown) == fields_of(schema.BulkJobShape)

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "before=x", "before=-1"])
    def test_a_nonsensical_page_is_refused(self, rest, query):
        assert rest.get(f"{PATH}?{query}").status_code == 400
