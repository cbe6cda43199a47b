"""The tab Auto-copy: its rule, what waits and was caught up, what was missed."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from storages_app.custom_storages import circuit
from storages_app.dashboard.auto_copy_reports import standing
from storages_app.dashboard.forms.auto_copy import AutoCopyForm
from storages_app.models import CopyJob, CustomStorage, Event
from storages_app.models.copy_jobs import State
from tests.dashboard.test_storages import address, said, text_of, words
from tests.factories import make_copy_job, make_custom_storage, make_file


@pytest.fixture
def storage(storage):
    storage.auto_copy, storage.auto_copy_since = True, timezone.now() - timedelta(hours=1)
    storage.save()
    return storage


def show(client, project, storage):
    return text_of(client.get(address("storage_auto_copy", project, storage.pk)).text)


def save(client, project, storage, **typed):
    typed = {"on": "on", "when": "upload"} | typed
    typed = {name: value for name, value in typed.items() if value is not None}
    response = client.post(address("storage_auto_copy", project, storage.pk), typed)
    storage.refresh_from_db()
    return response


def new_file(project, **fields):
    return make_file(project, uploaded_at=timezone.now(), **fields)


def parked(project, storage, n=1, **fields):
    values = {"state": "blocked", "lane": CopyJob.Lane.AUTO_COPY, "finished_at": None} | fields
    return [make_copy_job(new_file(project), storage, **values) for _ in range(n)]


class TestRule:
    def test_is_kept_as_it_was_typed_and_shown_again(self, project, storage, as_owner):
        response = save(
            as_owner,
            project,
            storage,
            when="store",
            types=["image/*"],
            more_types="font/*, Application/ZIP,",
            min_size="0.000001",
            max_size="2.5",
            renditions="-/preview/800x800/\n\n -/resize/200x/ \n",
        )
        assert said(response) == ["Saved. It holds for new files."]
        assert storage.auto_copy_rule == {
            "when": "store",
            "types": ["image/*", "font/*", "application/zip"],
            "min_size": 1,
            "max_size": 2_500_000,
            "renditions": ["-/preview/800x800/", "-/resize/200x/"],
        }
        form = AutoCopyForm(storage=storage)
        again = {name: form.initial[name] for name in form.fields}
        before = storage.auto_copy_rule
        save(as_owner, project, storage, **again)
        assert storage.auto_copy_rule == before

    def test_that_says_nothing_is_every_file(self, project, storage, as_owner):
        storage.auto_copy_rule = {"when": "store"}
        storage.save()
        save(as_owner, project, storage)
        assert storage.auto_copy_rule == {}

    def test_switches_off_and_stays_for_the_next_time(self, project, storage, as_owner):
        response = save(as_owner, project, storage, on=None, types=["image/*"])
        assert said(response) == ["Auto-copy is off."]
        assert (storage.auto_copy, storage.auto_copy_rule) == (False, {"types": ["image/*"]})

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ({"renditions": "-/explode/"}, "not known here"),
            ({"more_types": "images"}, "is no type"),
            ({"min_size": "3", "max_size": "2"}, "no file would fit"),
            ({"min_size": "-1"}, "from 0 to 1,000,000,000"),
            ({"min_size": "much"}, "Enter a number"),
            ({"max_size": "NaN"}, "Enter a number"),
            ({"max_size": "0"}, "at least 1 byte"),
            ({"max_size": "0.0000001"}, "no more than 6 decimal places"),
            ({"when": "later"}, "“later” is not in the list"),
            ({"types": ["image/x"]}, "“image/x” is not in the list"),
        ],
    )
    def test_that_cannot_be_followed_is_told_at_its_field_and_nothing_typed_is_lost(
        self, project, storage, as_owner, typed, told
    ):
        before = Event.objects.count()
        response = save(as_owner, project, storage, on=None, **typed)
        page = words(response)
        assert "Nothing was saved yet." in page
        assert told in page
        for value in typed.values():
            if isinstance(value, str) and value != "later":
                assert value in response.text
        assert (storage.auto_copy, storage.auto_copy_rule) == (True, {})
        assert Event.objects.count() == before

    def test_with_renditions_of_one_name_is_told_at_its_field(self, project, storage, as_owner):
        storage.key_pattern = "${uuid}"
        storage.save()
        page = words(save(as_owner, project, storage, renditions="-/preview/800x800/"))
        assert "would get the name of their original" in page
        assert storage.auto_copy_rule == {}

    def test_of_a_draft_is_no_form_and_not_saved(self, project, draft, as_owner):
        assert "Nothing is copied here until" in show(as_owner, project, draft)
        response = save(as_owner, project, draft)
        assert response.status_code == 200
        assert not draft.auto_copy

    def test_is_told_in_words_to_who_may_only_look(self, project, storage, as_viewer):
        storage.auto_copy_rule = {
            "types": ["image/*", "font/*", "application/pdf"],
            "min_size": 10,
            "max_size": 5_000_000,
            "renditions": ["-/preview/800x800/"],
        }
        storage.save()
        new_file(project, detected_type="image/png")
        page = show(as_viewer, project, storage)
        assert "Images, font/* and PDF, from 10 B, up to 5.0 MB, when they are uploaded" in page
        assert "-/preview/800x800/" in page
        assert "Save" not in page
        assert "1 file was missed." in page
        assert "Copy it now" not in page

    @pytest.mark.parametrize(
        ("rule", "told"),
        [
            ({}, "All files, when they are uploaded."),
            ({"when": "store"}, "All files, when they are stored."),
            ({"types": ["image/*"], "max_size": 5_000_000}, "Images, up to 5.0 MB, when they are"),
        ],
    )
    def test_is_told_in_words_beside_the_health(self, project, storage, as_viewer, rule, told):
        storage.auto_copy_rule = rule
        storage.save()
        assert told in text_of(as_viewer.get(address("storage", project, storage.pk)).text)


class TestSwitch:
    def test_is_pressed_on_and_off_elsewhere_and_leaves_the_rule(self, project, storage, as_owner):
        storage.auto_copy_rule = {"when": "store"}
        storage.save()
        for on in ("0", "1"):
            where = address("storage_auto_copy_switch", project, storage.pk)
            as_owner.post(where, {"on": on})
            storage.refresh_from_db()
            assert storage.auto_copy is (on == "1")
        assert storage.auto_copy_rule == {"when": "store"}

    def test_of_a_draft_is_refused_in_words(self, project, draft, as_owner):
        where = address("storage_auto_copy_switch", project, draft.pk)
        assert "This storage is a draft" in said(as_owner.post(where, {"on": "1"}))[0]


class TestWaiting:
    def test_is_told_with_the_oldest(self, project, storage, as_viewer):
        parked(project, storage, n=2, state="pending")
        CopyJob.objects.update(created_at=timezone.now() - timedelta(minutes=4, seconds=5))
        page = show(as_viewer, project, storage)
        assert "2 files" in page
        assert "oldest file waiting: 4 min" in page
        for name in ("storage", "storages", "overview"):
            args = (storage.pk,) if name == "storage" else ()
            assert "4 min" in text_of(as_viewer.get(address(name, project, *args)).text)

    def test_counts_a_file_once_whatever_is_made_of_it(self, project, storage):
        (job,) = parked(project, storage)
        make_copy_job(
            job.file, storage, state="blocked", effects="-/preview/", lane=CopyJob.Lane.AUTO_COPY
        )
        assert standing(storage).n_files == 1

    def test_does_not_count_a_long_job_that_somebody_ordered(self, project, storage):
        parked(project, storage, lane=CopyJob.Lane.BULK)
        assert standing(storage).n_files == 0

    def test_is_polled_while_something_waits_and_not_after(self, project, storage, as_viewer):
        where = address("storage_auto_copy_standing", project, storage.pk)
        assert as_viewer.get(where).status_code == 286
        parked(project, storage, state="pending")
        first = as_viewer.get(where)
        assert first.status_code == 200
        assert "Reload to see the newest state" in first.text
        seen = {"seen": standing(storage).version}
        assert as_viewer.get(where, seen).status_code == 204
        parked(project, storage, state="pending")
        assert as_viewer.get(where, seen).status_code == 200


class TestParked:
    def test_says_since_when_and_what_to_do(self, project, storage, as_owner):
        parked(project, storage, n=3)
        circuit.open_(storage, reason="auth_denied")
        page = show(as_owner, project, storage)
        assert "Parked since" in page
        assert "3 files wait." in page
        assert (
            "They go out by themselves when “photos” passes its check. "
            "Nothing to do but fix the storage." in page
        )

    def test_while_paused_says_who_lets_it_go_on(self, project, storage, as_owner):
        storage.paused_at = timezone.now()
        storage.save()
        parked(project, storage)
        page = show(as_owner, project, storage)
        assert "1 file waits." in page
        assert "when somebody presses Resume" in page


def _events_of(moment):
    """What is written down now was written down then; later nobody changes it."""

    def pre_save(event, add):
        event.created_at = moment
        return moment

    return patch.object(Event._meta.get_field("created_at"), "pre_save", pre_save)


class TestCaughtUp:
    """Told from the ledger: by what ended after the storage recovered."""

    def recover(self, storage, *, broken_for=timedelta(minutes=30), ago=timedelta(minutes=10)):
        circuit.open_(storage, reason="auth_denied")
        circuit.park(storage)
        began = timezone.now() - ago - broken_for
        CustomStorage.objects.filter(pk=storage.pk).update(circuit_opened_at=began)
        CopyJob.objects.filter(custom_storage=storage).update(created_at=began)
        storage.refresh_from_db()
        with _events_of(timezone.now() - ago):
            circuit.close(storage, why="its connection test passed")
        storage.refresh_from_db()
        return Event.objects.filter(kind="storage.recovered").first()

    def end(self, jobs, recovered, *, after=timedelta(minutes=4), state=State.DONE):
        CopyJob.objects.filter(pk__in=[job.pk for job in jobs]).update(
            state=state,
            run_after=None,
            finished_at=recovered.created_at + after,
            reason="" if state == State.DONE else "key_conflict",
        )

    def test_names_files_and_time(self, project, storage, as_viewer):
        jobs = parked(project, storage, n=3)
        self.end(jobs, self.recover(storage))
        assert "Caught up: 3 files in 4 min." in show(as_viewer, project, storage)

    def test_is_not_said_while_one_is_left(self, project, storage, as_viewer):
        jobs = parked(project, storage, n=3)
        self.end(jobs[:2], self.recover(storage))
        page = show(as_viewer, project, storage)
        assert "Catching up: 2 files done, 1 to go." in page
        assert "Caught up" not in page

    def test_does_not_hide_what_failed(self, project, storage, as_viewer):
        jobs = parked(project, storage, n=3)
        recovered = self.recover(storage)
        self.end(jobs[:2], recovered)
        self.end(jobs[2:], recovered, state=State.FAILED)
        page = show(as_viewer, project, storage)
        assert "Caught up: 2 files in 4 min." in page
        assert "1 failed." in page

    def test_counts_no_file_that_came_later_or_was_there_before(self, project, storage):
        before = parked(project, storage, state="done", run_after=None)
        jobs = parked(project, storage, n=2)
        recovered = self.recover(storage)
        self.end(jobs, recovered)
        self.end(before, recovered, after=-timedelta(hours=2))
        later = parked(project, storage)
        self.end(later, recovered, after=timedelta(minutes=9))
        caught_up = standing(storage).caught_up
        assert (caught_up.n_files, caught_up.seconds) == (2, 240)

    def test_is_news_for_a_day_and_only_of_the_last_time(self, project, storage, as_viewer):
        jobs = parked(project, storage)
        self.end(jobs, self.recover(storage, ago=timedelta(hours=25)))
        assert "Caught up" not in show(as_viewer, project, storage)

    def test_is_not_said_where_nothing_had_waited_or_it_is_broken_again(self, project, storage):
        self.recover(storage)
        assert standing(storage).caught_up is None
        self.end(parked(project, storage), self.recover(storage))
        circuit.open_(storage, reason="auth_denied")
        storage.refresh_from_db()
        assert standing(storage).caught_up is None

    def test_of_another_storage_is_not_told_here(self, project, storage):
        other = make_custom_storage(project, auto_copy=True)
        self.end(parked(project, other), self.recover(other))
        assert standing(storage).caught_up is None


class TestMissed:
    def test_are_counted_and_ordered_by_a_button(self, project, storage, as_owner):
        files = [new_file(project) for _ in range(2)]
        assert "2 files were missed." in show(as_owner, project, storage)
        response = as_owner.post(address("storage_auto_copy_missed", project, storage.pk))
        assert said(response) == ["2 files are on the way to “photos”."]
        jobs = CopyJob.objects.filter(custom_storage=storage)
        assert {job.file for job in jobs} == {*files}
        assert {job.asked_by for job in jobs} == {"owner@example.com"}
        assert "missed" not in show(as_owner, project, storage)
        response = as_owner.post(address("storage_auto_copy_missed", project, storage.pk))
        assert said(response) == ["Nothing was missed any more."]

    def test_of_a_draft_are_refused(self, project, draft, as_owner):
        response = as_owner.post(address("storage_auto_copy_missed", project, draft.pk))
        assert "is not connected" in said(response)[0]


def test_older_files_are_counted_apart_and_lead_to_copying_them(project, storage, as_owner):
    make_copy_job(make_file(project), storage)
    assert "No file that is already here lacks a copy." in show(as_owner, project, storage)
    for _ in range(2):
        make_file(project)
    page = show(as_owner, project, storage)
    assert "New files from now on. 2 files are already here: Copy them too…" in page
    html = as_owner.get(address("storage_auto_copy", project, storage.pk)).text
    assert f'{address("bulk_new", project)}?storage={storage.pk}"' in html


def test_more_files_cost_no_more_queries(project, storage, as_owner):
    def count():
        with CaptureQueriesContext(connection) as queries:
            show(as_owner, project, storage)
        return len(queries)

    new_file(project)
    make_file(project)
    parked(project, storage, state="pending")
    before = count()
    for _ in range(3):
        new_file(project)
        make_file(project)
        parked(project, storage, state="pending")
    assert count() == before
