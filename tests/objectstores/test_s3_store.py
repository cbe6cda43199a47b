"""What goes over the wire, and what does not."""

import base64
import hashlib
import os
import socket
import urllib.parse
from dataclasses import replace
from io import BytesIO

import pytest

from storages_app.lib import outbound, wire
from storages_app.lib.outbound import Policy
from storages_app.objectstores.backends import s3
from storages_app.objectstores.backends.s3 import S3Store, open_store, transport
from storages_app.objectstores.base import Location, PartReceipt, PutOptions
from storages_app.objectstores.errors import (
    AccessDenied,
    BucketMissing,
    ConnectionFailed,
    CredentialsExpired,
    ObjectStoreError,
    ServerError,
    WrongSecret,
)
from tests.objectstores.conftest import CLOSE, answer, error

BODY = b"content"
SHA256 = hashlib.sha256(BODY).hexdigest()
MD5 = hashlib.md5(BODY).hexdigest()


def put(store, key="key", body=BODY, **options):
    return store.put(
        key,
        BytesIO(body),
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        md5=hashlib.md5(body).hexdigest(),
        options=PutOptions(**options),
    )


def read(store, **how):
    with store.get("key", **how) as chunks:
        return b"".join(chunks)


def b64(hexadecimal):
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


class TestPut:
    def test_signs_the_known_hash_of_the_payload(self, store, canned):
        put(store, metadata={"uuid": "1"})
        line, headers, body = canned.requests[0]
        assert line == "PUT /a-bucket/key HTTP/1.1"
        assert body == BODY
        assert headers["x-amz-content-sha256"] == SHA256
        assert headers["content-length"] == "7"
        assert headers["host"] == f"127.0.0.1:{canned.port}"
        assert "transfer-encoding" not in headers
        assert "expect" not in headers
        signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        assert {"host", "x-amz-content-sha256", "x-amz-meta-uuid", "content-type"} <= set(
            signed.split(";")
        )

    @pytest.mark.parametrize(
        ("checksum", "sent"),
        [
            ("sha256", {"x-amz-checksum-sha256": b64(SHA256)}),
            ("md5", {"content-md5": b64(MD5)}),
            ("none", {}),
        ],
    )
    def test_sends_the_checksum_that_was_chosen(self, store, canned, checksum, sent):
        put(store, checksum=checksum)
        names = {"x-amz-checksum-sha256", "content-md5"}
        assert {k: v for k, v in canned.headers().items() if k in names} == sent

    def test_finds_the_md5_where_none_was_given(self, store, canned):
        store.put("key", BytesIO(BODY), size=7, sha256=SHA256, options=PutOptions(checksum="md5"))
        assert canned.headers()["content-md5"] == b64(MD5)
        assert canned.requests[0][2] == BODY

    @pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 1024 * 1024 + 1])
    def test_sends_exactly_the_announced_bytes(self, store, canned, size):
        body = os.urandom(size)
        source = BytesIO(b"before" + body + b"after")
        source.seek(6)
        store.put(
            "key",
            source,
            size=size,
            sha256=hashlib.sha256(body).hexdigest(),
            options=PutOptions(),
        )
        assert canned.requests[0][2] == body

    def test_an_error_of_the_source_passes(self, store):
        class Broken(BytesIO):
            def read(self, *args):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.put(
                "key", Broken(), size=2 << 20, sha256=SHA256, options=PutOptions(checksum="none")
            )

    def test_keeps_its_connection(self, store, canned):
        canned.answers = [answer(), error(404, "NoSuchKey"), error(503, "SlowDown"), answer()]
        put(store)
        for _ in range(2):
            with pytest.raises(ObjectStoreError):
                put(store)
        put(store)
        list(store.list_objects())
        store.delete("key")
        assert canned.n_connections == 1

    def test_reads_no_long_answer(self, store, canned):
        """Many threads write at once, and whoever owns the server decides what it says."""
        canned.answers = [answer(body=b"x" * 64 * 1024), answer(body=b"x" * (64 * 1024 + 1))]
        put(store)
        with pytest.raises(ServerError):
            put(store)

    def test_tells_the_receipt(self, store, canned):
        canned.answers = [
            answer(etag=f'"{MD5}"', x_amz_version_id="v1", **{"x-amz-checksum-sha256": b64(SHA256)})
        ]
        receipt = put(store)
        assert (receipt.etag, receipt.version_id, receipt.sha256) == (MD5, "v1", SHA256)


class TestOwner:
    def test_is_named_on_every_call(self, location, policy, canned):  # S049
        store = S3Store(replace(location, account_id="123456789012"), policy=policy)
        canned.answers = [answer(body=b"<a><UploadId>1</UploadId></a>")]
        put(store)
        store.head("key")
        read(store)
        store.delete("key")
        list(store.list_objects())
        list(store.list_multiparts())
        store.start_multipart("key", PutOptions())
        store.put_part("key", "1", 1, BytesIO(BODY), size=7, checksum="sha256")
        store.complete_multipart("key", "1", [PartReceipt(1, "e")], only_if_absent=False)
        store.abort_multipart("key", "1")
        store.set_public("key")
        store.region_of_bucket()
        store.whoami()
        assert len(canned.requests) == 14
        for line, headers, _ in canned.requests:
            assert headers.get("x-amz-expected-bucket-owner") == "123456789012", line
        store.close()

    def test_is_not_named_where_nobody_knows_it(self, store, canned):
        put(store)
        list(store.list_objects())
        for _, headers, _ in canned.requests:
            assert "x-amz-expected-bucket-owner" not in headers


class TestGet:
    def test_a_short_answer_raises(self, store, canned):
        canned.answers = [answer(body=b"12345", content_length="10", connection="close")]
        with pytest.raises(ConnectionFailed):
            read(store)

    @pytest.mark.parametrize(
        "sent",
        [
            b"5\r\n12345\r\n",  # the last chunk is missing
            b"a\r\n12345",
            b"zz\r\n",
        ],
    )
    def test_a_chunked_answer_that_breaks_off_raises(self, store, canned, sent):
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        canned.answers = [head + sent]
        with pytest.raises(ConnectionFailed):
            read(store)

    def test_a_chunked_answer_is_read_to_its_end(self, store, canned):
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        canned.answers = [head + b"5\r\n12345\r\n0\r\n\r\n"]
        assert read(store) == b"12345"

    @pytest.mark.parametrize(
        "said",
        [
            answer(200, b"0123456789"),
            answer(206, b"2345"),
            answer(206, b"0123", content_range="bytes 0-3/10"),
            answer(206, b"234", content_range="bytes 2-4/10"),
            answer(206, b"23456", content_range="bytes 2-6/10"),
        ],
    )
    def test_another_range_than_asked_for_raises(self, store, canned, said):
        canned.answers = [said]
        with pytest.raises(ServerError):
            read(store, first=2, last=5)

    def test_a_range_may_end_with_the_object(self, store, canned):
        canned.answers = [answer(206, b"89", content_range="bytes 8-9/10")]
        assert read(store, first=8, last=100) == b"89"
        assert canned.headers()["range"] == "bytes=8-100"

    def test_compression_is_neither_asked_for_nor_undone(self, store, canned):
        canned.answers = [answer(body=b"\x1f\x8b", content_encoding="gzip")]
        assert read(store) == b"\x1f\x8b"
        assert canned.headers()["accept-encoding"] == "identity"

    def test_a_version_is_asked_for(self, store, canned):
        read(store, version_id="a b&c")
        assert canned.requests[0][0] == "GET /a-bucket/key?versionId=a%20b%26c HTTP/1.1"

    def test_an_answer_that_was_left_costs_its_connection_only(self, store, canned):
        canned.answers = [answer(body=b"x" * 1_000_000)]
        with store.get("key") as chunks:
            next(chunks)
        assert len(read(store)) == 1_000_000
        assert canned.n_connections == 2

    def test_an_error_of_the_reader_passes(self, store):
        with pytest.raises(KeyError), store.get("key"):
            raise KeyError

    def test_a_head_without_a_size_raises(self, store, canned):
        canned.answers = [b"HTTP/1.1 200 OK\r\n\r\n"]
        with pytest.raises(ServerError):
            store.head("key")


class TestList:
    PAGE = (
        b"<ListBucketResult><IsTruncated>true</IsTruncated>"
        b"<NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
    )

    def test_a_listing_that_does_not_move_on_ends(self, store, canned):
        canned.answers = [answer(body=self.PAGE)]
        with pytest.raises(ServerError):
            list(store.list_objects())
        assert len(canned.requests) == 2

    def test_a_listing_that_names_no_next_page_ends(self, store, canned):
        canned.answers = [answer(body=self.PAGE.replace(b"<NextContinuationToken>t", b"<x>t"))]
        with pytest.raises(ServerError):
            list(store.list_objects())

    @pytest.mark.parametrize(
        "entry",
        [
            b"<Contents></Contents>",
            b"<Contents><Key>k</Key><Size>many</Size></Contents>",
            b"<Contents><Key>k</Key><Size>1</Size><LastModified>soon</LastModified></Contents>",
        ],
    )
    def test_entries_that_are_none_are_the_servers_fault(self, store, canned, entry):
        canned.answers = [answer(body=b"<ListBucketResult>" + entry + b"</ListBucketResult>")]
        with pytest.raises(ServerError):
            list(store.list_objects())

    def test_keys_that_xml_cannot_carry_are_decoded(self, store, canned):
        canned.answers = [
            answer(
                body=b"<ListBucketResult><EncodingType>url</EncodingType><Contents>"
                b"<Key>a%0Ab%2Bc</Key><Size>1</Size></Contents></ListBucketResult>"
            )
        ]
        assert [info.key for info in store.list_objects("p q")] == ["a\nb+c"]
        assert "encoding-type=url" in canned.requests[0][0]
        assert "prefix=p%20q" in canned.requests[0][0]


class TestMultipart:
    def test_names_the_checksum_at_start_part_and_end(self, store, canned):
        canned.answers = [
            answer(body=b"<R><UploadId>u/1</UploadId></R>"),
            answer(etag='"e1"'),
            answer(body=b"<R><ETag>&quot;e-1&quot;</ETag><ChecksumSHA256>x-1</ChecksumSHA256></R>"),
        ]
        upload_id = store.start_multipart("key", PutOptions(metadata={"name": "ü"}))
        part = store.put_part("key", upload_id, 1, BytesIO(BODY), size=7, checksum="sha256")
        receipt = store.complete_multipart("key", upload_id, [part], only_if_absent=True)
        start, sent, end = canned.requests
        assert start[1]["x-amz-checksum-algorithm"] == "SHA256"
        assert start[1]["x-amz-meta-name"] == "%C3%BC"
        assert sent[0] == "PUT /a-bucket/key?partNumber=1&uploadId=u%2F1 HTTP/1.1"
        assert sent[1]["x-amz-checksum-sha256"] == b64(SHA256)
        assert sent[1]["x-amz-content-sha256"] == SHA256
        assert b64(SHA256).encode() in end[2]
        assert end[1]["if-none-match"] == "*"
        assert part == PartReceipt(1, "e1", SHA256)
        assert (receipt.etag, receipt.checksum, receipt.sha256) == ("e-1", "sha256:x-1", "")

    @pytest.mark.parametrize("checksum", ["md5", "none"])
    def test_asks_for_no_sha256_where_the_provider_knows_none(self, store, canned, checksum):
        canned.answers = [answer(body=b"<R><UploadId>1</UploadId></R>", etag='"e"')]
        store.start_multipart("key", PutOptions(checksum=checksum))
        part = store.put_part("key", "1", 1, BytesIO(BODY), size=7, checksum=checksum)
        store.complete_multipart("key", "1", [part], only_if_absent=False)
        text = repr(canned.requests).lower()
        assert "checksum" not in text
        assert "if-none-match" not in text
        assert canned.headers(1).get("content-md5", "") == (b64(MD5) if checksum == "md5" else "")
        assert part.sha256 == ""

    @pytest.mark.parametrize("length", [0, 1025])
    def test_an_id_of_an_upload_that_no_s3_has_is_no_answer(self, store, canned, length):
        canned.answers = [answer(body=b"<R><UploadId>" + b"u" * length + b"</UploadId></R>")]
        with pytest.raises(ServerError):
            store.start_multipart("key", PutOptions())

    def test_a_part_is_sent_from_where_its_source_stands(self, store, canned):
        source = BytesIO(b"0123456789")
        source.seek(3)
        store.put_part("key", "1", 2, source, size=4, checksum="sha256")
        assert canned.requests[0][2] == b"3456"
        assert source.tell() == 7


class TestWhoAndWhere:
    @pytest.mark.parametrize(
        "said",
        [error(403, "AccessDenied"), error(404, "NoSuchBucket"), error(501, "NotImplemented")],
    )
    def test_a_refusal_of_the_bucket_proves_the_key(self, store, canned, said):
        canned.answers = [said]
        assert store.whoami() == "AKIATEST"

    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            (error(403, "SignatureDoesNotMatch"), WrongSecret),
            (error(400, "ExpiredToken"), CredentialsExpired),
            (CLOSE, ConnectionFailed),
            (error(500, "InternalError"), ServerError),
        ],
    )
    def test_other_refusals_do_not(self, store, canned, said, kind):
        canned.answers = [said]
        with pytest.raises(kind):
            store.whoami()

    def test_amazon_is_asked_by_sts(self, monkeypatch):
        store = S3Store(Location("a-bucket", "eu-west-1", "AKIATEST", "secret"))
        sent = []

        class Sts:
            status = 200
            headers: dict[str, str] = {}

            def read_all(self, limit):
                return b"<Arn>arn:aws:iam::1:user/bob</Arn>"

            def close(self):
                pass

        def send(self, method, address, *, headers, body, patience):
            sent.append((method, address.origin, headers, body))
            return Sts()

        monkeypatch.setattr(wire.Wire, "send", send)
        assert store.whoami() == "arn:aws:iam::1:user/bob"
        method, origin, headers, body = sent[0]
        assert (method, origin) == ("POST", "https://sts.eu-west-1.amazonaws.com")
        assert body == b"Action=GetCallerIdentity&Version=2011-06-15"
        assert "/eu-west-1/sts/aws4_request" in headers["Authorization"]

    @pytest.mark.parametrize(
        ("answers", "region"),
        [
            ([answer(x_amz_bucket_region="eu-west-1")], "eu-west-1"),
            ([answer(301, x_amz_bucket_region="eu-west-1")], "eu-west-1"),
            ([answer(403)], ""),
            ([answer(), error(403, "AccessDenied")], ""),
            ([answer(), answer(body=b"<LocationConstraint/>")], ""),
            ([answer(), answer(body=b"<LocationConstraint>EU</LocationConstraint>")], "eu-west-1"),
            ([answer(), answer(body=b"<LocationConstraint>nyc3</LocationConstraint>")], "nyc3"),
        ],
    )
    def test_the_region_is_read_where_it_is_told(self, store, canned, answers, region):
        canned.answers = answers
        assert store.region_of_bucket() == region

    def test_a_missing_bucket_is_no_missing_object(self, store, canned):
        canned.answers = [answer(404)]
        with pytest.raises(BucketMissing):
            store.region_of_bucket()

    def test_a_stranger_signs_nothing(self, store, canned):
        canned.answers = [answer(body=b"public"), error(403, "AccessDenied")]
        assert store.get_anonymously("key") == b"public"
        assert "authorization" not in canned.headers()
        with pytest.raises(AccessDenied):
            store.get_anonymously("key")

    def test_a_link_lasts_as_long_as_said(self, store):
        query = urllib.parse.parse_qs(
            urllib.parse.urlsplit(store.presigned_url("k", seconds=9)).query
        )
        assert query["X-Amz-Expires"] == ["9"]
        assert query["X-Amz-SignedHeaders"] == ["host"]

    @pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
    def test_a_link_lasts_no_longer_than_a_week(self, store, seconds):
        with pytest.raises(ValueError, match="link lasts"):
            store.presigned_url("key", seconds=seconds)


class TestGuard:
    def everything(self, store):
        put(store)
        store.head("key")
        read(store)
        store.get_anonymously("key")
        store.put_part("key", "1", 1, BytesIO(BODY), size=7, checksum="none")
        list(store.list_objects())
        list(store.list_multiparts())
        store.abort_multipart("key", "1")
        store.complete_multipart("key", "1", [PartReceipt(1, "e")], only_if_absent=False)
        store.set_public("key")
        store.region_of_bucket()
        store.delete("key")

    def test_no_socket_is_opened_around_it(self, store, canned, monkeypatch):  # S020
        connect = socket.socket.connect
        guarded = []

        def watched(self, address):
            if not guarded:
                pytest.fail(f"{address} was dialled around the guard")
            return connect(self, address)

        dial = outbound._connect

        def dialling(*args):
            guarded.append(1)
            try:
                return dial(*args)
            finally:
                guarded.pop()

        monkeypatch.setattr(socket.socket, "connect", watched)
        monkeypatch.setattr(outbound, "_connect", dialling)
        canned.answers = [answer(body=b"<R/>", connection="close")]  # a new connection each time
        self.everything(store)
        assert canned.n_connections == len(canned.requests) >= 12

    def test_the_operators_environment_is_not_read(
        self, location, policy, canned, monkeypatch, tmp_path
    ):  # S016
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws" / "config").write_text(
            "[profile operator]\nregion=mars\nendpoint_url=http://127.0.0.1:1\n"
            "aws_access_key_id=AKIAOPERATOR\naws_secret_access_key=operator\n"
            "s3=\n  addressing_style=virtual\n  use_accelerate_endpoint=true\n"
        )
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login operator password operator\n")
        for name, value in {
            "HOME": str(tmp_path),
            "AWS_PROFILE": "operator",
            "AWS_CONFIG_FILE": str(tmp_path / ".aws" / "config"),
            "AWS_ACCESS_KEY_ID": "AKIAOPERATOR",
            "AWS_SECRET_ACCESS_KEY": "operator",
            "AWS_SESSION_TOKEN": "operator",
            "AWS_REGION": "mars",
            "AWS_DEFAULT_REGION": "mars",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
            "AWS_USE_FIPS_ENDPOINT": "true",
            "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_MAX_ATTEMPTS": "9",
            "AWS_CA_BUNDLE": "/nowhere",
            "HTTP_PROXY": "http://127.0.0.1:1",
            "http_proxy": "http://127.0.0.1:1",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(transport, "_session", transport._session.__wrapped__)
        store = S3Store(location, policy=policy)
        canned.answers = [answer(body=b"<R/>")]
        self.everything(store)
        for _, headers, _ in canned.requests:
            text = repr(headers)
            assert "operator" not in text.lower()
            assert "mars" not in text
            assert "x-amz-security-token" not in headers
            assert headers.get("authorization", "AKIATEST/us-east-1").count("AKIATEST")
        store.close()

    def test_botocore_finds_no_credentials_of_its_own(self, monkeypatch):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "operator")
        assert transport._session.__wrapped__().get_credentials() is None


class TestOpenStore:
    @pytest.fixture(autouse=True)
    def no_stores(self):
        s3.store._forget_stores()
        yield
        s3.store._forget_stores()

    def test_is_one_for_all_threads_of_a_process(self, location):
        assert open_store(location) is open_store(replace(location))

    def test_is_another_for_other_keys_and_for_another_policy(self, location):
        store = open_store(location)
        assert open_store(replace(location, secret_access_key="new")) is not store
        before = outbound.current_policy()
        outbound.configure(Policy(allow_http=True))
        try:
            assert open_store(location) is not store
        finally:
            outbound.configure(before)

    def test_keeps_those_used_last(self, location):
        first, second = open_store(location), open_store(replace(location, region="r"))
        for n in range(62):
            open_store(replace(location, bucket=f"bucket-{n}"))
        assert open_store(location) is first
        open_store(replace(location, bucket="one-more"))
        assert open_store(location) is first
        assert open_store(replace(location, region="r")) is not second

    def test_a_forked_child_dials_anew(self, location):
        store = open_store(location)
        receiver, sender = os.pipe()
        child = os.fork()
        if not child:
            os.write(sender, b"other" if open_store(location) is not store else b"same!")
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(receiver, 5) == b"other"
        os.close(receiver)
        os.close(sender)
