"""What a provider said may be shown to everybody in a project, so nothing in it may be secret."""

import pytest

from storages_app.objectstores import errors
from storages_app.objectstores.backends.s3.concealing import MAX_LENGTH, conceal, cut
from storages_app.objectstores.backends.s3.translation import error_of
from tests.objectstores.conftest import answer, error
from tests.objectstores.test_s3_store import put

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
USER = "arn:aws:iam::111122223333:user/alice"
OBJECT = "arn:aws:s3:::a-bucket/copies/x.jpg"


class TestConceal:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            (f"The key {KEY_ID} is unknown.", "The key …MPLE is unknown."),
            ("key DO00ABCDEFGHJKLMNPQR", "key …NPQR"),
            ("key 0012ab34cd56ef00000000001 is not valid", "key …0001 is not valid"),  # Backblaze
            ("key 4a5b6c7d8e9f4a5b6c7d8e9f4a5b6c7d", "key …6c7d"),  # Cloudflare R2
            ("signature " + "0a" * 32 + " is wrong", "signature [hidden] is wrong"),
            ("?X-Amz-Signature=abc&X-Amz-Date=1", "?X-Amz-Signature=[hidden]&X-Amz-Date=1"),
            ("?Signature=a%2Fb", "?Signature=[hidden]"),
            ("X-Amz-Credential=me/20261122/us-east-1", "X-Amz-Credential=[hidden]"),
            ("X-Amz-Security-Token=abc", "X-Amz-Security-Token=[hidden]"),
            ("AWSAccessKeyId=abc", "AWSAccessKeyId=[hidden]"),
            ("sent Authorization: AWS4 abc\nand", "sent Authorization: [hidden] and"),
            ("AWS4-HMAC-SHA256 Credential=a/b, Signature=c", "Authorization: [hidden]"),
            ("as AWS minio:frJIUN8DYpKDtOLCwo=", "as Authorization: [hidden]"),
            ("It is this. StringToSign was AWS4\n2026", "It is this. …"),
            ("It is this. The Canonical String should be 'GET", "It is this. …"),
            ("It is this. CanonicalRequest: GET\n/", "It is this. …"),
            ("from 10.1.2.3, 8.8.8.8", "from [internal address], 8.8.8.8"),
            ("at 169.254.169.254:80 now", "at [internal address]:80 now"),
            ("at fd00:ec2::254 now", "at [internal address] now"),
            ("at ::1 now", "at [internal address] now"),
            ("at fd00::1. At [::1]:9000.", "at [internal address]. At [[internal address]]:9000."),
            ("at 10.0.0.1.", "at [internal address]."),
            ("via ip-10-0-0-7.ec2.internal", "via [internal address]"),
            ("via minio.svc.local", "via [internal address]"),
            ("two\r\nlines\tand\x00 \u202e more", "two lines and more"),
        ],
    )
    def test_takes_out_what_is_nobodys(self, said, shown):
        assert conceal(said) == shown

    @pytest.mark.parametrize(
        "said",
        [
            f"User: {USER} is not authorized to perform: s3:PutObject on resource: {OBJECT}",
            "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "arn:aws:iam::aws:policy/AmazonS3FullAccess",
            "Please use AWS4-HMAC-SHA256.",
            "The XAmzContentSHA256Mismatch of mybucketwithaverylongname is odd.",
            "Version 1.2.3 expects 2001 of 12:30:45",
            "Unsupported header 'x-amz-sdk-checksum-algorithm' received for this API call.",
            "copies/6f1c0c6e-6a9f-4f5e-8f1d-0d3f1c2b3a4d/photo.jpg",
        ],
    )
    def test_leaves_what_helps(self, said):
        assert conceal(said) == said

    def test_takes_out_what_we_sent_whatever_it_looks_like(self):
        known = ("my key id", SECRET, "to/ken+")
        said = f"my key id, {SECRET}, {SECRET.replace('/', '%2F')}, to/ken+, to%2Fken%2B"
        assert conceal(said, known) == "…y id, [hidden], [hidden], [hidden], [hidden]"

    def test_is_quick_with_hostile_text(self):
        for part in (
            "A1" * 999,
            ":" * 1999,
            "10." * 600,
            "<style>" * 500,
            "a." * 999,
            "AWS " * 499,
        ):
            assert len(conceal(part)) <= len(part) + 20

    def test_is_cut(self):
        assert cut("x" * MAX_LENGTH) == "x" * 500
        assert cut("x" * 501) == "x" * 499 + "…"


class TestErrors:
    @pytest.mark.parametrize("way", ["put", "list"])
    def test_know_what_was_said(self, store, canned, way):
        canned.answers = [error(403, "AccessDenied", "No: AKIATEST, a-secret-of-the-tests")]
        with pytest.raises(errors.AccessDenied) as caught:
            put(store) if way == "put" else list(store.list_objects())
        assert caught.value.provider_message == "No: …TEST, [hidden]"
        assert "secret-of" not in repr(vars(caught.value)) + str(caught.value)

    def test_show_no_credentials_in_other_places(self, store, canned):
        canned.answers = [error(400, "AKIATEST", x_amz_request_id="a-secret-of-the-tests")]
        with pytest.raises(errors.ObjectStoreError) as caught:
            put(store)
        assert caught.value.provider_code == "TEST"
        assert caught.value.request_id == "[hidden]"

    def test_tell_the_missing_right(self):
        said = (
            f"User: {USER} is not authorized to perform: kms:GenerateDataKey on resource: "
            "arn:aws:kms:eu-central-1:111122223333:key/1234abcd because no resource-based policy "
            "allows the kms:GenerateDataKey action"
        )
        found = error_of(
            "PutObject",
            status=403,
            headers={},
            body=f"<Error><Code>AccessDenied</Code><Message>{said}</Message></Error>".encode(),
        )
        assert isinstance(found, errors.KmsDenied)
        assert found.action == "kms:GenerateDataKey"
        assert found.principal == USER
        assert found.resource == "arn:aws:kms:eu-central-1:111122223333:key/1234abcd"

    def test_tell_no_right_that_is_not_named(self, store, canned):
        canned.answers = [error(403, "AccessDenied", "Access Denied")]
        with pytest.raises(errors.AccessDenied) as caught:
            put(store)
        refusal = caught.value
        assert (refusal.action, refusal.principal, refusal.resource) == ("", "", "")

    @pytest.mark.parametrize(
        ("code", "message", "reason"),
        [
            ("KMS.DisabledException", "", "disabled"),
            ("KMS.NotFoundException", "", "not found"),
            ("KMS.KMSInvalidStateException", "key is pending deletion.", "waiting for deletion"),
            ("KMS.KMSInvalidStateException", "key is pending import.", ""),
        ],
    )
    def test_tell_the_state_of_a_kms_key(self, store, canned, code, message, reason):
        canned.answers = [error(400, code, message)]
        with pytest.raises(errors.KmsKeyUnusable) as caught:
            put(store)
        assert caught.value.reason == reason

    def test_repeat_a_page_without_its_tags(self, store, canned):
        page = b"<html><style>b {}</style><body><h1>403 Forbidden</h1><hr>nginx &amp; co</body>"
        canned.answers = [answer(403, page)]
        with pytest.raises(errors.AccessDenied) as caught:
            put(store)
        assert caught.value.provider_message == "403 Forbidden nginx & co"

    def test_repeat_nothing_that_was_signed(self, store, canned):
        canned.answers = [
            error(
                400,
                "SomethingNew",
                more="<StringToSign>GET me</StringToSign><CanonicalRequest>GET it"
                "</CanonicalRequest><SignatureProvided>abc</SignatureProvided><Part>7</Part>",
            )
        ]
        with pytest.raises(errors.ObjectStoreError) as caught:
            put(store)
        assert caught.value.provider_message == "SomethingNew 7"

    def test_add_the_details(self, store, canned):
        more = "<Details>x-amz-acl is not known</Details>"
        canned.answers = [error(400, "InvalidArgument", "Invalid argument.", more)]
        with pytest.raises(errors.ObjectStoreError) as caught:
            put(store)
        assert caught.value.provider_message == "Invalid argument. x-amz-acl is not known"

    def test_are_short(self, store, canned):
        canned.answers = [error(400, "SomethingNew", "word " * 399)]
        with pytest.raises(errors.ObjectStoreError) as caught:
            put(store)
        assert len(caught.value.provider_message) == MAX_LENGTH
