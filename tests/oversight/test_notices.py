"""I12: the doctor compares incidents with the storages, and looks at what nobody sends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from storages_app.models import Incident, WorkerHeartbeat
from storages_app.notifications import tasks
from storages_app.oversight import notices, secrets
from tests.factories import (
    make_channel,
    make_custom_storage,
    make_incident,
    make_notification,
    make_project,
)

pytestmark = pytest.mark.django_db
GRACE = timedelta(minutes=5)
AN_HOUR_AGO = timezone.now() - timedelta(hours=1)


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def _worker(db):
    WorkerHeartbeat.beat()


def said():
    looks = (notices.are_as_the_ledger_says, notices.go_out)
    return [remark.what for look in looks for remark in look(GRACE)]


@pytest.mark.usefixtures("_worker")
class TestIncidents:
    def test_a_broken_storage_without_an_incident_is_told_until_one_looks(self, project):
        make_custom_storage(project, circuit_opened_at=AN_HOUR_AGO)
        assert said() == ["It is broken, and no incident says so: nobody is told."]
        tasks.look()
        assert said() == []

    def test_one_that_broke_a_moment_ago_is_not(self, project):
        make_custom_storage(project, circuit_opened_at=timezone.now())
        assert said() == []

    def test_an_incident_of_a_storage_that_works_is_told_until_one_looks(self, project):
        storage = make_custom_storage(project)
        make_incident(project, subject_id=str(storage.pk), noticed_at=AN_HOUR_AGO)
        assert said() == ["It is open, and its storage is not broken."]
        tasks.look()
        assert said() == []
        assert Incident.objects.get().ended_at


class TestMessages:
    @pytest.fixture
    def late(self, project):
        return make_notification(make_channel(project), run_after=AN_HOUR_AGO)

    @pytest.mark.usefixtures("_worker", "late")
    def test_one_that_nobody_sends_is_told(self):
        assert said() == ["1 notifications are due, and nobody sends them."]

    @pytest.mark.usefixtures("late")
    def test_without_a_worker_nothing_is_known(self):
        assert said() == ["Notifications are due, and no worker is running to send them."]

    @pytest.mark.usefixtures("_worker")
    def test_one_that_waits_behind_another_is_not_late(self, project):
        channel = make_channel(project)
        incident = make_incident(project, ended_at=timezone.now(), kind="key_ending")
        later = timezone.now() + timedelta(hours=1)
        make_notification(channel, incident, state="retry_wait", run_after=later)
        make_notification(channel, incident, moment="ended", run_after=AN_HOUR_AGO)
        assert said() == []

    @pytest.mark.usefixtures("_worker")
    def test_one_that_was_given_up_says_why(self, project):
        make_notification(make_channel(project), state="dead")
        assert said() == ["Given up without a word why."]


def test_a_secret_in_a_message_is_found(project):
    """I10: what is sent to people is searched as well."""
    make_custom_storage(project)
    message = {"what": "It says: an s3 secret of the tests"}
    make_notification(make_channel(project), message=message, state="delivered")
    (found,) = secrets.are_nowhere_in_rows(GRACE)
    assert found.what == "A secret stands in message."
