"""What a migration does to rows that exist.

The tests go back in time, the newest migration first: each way there and back costs seconds.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from storages_app.models import BackupPlan, NotificationChannel, UrlUpload

pytestmark = pytest.mark.django_db(transaction=True)
Models = Callable[[str], Any]


@pytest.fixture(scope="module", autouse=True)
def today_again(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """When all are done the tables are today's, and have their triggers."""
    yield
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0, interactive=False)


@pytest.fixture
def migrate() -> Callable[..., Models]:
    """Go to a migration, or the newest, and have its models."""

    def to(name: str = "") -> Models:
        newest = MigrationExecutor(connection).loader.graph.leaf_nodes("storages_app")
        target = [("storages_app", name)] if name else newest
        MigrationExecutor(connection).migrate(target)
        apps = MigrationExecutor(connection).loader.project_state(target).apps
        return lambda model: apps.get_model("storages_app", model)

    return to


def new_storage(models: Models, name: str, **values: Any) -> Any:
    project, _ = models("Project").objects.get_or_create(name="P", slug="p")
    return models("CustomStorage").objects.create(
        project=project, name=name, bucket="bucket", access_key_id="AKIA", **values
    )


def test_addresses_of_monitors_that_were_there_are_sealed(migrate):
    """S113: each opens in its row, and the same address is still the same one."""
    room, monitor = "https://rooms.example/services/t0ken", "https://monitor.example/t0ken"
    old = migrate("0020_from_url_addresses_sealed")
    storage = new_storage(old, "a", external_id="a")
    old("BackupPlan").objects.create(
        project=storage.project, custom_storage=storage, ping_url=monitor
    )
    for kind, address in (("webhook", room), ("email", "team@example.com")):
        old("NotificationChannel").objects.create(
            project=storage.project, kind=kind, address=address, topics=[], added_by="x"
        )
    migrate()
    plan = BackupPlan.objects.get()
    assert (plan.ping_url, plan.unseal_ping_url()) == ("//monitor.example", monitor)
    channel, mailbox = NotificationChannel.objects.order_by("-kind")
    fresh = NotificationChannel(kind="webhook")
    fresh.conceal(room)
    assert (channel.address, channel.unseal_address()) == (fresh.address, room)
    assert "t0ken" not in channel.address
    assert mailbox.unseal_address() == "team@example.com"


def test_a_fetch_that_was_ordered_before_addresses_were_sealed_keeps_its_own(migrate):
    """Its worker may still be of the version before; when it ends its address goes."""
    url = "https://files.example/a.jpg?signature=t0ps3cret"
    old = migrate("0019_tests_of_storages_that_break")
    project = old("Project").objects.create(name="P", slug="p")
    old("UrlUpload").objects.create(project=project, source_url=url, run_after=timezone.now())
    migrate()
    row = UrlUpload.objects.get()
    assert (row.sealed_url, row.unseal_url(), row.host) == ("", url, "files.example")


def test_auto_copy_that_is_on_has_been_so_since_the_storage_was_connected(migrate):
    old = migrate("0002_connect_whole")
    new_storage(old, "on", auto_copy=True, external_id="a")
    new_storage(old, "off", external_id="b")
    rows = migrate("0003_trust_core")("CustomStorage").objects.in_bulk(field_name="external_id")
    assert rows["a"].auto_copy_since == rows["a"].created_at
    assert rows["b"].auto_copy_since is None


def test_every_storage_that_exists_gets_an_external_id_of_its_own(migrate):
    old = migrate("0001_initial")
    for name in ("a", "b", "c"):
        new_storage(old, name)
    rows = list(migrate("0002_connect_whole")("CustomStorage").objects.all())
    assert len({row.external_id for row in rows}) == 3
    assert all(row.access_changed_at == row.created_at for row in rows)
