"""What workers ask of their connections (F30)."""

from datetime import timedelta

import pytest
from django.db import connection

from storages_app.models import connections

pytestmark = pytest.mark.django_db


def test_postgresql_ends_transactions_that_sleep(monkeypatch, django_assert_num_queries):
    receivers = []
    monkeypatch.setattr(
        connections.connection_created, "connect", lambda receiver, **_: receivers.append(receiver)
    )
    connections.end_sleeping_transactions(after=timedelta(seconds=10))
    (limit,) = receivers
    is_postgresql = connection.vendor == "postgresql"

    with django_assert_num_queries(1 if is_postgresql else 0):
        limit(connection=connection)

    if is_postgresql:
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == ("10s",)
