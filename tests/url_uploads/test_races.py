"""Several workers at one address, with real threads and a real database."""

import pytest

from tests.copying.test_races import ROUNDS, race, tables

__all__ = ["tables"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def test_f09_of_workers_that_hold_each_other_for_dead_one_makes_the_file(tables):
    """F09: one token, one file, and no bytes of the others."""
    found = race(tables, "one_address", rounds=ROUNDS // 2, workers=3)
    assert found["files"] == ROUNDS // 2
