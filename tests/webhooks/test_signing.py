"""Signatures, held against vectors and against somebody else's verifier."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from storages_app.webhooks import signing

BODY = b'{"hook":{"id":1},"file":"https://ucarecdn.com/x/"}'


def sign(*secrets, body=BODY, seconds=0):
    now = int(datetime.now(UTC).timestamp())
    return signing.headers(secrets=secrets, body=body, message_id="msg_1", seconds=seconds or now)


def verify(secret, headers, body=BODY):
    return Verifier(signing.standard_key(secret)).verify(body, headers)


def test_the_signature_of_uploadcare_is_that_of_the_vector():  # S066
    assert sign("12345X")["x-uc-signature"] == (
        "v1=cd975737cb021b28dd8181da8961632ddf5a7756a0f35fa9fdd623f89c564f68"
    )


def test_an_independent_verifier_takes_the_standard_signature():  # S066
    assert verify("12345X", sign("12345X"))["hook"] == {"id": 1}


def test_an_altered_body_is_refused():  # S066
    with pytest.raises(WebhookVerificationError):
        verify("12345X", sign("12345X"), BODY.replace(b"1", b"2"))


def test_another_secret_is_refused():
    with pytest.raises(WebhookVerificationError):
        verify("12345Y", sign("12345X"))


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_or_future_time_is_refused(minutes):  # S066
    seconds = int((datetime.now(UTC) + timedelta(minutes=minutes)).timestamp())
    with pytest.raises(WebhookVerificationError):
        verify("12345X", sign("12345X", seconds=seconds))


def test_both_secrets_sign_while_one_replaces_the_other():  # F84, S067
    headers = sign("new", "old")
    for secret in ("new", "old"):
        assert verify(secret, headers)
    assert headers["x-uc-signature"] == sign("new")["x-uc-signature"]


def test_without_a_secret_nothing_is_signed_and_the_id_is_there():
    assert sign(seconds=1_800_000_000) == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1800000000",
    }


def test_secrets_of_any_letters_can_sign():
    assert verify("пароль ☂", sign("пароль ☂"))
