"""S121: what many do on pages at the same moment. The database decides, and nothing fails."""

import pytest

from tests.copying.test_races import race, tables

__all__ = ["tables"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def test_fifty_projects_of_one_name_have_addresses_of_their_own(tables):
    assert race(tables, "same_project_name", rounds=1, workers=50)["rounds"] == 1


def test_fifty_who_ask_for_copies_while_their_storage_goes_get_one_or_hear_why_not(tables):
    assert race(tables, "asked_of_a_storage_that_goes", rounds=2, workers=50)["rounds"] == 2


def test_a_form_that_is_sent_many_times_at_once_has_one_effect(tables):
    """Connect, backup on, restore, invitation, new key and secrets, copies of many files."""
    assert race(tables, "forms", rounds=1, workers=8)["rounds"] == 1
