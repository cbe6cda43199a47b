"""S055: that copies are public is chosen by who may manage storages, and is in the activity.

New storages are private, and what a request says of a single copy makes no private storage public.
"""

import pytest

from storages_app.copying import services as copying
from storages_app.custom_storages import services, tasks
from storages_app.models import CopyJob, CustomStorage, Event
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN, bucket

pytestmark = pytest.mark.django_db

__all__ = ["bucket"]


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def storage(project):
    return make_custom_storage(project, name="mine", capabilities=PROVEN)


def test_s055_a_new_storage_is_private(project):
    row = services.create_draft(
        project=project, actor="ann", name="new", bucket="bucket", access_key_id="AKIAKEY"
    )
    assert row.public_mode == CustomStorage.PublicMode.PRIVATE


def test_s055_make_public_publishes_nothing_on_a_private_storage(project, storage, bucket):
    answer = copying.remote_copy(
        project=project,
        file=make_file(project),
        effects="",
        target="mine",
        make_public=True,
        pattern="",
        asked_by="a key",
    )
    assert answer.status == 201
    assert "keeps copies private" in answer.headers["Warning"]
    assert not CopyJob.objects.get().is_public


class TestActivity:
    def test_s055_tells_who_made_a_storage_public_once_its_test_has_passed(self, storage, bucket):
        services.change(custom_storage=storage, actor="ann@example.com", public_mode="acl")
        assert not Event.objects.filter(kind="storage.changed").exists(), "private until then"
        tasks.drain()
        storage.refresh_from_db()
        assert storage.public_mode == "acl"
        self.told("storage.changed", "acl")

    def test_s055_tells_who_tried_to_where_the_test_did_not_pass(self, storage, bucket):
        """Nobody without a key can read this bucket, so it is not public by its policy."""
        services.change(custom_storage=storage, actor="ann@example.com", public_mode="policy")
        tasks.drain()
        storage.refresh_from_db()
        assert storage.public_mode == "private"
        self.told("storage.change_refused", "policy")

    @pytest.mark.parametrize("mode", ["acl", "policy"])
    def test_s055_tells_it_of_a_draft_at_once(self, project, mode):
        draft = make_custom_storage(project, connected_at=None)
        services.change(custom_storage=draft, actor="ann@example.com", public_mode=mode)
        self.told("storage.changed", mode)

    def told(self, kind, mode):
        event = Event.objects.get(kind=kind)
        assert (event.actor, event.data["public_mode"]) == ("ann@example.com", mode)
