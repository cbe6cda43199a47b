"""S056: remote_copy of a big file ten thousand times ends at a limit of the project."""

from datetime import UTC, datetime, timedelta

import pytest

from storages_app.copying import allowances, services
from storages_app.copying.errors import TooManyCopies
from storages_app.models import CopyAllowance, CopyJob
from tests.factories import make_custom_storage, make_file, make_project
from tests.memory_bucket import PROVEN

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, 20, tzinfo=UTC)


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def clock(monkeypatch):
    """The time that the counters see; `clock.now` may be moved."""

    class Clock:
        now = NOON

    monkeypatch.setattr(allowances.timezone, "now", lambda: Clock.now)
    return Clock


def wait_told(project, n_bytes=1) -> int:
    with pytest.raises(TooManyCopies) as caught:
        allowances.charge(project=project, n_bytes=n_bytes)
    return caught.value.retry_after


class TestCopiesAnHour:
    def test_end_at_the_limit_and_begin_anew_with_the_hour(self, project, clock, settings):
        settings.REMOTE_COPIES_PER_HOUR = 3
        for _ in range(3):
            allowances.charge(project=project, n_bytes=1)
        assert wait_told(project) == 40 * 60
        clock.now += timedelta(minutes=39, seconds=59.5)
        assert wait_told(project) == 1
        clock.now += timedelta(seconds=1)
        allowances.charge(project=project, n_bytes=1)
        assert CopyAllowance.objects.filter(kind="copies").count() == 1, "old hours are forgotten"

    def test_of_another_project_are_not_touched(self, project, clock, settings):
        settings.REMOTE_COPIES_PER_HOUR = 1
        allowances.charge(project=project, n_bytes=1)
        wait_told(project)
        allowances.charge(project=make_project(), n_bytes=1)

    def test_begun_by_two_requests_at_once_are_counted_once_each(
        self, project, clock, settings, monkeypatch
    ):
        """The other one makes the counter between our look and our insert."""
        settings.REMOTE_COPIES_PER_HOUR = 2
        insert = CopyAllowance.objects.bulk_create

        def second_to_insert(rows, **options):
            for row in rows:
                CopyAllowance.objects.create(
                    project=row.project, kind=row.kind, began_at=row.began_at, used=1
                )
            return insert(rows, **options)

        monkeypatch.setattr(CopyAllowance.objects, "bulk_create", second_to_insert)
        allowances.charge(project=project, n_bytes=1)
        assert CopyAllowance.objects.get(kind="copies").used == 2
        wait_told(project)


class TestBytesADay:
    def test_end_at_the_limit_and_begin_anew_with_the_day(self, project, clock, settings):
        settings.REMOTE_COPY_BYTES_PER_DAY = 1000
        allowances.charge(project=project, n_bytes=999)
        allowances.charge(project=project, n_bytes=5_000)  # more than was left, but something was
        assert wait_told(project, n_bytes=0) == (11 * 60 + 40) * 60
        clock.now += timedelta(hours=11, minutes=40)
        allowances.charge(project=project, n_bytes=1)

    def test_that_are_used_up_count_no_copy(self, project, clock, settings):
        """Who is refused has used up nothing: the transaction of the order takes it back."""
        settings.REMOTE_COPY_BYTES_PER_DAY = 1
        storage = make_custom_storage(project, name="mine", capabilities=PROVEN)
        file = make_file(project, b"xy")
        allowances.charge(project=project, n_bytes=1)
        with pytest.raises(TooManyCopies):
            copy(project, file, storage)
        assert CopyAllowance.objects.get(kind="copies").used == 1
        assert not CopyJob.objects.exists()


def test_zero_is_no_limit(project, settings):
    settings.REMOTE_COPIES_PER_HOUR = settings.REMOTE_COPY_BYTES_PER_DAY = 0
    for _ in range(3):
        allowances.charge(project=project, n_bytes=10**12)
    assert not CopyAllowance.objects.exists()


def test_s056_the_same_file_again_and_again_is_stopped_before_anything_is_ordered(
    project, bucket, settings
):
    settings.REMOTE_COPIES_PER_HOUR = 5
    storage = make_custom_storage(project, name="mine", capabilities=PROVEN)
    file = make_file(project)
    for n in range(5):
        copy(project, file, storage, pattern=f"{n}")
    for n in range(5, 10):
        with pytest.raises(TooManyCopies):
            copy(project, file, storage, pattern=f"{n}")
    assert CopyJob.objects.count() == 5
    assert len(list(bucket.inner.list_objects())) == 5


def test_uploads_are_never_refused_for_the_copies_that_they_cause(project, settings):
    settings.REMOTE_COPIES_PER_HOUR = 1
    allowances.charge(project=project, n_bytes=1)
    make_custom_storage(project, auto_copy=True)
    for _ in range(3):
        services.order_copies_of_new_file(file=make_file(project))
    assert CopyJob.objects.count() == 3


def copy(project, file, storage, pattern=""):
    return services.remote_copy(
        project=project,
        file=file,
        effects="",
        target=storage.name,
        make_public=None,
        pattern=pattern,
        asked_by="a key",
    )
