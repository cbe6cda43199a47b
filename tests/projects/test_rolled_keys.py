"""A secret key is rolled: a new secret at once, and the old one until its time is over."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from storages_app.lib.origins import in_request
from storages_app.models import Event, SecretKey
from storages_app.projects import api_keys, services, upload_signatures
from storages_app.projects.errors import BadName, BadRollTime, SecretKeyEnds, WrongSecretKey
from tests.factories import make_project

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def made(project):
    return services.create_secret_key(project=project, label="server", actor="ann", scope="read")


@pytest.fixture
def key(made):
    return made[0]


def opened_by(project, secret):
    return api_keys.check_secret(keys=api_keys.find_keys(project.public_key), secret=secret)


def roll(key, works_on_for=HOUR):
    return services.roll_secret_key(key=key, works_on_for=works_on_for, actor="bob")


class TestRolling:
    def test_both_secrets_open_until_the_old_one_has_ended(self, project, made):
        key, old_secret = made
        new_key, new_secret = roll(key)
        assert opened_by(project, old_secret) == key
        assert opened_by(project, new_secret) == new_key
        SecretKey.objects.filter(pk=key.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(WrongSecretKey):
            opened_by(project, old_secret)
        assert opened_by(project, new_secret) == new_key

    def test_the_old_secret_can_end_at_once(self, project, made):
        key, old_secret = made
        roll(key, timedelta(0))
        with pytest.raises(WrongSecretKey):
            opened_by(project, old_secret)
        assert key.state == "ended"

    def test_the_new_key_has_the_label_and_the_scope(self, key):
        new_key, _ = roll(key)
        assert (new_key.label, new_key.scope, new_key.made_by) == ("server", "read", "bob")
        assert (key.state, key.replaced_by, new_key.state) == ("rolled", new_key, "active")

    def test_of_two_who_roll_it_at_once_one_is_refused_and_leaves_no_key(self, key):
        """Both read the row before either wrote."""
        as_another_saw_it = SecretKey.objects.get(pk=key.pk)
        roll(key)
        with pytest.raises(SecretKeyEnds):
            roll(as_another_saw_it)
        assert SecretKey.objects.count() == 2
        assert Event.objects.filter(kind="secret_key.rolled").count() == 1

    def test_a_deleted_key_is_not_rolled(self, key):
        services.revoke_secret_key(key=key, actor="t")
        with pytest.raises(SecretKeyEnds):
            roll(key)
        assert SecretKey.objects.count() == 1

    @pytest.mark.parametrize("span", [timedelta(seconds=-1), timedelta(days=31)])
    def test_no_other_times_than_up_to_30_days(self, span, key):
        with pytest.raises(BadRollTime):
            roll(key, span)

    def test_a_key_cannot_end_without_one_in_its_place(self, key):
        with pytest.raises(IntegrityError), transaction.atomic():
            SecretKey.objects.filter(pk=key.pk).update(ends_at=timezone.now())

    def test_no_secret_is_in_the_event(self, made):
        key, old_secret = made
        _, new_secret = roll(key)
        told = str(list(Event.objects.values_list("subject", "data")))
        assert old_secret not in told
        assert new_secret not in told
        assert "works_until" in told

    def test_our_own_pages_sign_with_the_new_one(self, project):
        key, _ = services.create_secret_key(project=project, label="x", actor="t")
        new_key, _ = roll(key)
        assert upload_signatures.find_key(project) == new_key
        services.revoke_secret_key(key=new_key, actor="t")
        assert upload_signatures.find_key(project) == key


class TestUse:
    def test_tells_when_from_where_and_for_what(self, key):
        with in_request("a request", "2001:db8::7"):
            api_keys.record_use(key, call="GET /files/\0" + "x" * 200)
        key.refresh_from_db()
        assert key.last_used_at
        assert key.last_used_address == "2001:db8::7"
        assert key.last_used_call.startswith("GET /files/\ufffdx")
        assert len(key.last_used_call) == 100

    @pytest.mark.parametrize("address", ["", "unix:", "a.name", "192.0.2.1:80"])
    def test_what_is_no_address_is_none(self, address, key):
        with in_request("a request", address):
            api_keys.record_use(key, call="GET /files/")
        key.refresh_from_db()
        assert key.last_used_address is None

    def test_of_a_rolled_key_each_is_counted(self, key):
        api_keys.record_use(key, call="GET /files/")
        roll(key)
        for _ in range(3):
            api_keys.record_use(key, call="GET /files/")
        key.refresh_from_db()
        assert key.n_uses_since_roll == 3


class TestRenaming:
    def test_is_told_with_before_and_after(self, key):
        services.rename_secret_key(key=key, label=" shop ", actor="ann")
        key.refresh_from_db()
        assert key.label == "shop"
        told = Event.objects.get(kind="secret_key.renamed").data
        assert (told["before"], told["after"]) == ("server", "shop")

    def test_the_same_label_is_no_change(self, key):
        services.rename_secret_key(key=key, label="server", actor="ann")
        assert not Event.objects.filter(kind="secret_key.renamed").exists()

    def test_no_label_is_refused(self, key):
        with pytest.raises(BadName):
            services.rename_secret_key(key=key, label="\n", actor="ann")
