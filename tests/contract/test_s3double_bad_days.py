"""What can be made to go wrong with the strict double, and what goes right without it."""

import base64
import contextlib
import hashlib
import ipaddress
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.base import Location
from tests.s3double import ObjectLock, S3Double, allow_all, checksums
from tests.s3double.requests import Request

MIB = 1024 * 1024


@pytest.fixture
def double() -> Iterator[S3Double]:
    with S3Double(seed=7) as found:
        found.add_account()
        found.add_bucket("bkt")
        yield found


@pytest.fixture
def owner(double: S3Double) -> Iterator[Any]:
    client = double.client(double.add_account())
    yield client
    client.close()


@pytest.fixture
def plain(double: S3Double) -> Iterator[Any]:
    """One that sends no checksum unless it is told to."""
    client = double.client(double.add_account(), request_checksum_calculation="when_required")
    yield client
    client.close()


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


def put(client: Any, key: str = "k", body: bytes = b"bytes", **more: Any) -> Any:
    return client.put_object(Bucket="bkt", Key=key, Body=body, **more)


def read(client: Any, key: str = "k") -> bytes:
    content: bytes = client.get_object(Bucket="bkt", Key=key)["Body"].read()
    return content


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


REFUSING = {
    "no_new_checksums": (put, (501, "NotImplemented")),
    "closed_account": (read, (403, "AllAccessDisabled")),
    "quota_reached": (put, (403, "QuotaExceeded")),
    "no_conditional_put_501": (lambda c: put(c, "n", IfNoneMatch="*"), (501, "NotImplemented")),
    "no_acl_501": (
        lambda c: put(c, ACL="bucket-owner-full-control"),
        (501, "NotImplemented"),
    ),
    "no_delete": (lambda c: c.delete_object(Bucket="bkt", Key="k"), (403, "AccessDenied")),
    "no_settings_501": (
        lambda c: c.get_public_access_block(Bucket="bkt"),
        (501, "NotImplemented"),
    ),
}


class TestQuirks:
    @pytest.mark.parametrize("name", REFUSING)
    def test_one_refuses_what_is_taken_without_it(
        self, double: S3Double, owner: Any, name: str
    ) -> None:
        call, expected = REFUSING[name]
        put(owner)
        call(owner)
        put(owner)
        setattr(double.quirks, name, True)
        assert refusal(lambda: call(owner)) == expected

    def test_one_may_refuse_with_another_code(self, double: S3Double, owner: Any) -> None:
        double.quirks.no_new_checksums = "InvalidArgument"
        assert refusal(lambda: put(owner)) == (400, "InvalidArgument")
        double.quirks.quota_reached = "StorageCapExceeded"
        double.quirks.no_new_checksums = False
        assert refusal(lambda: put(owner)) == (403, "StorageCapExceeded")

    def test_what_is_ignored_is_refused_without_it(self, double: S3Double, owner: Any) -> None:
        put(owner)
        cases = {
            "ignores_conditions": {"IfNoneMatch": "*"},
            "ignores_checksums": {"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="},
            "ignores_expected_owner": {"ExpectedBucketOwner": "999999999999"},
        }
        for name, more in cases.items():
            assert refusal(lambda m=more: put(owner, **m))[0] in {400, 403, 412}
            setattr(double.quirks, name, True)
            put(owner, **more)

    def test_names_are_mangled(self, double: S3Double, owner: Any) -> None:
        put(owner, "a b+é")
        double.quirks.mangles_names = True
        put(owner, "c d+é")
        assert read(owner, "a b+é") == b"bytes"
        assert refusal(lambda: read(owner, "c d+é")) == (404, "NoSuchKey")

    def test_reads_are_corrupted(self, double: S3Double, owner: Any) -> None:
        put(owner)
        double.quirks.no_checksums_told = True  # else boto3 would find out
        assert read(owner) == b"bytes"
        double.quirks.corrupts_reads = True
        assert read(owner) == b"cytes"

    def test_a_clock_may_be_off(self, double: S3Double, owner: Any) -> None:
        double.quirks.clock_offset_s = 600
        put(owner)
        double.quirks.clock_offset_s = 1000
        assert refusal(lambda: put(owner)) == (403, "RequestTimeTooSkewed")

    def test_presigned_links_are_refused(
        self, double: S3Double, owner: Any, http: urllib3.PoolManager
    ) -> None:
        put(owner)
        link = owner.generate_presigned_url("get_object", Params={"Bucket": "bkt", "Key": "k"})
        assert http.request("GET", link).status == 200
        double.quirks.refuses_presigned = True
        assert http.request("GET", link).status == 403

    def test_the_signatures_of_old_are_refused(
        self, double: S3Double, http: urllib3.PoolManager
    ) -> None:
        client = double.client(double.add_account(), signature_version="s3")
        link = client.generate_presigned_url("get_object", Params={"Bucket": "bkt", "Key": "k"})
        assert refusal(lambda: put(client)) == (400, "InvalidRequest")
        client.close()
        assert http.request("GET", link).status == 400

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("AuthorizationHeaderMalformed", 400),
            ("PermanentRedirect", 301),
            ("TemporaryRedirect", 307),
            ("IllegalLocationConstraintException", 400),
        ],
    )
    def test_a_wrong_region_is_refused_in_several_ways(
        self, double: S3Double, code: str, status: int
    ) -> None:
        double.add_bucket("far", region="eu-north-1")
        double.quirks.wrong_region_code = code
        client = double.client(double.add_account())
        answers = []  # boto3 goes where it is sent, so the first is looked at
        client.meta.events.register(
            "response-received.s3", lambda response_dict, **_: answers.append(response_dict)
        )
        try:
            client.list_objects_v2(Bucket="far")
        except (ClientError, BotoCoreError):
            pass
        finally:
            client.close()
        assert answers[0]["status_code"] == status
        assert code.encode() in answers[0]["body"]
        assert answers[0]["headers"].get("x-amz-bucket-region") == "eu-north-1"


class TestFaults:
    def test_a_code_comes_as_often_as_planned(self, double: S3Double, owner: Any) -> None:
        fault = double.faults.add(
            operation="PutObject", code="SlowDown", times=2, headers={"Retry-After": "3"}
        )
        assert refusal(lambda: put(owner)) == (503, "SlowDown")
        assert refusal(lambda: put(owner)) == (503, "SlowDown")
        put(owner)
        assert read(owner) == b"bytes"
        assert fault.n_injected == double.faults.n_injected == 2

    def test_one_may_wait_and_look_at_the_key(self, double: S3Double, owner: Any) -> None:
        double.faults.add(operation="PutObject", code="InternalError", after=1, key_prefix="a/")
        put(owner, "b/1")
        put(owner, "a/1")
        put(owner, "b/2")
        assert refusal(lambda: put(owner, "a/2")) == (500, "InternalError")

    def test_a_reset_does_nothing_and_a_lost_answer_did_it(
        self, double: S3Double, owner: Any
    ) -> None:
        double.faults.add(operation="PutObject", code="reset")
        with pytest.raises(BotoCoreError):
            put(owner, "reset")
        double.faults.add(operation="PutObject", code="lost")
        with pytest.raises(BotoCoreError):
            put(owner, "lost")
        assert list(double.buckets["bkt"].objects) == ["lost"]

    def test_an_answer_is_cut(self, double: S3Double, owner: Any) -> None:
        put(owner, body=b"x" * 1000)
        double.faults.add(operation="GetObject", code="truncate")
        with pytest.raises(Exception, match=r"500|[Ii]ncomplete|broken"):
            read(owner)

    def test_a_stall_ends_with_the_server(self, http: urllib3.PoolManager) -> None:
        double = S3Double()
        double.faults.add(code="stall:3600")
        failures: list[BaseException] = []

        def ask() -> None:
            try:
                http.request("GET", double.endpoint_url)
            except urllib3.exceptions.HTTPError as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while not double.log:
            time.sleep(0.001)
        double.close()
        asking.join(5)
        assert not asking.is_alive()
        assert failures

    def test_an_error_comes_with_status_200(self, double: S3Double, owner: Any) -> None:
        double.faults.add(operation="CopyObject", code="InternalError", status=200)
        put(owner)
        source = {"Bucket": "bkt", "Key": "k"}
        status, code = refusal(
            lambda: owner.copy_object(Bucket="bkt", Key="copy", CopySource=source)
        )
        assert code == "InternalError"
        assert status in {200, 500}  # boto3 makes a 500 of it

    def test_what_was_damaged_behind_the_check_is_known_by_its_etag(
        self, double: S3Double, owner: Any
    ) -> None:
        double.faults.add(code="damage", operation="PutObject")
        body = b"the right bytes"
        told = owner.put_object(Bucket="bkt", Key="k", Body=body, ChecksumAlgorithm="SHA256")
        kept = owner.get_object(Bucket="bkt", Key="k")["Body"].read()
        assert kept != body
        assert len(kept) == len(body)
        assert told["ETag"] == f'"{hashlib.md5(kept).hexdigest()}"'
        assert told["ChecksumSHA256"] == checksums.of_chunks("sha256", [kept])
        assert double.buckets["bkt"].objects["k"].content.is_damaged

    def test_nothing_is_damaged_to_one_byte(self, double: S3Double, owner: Any) -> None:
        double.faults.add(code="damage", operation="PutObject")
        put(owner, body=b"")
        assert len(double.buckets["bkt"].objects["k"].read()) == 1

    def test_a_read_is_corrupted_and_the_next_is_not(self, double: S3Double, owner: Any) -> None:
        put(owner, body=b"bytes")
        double.faults.add(code="corrupt", operation="GetObject")
        credulous = double.client(
            double.add_account(), response_checksum_validation="when_required"
        )
        assert read(credulous) != b"bytes"
        assert read(credulous) == b"bytes"
        credulous.close()

    def test_an_etag_is_wrong_and_no_checksum_told(self, double: S3Double, owner: Any) -> None:
        double.faults.add(code="wrong_etag", operation="PutObject")
        told = owner.put_object(Bucket="bkt", Key="k", Body=b"1", ChecksumAlgorithm="SHA256")
        assert told["ETag"] == f'"{"0" * 32}"'
        assert "ChecksumSHA256" not in told

    def test_a_copy_is_made_and_an_error_answered_with_status_200(
        self, double: S3Double, owner: Any
    ) -> None:
        put(owner)
        double.faults.add(code="error_in_200", operation="CopyObject")
        source = {"Bucket": "bkt", "Key": "k"}
        _, code = refusal(lambda: owner.copy_object(Bucket="bkt", Key="copy", CopySource=source))
        assert code == "InternalError"
        assert "copy" in double.buckets["bkt"].objects

    def test_the_same_call_meets_the_same_fault_in_any_order(self) -> None:
        def codes(names: list[str]) -> dict[str, str]:
            with S3Double(seed=3) as double:
                double.add_bucket("bkt")
                double.faults.by_name(0.5, ("InternalError", "SlowDown:7"))
                client = double.client(double.add_account())
                for name in names:
                    with contextlib.suppress(ClientError):
                        client.put_object(Bucket="bkt", Key=f"any/{name}", Body=b"1")
                client.close()
                assert double.faults.n_injected == double.faults.injected.total()
                assert double.faults.n_asked == len(names)
                return {call.key: call.code for call in double.log}

        names = [str(n) for n in range(20)]
        assert codes(names) == codes(names[::-1])
        assert set(codes(names).values()) == {"", "SlowDown", "InternalError"}

    def test_slow_down_says_when_to_come_again(self, double: S3Double, owner: Any) -> None:
        double.faults.by_name(1, ("SlowDown:7",))
        with pytest.raises(ClientError) as refused:
            put(owner)
        headers = refused.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["retry-after"] == "7"

    def test_chance_is_repeated_by_its_seed(self) -> None:
        def codes() -> list[str]:
            with S3Double(seed=3) as double:
                double.add_bucket("bkt")
                double.faults.at_random(0.5)
                client = double.client(double.add_account())
                for n in range(20):
                    try:
                        put(client, str(n))
                    except ClientError:
                        continue
                client.close()
                return [call.code for call in double.log]

        first = codes()
        assert first == codes()
        assert {"", "SlowDown", "InternalError"} == set(first)


class TestServer:
    def test_it_starts_and_ends_in_no_time(self) -> None:
        began = time.perf_counter()
        for _ in range(10):
            S3Double().close()
        assert time.perf_counter() - began < 0.2

    def test_the_fixture_lets_our_own_store_through_the_guard(self, s3double: S3Double) -> None:
        user = s3double.add_user("alice", policies=[allow_all("s3:*")])
        s3double.add_bucket("bkt")
        location = Location(
            "bkt",
            "us-east-1",
            user.access_key_id,
            user.secret_access_key,
            s3double.endpoint_url,
        )
        store = S3Store(location)
        assert list(store.list_objects()) == []
        store.close()
        assert s3double.log[0].principal_arn == user.arn

    def test_a_closed_one_listens_no_more(self) -> None:
        double = S3Double()
        double.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(double.host_and_port)

    def test_what_was_asked_is_noted_without_the_signature(
        self, double: S3Double, owner: Any
    ) -> None:
        put(owner, ExpectedBucketOwner="111122223333")
        (call,) = double.calls("PutObject")
        assert (call.bucket, call.key, call.status, call.code) == ("bkt", "k", 200, "")
        assert call.expected_owner == "111122223333"
        assert call.principal_arn == "arn:aws:iam::111122223333:root"
        assert "authorization" not in call.headers

    def test_a_hundred_megabytes_go_through_a_file(
        self, double: S3Double, owner: Any, tmp_path: Any
    ) -> None:
        block = os.urandom(MIB)
        path = tmp_path / "big"
        with path.open("wb") as big:
            for _ in range(100):
                big.write(block)
        with path.open("rb") as big:
            etag = put(owner, body=big)["ETag"].strip('"')
        assert etag == hashlib.md5(block * 100).hexdigest()
        stored = double.buckets["bkt"].objects["k"]
        assert stored.size == 100 * MIB
        assert len(stored.content.blobs[0]._start) == 0
        answer = owner.get_object(Bucket="bkt", Key="k", Range=f"bytes={99 * MIB}-")
        assert answer["Body"].read() == block

    def test_a_bucket_may_be_in_the_host(
        self, double: S3Double, owner: Any, http: urllib3.PoolManager
    ) -> None:
        put(owner, "/k")
        host, port = double.host_and_port
        double.buckets["bkt"].block = None
        double.buckets["bkt"].policy = {
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
            ]
        }
        headers = {"Host": f"bkt.s3.test:{port}"}
        with socket.create_connection((host, port)) as connection:
            connection.sendall(
                f"GET //k HTTP/1.1\r\nHost: {headers['Host']}\r\nConnection: close\r\n\r\n".encode()
            )
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"\r\n\r\nbytes")

    def test_it_speaks_tls_with_a_certificate_given(self, tmp_path: Path) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(_certificate(tmp_path / "own.pem"))
        url_of: dict[str, int] = {}
        with S3Double(tls=context) as double:
            trusting = urllib3.PoolManager(retries=False, ca_certs=str(tmp_path / "own.pem"))
            url_of["trusting"] = trusting.request("GET", double.endpoint_url).status
            wary = urllib3.PoolManager(retries=False)
            with pytest.raises(urllib3.exceptions.SSLError):
                wary.request("GET", double.endpoint_url)
            trusting.clear()
            wary.clear()
        assert url_of == {"trusting": 403}

    @pytest.mark.parametrize("damage", [b"", b"x"])
    def test_each_chunk_of_a_chunked_body_is_signed(
        self, double: S3Double, http: urllib3.PoolManager, damage: bytes
    ) -> None:
        """As clients of other languages send what they cannot read twice."""
        owner = double.add_account()
        url = f"{double.endpoint_url}/bkt/chunked"
        request = AWSRequest(method="PUT", url=url, headers={"x-amz-decoded-content-length": "9"})
        signer = _ChunkedAuth(
            Credentials(owner.access_key_id, owner.secret_access_key), "s3", "us-east-1"
        )
        signer.add_auth(request)
        seed = request.headers["Authorization"].rpartition("=")[2]
        body = b""
        for data in (b"12345", b"6789", b""):
            seed = signer.sign_chunk(request, seed, data)
            sent = data[: -len(damage)] + damage if data and damage else data
            body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(data), seed.encode(), sent)
        answer = http.request("PUT", url, body=body, headers=dict(request.headers.items()))
        if damage:
            assert (answer.status, b"SignatureDoesNotMatch" in answer.data) == (403, True)
            assert double.buckets["bkt"].objects == {}
        else:
            assert answer.status == 200
            assert double.buckets["bkt"].objects["chunked"].read() == b"123456789"

    def test_checksums_may_come_behind_the_body(
        self, double: S3Double, http: urllib3.PoolManager
    ) -> None:
        owner = double.add_account()
        url = f"{double.endpoint_url}/bkt/trailer"
        for text, status in (("y/Q5Jg==", 200), ("y/Q5Jw==", 400)):  # the CRC of 123456789
            headers = {"x-amz-decoded-content-length": "9", "x-amz-trailer": "x-amz-checksum-crc32"}
            request = AWSRequest(method="PUT", url=url, headers=headers)
            signer = _TrailerAuth(
                Credentials(owner.access_key_id, owner.secret_access_key), "s3", "us-east-1"
            )
            signer.add_auth(request)
            body = b"9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % text.encode()
            sent = dict(request.headers.items())
            assert http.request("PUT", url, body=body, headers=sent).status == status

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("crc32", "y/Q5Jg=="),
            ("crc32c", "4waSgw=="),
            ("crc64nvme", "rosUhgp5mIg="),
        ],
    )
    def test_checksums_are_those_of_the_standards(self, name: str, expected: str) -> None:
        assert checksums.of_chunks(name, [b"12345", b"6789"]) == expected

    def test_a_header_added_behind_the_signature_is_refused(
        self, double: S3Double, http: urllib3.PoolManager
    ) -> None:
        owner = double.add_account()
        url = f"{double.endpoint_url}/bkt/k"
        request = AWSRequest(method="PUT", url=url, data=b"")
        credentials = Credentials(owner.access_key_id, owner.secret_access_key)
        S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        headers = dict(request.headers.items())
        assert http.request("PUT", url, headers=headers).status == 200
        answer = http.request("PUT", url, headers=headers | {"x-amz-acl": "private"})
        assert (answer.status, b"not signed" in answer.data) == (403, True)

    def test_object_lock_wants_a_checksum(self, double: S3Double, plain: Any) -> None:
        double.buckets["bkt"].object_lock = ObjectLock("GOVERNANCE", 1)
        assert refusal(lambda: put(plain)) == (400, "InvalidRequest")
        put(plain, ContentMD5=base64.b64encode(hashlib.md5(b"bytes").digest()).decode())
        put(plain, ChecksumAlgorithm="SHA256")

    def test_a_part_has_the_checksum_that_was_announced(self, plain: Any) -> None:
        names = {"Bucket": "bkt", "Key": "big"}
        for announced, code in (({"ChecksumAlgorithm": "SHA256"}, ""), ({}, "InvalidRequest")):
            upload = plain.create_multipart_upload(**names, **announced)["UploadId"]
            send = lambda u=upload: plain.upload_part(  # noqa: E731
                **names, UploadId=u, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256"
            )
            if code:
                assert refusal(send) == (400, code)
            else:
                send()

    def test_the_parts_of_a_checked_upload_are_named_with_their_checksums(self, plain: Any) -> None:
        names = {"Bucket": "bkt", "Key": "big"}
        upload = plain.create_multipart_upload(**names, ChecksumAlgorithm="SHA256")["UploadId"]
        answer = plain.upload_part(
            **names, UploadId=upload, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256"
        )
        part = {"PartNumber": 1, "ETag": answer["ETag"]}
        complete = lambda *parts: plain.complete_multipart_upload(  # noqa: E731
            **names, UploadId=upload, MultipartUpload={"Parts": parts}
        )
        assert refusal(lambda: complete(part)) == (400, "InvalidRequest")
        complete(part | {"ChecksumSHA256": answer["ChecksumSHA256"]})

    def test_a_delete_in_between_makes_a_conflict(
        self, double: S3Double, owner: Any, plain: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If-None-Match looks at what was there when the request began."""
        put(owner)
        came, began = threading.Event(), double.began

        def note_that_one_came(request: Request) -> int:
            tick = began(request)
            came.set()
            return tick

        def delete() -> None:
            assert came.wait(10)
            owner.delete_object(Bucket="bkt", Key="k")

        monkeypatch.setattr(double, "began", note_that_one_came)
        body = _SlowBody(delete)
        found = refusal(lambda: put(plain, body=body, IfNoneMatch="*"))
        assert found == (409, "ConditionalRequestConflict")


class _ChunkedAuth(S3SigV4Auth):
    def payload(self, request: Any) -> str:
        return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

    def sign_chunk(self, request: Any, previous: str, data: bytes) -> str:
        hashes = [hashlib.sha256().hexdigest(), hashlib.sha256(data).hexdigest()]
        head = ["AWS4-HMAC-SHA256-PAYLOAD", request.context["timestamp"]]
        text = "\n".join([*head, self.credential_scope(request), previous, *hashes])
        return str(self.signature(text, request))


class _TrailerAuth(S3SigV4Auth):
    def payload(self, request: Any) -> str:
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def _certificate(path: Path) -> Path:
    """One that vouches for itself, with its key, for 127.0.0.1."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "s3double")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + secret)
    return path


class _SlowBody:
    """While its last byte is read for sending, something else happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._data, self._at, self._n_reads, self._meanwhile = b"bytes", 0, 0, meanwhile

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (len(self._data) if whence == 2 else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, amount: int = -1) -> bytes:
        data = self._data[self._at :]
        self._at = len(self._data)
        self._n_reads += bool(data)
        if self._n_reads == 2 and data:  # the first time it is hashed
            self._meanwhile()
        return data
