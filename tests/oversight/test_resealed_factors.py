"""S116 for second factors, whose column is allauth's."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from storages_app.lib.crypto import new_data_key
from storages_app.models.fields import key_ring
from storages_app.oversight import resealing
from storages_app.projects import recovery_codes
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def use(settings):
    """Set the data keys of this process, newest first."""

    def keys(*entries):
        settings.DATA_KEYS = list(entries)
        key_ring.cache_clear()

    before = list(settings.DATA_KEYS)
    yield keys
    keys(*before)


def test_second_factors_work_on_when_the_old_key_is_taken_away(use):
    old, new = new_data_key("old"), new_data_key("new")
    use(old)
    person = make_user()
    TOTP.activate(person, generate_totp_secret())
    codes = RecoveryCodes.activate(person).get_unused_codes()

    use(new, old)
    assert resealing.reseal(actor="a test", is_dry_run=True).n_resealed == 2
    outcome = resealing.reseal(actor="a test")
    assert (outcome.n_resealed, outcome.is_whole) == (2, True)
    assert resealing.reseal(actor="a test").n_resealed == 0

    use(new)
    row = Authenticator.objects.get(type="recovery_codes")
    assert row.wrap().get_unused_codes() == codes


def test_codes_of_which_hashes_are_left_work_on_too(use):
    old, new = new_data_key("old"), new_data_key("new")
    use(old)
    person = make_user()
    code = RecoveryCodes.activate(person).get_unused_codes()[0]
    recovery_codes.keep_hashes(person)

    use(new, old)
    assert resealing.reseal(actor="a test").n_resealed == 1
    assert resealing.reseal(actor="a test").n_resealed == 0

    use(new)
    row = Authenticator.objects.get(type="recovery_codes")
    assert row.wrap().validate_code(recovery_codes.as_kept(user=person, code=code))
    row.refresh_from_db()
    assert len(row.wrap().get_unused_codes()) == 9


def test_one_that_no_key_opens_is_named(use):
    use(new_data_key("old"))
    TOTP.activate(make_user(), generate_totp_secret())
    use(new_data_key("new"))
    outcome = resealing.reseal(actor="a test")
    assert not outcome.is_whole
    assert outcome.closed[0].startswith("second factor")
