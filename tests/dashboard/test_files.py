"""The list of files, the page of one, and what is done with them."""

import re
import uuid

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from storages_app.models import BulkJob, CopyJob, File, Group
from tests.factories import (
    make_backup_plan,
    make_copy_job,
    make_custom_storage,
    make_file,
    make_group,
    make_project,
)

NASTY = [
    "<svg onload=alert(1)>.png",
    '"><script>alert(1)</script>',
    "{{7*7}}",
    "javascript:alert(1)",
]


def address(page, project, *args):
    return reverse(f"dashboard:{page}", args=[project.slug, *args])


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


class TestList:
    def test_has_a_dot_for_each_storage_and_says_it_in_words(self, project, file, as_owner):
        photos = make_custom_storage(project, name="photos")
        make_custom_storage(project, name="archive")
        make_copy_job(file, photos)
        page = as_owner.get(address("files", project)).text
        assert "photos: done" in page.lower()
        assert "archive: no copy" in page.lower()

    def test_takes_as_many_queries_for_fifty_files_as_for_one(self, project, storage, as_owner):
        make_copy_job(make_file(project), storage)
        with CaptureQueriesContext(connection) as for_one:
            as_owner.get(address("files", project))
        for _ in range(49):
            make_copy_job(make_file(project), storage)
        with CaptureQueriesContext(connection) as for_fifty:
            as_owner.get(address("files", project))
        assert len(for_fifty) == len(for_one)

    def test_finds_by_name_by_uuid_and_by_being_stored(self, project, as_owner):
        cat = make_file(project, name="cat.jpg")
        make_file(project, name="dog.jpg", stored_at=None)
        for query, found in [
            ({"q": "cat"}, {"cat.jpg"}),
            ({"q": str(cat.pk)}, {"cat.jpg"}),
            ({"stored": "no"}, {"dog.jpg"}),
            ({"stored": "yes"}, {"cat.jpg"}),
            ({"q": "bird"}, set()),
            ({"stored": "nonsense"}, {"cat.jpg", "dog.jpg"}),
        ]:
            page = as_owner.get(address("files", project), query).text
            assert {name for name in ("cat.jpg", "dog.jpg") if name in page} == found

    @pytest.mark.parametrize(
        "mark", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "yesterday", "\0"]
    )
    def test_a_mark_that_is_no_time_of_ours_is_no_mark(self, project, file, as_owner, mark):
        for name in ("before", "after"):
            page = as_owner.get(address("files", project), {name: mark})
            assert [row.file for row in page.context["rows"]] == [file]

    def test_pages_by_time_there_and_back(self, project, as_owner, monkeypatch):
        from storages_app.dashboard.views import files as views

        monkeypatch.setattr(views, "PAGE_SIZE", 2)
        for n in range(5):
            make_file(project, name=f"file-{n}.txt")

        def names(response):
            return [row.file.original_filename for row in response.context["rows"]]

        first = as_owner.get(address("files", project))
        assert names(first) == ["file-4.txt", "file-3.txt"]
        assert first.context["page"].newer is None
        second = as_owner.get(address("files", project), {"before": first.context["page"].older})
        assert names(second) == ["file-2.txt", "file-1.txt"]
        third = as_owner.get(address("files", project), {"before": second.context["page"].older})
        assert names(third) == ["file-0.txt"]
        assert third.context["page"].older is None
        back = as_owner.get(address("files", project), {"after": third.context["page"].newer})
        assert names(back) == ["file-2.txt", "file-1.txt"]

    @pytest.mark.parametrize("mark", ["", "x", "2026-13-99", "9" * 400, "2026-01-01", "\x00"])
    def test_a_page_mark_that_makes_no_sense_is_no_error(self, mark, project, file, as_owner):
        for name in ("before", "after", "q"):
            assert as_owner.get(address("files", project), {name: mark}).status_code == 200

    def test_an_empty_project_says_how_to_begin(self, project, as_owner):
        page = as_owner.get(address("files", project)).text
        assert "No files yet" in page
        assert f"UPLOADCARE_PUB_KEY={project.public_key}" in page


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_is_inert_on_every_page(name, project, storage, as_owner):
    file = make_file(project, name=name, metadata={name[:20]: name})
    job = make_copy_job(file, storage, detail=name)
    for page in (
        address("files", project),
        address("file", project, file.pk),
        address("copies", project),
        address("jobs", project),
        address("copy", project, job.pk),
        address("overview", project),
    ):
        text = as_owner.get(page).text
        assert "<svg onload" not in text
        assert "<script>alert" not in text
        assert 'href="javascript:' not in text
        assert ">49<" not in text


def test_a_name_that_turns_the_text_is_shown_with_a_mark(project, as_owner):
    make_file(project, name="photo\u202egpj.exe")
    page = as_owner.get(address("files", project)).text
    assert "\u202e" not in page
    assert "photo\ufffdgpj.exe" in page


class TestSelection:
    def post(self, client, project, **typed):
        return client.post(address("files_selection", project), typed)

    def test_stores_the_ticked_files(self, project, as_owner):
        files = [make_file(project, stored_at=None) for _ in range(2)]
        response = self.post(as_owner, project, do="store", file=[f.pk for f in files])
        assert "2 files stored" in as_owner.get(response["Location"]).text
        for file in files:
            file.refresh_from_db()
            assert file.is_stored
        again = self.post(as_owner, project, do="store", file=[f.pk for f in files])
        assert said(again) == ["They are stored already, or are gone."]

    def test_storing_is_told_once_and_can_be_undone(self, project, as_owner, as_viewer):
        files = [make_file(project, stored_at=None) for _ in range(2)]
        self.post(as_owner, project, do="store", file=[f.pk for f in files])
        page = as_owner.get(address("files", project)).text
        stored_at = re.search(r'name="stored_at"\s+value="([^"]+)"', page)[1]
        assert "stored_at" not in as_owner.get(address("files", project)).text
        undo = address("files_undo", project)
        assert as_viewer.post(undo, {"stored_at": stored_at}).status_code == 403
        done = as_owner.post(undo, {"stored_at": stored_at})
        assert said(done) == ["2 files are not stored any more."]
        assert not File.objects.stored().exists()
        again = as_owner.post(undo, {"stored_at": stored_at})
        late = "Too late: ten minutes are over, or copies and webhooks have begun."
        assert said(again)[-1] == late
        assert as_owner.post(undo, {"stored_at": "\0"}).status_code == 302

    def test_storing_that_ordered_copies_offers_no_undo(self, project, storage, as_owner):
        make_backup_plan(storage)
        file = make_file(project, stored_at=None)
        response = self.post(as_owner, project, do="store", file=[file.pk])
        assert said(response) == ["1 file stored"]
        assert "stored_at" not in as_owner.get(address("files", project)).text

    def test_deletes_only_after_asking_and_can_be_undone(self, project, as_owner):
        files = [make_file(project) for _ in range(3)]
        chosen = [file.pk for file in files]
        asked = self.post(as_owner, project, do="delete", file=chosen)
        assert "Copies in your buckets stay." in asked.text
        assert not File.objects.filter(removal_due_at__isnull=False).exists()
        self.post(as_owner, project, do="delete", file=chosen, confirmed="yes")
        page = as_owner.get(address("files", project))
        assert "3 files leave this project in 10 minutes. Copies in your buckets stay." in page.text
        assert page.text.count("Leaves soon") == 3
        due_at = page.context["removals"][0].due_at
        assert f'value="{due_at.isoformat()}"' in page.text
        done = as_owner.post(address("files_undo", project), {"due_at": due_at.isoformat()})
        assert said(done) == ["3 files stay."]
        assert "this project in" not in as_owner.get(address("files", project)).text
        again = as_owner.post(address("files_undo", project), {"due_at": due_at.isoformat()})
        assert said(again) == ["It was too late: they had left the project."]
        assert as_owner.post(address("files_undo", project), {"due_at": "\0"}).status_code == 302

    def test_leads_back_to_the_list_with_its_filters(self, project, as_owner):
        file = make_file(project, stored_at=None)
        done = as_owner.post(
            address("files_selection", project) + "?q=notes&view=grid",
            {"do": "store", "file": [file.pk]},
        )
        assert done["Location"] == address("files", project) + "?q=notes&view=grid"

    def test_downloads_a_list_of_the_ticked_files(self, project, as_owner):
        file = make_file(project, name="=1+1.txt")
        make_file(project)
        answer = self.post(as_owner, project, do="list", file=[file.pk])
        head, line = answer.getvalue().decode().splitlines()
        assert head == "uuid,name,type,size,uploaded_at,stored_at,sha256,md5"
        assert line.startswith(f"{file.pk},'=1+1.txt,text/plain,10,")
        assert answer["Content-Disposition"] == f'attachment; filename="{project.slug}-files.csv"'

    def test_copies_to_the_chosen_storage(self, project, file, storage, as_owner):
        other = make_file(project)
        asked = self.post(as_owner, project, do="copy", file=[file.pk, other.pk])
        form = as_owner.get(asked["Location"])
        assert "The chosen files: 2" in form.text
        typed = {"what": "selection", "file": [file.pk], "custom_storage": storage.pk}
        as_owner.post(address("bulk_new", project), typed)
        job = BulkJob.objects.get()
        assert (job.asked_by, job.what, job.items.get().file) == (
            "owner@example.com",
            "selection",
            file,
        )

    def test_of_nothing_or_of_nonsense_is_refused_in_words(self, project, as_owner):
        for typed in ({"do": "store"}, {"do": "burn"}, {"do": "store", "file": ["x"]}):
            response = self.post(as_owner, project, **typed)
            assert response.status_code == 302
            assert said(response)

    def test_leaves_files_of_another_project_alone(self, project, as_owner):
        foreign = make_file(make_project())
        response = self.post(as_owner, project, do="delete", file=[foreign.pk], confirmed="yes")
        assert response.status_code == 302
        foreign.refresh_from_db()
        assert not foreign.is_removed

    def test_never_copies_to_another_projects_storage(self, project, file, storage, as_owner):
        foreign = make_custom_storage(make_project(), name="theirs")
        typed = {"what": "selection", "file": [file.pk], "custom_storage": foreign.pk}
        page = as_owner.post(address("bulk_new", project), typed)
        assert "That storage is not connected any more." in page.text
        assert not BulkJob.objects.exists()


class TestFilePage:
    def test_says_where_the_file_is_with_evidence_and_reason(self, project, storage, as_owner):
        file = make_file(project)
        make_copy_job(file, storage, key="up/done.txt")
        make_copy_job(
            file, storage, key="up/failed.txt", state="failed", reason="key_conflict", evidence=""
        )
        page = as_owner.get(address("file", project, file.pk)).text
        assert "s3://acme-photos/up/done.txt" in page
        assert "The ETag is the MD5 of the bytes" in page
        assert "Another file has this name in the bucket already" in page
        assert file.sha256 in page

    def test_asks_for_the_copies_anew_while_one_is_under_way(self, project, storage, as_owner):
        file = make_file(project)
        job = make_copy_job(file, storage, state="pending", evidence="")
        part = address("file_copies", project, file.pk)
        assert f'hx-get="{part}?seen=' in as_owner.get(address("file", project, file.pk)).text
        first = as_owner.get(part)
        assert first.status_code == 200
        seen = {"seen": first.context["version"]}
        assert as_owner.get(part, seen).status_code == 204
        CopyJob.objects.filter(pk=job.pk).update(state="done", evidence="etag", run_after=None)
        last = as_owner.get(part, seen)
        assert last.status_code == 286
        assert "The ETag is the MD5 of the bytes" in last.text
        assert "Copy again" in last.text
        assert "hx-get" not in last.text

    def test_offers_the_storage_of_the_backup_last(self, project, storage, as_owner):
        make_backup_plan(make_custom_storage(project, name="a-backup"))
        form = as_owner.get(address("file", project, make_file(project).pk)).context["form"]
        offered = [choice.name for choice in form.fields["custom_storage"].queryset]
        assert offered == [storage.name, "a-backup"]

    def test_orders_a_processed_copy(self, project, storage, as_owner):
        file = make_file(project, name="cat.png", detected_type="image/png")
        as_owner.post(
            address("file_copy", project, file.pk),
            {"custom_storage": storage.pk, "effects": "-/resize/200x/"},
        )
        assert CopyJob.objects.get().effects

    def test_names_the_groups_that_hold_the_file(self, project, file, as_owner):
        held = make_group(project, file, file)
        deleted = make_group(project, file)
        Group.objects.filter(pk=deleted.pk).update(removed_at=timezone.now())
        other = make_group(project, make_file(project))
        page = as_owner.get(address("file", project, file.pk)).text
        assert page.count(f'href="{settings.CDN_URL}/{held.wire_id}/"') == 1
        assert deleted.wire_id not in page
        assert other.wire_id not in page

    def test_a_removed_file_is_not_found(self, project, as_owner):
        from django.utils import timezone

        file = make_file(project, stored_at=None, removed_at=timezone.now())
        assert as_owner.get(address("file", project, file.pk)).status_code == 404
        assert as_owner.get(address("file", project, uuid.uuid4())).status_code == 404
