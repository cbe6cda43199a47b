"""S116: a new data key, the old one kept until everything is sealed anew."""

import json

import pytest
from django.core.management import call_command

from storages_app.lib.crypto import CannotUnseal, new_data_key
from storages_app.models import AccessChange, CustomStorage, Event, SecretKey
from storages_app.models.fields import key_ring
from storages_app.oversight import resealing
from tests.factories import (
    make_backup_plan,
    make_channel,
    make_custom_storage,
    make_project,
    make_secret_key,
    make_url_upload,
    make_webhook,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(settings):
    """Set the data keys of this process, newest first."""

    def use(*entries):
        settings.DATA_KEYS = list(entries)
        key_ring.cache_clear()

    before = list(settings.DATA_KEYS)
    yield use
    use(*before)


@pytest.fixture
def old():
    return new_data_key("old")


@pytest.fixture
def new():
    return new_data_key("new")


@pytest.fixture
def secrets(keys, old):
    keys(old)
    project = make_project()
    storage = make_custom_storage(project)
    key = make_secret_key(project, "the secret of a key")
    webhook = make_webhook(project, secret="a signing secret")
    return storage, key, webhook, storage.unseal_secret()


def opened(secrets):
    storage, key, webhook, _ = secrets
    for row in (storage, key, webhook):
        row.refresh_from_db()
    return [storage.unseal_secret(), key.unseal_secret(), webhook.unseal_secret()]


def command(capsys, *words):
    try:
        call_command("rotate_data_keys", "--json", *words)
    except SystemExit as end:
        return int(end.code or 0), json.loads(capsys.readouterr().out)
    return 0, json.loads(capsys.readouterr().out)


def test_everything_opens_with_the_new_key_alone(secrets, keys, old, new, capsys):
    keys(new, old)
    code, told = command(capsys)
    assert (code, told["resealed"], told["old_keys"]) == (0, 3, ["old"])
    keys(new)
    assert opened(secrets) == [secrets[3], "the secret of a key", "a signing secret"]
    event = Event.objects.get(kind="secrets.resealed")
    assert (event.actor, event.data["count"]) == ("operator (command line)", 3)


def test_a_dry_run_counts_and_writes_nothing(secrets, keys, old, new, capsys):
    keys(new, old)
    code, told = command(capsys, "--dry-run")
    assert (code, told["resealed"]) == (0, 3)
    assert SecretKey.objects.get().sealed_secret.startswith("old:")
    assert not Event.objects.filter(kind="secrets.resealed").exists()


def test_it_goes_on_where_it_was_stopped(secrets, keys, old, new):
    class Stopped(Exception):
        pass

    def stop(outcome):
        raise Stopped

    keys(new, old)
    with pytest.raises(Stopped):
        resealing.reseal(actor="x", tell=stop)
    done = resealing.reseal(actor="x")
    assert done.n_resealed == 2
    assert resealing.reseal(actor="x").n_resealed == 0
    keys(new)
    assert opened(secrets)


def test_what_no_key_opens_is_named_and_left_as_it_is(secrets, keys, old, new, capsys):
    storage = secrets[0]
    before = CustomStorage.objects.get().sealed_secret
    keys(new)
    code, told = command(capsys)
    assert code == 1
    assert told["resealed"] == 0
    assert f"custom storage {storage.pk}: sealed_secret" in told["cannot_be_opened"]
    assert CustomStorage.objects.get().sealed_secret == before
    with pytest.raises(CannotUnseal):
        CustomStorage.objects.get().unseal_secret()


def test_a_secret_that_is_replaced_meanwhile_is_not_put_back(secrets, keys, old, new, monkeypatch):
    storage = secrets[0]
    keys(new, old)
    unseal = resealing.unseal

    def and_somebody_replaces_it(row, column):
        plaintext = unseal(row, column)
        if isinstance(row, CustomStorage):
            other = CustomStorage.objects.get(pk=row.pk)
            other.seal_secret("a replaced secret")
            other.save(update_fields=["sealed_secret"])
        return plaintext

    monkeypatch.setattr(resealing, "unseal", and_somebody_replaces_it)
    outcome = resealing.reseal(actor="x")
    storage.refresh_from_db()
    assert storage.unseal_secret() == "a replaced secret"
    assert outcome.n_changed_meanwhile == 1
    assert not outcome.is_whole


def test_no_sealed_column_of_the_product_is_left_out(keys, old, new):
    """Each has a row here, so that a new column is thought of."""
    keys(old)
    project = make_project()
    project.seal_url_secret("00ff")
    project.save()
    storage = make_custom_storage(project)
    change = AccessChange(custom_storage=storage, settings={}, asked_by="x")
    change.save()
    change.seal_secret("another secret")
    change.save()
    make_secret_key(project)
    webhook = make_webhook(project, secret="a signing secret")
    webhook.seal_old_secret("the one before")
    webhook.save()
    channel = make_channel(project, "webhook")
    channel.seal_secret("a signing secret of notifications")
    channel.seal_old_secret("the one before it")
    channel.save()
    make_backup_plan(storage, ping_url="https://monitor.example/t0ken")
    make_url_upload(project)

    keys(new, old)
    resealing.reseal(actor="x")
    columns = list(resealing._columns())
    assert len(columns) == 11
    for rows, column in columns:
        assert rows.exclude(**{column: ""}).exists(), column
        assert not rows.filter(**{f"{column}__startswith": "old:"}).exists(), column
