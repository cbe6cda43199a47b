"""Bars of small charts, and what the database counts for them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Count, Sum
from django.test.utils import CaptureQueriesContext

from storages_app.dashboard.charts import a_day, bars, last_days
from storages_app.models import File
from tests.factories import make_file, make_project

DAYS = last_days(date(2026, 3, 2))


def test_the_days_end_with_today():
    assert DAYS[0] == date(2026, 2, 17)
    assert DAYS[-1] == date(2026, 3, 2)
    assert len(DAYS) == 14


def test_the_highest_day_fills_the_chart_and_a_low_one_can_still_be_seen():
    drawn = bars({DAYS[0]: 1_000_000, DAYS[1]: 1}, DAYS)
    assert [(bar.x, bar.y, bar.height) for bar in drawn[:3]] == [
        (0, 0, 100),
        (10, 94, 6),
        (20, 100, 0),
    ]
    assert [bar.value for bar in drawn[:3]] == [1_000_000, 1, 0]


def test_nothing_at_all_is_a_flat_line():
    assert {bar.height for bar in bars({}, DAYS)} == {0}


@pytest.mark.django_db
def test_each_day_is_counted_from_midnight_to_midnight_in_one_query():
    project = make_project()
    noon = datetime(2026, 3, 2, tzinfo=UTC)
    for n, moment in enumerate(
        [noon, noon + timedelta(hours=23, minutes=59), noon - timedelta(seconds=1)]
    ):
        make_file(project, b"x" * (n + 1), uploaded_at=moment)
    make_file(make_project(), uploaded_at=noon)
    make_file(project, uploaded_at=noon - timedelta(days=15))
    files = File.objects.filter(project=project)
    with CaptureQueriesContext(connection) as queries:
        counted = a_day(files, "uploaded_at", DAYS, Count("*"))
    assert len(queries) == 1
    assert (counted[DAYS[-1]], counted[DAYS[-2]], counted[DAYS[0]]) == (2, 1, 0)
    assert a_day(files, "uploaded_at", DAYS, Sum("size"))[DAYS[-1]] == 3
    assert a_day(files, "uploaded_at", DAYS, Sum("size"))[DAYS[0]] == 0
