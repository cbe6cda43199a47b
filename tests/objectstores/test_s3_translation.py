"""Each thing a provider or the network can say becomes the right error, whichever way it came."""

import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO

import pytest
import urllib3
from botocore.exceptions import BotoCoreError

from storages_app.lib import outbound
from storages_app.lib.wire import Wire
from storages_app.objectstores import errors
from storages_app.objectstores.backends.s3 import S3Store, transport
from storages_app.objectstores.backends.s3.translation import (
    control_call,
    error_of,
    retry_after,
    translated,
)
from storages_app.objectstores.base import PartReceipt, PutOptions
from tests.objectstores.conftest import CLOSE, HANG, answer, error

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

CASES = [
    (403, "InvalidAccessKeyId", "", errors.UnknownAccessKey),
    (403, "InvalidClientTokenId", "", errors.UnknownAccessKey),
    (403, "SignatureDoesNotMatch", "", errors.WrongSecret),
    (403, "AccessDenied", "Access Denied", errors.AccessDenied),
    (403, "AccountProblem", "", errors.AccountClosed),
    (403, "AllAccessDisabled", "", errors.AccountClosed),
    (403, "InvalidPayer", "", errors.AccountClosed),
    (403, "UserSuspended", "", errors.AccountClosed),
    (403, "AccessDenied", "Your account has been suspended.", errors.AccountClosed),
    (403, "", "", errors.AccessDenied),
    (401, "Unauthorized", "", errors.AccessDenied),
    (400, "ExpiredToken", "", errors.CredentialsExpired),
    (400, "InvalidToken", "", errors.CredentialsExpired),
    (403, "RequestTimeTooSkewed", "", errors.ClockSkewed),
    (403, "AccessDenied", "is not authorized to perform: kms:GenerateDataKey", errors.KmsDenied),
    (400, "KMS.DisabledException", "", errors.KmsKeyUnusable),
    (400, "KMS.NotFoundException", "", errors.KmsKeyUnusable),
    (400, "KMS.KMSInvalidStateException", "", errors.KmsKeyUnusable),
    (400, "KMSInvalidStateException", "", errors.KmsKeyUnusable),
    (400, "KMS.AccessDeniedException", "", errors.KmsDenied),
    (403, "InvalidObjectState", "", errors.Archived),
    (404, "NoSuchBucket", "", errors.BucketMissing),
    (404, "NoSuchKey", "", errors.ObjectMissing),
    (404, "NoSuchVersion", "", errors.ObjectMissing),
    (404, "NoSuchUpload", "", errors.UploadMissing),
    (400, "InvalidPart", "", errors.UploadMissing),
    (404, "", "", errors.ObjectMissing),
    (409, "ConditionalRequestConflict", "", errors.ConditionConflict),
    (409, "OperationAborted", "", errors.ConditionConflict),
    (412, "PreconditionFailed", "", errors.KeyTaken),
    (400, "BadDigest", "", errors.ChecksumRefused),
    (400, "InvalidDigest", "", errors.ChecksumRefused),
    (400, "XAmzContentSHA256Mismatch", "", errors.ChecksumRefused),
    (400, "XAmzContentChecksumMismatch", "", errors.ChecksumRefused),
    (400, "AccessControlListNotSupported", "", errors.AclNotSupported),
    (501, "NotImplemented", "Header 'x-amz-acl' not implemented", errors.AclNotSupported),
    (501, "NotImplemented", "", errors.NotSupported),
    (
        501,
        "NotImplemented",
        "Header 'x-amz-sdk-checksum-algorithm' with value 'CRC32' not implemented",
        errors.NotSupported,
    ),
    (
        400,
        "InvalidArgument",
        "Unsupported header 'x-amz-sdk-checksum-algorithm' received for this API call.",
        errors.NotSupported,
    ),
    (400, "InvalidArgument", "x-amz-checksum-sha256 is not supported", errors.NotSupported),
    (
        400,
        "InvalidRequest",
        "Value for x-amz-checksum-sha256 header is invalid.",
        errors.ObjectStoreError,  # ours is, and no older way would mend it
    ),
    (
        400,
        "InvalidRequest",
        (
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with "
            "Object Lock parameters"
        ),
        errors.ChecksumRequired,
    ),
    (
        400,
        "InvalidRequest",
        "Missing required header for this request: Content-MD5",
        errors.ChecksumRequired,
    ),
    (400, "MissingContentMD5", "", errors.ChecksumRequired),
    (400, "InvalidArgument", "Unknown storage class", errors.StorageClassInvalid),
    (
        400,
        "InvalidArgument",
        "Credential access key has length 20, should be 32",
        errors.UnknownAccessKey,
    ),
    (400, "InvalidArgument", "", errors.ObjectStoreError),
    (405, "MethodNotAllowed", "", errors.NotSupported),
    (400, "KeyTooLongError", "", errors.KeyInvalid),
    (400, "XMinioInvalidObjectName", "", errors.KeyInvalid),
    (400, "EntityTooLarge", "", errors.ObjectTooLarge),
    (413, "", "", errors.ObjectTooLarge),
    (400, "InvalidStorageClass", "", errors.StorageClassInvalid),
    (400, "InvalidBucketName", "", errors.AddressInvalid),
    (403, "QuotaExceeded", "", errors.QuotaExceeded),
    (403, "AccessDenied", "Storage cap exceeded.", errors.QuotaExceeded),
    (
        403,
        "AccessDenied",
        "Cannot upload files, storage cap exceeded. See the Caps & Alerts page to increase it.",
        errors.QuotaExceeded,
    ),
    (403, "AccessDenied", "storage_cap_exceeded", errors.QuotaExceeded),
    (403, "AccessDenied", "You exceeded the bucket quota", errors.QuotaExceeded),
    (403, "AccessDenied", "Trial storage limit reached", errors.QuotaExceeded),
    (400, "XMinioBucketQuotaExceeded", "", errors.QuotaExceeded),
    (507, "XMinioStorageFull", "", errors.QuotaExceeded),
    (503, "SlowDown", "Request rate quota exceeded", errors.Throttled),
    (403, "RegionDisabledException", "", errors.RegionDisabled),
    (403, "AccessDenied", "Access to the captain's log is denied", errors.AccessDenied),
    (
        403,
        "AccessDenied",
        "is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::b/cap exceeded kms:G",
        errors.AccessDenied,
    ),
    (507, "", "", errors.QuotaExceeded),
    (503, "SlowDown", "", errors.Throttled),
    (429, "", "", errors.Throttled),
    (400, "RequestTimeout", "", errors.TimedOut),
    (504, "", "", errors.TimedOut),
    (400, "IncompleteBody", "", errors.ConnectionFailed),
    (500, "InternalError", "", errors.ServerError),
    (502, "", "", errors.ServerError),
    (503, "ServiceUnavailable", "", errors.ServerError),
    (400, "AuthorizationHeaderMalformed", "a non-empty key is needed", errors.UnknownAccessKey),
    (400, "SomethingNew", "", errors.ObjectStoreError),
]


def put(store, key="key", body=b"", **options):
    sha256 = options.pop("sha256", EMPTY)
    return store.put(
        key, BytesIO(body), size=len(body), sha256=sha256, options=PutOptions(**options)
    )


def listed(store):
    return list(store.list_objects())


class TestAnswers:
    @pytest.mark.parametrize("ask", [put, listed], ids=["put", "list"])
    @pytest.mark.parametrize(("status", "code", "message", "kind"), CASES)
    def test_become_our_errors_on_both_ways(self, store, canned, ask, status, code, message, kind):
        canned.answers = [error(status, code, message, **{"x-amz-request-id": "REQ1"})]
        with pytest.raises(errors.ObjectStoreError) as caught:
            ask(store)
        assert type(caught.value) is kind
        assert caught.value.http_status == status
        assert caught.value.provider_code == code
        assert caught.value.request_id == "REQ1"
        assert caught.value.operation == {put: "PutObject", listed: "ListObjectsV2"}[ask]
        assert len(canned.requests) == 1  # nobody retried

    @pytest.mark.parametrize("ask", [put, listed], ids=["put", "list"])
    @pytest.mark.parametrize(
        "said",
        [
            error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
            error(307, "TemporaryRedirect", x_amz_bucket_region="eu-west-1"),
            error(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-1</Region>"),
            error(400, "AuthorizationHeaderMalformed", "'us' is wrong; expecting 'eu-west-1'"),
            error(400, "IllegalLocationConstraintException", x_amz_bucket_region="eu-west-1"),
            answer(301, x_amz_bucket_region="eu-west-1", location="http://127.0.0.1:1/"),
        ],
    )
    def test_another_region_is_told_and_not_followed(self, store, canned, ask, said):
        canned.answers = [said]
        with pytest.raises(errors.RegionRedirect) as caught:
            ask(store)
        assert caught.value.region == "eu-west-1"
        assert len(canned.requests) == 1

    def test_a_region_that_is_none_is_not_passed_on(self):
        found = error_of(
            "PutObject",
            status=301,
            headers={"x-amz-bucket-region": "<script>"},
            body=b"<Region>e.evil.example/</Region>",
        )
        assert isinstance(found, errors.RegionRedirect)
        assert found.region == ""

    @pytest.mark.parametrize(
        ("status", "headers", "kind"),
        [
            (404, {}, errors.ObjectMissing),
            (403, {}, errors.AccessDenied),
            (301, {"x-amz-bucket-region": "eu-west-1"}, errors.RegionRedirect),
            (400, {"x-amz-bucket-region": "eu-west-1"}, errors.RegionRedirect),
            (400, {}, errors.ObjectStoreError),
            (412, {}, errors.KeyTaken),
            (503, {}, errors.ServerError),
            (503, {"retry-after": "7"}, errors.Throttled),
        ],
    )
    def test_a_head_is_judged_by_its_status(self, store, canned, status, headers, kind):
        canned.answers = [answer(status, **headers)]
        with pytest.raises(errors.ObjectStoreError) as caught:
            store.head("key")
        assert type(caught.value) is kind

    def test_a_refused_acl_is_named_so(self, store, canned):
        canned.answers = [error(403, "AccessDenied")]
        with pytest.raises(errors.AclDenied):
            store.set_public("key")

    def test_a_refused_put_with_an_acl_may_be_either(self, store, canned):
        canned.answers = [error(403, "AccessDenied")]
        with pytest.raises(errors.AccessDenied):
            put(store, is_public=True)
        assert canned.headers()["x-amz-acl"] == "public-read"

    @pytest.mark.parametrize("start", ["", "<?xml version='1.0'?>\n", "\n  "])
    def test_an_error_under_the_status_of_success_is_one(self, store, canned, start):
        body = f"{start}<Error><Code>InternalError</Code></Error>".encode()
        canned.answers = [answer(200, body)]
        with pytest.raises(errors.ServerError) as caught:
            store.complete_multipart("k", "id", [PartReceipt(1, "e")], only_if_absent=False)
        assert caught.value.operation == "CompleteMultipartUpload"

    def test_a_conflict_at_the_end_of_a_multipart_is_told(self, store, canned):
        canned.answers = [error(412, "PreconditionFailed")]
        with pytest.raises(errors.KeyTaken):
            store.complete_multipart("k", "id", [PartReceipt(1, "e")], only_if_absent=True)
        assert canned.headers()["if-none-match"] == "*"

    @pytest.mark.parametrize("body", [b"", b"<html>welcome", b"{}", b"\xff\xfe", b"<a><b></a>"])
    def test_a_server_that_is_no_s3_is_no_crash(self, store, canned, body):
        canned.answers = [answer(200, body)]
        for ask in (listed, lambda s: s.start_multipart("k", PutOptions())):
            try:
                found = ask(store)
            except errors.ObjectStoreError:
                continue
            assert found == []

    def test_text_of_the_provider_is_cut_and_cleaned(self):
        code = "A" * 500 + "\r\nx: y"
        found = error_of(
            "PutObject",
            status=400,
            headers={"x-amz-request-id": "id\r\n" + "1" * 900, "retry-after": "never"},
            body=f"<Code>{code}</Code><Message>10.0.0.1</Message>".encode(),
        )
        assert found.provider_code == "A" * 64
        assert len(found.request_id) == 200
        assert "10.0.0.1" not in str(found)
        assert found.retry_after is None

    def test_an_endless_answer_is_not_read_to_its_end(self, store, canned, monkeypatch):
        monkeypatch.setattr(transport, "_MAX_BODY", 1000)
        canned.answers = [answer(200, b"x" * 1001)]
        with pytest.raises(errors.ServerError, match="too long"):
            listed(store)


class TestRetryAfter:
    def test_reads_seconds_and_dates(self):
        assert retry_after("120") == 120
        assert retry_after("999999999") == 3600
        assert retry_after("") is None
        assert retry_after("soon") is None
        at = datetime.now(UTC) + timedelta(seconds=90)
        assert 80 < retry_after(format_datetime(at, usegmt=True)) <= 90
        assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0

    def test_is_told(self, store, canned):
        canned.answers = [error(503, "SlowDown", retry_after="12")]
        with pytest.raises(errors.Throttled) as caught:
            put(store)
        assert caught.value.retry_after == 12


class TestNetwork:
    @pytest.mark.parametrize("ask", [put, listed], ids=["put", "list"])
    def test_a_connection_that_breaks_is_said(self, store, canned, ask):
        canned.answers = [CLOSE]
        with pytest.raises(errors.ConnectionFailed):
            ask(store)
        assert len(canned.requests) == 1

    @pytest.mark.parametrize("ask", [put, listed], ids=["put", "list"])
    def test_a_server_that_hangs_is_left(self, location, policy, canned, ask):
        canned.answers = [HANG]
        impatient = Wire(policy, read_timeout=0.05)
        with pytest.raises(errors.TimedOut):
            ask(S3Store(location, wire=impatient))

    @pytest.mark.parametrize("ask", [put, listed], ids=["put", "list"])
    def test_a_closed_port_is_said(self, location, ask):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        policy = outbound.Policy(allowed_private=frozenset({("127.0.0.1", port)}))
        nobody = replace(location, endpoint_url=f"http://127.0.0.1:{port}")
        with pytest.raises(errors.ConnectionFailed):
            ask(S3Store(nobody, policy=policy))

    @pytest.mark.parametrize(
        ("happened", "kind"),
        [
            (outbound.Forbidden(), errors.EndpointForbidden),
            (outbound.UnparsableAddress(), errors.AddressInvalid),
            (outbound.NameNotFound(), errors.HostNotFound),
            (urllib3.exceptions.SSLError(ssl.SSLCertVerificationError("no")), errors.TlsFailed),
            (urllib3.exceptions.SSLError(ssl.SSLEOFError("gone")), errors.ConnectionFailed),
            (urllib3.exceptions.ConnectTimeoutError(), errors.TimedOut),
            (urllib3.exceptions.ProtocolError("broken"), errors.ConnectionFailed),
            (urllib3.exceptions.IncompleteRead(1, 2), errors.ConnectionFailed),
            (ConnectionResetError(), errors.ConnectionFailed),
            (TimeoutError(), errors.TimedOut),
        ],
    )
    def test_each_fault_has_its_error(self, happened, kind):
        with pytest.raises(errors.ObjectStoreError) as caught, translated("PutObject"):
            raise happened
        assert type(caught.value) is kind
        assert caught.value.operation == "PutObject"
        assert caught.value.__cause__ is happened

    @pytest.mark.parametrize("reason", ["private", "http", "port"])
    def test_why_an_address_is_forbidden_is_passed_on(self, reason):
        with pytest.raises(errors.EndpointForbidden) as caught, translated("PutObject"):
            raise outbound.Forbidden(reason=reason)
        assert caught.value.reason == reason

    @pytest.mark.parametrize("happened", [BotoCoreError(), KeyError("UploadId"), ValueError()])
    def test_an_answer_that_cannot_be_read_is_the_servers_fault(self, happened):
        with pytest.raises(errors.ServerError) as caught, control_call("ListObjectsV2"):
            raise happened
        assert caught.value.__cause__ is happened

    def test_other_errors_pass(self):
        with pytest.raises(ZeroDivisionError), translated("PutObject"):
            raise ZeroDivisionError
