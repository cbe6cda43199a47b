"""A role is asked for as STS wants it, and its answers are read strictly."""

from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from moto.server import ThreadedMotoServer

from storages_app.lib.outbound import Policy
from storages_app.objectstores import errors
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.backends.s3.roles import OperatorIdentity, assume_role
from storages_app.objectstores.base import Location
from tests.objectstores.conftest import CLOSE, HANG, answer

ROLE = "arn:aws:iam::111122223333:role/path/writer"
EXTERNAL_ID = "6f1c0c6e-6a9f-4f5e-8f1d-0d3f1c2b3a4d"
KEY_ID = "AKIAOPERATOR12345678"
SECRET = "operatorsSecret/with+signs"


def given(**change: str) -> bytes:
    parts = {
        "AccessKeyId": "ASIATEMPORARY1234567",
        "SecretAccessKey": "lent/secret+1",
        "SessionToken": "lent-token//" + "x" * 3000 + "==",
        "Expiration": "2026-11-22T18:00:00Z",
        "Arn": "arn:aws:sts::111122223333:assumed-role/writer/ucdash",
    } | change
    text = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items() if value)
    return answer(200, f"<AssumeRoleResponse>{text}</AssumeRoleResponse>".encode())


def refused(status: int, code: str, message: str = "") -> bytes:
    text = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f"<ErrorResponse>{text}<RequestId>REQ1</RequestId></ErrorResponse>"
    return answer(status, body.encode())


@pytest.fixture
def operator(canned) -> OperatorIdentity:
    return OperatorIdentity(
        KEY_ID,
        SECRET,
        principal_arn="arn:aws:iam::999988887777:user/ucdash",
        sts_url=f"http://127.0.0.1:{canned.port}",
    )


@pytest.fixture
def assume(operator, policy):
    def ask(**change):
        asked = {"role_arn": ROLE, "external_id": EXTERNAL_ID, "region": "eu-central-1"} | change
        return assume_role(operator, policy=policy, **asked)

    return ask


class TestAsking:
    def test_sends_one_signed_form(self, assume, canned):
        canned.answers = [given()]
        assume()
        ((line, headers, body),) = canned.requests
        assert line == "POST / HTTP/1.1"
        assert parse_qs(body.decode(), strict_parsing=True) == {
            "Action": ["AssumeRole"],
            "Version": ["2011-06-15"],
            "RoleArn": [ROLE],
            "RoleSessionName": ["ucdash"],
            "DurationSeconds": ["3600"],
            "ExternalId": [EXTERNAL_ID],
        }
        assert f"Credential={KEY_ID}/" in headers["authorization"]
        assert "/eu-central-1/sts/aws4_request" in headers["authorization"]
        assert SECRET not in str(canned.requests)

    def test_sends_no_external_id_where_none_is_given(self, assume, canned):  # S048
        canned.answers = [given()]
        assume(external_id=None)
        assert b"ExternalId" not in canned.requests[0][2]

    @pytest.mark.parametrize(("seconds", "sent"), [(1, "900"), (7200, "7200"), (10**6, "43200")])
    def test_the_time_is_one_that_amazon_takes(self, assume, canned, seconds, sent):
        canned.answers = [given()]
        assume(seconds=seconds)
        assert f"DurationSeconds={sent}&".encode() in canned.requests[0][2]

    @pytest.mark.parametrize(
        "change",
        [
            {"role_arn": ""},
            {"role_arn": "writer"},
            {"role_arn": "arn:aws:iam::111122223333:user/writer"},
            {"role_arn": "arn:aws:iam::1:role/writer"},
            {"role_arn": ROLE + "\n"},
            {"role_arn": ROLE + "&ExternalId=x"},
            {"external_id": ""},
            {"external_id": "a b"},
            {"external_id": "é" * 5},
            {"region": "evil.example/"},
        ],
    )
    def test_names_that_are_none_are_not_sent(self, assume, canned, change):
        with pytest.raises(errors.AddressInvalid):
            assume(**change)
        assert canned.requests == []

    def test_the_guard_stands_before_it(self, operator):
        with pytest.raises(errors.EndpointForbidden) as caught:
            assume_role(
                operator, role_arn=ROLE, external_id=None, region="us-east-1", policy=Policy()
            )
        assert caught.value.operation == "AssumeRole"


class TestAnswers:
    def test_are_credentials_with_an_end(self, assume, canned):
        canned.answers = [given(SessionToken="a&amp;b")]
        found = assume()
        assert found.access_key_id == "ASIATEMPORARY1234567"
        assert found.secret_access_key == "lent/secret+1"
        assert found.session_token == "a&b"
        assert found.expires_at == datetime(2026, 11, 22, 18, tzinfo=UTC)
        assert found.arn == "arn:aws:sts::111122223333:assumed-role/writer/ucdash"

    def test_no_repr_shows_a_secret(self, assume, canned, operator):
        canned.answers = [given()]
        shown = repr(assume()) + repr(operator)
        assert "lent" not in shown
        assert SECRET not in shown

    @pytest.mark.parametrize(
        "said",
        [
            *(given(**{name: ""}) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")),
            given(AccessKeyId="a b"),
            given(AccessKeyId="a&#10;b"),
            given(SessionToken="x" * 20_000),
            given(Expiration="soon"),
            given(Expiration=""),
            answer(200, b"<html>welcome"),
            answer(200, b"\xff\xfe"),
            answer(200),
            answer(
                200,
                b'<!DOCTYPE a [<!ENTITY x "AKIAENTITY">]><a><AccessKeyId>&x;</AccessKeyId></a>',
            ),
        ],
    )
    def test_that_lack_something_are_the_servers_fault(self, assume, canned, said):
        canned.answers = [said]
        with pytest.raises(errors.ServerError) as caught:
            assume()
        assert caught.value.operation == "AssumeRole"

    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (403, "AccessDenied", errors.AccessDenied),
            (403, "InvalidClientTokenId", errors.UnknownAccessKey),
            (403, "SignatureDoesNotMatch", errors.WrongSecret),
            (400, "ExpiredToken", errors.CredentialsExpired),
            (403, "ExpiredTokenException", errors.CredentialsExpired),
            (403, "RegionDisabledException", errors.RegionDisabled),
            (400, "ValidationError", errors.AddressInvalid),
            (400, "Throttling", errors.Throttled),
            (503, "ServiceUnavailable", errors.ServerError),
        ],
    )
    def test_refusals_are_told_apart(self, assume, canned, status, code, kind):
        canned.answers = [refused(status, code)]
        with pytest.raises(errors.ObjectStoreError) as caught:
            assume()
        assert type(caught.value) is kind
        assert caught.value.operation == "AssumeRole"
        assert caught.value.provider_code == code
        assert caught.value.request_id == "REQ1"

    def test_a_refusal_says_who_may_not_do_what(self, assume, canned):
        me = "arn:aws:iam::999988887777:user/ucdash"
        said = f"User: {me} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
        canned.answers = [refused(403, "AccessDenied", said)]
        with pytest.raises(errors.AccessDenied) as caught:
            assume()
        refusal = caught.value
        assert (refusal.action, refusal.principal, refusal.resource) == (
            "sts:AssumeRole",
            me,
            ROLE,
        )

    def test_what_was_signed_does_not_come_back(self, assume, canned):  # S051
        said = (
            "The request signature we calculated does not match.\n\nThe Canonical String for this "
            f"request should have been\n'POST\n/\n{KEY_ID}'\n\nThe String-to-Sign should have been"
        )
        canned.answers = [refused(403, "SignatureDoesNotMatch", said)]
        with pytest.raises(errors.WrongSecret) as caught:
            assume()
        shown = caught.value.provider_message
        assert shown == "The request signature we calculated does not match. …"

    @pytest.mark.parametrize(
        ("said", "kind"), [(CLOSE, errors.ConnectionFailed), (HANG, errors.TimedOut)]
    )
    def test_a_service_that_is_away_is_said(self, assume, canned, monkeypatch, said, kind):
        monkeypatch.setattr("storages_app.objectstores.backends.s3.roles._READ_S", 0.05)
        canned.answers = [said]
        with pytest.raises(kind):
            assume()


@pytest.fixture
def moto_port():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


def test_moto_lends_a_role_and_knows_who_came(moto_port):
    url = f"http://127.0.0.1:{moto_port}"
    policy = Policy(allowed_private=frozenset({("127.0.0.1", moto_port)}))
    operator = OperatorIdentity(KEY_ID, SECRET, principal_arn="", sts_url=url)
    lent = assume_role(
        operator, role_arn=ROLE, external_id=EXTERNAL_ID, region="us-east-1", policy=policy
    )
    store = S3Store(
        Location(
            "a-bucket",
            "us-east-1",
            lent.access_key_id,
            lent.secret_access_key,
            url,
            session_token=lent.session_token,
            sts_url=url,
        ),
        policy=policy,
    )
    assert lent.arn.endswith(":assumed-role/writer/ucdash")
    assert lent.expires_at > datetime.now(UTC)
    assert store.whoami() == lent.arn
    store.close()
