"""The tab Check: what was found, asking for a check, and what is to follow from it."""

import csv
from io import StringIO

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.models import Reconciliation
from tests.factories import make_copy_job, make_file, make_reconciliation

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(storage):
    return make_reconciliation(
        storage,
        state="different",
        n_copies=2000,
        n_differences=2,
        n_mended=1,
        counts={"missing": 1, "extra": 1},
    )


def address(name, project, storage, *args):
    return reverse(f"dashboard:storage_check{name}", args=[project.slug, storage.pk, *args])


class TestThePage:
    def test_says_that_no_check_was_made_yet(self, as_owner, project, storage):
        assert "No check yet" in as_owner.get(address("", project, storage)).text

    def test_names_each_difference_and_what_became_of_it(
        self, as_owner, project, storage, file, run
    ):
        job = make_copy_job(file, storage)
        run.differences.create(
            kind="missing",
            key=job.key,
            copy_job=job,
            expected="10 bytes",
            found="nothing",
            resolution="ordered",
        )
        run.differences.create(kind="extra", key="up/<script>alert(1)</script>")
        text = as_owner.get(address("", project, storage)).text
        assert (
            "2 differences found. 1 of them put right or ordered anew. Compared: 2,000 copies."
            in text
        )
        assert "Expected 10 bytes." in text
        assert "Ordered anew" in text
        assert reverse("dashboard:copy", args=[project.slug, job.pk]) in text
        assert "up/&lt;script&gt;" in text

    def test_more_differences_cost_no_more_queries(self, as_owner, project, storage, run):
        def count():
            with CaptureQueriesContext(connection) as queries:
                as_owner.get(address("", project, storage))
            return len(queries)

        def add(n_rows):
            for n in range(n_rows):
                job = make_copy_job(make_file(project), storage)
                run.differences.create(kind="missing", key=job.key, copy_job=job)
                make_reconciliation(storage, kind="light", n_copies=n)

        add(3)
        run.finished_at = timezone.now()
        run.save()
        before = count()
        add(27)
        run.finished_at = timezone.now()
        run.save()
        assert count() == before

    def test_shows_the_one_that_runs_and_asks_for_news(self, as_owner, project, storage, run):
        busy = make_reconciliation(storage, state="running", finished_at=None, n_objects=7)
        text = as_owner.get(address("", project, storage)).text
        assert "7 objects listed, 0 copies compared." in text
        assert address("_status", project, storage, busy.pk) in text

    def test_offers_no_second_one_of_a_kind_that_runs(self, as_owner, project, storage, run):
        offered = '<button type="submit" class="button main" name="kind" value="full"'
        text = " ".join(as_owner.get(address("", project, storage)).text.split())
        assert offered in text
        make_reconciliation(storage, state="running", finished_at=None)
        for page in (address("", project, storage), address("_run", project, storage, run.pk)):
            text = " ".join(as_owner.get(page).text.split())
            assert offered not in text
            assert 'value="full" aria-disabled="true"' in text
            assert '<button type="submit" class="button" name="kind" value="light"' in text

    def test_shows_an_older_one_by_its_address(self, as_owner, project, storage, run):
        make_reconciliation(storage)
        text = as_owner.get(address("_run", project, storage, run.pk)).text
        assert "2 differences found." in text
        assert "The newest check" in text

    def test_a_check_of_another_storage_is_not_found(self, as_owner, project, draft, run):
        assert as_owner.get(address("_run", project, draft, run.pk)).status_code == 404

    def test_says_how_many_were_counted_and_not_kept(self, as_owner, project, storage, run):
        run.differences.create(kind="extra", key="up/x")
        assert (
            "1 more were counted and not kept" in as_owner.get(address("", project, storage)).text
        )

    def test_a_draft_has_nothing_to_check(self, as_owner, project, draft):
        text = as_owner.get(address("", project, draft)).text
        assert "There is nothing to check until it is connected." in text
        assert "Check now" not in text

    def test_a_viewer_sees_no_buttons(self, as_viewer, project, storage, run):
        text = as_viewer.get(address("", project, storage)).text
        assert "Check now" not in text
        assert "Only report" not in text


class TestItsNews:
    def test_is_204_while_nothing_changes(self, as_owner, project, storage):
        busy = make_reconciliation(storage, state="running", finished_at=None)
        part = as_owner.get(address("_status", project, storage, busy.pk))
        assert part.status_code == 200
        seen = part.text.partition("seen=")[2].partition('"')[0]
        again = as_owner.get(address("_status", project, storage, busy.pk), {"seen": seen})
        assert again.status_code == 204

    def test_loads_the_page_anew_at_its_end(self, as_owner, project, storage, run):
        part = as_owner.get(address("_status", project, storage, run.pk))
        assert (part.status_code, part["HX-Refresh"]) == (286, "true")

    def test_are_spoken_once_to_who_has_waited_for_the_end(
        self, as_owner, as_viewer, project, storage, run
    ):
        as_owner.get(address("_status", project, storage, run.pk), {"seen": "an earlier look"})
        page = address("", project, storage)
        spoken = "Whole check: Needs attention. 2 differences found."
        text = " ".join(as_owner.get(page).text.split())
        assert spoken in text.partition('role="status"')[2]
        assert spoken not in as_owner.get(page).text
        assert spoken not in as_viewer.get(page).text


class TestAsking:
    @pytest.mark.parametrize(
        ("sent", "kind"), [({}, "full"), ({"kind": "light"}, "light"), ({"kind": "x"}, "full")]
    )
    def test_puts_one_into_the_queue(self, as_owner, project, storage, sent, kind):
        answer = as_owner.post(address("_start", project, storage), sent)
        assert answer.status_code == 302
        asked = Reconciliation.objects.get()
        assert (asked.kind, asked.asked_by, asked.state) == (kind, "owner@example.com", "waiting")

    def test_of_a_draft_is_refused_with_a_reason(self, as_owner, project, draft):
        answer = as_owner.post(address("_start", project, draft), follow=True)
        assert "The storage is not connected." in answer.text
        assert not Reconciliation.objects.exists()

    def test_the_policy_is_switched(self, as_owner, project, storage):
        for sent, mends in (("0", False), ("1", True)):
            as_owner.post(address("_policy", project, storage), {"mends": sent})
            storage.refresh_from_db()
            assert storage.mends_differences is mends


class TestTheFile:
    def test_holds_every_difference_that_was_kept_and_no_formula(
        self, as_owner, project, storage, run
    ):
        run.differences.create(kind="extra", key="=HYPERLINK(1)", found="3 bytes")
        answer = as_owner.get(address("_csv", project, storage, run.pk))
        assert answer["Content-Disposition"] == f'attachment; filename="check-{run.pk}.csv"'
        head, line = csv.reader(StringIO(b"".join(answer.streaming_content).decode()))
        assert head == ["kind", "key", "uuid", "copy", "expected", "found", "resolution"]
        assert line == ["extra", "'=HYPERLINK(1)", "", "", "", "3 bytes", "reported"]
