"""The operators' pages say states, reasons and other choices in the words of the dashboard."""

import re

import pytest
from django.contrib import admin
from django.urls import reverse

from storages_app.admin.wording import choices_of
from storages_app.models import CopyJob
from storages_app.models.copy_jobs import Reason, State
from tests.factories import (
    make_bulk_job,
    make_connection_test,
    make_copy_job,
    make_custom_storage,
    make_file,
)

# DASHBOARD 1.0
NINE = {
    *("Waiting", "Running", "Done", "Done with gaps", "Failed"),
    *("Paused", "Skipped", "Cancelled", "Needs attention"),
}


def address(row, page="change"):
    opts = row._meta
    return reverse(
        f"admin:{opts.app_label}_{opts.model_name}_{page}",
        args=[row.pk] if page == "change" else [],
    )


def cells(answer, column):
    return re.findall(rf'<td class="field-{column}[^"]*">([^<]*)<', answer.content.decode())


def test_no_choice_is_written_in_title_case_because_its_code_was():
    for model in admin.site._registry:
        for field in model._meta.concrete_fields:
            for value, title in choices_of(field).items() if field.flatchoices else ():
                code = title if isinstance(value, int) else str(value).replace("_", " ")
                from_code = code.title()
                assert title != from_code or " " not in title, (model, field.name, title)


@pytest.mark.django_db
class TestStates:
    @pytest.fixture
    def storage(self, project):
        return make_custom_storage(project, name="photos")

    @pytest.mark.parametrize(
        ("state", "said"),
        [
            ("done", "Done"),
            ("retry_wait", "Waiting (retry wait)"),
            ("leased", "Running (leased)"),
            ("blocked", "Needs attention (blocked)"),
            ("unverified", "Needs attention (unverified)"),
        ],
    )
    def test_of_a_copy_are_the_word_of_the_pages_and_that_of_the_ledger(
        self, as_operator, project, storage, state, said
    ):
        job = CopyJob.objects.get(pk=make_copy_job(make_file(project), storage).pk)
        CopyJob.objects.filter(pk=job.pk).update(
            state=state,
            evidence="etag" if state == "done" else "",
            **_times_of(job, state),
        )
        assert cells(as_operator.get(address(job, "changelist")), "state") == [said]
        assert f">{said}<" in as_operator.get(address(job)).content.decode()

    def test_of_a_job_are_one_of_nine(self, as_operator, storage):
        for state in ("counting", "copying", "done", "gaps", "failed", "cancelled"):
            make_bulk_job(storage, state=state)
        said = cells(as_operator.get(reverse("admin:storages_app_bulkjob_changelist")), "state")
        assert {one.partition(" (")[0] for one in said} <= NINE
        assert len(said) == 6

    def test_of_a_storage_begin_with_a_capital(self, as_operator, project, storage):
        make_custom_storage(project, name="new", connected_at=None)
        said = cells(as_operator.get(address(storage, "changelist")), "shown_state")
        assert all(one[0].isupper() for one in said)

    def test_and_reasons_are_filtered_by_the_same_words(self, as_operator):
        shown = as_operator.get(
            reverse("admin:storages_app_copyjob_changelist"), {"state__exact": "done"}
        )
        text = shown.content.decode()
        assert ">Retry wait</a>" in text
        assert ">Source missing</a>" in text
        assert "State: <strong>Done</strong>" in " ".join(text.split())
        assert not any(f">{one.label}</a>" in text for one in Reason if " " in one.label)

    def test_can_be_sorted_by_still(self, as_operator, project, storage):
        make_copy_job(make_file(project), storage)
        listed = as_operator.get(reverse("admin:storages_app_copyjob_changelist"))
        [place] = [
            n
            for n, column in enumerate(listed.context["cl"].list_display)
            if getattr(column, "__name__", "") == "state"
        ]
        sorted_by = as_operator.get(listed.wsgi_request.path, {"o": str(place)})
        assert sorted_by.status_code == 200
        assert "column-state sorted ascending" in sorted_by.content.decode()

    def test_of_findings_stand_in_the_page_of_their_test(self, as_operator, storage):
        test = make_connection_test(storage)
        test.findings.create(position=0, name="Write", level="required", state="failed")
        text = as_operator.get(address(test)).content.decode()
        assert "<td>Required</td>" in text
        assert "<td>Failed</td>" in text


def _times_of(job, state):
    """What the ledger's constraints ask of the times."""
    waits = state in {State.RETRY_WAIT, State.BLOCKED}
    moment = job.created_at
    return {
        "run_after": moment if waits else None,
        "lease_until": moment if state == State.LEASED else None,
        "finished_at": moment if state in {State.DONE, State.UNVERIFIED} else None,
        "verified_at": moment if state == State.DONE else None,
    }


@pytest.mark.django_db
def test_texts_of_fields_show_no_backtick(as_operator, project):
    storage = make_custom_storage(project)
    text = as_operator.get(address(storage)).content.decode()
    assert "The value of target in the API." in text


@pytest.mark.django_db
def test_every_list_scrolls_in_a_place_that_a_keyboard_reaches(as_operator, project):
    make_custom_storage(project)
    text = as_operator.get(reverse("admin:storages_app_customstorage_changelist")).content.decode()
    [place] = re.findall(r'<div class="results"[^>]*>', text)
    assert 'tabindex="0"' in place
    assert 'role="region"' in place
    assert 'aria-label="Custom storages, a table"' in place


@pytest.mark.django_db
def test_the_fields_of_members_have_names(as_operator, project):
    text = as_operator.get(address(project)).content.decode()
    assert re.search(r'<select name="memberships-0-role"[^>]* aria-label="Role"', text)
    assert re.search(r'name="memberships-0-DELETE"[^>]* aria-label="Delete"', text)


@pytest.mark.django_db
def test_so_do_the_rows_below_a_row(as_operator, project):
    test = make_connection_test(make_custom_storage(project), findings=())
    text = as_operator.get(address(test)).content.decode()
    [place] = re.findall(r'<div class="tabular[^>]*>', text)
    assert 'tabindex="0"' in place
    assert 'aria-labelledby="findings-heading"' in place
    assert "None yet" in text
