"""What is written down of what happened."""

import pytest

from storages_app.models import Event


@pytest.mark.django_db
def test_a_long_address_of_a_person_fits_into_the_column():
    """PostgreSQL refuses what is too long, and every button of that person would fail."""
    address = f"{'a' * 64}@{'b' * 180}.example"
    assert len(Event.objects.record("file.stored", actor=address, subject="it").actor) == 200
