"""What a migration does to rows that exist."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


@pytest.mark.django_db(transaction=True)
def test_every_storage_that_exists_gets_an_external_id_of_its_own():
    executor = MigrationExecutor(connection)
    executor.migrate([("storages_app", "0001_initial")])
    old = executor.loader.project_state([("storages_app", "0001_initial")]).apps
    project = old.get_model("storages_app", "Project").objects.create(name="P", slug="p")
    for name in ("a", "b", "c"):
        old.get_model("storages_app", "CustomStorage").objects.create(
            project=project, name=name, bucket="bucket", access_key_id="AKIA"
        )
    executor = MigrationExecutor(connection)
    executor.migrate([("storages_app", "0002_connect_whole")])
    new = executor.loader.project_state([("storages_app", "0002_connect_whole")]).apps
    rows = list(new.get_model("storages_app", "CustomStorage").objects.all())
    assert len({row.external_id for row in rows}) == 3
    assert all(row.access_changed_at == row.created_at for row in rows)
    new.get_model("storages_app", "CustomStorage").objects.all().delete()
    new.get_model("storages_app", "Project").objects.all().delete()
