"""A connection test always ends, whatever is wrong with the settings or with us."""

import pytest

from storages_app.custom_storages import services, tasks
from storages_app.models import ConnectionTest
from tests.factories import make_custom_storage, make_project

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "settings", [{"endpoint_url": "https://127.1"}, {"access_key_id": "²"}, {"bucket": "No Bucket"}]
)
def test_settings_that_no_connection_can_be_made_with_fail_the_first_row(settings):
    storage = make_custom_storage(make_project(), connected_at=None, **settings)
    test = services.run_test_now(custom_storage=storage, asked_by="a test")
    first, *others = test.findings.order_by("position")
    assert test.state == ConnectionTest.State.FAILED
    assert first.state == "failed"
    assert first.code in {"address_invalid", "bucket_name"}
    assert first.title
    assert first.fix
    assert {row.state for row in others} == {"skipped"}


def test_a_fault_of_ours_fails_its_row_and_the_test_ends(bucket, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("a bug")

    monkeypatch.setattr(bucket, "put", broken, raising=False)
    storage = make_custom_storage(make_project(), connected_at=None)
    test = services.run_test_now(custom_storage=storage, asked_by="a test")
    row = test.findings.get(check_id="write")
    assert test.state == ConnectionTest.State.FAILED
    assert (row.state, row.code) == ("failed", "internal")
    assert "a bug" not in f"{row.title} {row.why} {row.fix}"


def test_a_broken_test_does_not_hold_up_the_next_one():
    project = make_project()
    for name in ("one", "two"):
        storage = make_custom_storage(
            project, name=name, connected_at=None, endpoint_url="https://127.1"
        )
        services.request_test(custom_storage=storage, asked_by="a test")
    tasks.drain()
    states = ConnectionTest.objects.values_list("state", flat=True)
    assert list(states) == ["failed", "failed"]
