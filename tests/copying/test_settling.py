"""How attempts end in the ledger, where the whole engine would be too much."""

import pytest

from storages_app.copying import settling
from storages_app.copying.making import Assignment, Outcome
from storages_app.models import Event
from storages_app.models.copy_jobs import State
from tests.factories import make_copy_job, make_custom_storage, make_file, make_project

pytestmark = pytest.mark.django_db


def test_a_copy_that_finds_its_next_name_taken_fails_and_the_activity_says_so():
    project = make_project()
    file, storage = make_file(project), make_custom_storage(project)
    make_copy_job(file, storage, key="a-2.txt")
    job = make_copy_job(file, storage, key="a.txt", state="leased")
    outcome = Outcome(State.PENDING, new_key="a-2.txt")
    settling.settle([settling.Finished(Assignment(job, None, 0, 0), outcome)])
    job.refresh_from_db()
    assert (job.state, job.reason) == ("failed", "key_conflict")
    assert Event.objects.get(kind="copy.failed").subject_id == str(job.pk)
