"""What the connection test asks beside copies, and how temporary credentials travel."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import monotonic
from urllib.parse import parse_qs, urlsplit

import pytest

from storages_app.lib import outbound
from storages_app.objectstores.backends.s3 import S3Store, probe_store
from storages_app.objectstores.backends.s3 import store as store_module
from storages_app.objectstores.base import PartReceipt
from storages_app.objectstores.errors import (
    AccessDenied,
    AddressInvalid,
    ConnectionFailed,
    ObjectStoreError,
    ServerError,
    TimedOut,
    UploadMissing,
)
from tests.objectstores.conftest import CLOSE, HANG, answer, error
from tests.objectstores.test_s3_store import put


class TestSessionToken:
    """Temporary credentials are three words, and each request has to have all of them."""

    TOKEN = "session-token//with+signs=="

    @pytest.fixture
    def lent(self, location, policy) -> Iterator[S3Store]:
        found = S3Store(replace(location, session_token=self.TOKEN), policy=policy)
        yield found
        found.close()

    def test_goes_with_every_signed_request(self, lent, canned):
        canned.answers = [answer(400)]
        for use in (
            lambda: put(lent, "k"),
            lambda: lent.head("k"),
            lambda: list(lent.list_objects()),
            lambda: lent.list_parts("k", "id"),
            lent.settings.encryption,
        ):
            with pytest.raises(ObjectStoreError):
                use()
        for _, headers, _ in canned.requests:
            assert headers["x-amz-security-token"] == self.TOKEN
            assert "x-amz-security-token" in headers["authorization"]

    def test_is_part_of_a_link(self, lent):
        query = parse_qs(urlsplit(lent.presigned_url("k", seconds=60)).query)
        assert query["X-Amz-Security-Token"] == [self.TOKEN]

    def test_is_not_shown(self, location):
        shown = repr(replace(location, session_token=self.TOKEN))
        assert self.TOKEN not in shown
        assert "session_token" not in shown

    def test_is_no_second_header(self, location):
        with pytest.raises(AddressInvalid):
            S3Store(replace(location, session_token="a\r\nx: y"))

    def test_none_is_none(self, store, canned):
        put(store, "k")
        assert "x-amz-security-token" not in canned.headers()


class TestWhoami:
    def test_asks_the_service_that_is_given(self, location, policy, canned):
        url = f"http://127.0.0.1:{canned.port}/"
        arn = "arn:aws:iam::111122223333:user/alice"
        canned.answers = [answer(200, f"<Arn>{arn}</Arn>".encode())]
        store = S3Store(replace(location, sts_url=url), policy=policy)
        assert store.whoami() == arn
        line, headers, body = canned.requests[0]
        assert line == "POST / HTTP/1.1"
        assert body == b"Action=GetCallerIdentity&Version=2011-06-15"
        assert "/us-east-1/sts/aws4_request" in headers["authorization"]
        store.close()

    def test_a_closed_account_has_known_us(self, store, canned):
        canned.answers = [error(403, "AllAccessDisabled")]
        assert store.whoami() == "AKIATEST"

    def test_asks_for_nothing_elsewhere(self, store, canned):
        assert store.whoami() == "AKIATEST"
        assert canned.requests[0][0] == "GET /a-bucket?list-type=2&max-keys=0 HTTP/1.1"


class TestParts:
    def part(self, number: int) -> str:
        digest = base64.b64encode(bytes([number] * 32)).decode()
        return (
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;e{number}&quot;</ETag>"
            f"<Size>1</Size><ChecksumSHA256>{digest}</ChecksumSHA256></Part>"
        )

    def page(self, *numbers: int, following: int = 0) -> bytes:
        parts = "".join(self.part(n) for n in numbers)
        if following:
            parts += f"<NextPartNumberMarker>{following}</NextPartNumberMarker>"
            parts += "<IsTruncated>true</IsTruncated>"
        return answer(200, f"<ListPartsResult>{parts}</ListPartsResult>".encode())

    def test_pages_are_put_together(self, store, canned):
        canned.answers = [self.page(1, 2, following=2), self.page(3)]
        assert store.list_parts("k", "id") == [
            PartReceipt(n, f"e{n}", bytes([n] * 32).hex()) for n in (1, 2, 3)
        ]
        assert "part-number-marker=2" in canned.requests[1][0]

    def test_a_listing_that_does_not_move_on_ends(self, store, canned):
        canned.answers = [self.page(1, following=1)]
        with pytest.raises(ServerError):
            store.list_parts("k", "id")
        assert len(canned.requests) == 2

    def test_an_upload_that_is_gone_is_said(self, store, canned):
        canned.answers = [error(404, "NoSuchUpload")]
        with pytest.raises(UploadMissing) as caught:
            store.list_parts("k", "id")
        assert caught.value.operation == "ListParts"

    def test_name_the_expected_owner(self, location, policy, canned):  # S049
        canned.answers = [self.page()]
        owned = S3Store(replace(location, account_id="111122223333"), policy=policy)
        assert owned.list_parts("k", "id") == []
        assert canned.headers()["x-amz-expected-bucket-owner"] == "111122223333"
        owned.close()


class TestLink:
    def test_is_followed_as_a_stranger(self, store, canned):
        canned.answers = [answer(200, b"bytes")]
        assert store.fetch_link(store.presigned_url("a b", seconds=60)) == b"bytes"
        line, headers, _ = canned.requests[0]
        assert line.startswith("GET /a-bucket/a%20b?X-Amz-Algorithm=")
        assert "authorization" not in headers

    def test_that_is_refused_is_said(self, store, canned):
        canned.answers = [error(403, "AccessDenied", "Request has expired")]
        with pytest.raises(AccessDenied):
            store.fetch_link(store.presigned_url("k", seconds=60))

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1/a-bucket/k", "https://evil.example/", ""])
    def test_of_another_host_is_not_followed(self, store, canned, url):
        with pytest.raises(AddressInvalid):
            store.fetch_link(url)
        assert canned.requests == []


class TestConnection:
    @pytest.mark.parametrize("status", [200, 301, 400, 403, 404, 503])
    def test_any_answer_is_one(self, store, canned, status):
        canned.answers = [answer(status)]
        found = store.connection()
        assert found.host == "127.0.0.1"
        assert found.milliseconds > 0
        assert found.tls_version == ""
        assert found.clock_offset_s is None
        line, headers, _ = canned.requests[0]
        assert line == "HEAD /a-bucket HTTP/1.1"
        assert "authorization" not in headers

    def test_clocks_are_compared(self, store, canned):
        theirs = datetime.now(UTC) - timedelta(seconds=90)
        canned.answers = [answer(403, date=format_datetime(theirs, usegmt=True))]
        assert 89 < store.connection().clock_offset_s < 92

    def test_a_clock_that_says_nonsense_is_none(self, store, canned):
        canned.answers = [answer(403, date="today")]
        assert store.connection().clock_offset_s is None

    def test_the_connection_is_kept(self, store, canned):
        store.connection()
        store.connection()
        assert canned.n_connections == 1

    def test_nobody_there_is_said(self, store, canned):
        canned.answers = [CLOSE]
        with pytest.raises(ConnectionFailed) as caught:
            store.connection()
        assert caught.value.operation == "Connect"


class TestProbeStore:
    def test_gives_up_early_and_is_not_kept(self, location, policy, monkeypatch, canned):
        monkeypatch.setattr(outbound._Current, "policy", policy)
        monkeypatch.setattr(store_module, "_PROBE_READ_S", 0.05)
        canned.answers = [HANG]
        one, other = probe_store(location), probe_store(location)
        assert one is not other
        started = monotonic()
        with pytest.raises(TimedOut):
            one.head("k")
        assert monotonic() - started < 5
        one.close()
        other.close()
