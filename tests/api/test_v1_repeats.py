"""A request that comes again under its Idempotency-Key happens once (F04)."""

import pytest
from django.utils import timezone

from storages_app.api.v1 import custom_storages as door
from storages_app.custom_storages import services
from storages_app.models import BulkJob, CustomStorage, IdempotencyKey, RestoreRun
from storages_app.models.fields import read_db_now
from storages_app.models.idempotency_keys import KEPT_FOR
from storages_app.projects import idempotency
from storages_app.projects.errors import IdempotencyKeyTakenOver
from tests.api.conftest import make_rest
from tests.factories import make_custom_storage, make_file, make_idempotency_key, make_project

pytestmark = pytest.mark.django_db
PATH = "/api/v1/custom_storages/"
ROUTE = f"POST {PATH}"
BODY = {"name": "photos", "bucket": "acme-media"}


def ask(rest, body=BODY, key="order-66", path=PATH):
    return rest.post(path, body, HTTP_IDEMPOTENCY_KEY=key)


def test_the_same_again_is_answered_as_before_and_done_once(rest):
    first, second = ask(rest), ask(rest)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second["Location"] == first["Location"]
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert CustomStorage.objects.count() == 1


def test_without_a_key_it_is_another_request(rest):
    assert rest.post(PATH, BODY).status_code == 201
    assert rest.post(PATH, BODY).status_code == 409  # the name is taken


def test_another_body_or_query_under_the_same_key_is_refused(rest):
    assert ask(rest).status_code == 201
    for again in (ask(rest, BODY | {"bucket": "other"}), ask(rest, path=f"{PATH}?x=1")):
        assert again.status_code == 422
        assert again.json()["code"] == "idempotency_key_reused"
    assert CustomStorage.objects.get().bucket == "acme-media"


def test_another_project_and_another_route_have_keys_of_their_own(rest, project):
    assert ask(rest).status_code == 201
    assert ask(make_rest(make_project())).status_code == 201
    storage = CustomStorage.objects.get(project=project)
    assert ask(rest, path=f"{PATH}{storage.pk}/tests/", body={}).status_code == 202
    assert IdempotencyKey.objects.count() == 3


def test_another_secret_key_of_the_project_is_told_the_same(rest, project):
    assert ask(rest).json() == ask(make_rest(project)).json()


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ä"])
def test_a_key_that_is_none_is_refused(rest, key):
    answer = ask(rest, key=key)
    assert answer.status_code == 400
    assert answer.json()["code"] == "idempotency_key_invalid"
    assert not CustomStorage.objects.exists()


def test_an_address_that_no_database_takes_is_not_found_as_ever(rest):
    for path in ("/api/v1/jobs/%00/cancel/", f"/api/v1/jobs/{'9' * 400}/cancel/"):
        assert ask(rest, {}, path=path).status_code == 404
    assert not IdempotencyKey.objects.exists()


def test_what_was_refused_may_be_put_right_under_the_same_key(rest):
    assert ask(rest, {"name": "photos"}).status_code == 400
    assert not IdempotencyKey.objects.exists()
    assert ask(rest).status_code == 201


def test_a_refusal_that_comes_late_leaves_nothing_of_what_was_done(rest, monkeypatch):
    """The answer and what was done are one transaction."""

    def fails(storage):
        raise RuntimeError("the process is at its end")

    monkeypatch.setattr(door, "storage_object", fails)
    with pytest.raises(RuntimeError):
        ask(rest)
    assert not CustomStorage.objects.exists()
    monkeypatch.undo()
    assert ask(rest).status_code == 201


def test_while_it_is_answered_the_same_is_told_to_wait(rest, monkeypatch):
    answers = []
    make = services.create_draft

    def slow(**fields):
        answers.append(ask(rest))
        return make(**fields)

    monkeypatch.setattr(services, "create_draft", slow)
    assert ask(rest).status_code == 201
    assert [answer.status_code for answer in answers] == [409]
    assert answers[0].json()["code"] == "idempotency_key_under_way"
    assert answers[0]["Retry-After"] == "5"
    assert CustomStorage.objects.count() == 1


def test_a_claim_whose_process_died_is_taken_over_once_its_lease_ran_out(rest, project):
    claim = idempotency.begin(project=project, route=ROUTE, key="k", content=b"same")
    assert isinstance(claim, idempotency.Claim)
    with pytest.raises(idempotency.IdempotencyKeyUnderWay):
        idempotency.begin(project=project, route=ROUTE, key="k", content=b"same")
    IdempotencyKey.objects.update(lease_until=read_db_now() - idempotency.LEASE)
    after = idempotency.begin(project=project, route=ROUTE, key="k", content=b"same")
    assert isinstance(after, idempotency.Claim)
    with pytest.raises(idempotency.IdempotencyKeyTakenOver):
        claim.keep(idempotency.Answer(201, {}))
    claim.give_up()
    after.keep(idempotency.Answer(201, {"id": 1}, "/there/"))
    told = idempotency.begin(project=project, route=ROUTE, key="k", content=b"same")
    assert told == idempotency.Answer(201, {"id": 1}, "/there/")


def test_after_a_day_a_key_is_free_again_and_forgotten(rest, project):
    yesterday = timezone.now() - KEPT_FOR
    make_idempotency_key(project, key="order-66", created_at=yesterday)
    old = make_idempotency_key(project, created_at=yesterday)
    young = make_idempotency_key(project)
    assert ask(rest).status_code == 201
    assert idempotency.forget() == 1
    assert not IdempotencyKey.objects.filter(pk=old.pk).exists()
    assert IdempotencyKey.objects.filter(pk=young.pk).exists()


def test_an_order_that_asks_the_bucket_happens_once_too(rest, project):
    storage = make_custom_storage(project)
    key = f"{storage.prefix}manifest.json"
    body = {"custom_storage": str(storage.pk), "manifest": key, "drill": True}
    first = ask(rest, body, path="/api/v1/restores/")
    assert first.status_code == 202
    assert ask(rest, body, path="/api/v1/restores/").json() == first.json()
    assert RestoreRun.objects.count() == 1


def test_a_restore_whose_answer_is_not_kept_was_never_ordered(rest, project, monkeypatch):
    """Its manifest is asked for before, so that the rest is one transaction."""

    def taken_over(claim, answer):
        assert RestoreRun.objects.exists()
        raise IdempotencyKeyTakenOver

    monkeypatch.setattr(idempotency.Claim, "keep", taken_over)
    storage = make_custom_storage(project)
    key = f"{storage.prefix}manifest.json"
    body = {"custom_storage": str(storage.pk), "manifest": key}
    assert ask(rest, body, path="/api/v1/restores/").status_code == 409
    assert not RestoreRun.objects.exists()


def test_a_reader_and_a_stranger_claim_nothing(reader, project):
    assert ask(reader).status_code == 403
    reader.secret = "wrong"
    assert ask(reader).status_code == 401
    assert not IdempotencyKey.objects.exists()


def test_it_goes_for_jobs_of_many_files(rest, project):
    make_file(project)
    make_custom_storage(project, name="mine")
    body = {"target": "mine", "what": "all"}
    first = ask(rest, body, path="/api/v1/bulk-jobs/")
    assert first.status_code == 201, first.content
    assert ask(rest, body, path="/api/v1/bulk-jobs/").json() == first.json()
    assert BulkJob.objects.count() == 1


class TestEtag:
    def test_spares_who_has_it_already(self, rest, project):
        storage = make_custom_storage(project)
        first = rest.get(f"{PATH}{storage.pk}/")
        again = rest.get(f"{PATH}{storage.pk}/", HTTP_IF_NONE_MATCH=first["ETag"])
        assert (again.status_code, again.content) == (304, b"")
        storage.prefix = "elsewhere/"
        storage.save()
        changed = rest.get(f"{PATH}{storage.pk}/", HTTP_IF_NONE_MATCH=first["ETag"])
        assert changed.status_code == 200
        assert changed["ETag"] != first["ETag"]

    def test_is_asked_for_after_the_key(self, rest, project):
        etag = rest.get(PATH)["ETag"]
        rest.secret = "wrong"
        assert rest.get(PATH, HTTP_IF_NONE_MATCH=etag).status_code == 401
