"""S039: two projects copy into one bucket, to one key; neither reads what the other's file is."""

import pytest
from django.urls import reverse

from storages_app.copying import orders, runner
from storages_app.models import CopyJob, Event
from tests.dashboard.conftest import client_of
from tests.factories import make_custom_storage, make_file, make_project, make_user
from tests.memory_bucket import PROVEN, bucket

__all__ = ["bucket"]
HIDDEN = "merger-with-acme.pdf"


@pytest.fixture
def refused(bucket, db):
    """The second copy, which found other bytes at its key, and whoever may see it."""
    first = make_project("First", owner=make_user("first@example.com"))
    second = make_project("Second", owner=make_user("second@example.com"))
    for project, name, content in ((first, HIDDEN, b"first"), (second, "own.pdf", b"second")):
        storage = make_custom_storage(
            project, name="shared", capabilities=PROVEN, key_pattern="one-key"
        )
        file = make_file(project, content, name=name, metadata={"from": name})
        orders.place(
            [orders.order_for(file=file, custom_storage=storage)],
            lane=CopyJob.Lane.AUTO_COPY,
            asked_by="a test",
        )
        runner.drain()
    copies = {copy.project.name: copy for copy in CopyJob.objects.select_related("project")}
    assert copies["First"].state == "done"
    assert (copies["Second"].state, copies["Second"].reason) == ("failed", "key_conflict")
    return copies["Second"], client_of(second.memberships.get().user)


def test_no_page_tells_the_name_of_the_other_file(refused):
    copy, client = refused
    slug = copy.project.slug
    of_row = {
        "copy": [copy.pk],
        "file": [copy.file_id],
        "storage": [copy.custom_storage_id],
        "storage_copies": [copy.custom_storage_id],
    }
    pages = ("overview", "files", "copies", "jobs", "activity", "activity_csv", "storages")
    for name in (*pages, *of_row):
        response = client.get(reverse(f"dashboard:{name}", args=[slug, *of_row.get(name, [])]))
        text = b"".join(response).decode()
        assert response.status_code == 200
        assert HIDDEN not in text
        assert "First" not in text


def test_nor_does_a_row_that_is_told_to_people(refused):
    copy, _ = refused
    assert HIDDEN not in copy.detail
    events = Event.objects.filter(project=copy.project)
    assert all(HIDDEN not in f"{event.subject} {event.data}" for event in events)
