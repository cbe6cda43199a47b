"""Which files a filter finds, and how far it may look for them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from storages_app.library import filters
from storages_app.library.filters import FileFilter
from tests.factories import (
    make_copy_job,
    make_custom_storage,
    make_file,
    make_group,
    make_project,
)

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def project():
    return make_project()


def found(project, **asked):
    return {file.original_filename for file in FileFilter(asked, project=project).files}


def test_by_name_and_by_uuid(project):
    cat = make_file(project, name="Cat.jpg")
    make_file(project, name="dog.jpg")
    make_file(project, name=f"{cat.pk}.txt")
    assert found(project, q="cat") == {"Cat.jpg"}
    assert found(project, q=str(cat.pk)) == {"Cat.jpg"}
    assert found(project, q=" dog ") == {"dog.jpg"}
    assert found(project, q="%") == set()


def test_by_type_and_by_size(project):
    make_file(project, b"x" * 10, name="a.png", detected_type="image/png")
    make_file(project, name="b.pdf", detected_type="application/pdf", size=1_000_000)
    make_file(project, name="c.zip", detected_type="application/zip", size=100_000_000)
    assert found(project, type="image") == {"a.png"}
    assert found(project, type="pdf") == {"b.pdf"}
    assert found(project, type="other") == {"c.zip"}
    assert found(project, size="to-100kb") == {"a.png"}
    assert found(project, size="1mb-10mb") == {"b.pdf"}
    assert found(project, size="from-100mb") == {"c.zip"}


def test_by_day_from_midnight_to_midnight_in_utc(project):
    for name, day in (("before", -1), ("on", 0), ("after", 1)):
        make_file(project, name=name, uploaded_at=NOON + timedelta(days=day))
    assert found(project, since="2026-03-02") == {"on", "after"}
    assert found(project, until="2026-03-02") == {"before", "on"}
    assert found(project, since="2026-03-02", until="2026-03-02") == {"on"}
    assert found(project, until="9999-12-31") == {"before", "on", "after"}


def test_by_what_became_of_its_copies(project):
    photos, archive = (make_custom_storage(project, name=name) for name in ("photos", "archive"))
    both, one, none = (make_file(project, name=name) for name in ("both", "one", "none"))
    make_copy_job(both, photos, key="a")
    make_copy_job(both, archive, key="b")
    make_copy_job(one, photos, key="c")
    make_copy_job(none, photos, key="d", effects="-/resize/9x/")
    failed = {"state": "failed", "reason": "timeout", "evidence": ""}
    make_copy_job(one, archive, key="e", finished_at=NOON, **failed)
    assert found(project, copied_to="photos") == {"both", "one"}
    assert found(project, not_copied_to="archive") == {"one", "none"}
    assert found(project, copied_to="photos", not_copied_to="archive") == {"one"}
    assert found(project, copy_failed="*") == {"one"}
    assert found(project, copy_failed="photos") == set()


def test_by_group_and_by_metadata_key(project):
    held = make_file(project, name="held", metadata={"colour": "red", "a.b": "1"})
    make_file(project, name="other", metadata={"shape": "round"})
    group = make_group(project, held)
    theirs = make_group(make_project(), make_file(make_project(), name="theirs"))
    assert found(project, group=group.wire_id) == {"held"}
    assert found(project, group=str(group.pk)) == {"held"}
    assert found(project, group=theirs.wire_id) == set()
    assert found(project, group="nonsense") == set()
    assert found(project, metadata="colour") == {"held"}
    assert found(project, metadata="a.b") == {"held"}
    assert found(project, metadata='"]') == set()


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "nonsense"},
        {"size": "1"},
        {"since": "yesterday"},
        {"copied_to": "no-such-storage"},
        {"copy_failed": "\0"},
        {"q": "a\0b"},
        {"stored": "perhaps"},
        {"nothing": "1"},
    ],
)
def test_what_makes_no_sense_is_left_out(project, asked):
    make_file(project, name="there")
    assert found(project, **asked) == {"there"}
    assert not FileFilter(asked, project=project).is_used


def test_another_projects_storage_is_no_choice(project):
    make_custom_storage(make_project(), name="theirs")
    assert FileFilter({"copied_to": "theirs"}, project=project).asked == {}


class TestWindow:
    def window(self, project, *, before=None, after=None, **asked):
        return FileFilter(asked, project=project).window(most=3, before=before, after=after)

    def test_ends_where_so_many_files_were_looked_at(self, project):
        files = [make_file(project, uploaded_at=NOON + timedelta(hours=n)) for n in range(6)]
        times = [file.uploaded_at for file in files]
        assert self.window(project, q="x") == times[3]
        assert self.window(project, q="x", before=times[3]) == times[0]
        assert self.window(project, q="x", before=times[2]) is None
        assert self.window(project, q="x", after=times[1]) == times[4]
        assert self.window(project, q="x", until="2026-03-01") is None

    def test_is_not_needed_where_an_index_answers(self, project):
        files = [make_file(project) for _ in range(4)]
        group = make_group(project, files[0])
        for asked in (
            {},
            {"stored": "yes"},
            {"since": "2020-01-01"},
            {"q": str(files[0].pk)},
            {"group": group.wire_id},
        ):
            assert self.window(project, **asked) is None
        assert self.window(project, stored="yes", type="image") is not None

    def test_is_not_needed_for_a_few_failed_copies_however_old_their_files_are(
        self, project, monkeypatch
    ):
        storage = make_custom_storage(project, name="photos")
        failed = {"state": "failed", "reason": "timeout", "evidence": "", "finished_at": NOON}
        for n in range(2):
            make_copy_job(make_file(project, name=f"failed-{n}"), storage, key=str(n), **failed)
        for _ in range(4):
            make_file(project)
        assert self.window(project, copy_failed="photos") is None
        assert found(project, copy_failed="photos") == {"failed-0", "failed-1"}
        monkeypatch.setattr(filters, "_MOST_NAMED", 1)
        assert self.window(project, copy_failed="*") is not None
        assert found(project, copy_failed="*") == {"failed-0", "failed-1"}

    def test_costs_one_query(self, project):
        make_file(project)
        asked = FileFilter({"type": "image", "stored": "yes"}, project=project)
        with CaptureQueriesContext(connection) as queries:
            asked.window(most=3, before=None, after=None)
        assert len(queries) == 1
