"""Many at once on the same files, with real threads and a real database."""

import pytest

from tests.copying.test_races import ROUNDS, race, tables

__all__ = ["tables"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def test_of_keys_that_are_set_in_the_same_moment_none_is_lost(tables):
    found = race(tables, "many_keys", rounds=ROUNDS // 4, workers=8)
    assert found["files"] == ROUNDS // 4


def test_batches_that_name_the_same_files_in_other_orders_never_wait_for_each_other(tables):
    found = race(tables, "two_batches", rounds=ROUNDS // 4, workers=4)
    assert found["files"] == ROUNDS // 4 * 10
