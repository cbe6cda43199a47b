"""Our signatures are botocore's, byte for byte."""

from datetime import UTC, datetime
from unittest import mock
from urllib.parse import quote

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from storages_app.lib.outbound import Address
from storages_app.objectstores.backends.s3.signing import Signer

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MOMENT = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def theirs(method: str, address: Address, headers: dict[str, str], token: str = "") -> str:
    request = AWSRequest(method=method, url=address.origin + address.target, headers=headers)
    signer = auth.S3SigV4Auth(Credentials("AKIA", SECRET, token or None), "s3", "eu-west-1")
    with (
        mock.patch.object(auth, "get_current_datetime", return_value=MOMENT.replace(tzinfo=None)),
        mock.patch.object(signer, "payload", return_value=HASH),
    ):
        signer.add_auth(request)
    return str(request.headers["Authorization"])


def ours(method: str, address: Address, headers: dict[str, str], token: str = "") -> str:
    signer = Signer("AKIA", SECRET, token, region="eu-west-1")
    signed = signer.signed(method, address, headers, HASH, now=MOMENT.timestamp())
    return signed["authorization"]


def at(target: str, host: str = "bucket.s3.eu-west-1.amazonaws.com", port: int = 443) -> Address:
    return Address("https", host, port, target)


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "POST"])
@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/key",
        "/a//b/../c",
        "/k?uploads",
        "/k?uploadId=a%2Fb%3D&partNumber=3",
        "/%F0%9F%8C%B2+",
    ],
)
@pytest.mark.parametrize("token", ["", "a/session+token=="])
def test_are_botocores(method, target, token):
    headers = {"content-type": "text/plain", "x-amz-acl": "public-read", "user-agent": "x"}
    assert ours(method, at(target), headers, token) == theirs(method, at(target), headers, token)


def test_name_a_port_that_is_not_the_usual_one():
    address = at("/bucket/key", "127.0.0.1", 9000)
    assert ours("GET", address, {}) == theirs("GET", address, {})


values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)


@given(
    key=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    metadata=st.dictionaries(st.sampled_from(["a", "b-c", "sha256"]), values),
)
def test_cover_any_key_and_any_metadata(key, metadata):
    address = at("/" + quote(key, safe="/~"))
    headers = {f"x-amz-meta-{name}": value for name, value in metadata.items()}
    assert ours("PUT", address, headers) == theirs("PUT", address, headers)


def test_leave_out_what_a_proxy_may_change():
    plain = ours("GET", at("/key"), {})
    assert ours("GET", at("/key"), {"user-agent": "u", "accept-encoding": "identity"}) == plain
    assert ours("GET", at("/key"), {"range": "bytes=0-1"}) != plain


def test_of_the_next_day_have_its_key():
    signer = Signer("AKIA", SECRET, "", region="eu-west-1")
    days = [
        signer.signed("GET", at("/"), {}, HASH, now=MOMENT.timestamp() + seconds)
        for seconds in (0, 1, 0)
    ]
    assert days[0] == days[2]
    assert "/20261123/" in days[1]["authorization"]
    alone = Signer("AKIA", SECRET, "", region="eu-west-1")
    assert days[1] == alone.signed("GET", at("/"), {}, HASH, now=MOMENT.timestamp() + 1)


def test_no_secret_is_shown():
    assert SECRET not in repr(Signer("AKIA", SECRET, "a-token", region="eu-west-1"))
