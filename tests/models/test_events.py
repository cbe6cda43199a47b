"""What is written down of what happened."""

import pytest
from django.db import DatabaseError, connection, transaction

from storages_app.models import Event


@pytest.mark.django_db
def test_a_long_address_of_a_person_fits_into_the_column():
    """PostgreSQL refuses what is too long, and every button of that person would fail."""
    address = f"{'a' * 64}@{'b' * 180}.example"
    assert len(Event.objects.record("file.stored", actor=address, subject="it").actor) == 200


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no roles")
def test_nobody_changes_or_removes_a_line_of_the_activity():
    """S120, by the database itself."""
    line = Event.objects.record("file.stored", actor="ann", subject="it")
    lines = Event.objects.filter(pk=line.pk)
    for rewrite in (lambda: lines.update(actor="bob"), lines.delete):
        with pytest.raises(DatabaseError, match="never changed or removed"), transaction.atomic():
            rewrite()
    assert lines.get().actor == "ann"
