"""The list of files: filters in its address, two looks, a bound of what a page looks at."""

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from storages_app.dashboard import file_lists
from storages_app.dashboard.views import files as views
from tests.factories import (
    make_backup_plan,
    make_copy_job,
    make_custom_storage,
    make_file,
)


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def names(response):
    return [row.file.original_filename for row in response.context["rows"]]


def told(response):
    return " ".join(response.text.split())


class TestLooks:
    @pytest.mark.parametrize("view", ["", "grid"])
    def test_each_tells_state_copies_and_backup_in_words(self, view, project, as_owner):
        vault = make_custom_storage(project, name="vault")
        make_backup_plan(vault)
        make_copy_job(make_file(project, name="safe.txt"), vault, is_backup=True)
        page = told(as_owner.get(address("files", project), {"view": view}))
        assert "Stored" in page
        assert "vault: Done" in page
        assert "Backed up" in page
        assert "Select safe.txt" in page

    def test_the_table_has_all_columns(self, project, file, as_owner):
        page = told(as_owner.get(address("files", project)))
        for column in ("Name", "Type", "Size", "Uploaded", "Stored", "Copies", "Backup"):
            assert f'scope="col">{column}</th>' in page

    def test_the_look_stays_with_the_filters(self, project, file, as_owner):
        page = told(as_owner.get(address("files", project), {"view": "grid", "q": "cat"}))
        assert '<input type="hidden" name="view" value="grid" />' in page
        assert 'class="file-grid"' in page

    def test_a_viewer_ticks_nothing_and_may_download_the_list(self, project, file, as_viewer):
        page = told(as_viewer.get(address("files", project)))
        assert "Select cat.txt" not in page
        assert address("files_download", project) in page


class TestFilters:
    def test_are_kept_in_the_form_and_those_of_seldom_use_are_open(self, project, as_owner):
        make_file(project, name="a.png", detected_type="image/png")
        shut = told(as_owner.get(address("files", project), {"type": "image"}))
        assert '<option value="image" selected>' in shut
        assert "<details open>" not in shut
        opened = told(as_owner.get(address("files", project), {"since": "2020-01-01"}))
        assert "<details open>" in opened
        assert 'value="2020-01-01"' in opened

    def test_that_find_nothing_offer_a_way_out(self, project, file, as_owner):
        page = told(as_owner.get(address("files", project), {"q": "bird"}))
        assert "No file matches." in page
        assert "Clear the filters" in page

    def test_copies_of_all_found_are_offered_with_the_filter(
        self, project, file, storage, as_owner
    ):
        page = as_owner.get(address("files", project), {"type": "text", "since": "2020-01-01"})
        assert "Copy these to…" in page.text
        assert f"{address('bulk_new', project)}?type=text&amp;since=2020-01-01" in page.text
        assert "Copy all to…" in as_owner.get(address("files", project)).text


class TestBound:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch):
        monkeypatch.setattr(file_lists, "LOOKS_AT", 3)
        monkeypatch.setattr(views, "PAGE_SIZE", 2)

    def test_a_page_says_where_it_stopped_and_leads_on_and_back(self, project, as_owner):
        for n in range(8):
            make_file(project, name=f"{'hit' if n in {0, 4} else 'miss'}-{n}")

        def get(**marks):
            return as_owner.get(address("files", project), {"q": "hit"} | marks)

        first = get()
        assert names(first) == []
        assert "No file matches among 3 that were looked at." in told(first)
        second = get(before=first.context["page"].older)
        assert names(second) == ["hit-4"]
        assert "Looked at 3 files. Go on for others." in told(second)
        third = get(before=second.context["page"].older)
        assert names(third) == ["hit-0"]
        assert third.context["looked_at"] is None
        back = get(after=third.context["page"].newer)
        assert names(back) == []
        assert names(get(before=back.context["page"].older)) == ["hit-0"]
        assert names(get(after=back.context["page"].newer)) == ["hit-4"]

    def test_a_page_that_is_full_is_not_cut(self, project, as_owner):
        for n in range(8):
            make_file(project, name=f"hit-{n}")
        page = as_owner.get(address("files", project), {"q": "hit"})
        assert names(page) == ["hit-7", "hit-6"]
        assert page.context["looked_at"] is None


class TestDownload:
    def test_has_every_file_that_the_filters_find_the_newest_first(
        self, project, as_owner, monkeypatch
    ):
        monkeypatch.setattr(file_lists, "_LINES_AT_ONCE", 2)
        for n in range(5):
            make_file(project, name=f"cat-{n}")
        make_file(project, name="dog", stored_at=None)
        lines = as_owner.get(address("files_download", project), {"q": "cat"}).getvalue().decode()
        assert [line.split(",")[1] for line in lines.splitlines()[1:]] == [
            "cat-4",
            "cat-3",
            "cat-2",
            "cat-1",
            "cat-0",
        ]
        answer = as_owner.get(address("files_download", project), {"stored": "no"})
        assert "dog" in answer.getvalue().decode()


def test_a_list_that_cannot_be_read_keeps_the_filters_and_names_itself(
    project, file, as_owner, monkeypatch
):
    def fail(*args, **kwargs):
        raise DatabaseError("a canary that no page shows")

    monkeypatch.setattr(file_lists, "find", fail)
    page = as_owner.get(address("files", project), {"q": "cat"})
    assert page.status_code == 500
    text = told(page)
    assert f"The list could not be loaded (code <code>{page['x-uploadcare-request-id']}" in text
    assert "Your filters are kept." in text
    assert "?q=cat" in text
    assert "a canary" not in text


def test_an_empty_project_takes_a_file_dropped_on_the_page(project, as_owner, as_viewer):
    page = told(as_owner.get(address("files", project)))
    assert "No files yet" in page
    assert "Drop one here, or send one with curl" in page
    assert f'action="{address("upload", project)}"' in page
    assert 'type="file"' not in as_viewer.get(address("files", project)).text


def test_fifty_files_are_a_small_page_over_the_wire(project, storage, as_owner):
    for _ in range(50):
        make_copy_job(make_file(project), storage)
    page = as_owner.get(address("files", project), headers={"accept-encoding": "gzip"})
    assert page["Content-Encoding"] == "gzip"
    assert len(page.content) < 30_000


def test_takes_as_many_queries_for_thirty_files_as_for_three(project, storage, as_owner):
    make_backup_plan(storage)
    asked = {"type": "text", "copied_to": "photos", "since": "2020-01-01", "metadata": "a"}

    def n_queries():
        with CaptureQueriesContext(connection) as queries:
            assert as_owner.get(address("files", project), asked).status_code == 200
        return len(queries)

    def add(n):
        for _ in range(n):
            make_copy_job(make_file(project, metadata={"a": "1"}), storage, is_backup=True)

    add(3)
    for_three = n_queries()
    add(27)
    assert n_queries() == for_three
