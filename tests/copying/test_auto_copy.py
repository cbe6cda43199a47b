"""What auto-copy orders by each storage's rule, and what it has missed."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from storages_app.copying import auto_copy, services
from storages_app.copying.errors import TargetNotUsable
from storages_app.library import services as library
from storages_app.models import CopyJob, Event
from storages_app.models.copy_jobs import State
from tests import pictures
from tests.copying.test_engine import drained, read
from tests.factories import (
    make_backup_plan,
    make_custom_storage,
    make_file,
    make_project,
)
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db

SMALL, SQUARE = "-/preview/80x80/", "-/scale_crop/40x40/center/"


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def storage(project):
    return on(project, name="mine")


def on(project, *, rule=None, **fields):
    values = {
        "auto_copy": True,
        "auto_copy_rule": rule or {},
        "auto_copy_since": timezone.now() - timedelta(hours=1),
        "capabilities": PROVEN,
    }
    return make_custom_storage(project, **(values | fields))


def new_file(project, content=b"some bytes", **fields):
    return make_file(project, content, uploaded_at=timezone.now(), **fields)


def photo(project, **fields):
    jpeg = pictures.jpeg(120, 90)
    return new_file(project, jpeg, name="cat.jpg", detected_type="image/jpeg", **fields)


def ordered(file, storage):
    rows = CopyJob.objects.filter(file=file, custom_storage=storage).order_by("effects")
    return list(rows.values_list("effects", flat=True))


class TestNewFile:
    def test_is_ordered_by_each_storage_whose_rule_takes_it(self, project, storage):
        images = on(project, rule={"types": ["image/*"]})
        texts = on(project, rule={"types": ["text/plain"], "max_size": 10})
        small = on(project, rule={"max_size": 9})
        file = new_file(project, b"x" * 10)
        services.order_copies_of_new_file(file=file)
        assert [ordered(file, one) for one in (storage, texts)] == [[""], [""]]
        assert [ordered(file, one) for one in (images, small)] == [[], []]

    def test_that_is_not_stored_waits_where_only_stored_ones_are_wanted(self, project, storage):
        careful = on(project, rule={"when": "store"})
        file = new_file(project, stored_at=None)
        services.order_copies_of_new_file(file=file)
        assert (ordered(file, storage), ordered(file, careful)) == ([""], [])
        for _ in range(2):
            library.store(file=file, actor="ann")
        assert (ordered(file, storage), ordered(file, careful)) == ([""], [""])
        assert CopyJob.objects.get(custom_storage=careful).asked_by == "auto-copy"

    def test_that_is_stored_at_once_is_ordered_at_once(self, project):
        careful = on(project, rule={"when": "store"})
        file = new_file(project)
        services.order_copies_of_new_file(file=file)
        assert ordered(file, careful) == [""]

    def test_that_is_stored_later_goes_by_the_rule_as_well(self, project):
        careful = on(project, rule={"when": "store", "types": ["image/*"]})
        file = new_file(project, stored_at=None)
        library.store(file=file, actor="ann")
        assert ordered(file, careful) == []

    def test_is_left_alone_by_storages_that_are_off_or_of_others(self, project):
        off = on(project, auto_copy=False)
        others = on(make_project())
        gone = on(project, removed_at=timezone.now())
        file = new_file(project)
        services.order_copies_of_new_file(file=file)
        assert [ordered(file, one) for one in (off, others, gone)] == [[], [], []]

    def test_waits_parked_where_its_storage_is_broken_or_paused(self, project):
        broken = on(project, circuit_opened_at=timezone.now())
        paused = on(project, paused_at=timezone.now())
        services.order_copies_of_new_file(file=new_file(project))
        for storage in (broken, paused):
            assert CopyJob.objects.get(custom_storage=storage).state == State.BLOCKED

    def test_costs_three_queries_however_many_storages_there_are(self, project):
        """Who wants it, is there a backup, and one insert for all."""
        rule = {"renditions": [SMALL, SQUARE]}
        backup = on(project, rule=rule)
        make_backup_plan(backup)
        for _ in range(3):
            on(project, rule=rule)
        file = photo(project)
        with CaptureQueriesContext(connection) as queries:
            services.order_copies_of_new_file(file=file)
        kinds = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
        assert kinds == ["SELECT", "SELECT", "INSERT"]
        assert CopyJob.objects.count() == 4 * 3

    def test_is_one_object_for_auto_copy_and_backup_where_they_agree_on_the_name(
        self, project, storage
    ):
        make_backup_plan(storage)
        file = new_file(project)
        services.order_copies_of_new_file(file=file)
        job = CopyJob.objects.get()
        assert (job.is_backup, job.asked_by) == (True, "auto-copy")

    def test_is_two_objects_where_they_do_not(self, project):
        storage = on(project, key_pattern="${uuid}")
        make_backup_plan(storage)
        services.order_copies_of_new_file(file=new_file(project))
        rows = CopyJob.objects.order_by("is_backup").values_list("is_backup", "asked_by")
        assert list(rows) == [(False, "auto-copy"), (True, "backup")]


class TestRenditions:
    @pytest.fixture
    def storage(self, project):
        return on(project, rule={"renditions": [SMALL, SQUARE]})

    def test_are_made_of_images_each_under_its_own_name(self, project, storage, bucket):
        file = photo(project)
        services.order_copies_of_new_file(file=file)
        assert ordered(file, storage) == ["", SMALL, SQUARE]
        jobs = [drained(job) for job in CopyJob.objects.all()]
        assert {job.state for job in jobs} == {State.DONE}
        assert {job.lane for job in jobs} == {CopyJob.Lane.AUTO_COPY}
        assert len({job.key for job in jobs}) == 3
        small = next(job for job in jobs if job.effects == SMALL)
        assert pictures.read(read(bucket, small.key)).size == (80, 60)

    def test_are_not_made_of_other_files(self, project, storage):
        file = new_file(project)
        services.order_copies_of_new_file(file=file)
        assert ordered(file, storage) == [""]

    def test_are_not_made_of_images_that_the_rule_excludes(self, project):
        storage = on(project, rule={"renditions": [SMALL], "max_size": 10})
        file = photo(project)
        services.order_copies_of_new_file(file=file)
        assert ordered(file, storage) == []


class TestMissed:
    def missed(self, storage):
        return set(auto_copy.missed(storage))

    def test_are_new_files_that_the_rule_takes_and_nobody_ordered(self, project, storage):
        lost = new_file(project)
        services.order_copies_of_new_file(file=new_file(project))
        new_file(project, removed_at=timezone.now(), stored_at=None)
        new_file(project, is_ready=False)
        new_file(make_project())
        make_file(project)  # older than auto-copy
        assert self.missed(storage) == {lost}

    def test_are_not_those_whose_copy_failed_or_was_cancelled(self, project, storage):
        file = new_file(project)
        services.order_copies_of_new_file(file=file)
        CopyJob.objects.update(state=State.CANCELLED, reason="cancelled_by_user", run_after=None)
        assert self.missed(storage) == set()

    def test_follow_the_rule_of_today(self, project, storage):
        text, image = new_file(project), photo(project)
        assert self.missed(storage) == {text, image}
        storage.auto_copy_rule = {"types": ["image/*"]}
        assert self.missed(storage) == {image}

    def test_are_counted_from_their_storing_where_that_is_the_moment(self, project):
        careful = on(project, rule={"when": "store"})
        long_here = make_file(project, stored_at=timezone.now())
        new_file(project, stored_at=None)
        new_file(project, stored_at=timezone.now() - timedelta(days=1))
        assert self.missed(careful) == {long_here}

    def test_counts_an_image_without_one_of_its_renditions(self, project, storage):
        text, image = new_file(project), photo(project)
        for file in (text, image):
            services.order_copies_of_new_file(file=file)
        storage.auto_copy_rule = {"renditions": [SMALL]}
        storage.save()
        assert self.missed(storage) == {image}
        assert services.order_missed_copies(custom_storage=storage, actor="ann") == 1
        assert ordered(image, storage) == ["", SMALL]
        assert ordered(text, storage) == [""]

    def test_are_nothing_while_auto_copy_is_off(self, project, storage):
        new_file(project)
        storage.auto_copy = False
        assert self.missed(storage) == set()

    def test_are_ordered_once_by_a_press_of_the_button(self, project, storage, monkeypatch):
        monkeypatch.setattr(services, "_FILES_AT_ONCE", 2)
        files = [new_file(project) for _ in range(5)]
        assert services.order_missed_copies(custom_storage=storage, actor="ann") == 5
        assert services.order_missed_copies(custom_storage=storage, actor="ann") == 0
        assert [ordered(file, storage) for file in files] == [[""]] * 5
        jobs = CopyJob.objects.order_by().values_list("lane", "asked_by").distinct()
        assert list(jobs) == [(CopyJob.Lane.BULK, "ann")]
        event = Event.objects.get()
        assert (event.kind, event.data) == ("storage.missed_ordered", {"files": 5})

    def test_are_ordered_for_a_few_seconds_and_the_next_press_goes_on(
        self, project, storage, monkeypatch
    ):
        times = iter([0.0, 1.0, 6.0, 0.0, 1.0, 2.0])
        monkeypatch.setattr(services, "monotonic", lambda: next(times))
        monkeypatch.setattr(services, "_FILES_AT_ONCE", 2)
        for _ in range(3):
            new_file(project)
        assert services.order_missed_copies(custom_storage=storage, actor="ann") == 2
        assert services.order_missed_copies(custom_storage=storage, actor="ann") == 1
        assert self.missed(storage) == set()

    def test_are_not_ordered_for_a_storage_that_is_gone(self, storage):
        storage.removed_at = timezone.now()
        with pytest.raises(TargetNotUsable):
            services.order_missed_copies(custom_storage=storage, actor="ann")
