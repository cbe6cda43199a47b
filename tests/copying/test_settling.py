"""How attempts end in the ledger, where the whole engine would be too much."""

import pytest

from storages_app.copying import settling
from storages_app.copying.evidence import Evidence, Expected
from storages_app.copying.making import Assignment, Outcome
from storages_app.models import Event, Reason
from storages_app.models.copy_jobs import State
from storages_app.objectstores.errors import ServerError
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


def test_what_goes_well_counts_beside_what_has_failed_since_the_claim():
    """Or twenty failures among hundreds of copies would look like twenty in a row."""
    project = make_project()
    storage = make_custom_storage(project)
    done = Outcome(State.DONE, evidence=Evidence("checksum", "c"), expected=Expected(1, "a", "b"))
    failed = Outcome(State.RETRY_WAIT, Reason.SERVER_ERROR, error=ServerError(http_status=500))
    for number, outcome in enumerate((done, failed, done)):
        job = make_copy_job(make_file(project), storage, key=f"{number}", state="leased")
        settling.settle([settling.Finished(Assignment(job, None, 0, 0), outcome)])
    storage.refresh_from_db()
    assert storage.recent_outcomes == "t+"
