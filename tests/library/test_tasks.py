"""Chores that the timetable calls."""

import pytest

from storages_app.library.tasks import fold_tallies
from storages_app.models import Tally
from tests.factories import make_file, make_project

pytestmark = pytest.mark.django_db


def test_what_was_counted_since_is_added_up():
    project = make_project()
    Tally.objects.bulk_create(Tally(project=project, n_removed=1) for _ in range(3))
    make_file(project)
    fold_tallies()
    row = Tally.objects.get()
    assert (row.n_stored, row.n_removed) == (1, 3)
