"""Options and metadata become headers, and no caller's text becomes another header."""

import pytest

from storages_app.objectstores.backends.s3 import headers as h
from storages_app.objectstores.base import PutOptions


class TestPutHeaders:
    def test_say_what_was_asked(self):
        found = h.put_headers(
            PutOptions(
                content_type="image/jpeg",
                metadata={"uuid": "1"},
                only_if_absent=True,
                is_public=True,
                storage_class="STANDARD_IA",
                encryption="aws:kms",
                kms_key_id="arn:aws:kms:eu-west-1:1:key/2",
                download_name="a.jpg",
            )
        )
        assert found == {
            "content-type": "image/jpeg",
            "x-amz-meta-uuid": "1",
            "if-none-match": "*",
            "x-amz-acl": "public-read",
            "x-amz-storage-class": "STANDARD_IA",
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:eu-west-1:1:key/2",
            "content-disposition": 'attachment; filename="a.jpg"',
        }

    def test_say_nothing_that_was_not_asked(self):
        assert h.put_headers(PutOptions()) == {"content-type": "application/octet-stream"}

    def test_name_a_key_only_for_kms(self):
        found = h.put_headers(PutOptions(encryption="AES256", kms_key_id="key"))
        assert found["x-amz-server-side-encryption"] == "AES256"
        assert "x-amz-server-side-encryption-aws-kms-key-id" not in found

    @pytest.mark.parametrize("attack", ["a\r\nx-amz-acl: public-read", "a\nb", "a\x00b", "é", ""])
    def test_carry_no_line_breaks(self, attack):  # S028, S029
        options = PutOptions(
            content_type=attack,
            metadata={attack: attack, "x-amz-acl": "public-read", "Content-Type": "text/html"},
            storage_class=attack,
            encryption="aws:kms",
            kms_key_id=attack,
            download_name=attack,
        )
        found = h.put_headers(options)
        for name, value in found.items():
            assert name.isascii()
            assert name.replace("-", "a").isalnum()
            assert value.isascii()
            assert value.isprintable()
        assert "x-amz-acl" not in found
        assert found["content-type"] == "application/octet-stream"
        assert found["x-amz-meta-x-amz-acl"] == "public-read"
        assert found["x-amz-meta-content-type"] == "text/html"

    def test_are_the_same_for_multipart(self):
        options = PutOptions(
            content_type="text/html\r\n",
            metadata={"Na me": "ü"},
            is_public=True,
            storage_class="GLACIER_IR",
            encryption="aws:kms",
            kms_key_id="key",
            download_name="ü",
        )
        assert h.multipart_parameters(options) == {
            "ContentType": "application/octet-stream",
            "Metadata": {"na-me": "%C3%BC"},
            "ACL": "public-read",
            "StorageClass": "GLACIER_IR",
            "ServerSideEncryption": "aws:kms",
            "SSEKMSKeyId": "key",
            "ContentDisposition": "attachment; filename=\"_\"; filename*=UTF-8''%C3%BC",
            "ChecksumAlgorithm": "SHA256",
        }


class TestMetadata:
    @pytest.mark.parametrize(
        "value", ["plain", " a  b ", "100%", "%41", "ü€🐘", "\r\n", "a\tb", ""]
    )
    def test_values_come_back(self, value):
        sent = h.put_headers(PutOptions(metadata={"name": value}))
        assert h.read_metadata(sent) == {"name": value}

    def test_long_values_are_cut_and_stay_readable(self):
        for value in ("x" * 5000, "ü" * 2000, "x" + "🐘" * 1000, "%" * 2000):
            sent = h.put_headers(PutOptions(metadata={"name": value}))["x-amz-meta-name"]
            assert len(sent) <= 1024
            assert not sent[-2:].startswith("%")
            assert not sent.endswith("%")


class TestContentDisposition:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a b.txt", 'attachment; filename="a b.txt"'),
            ('a"b\\c.txt', "attachment; filename=\"a_b_c.txt\"; filename*=UTF-8''a%22b%5Cc.txt"),
            (
                "naïve €.txt",
                "attachment; filename=\"na_ve _.txt\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt",
            ),
            ("../../x", "attachment; filename=\".._.._x\"; filename*=UTF-8''..%2F..%2Fx"),
            ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
            ("100%", "attachment; filename=\"100_\"; filename*=UTF-8''100%25"),
            ("", ""),
        ],
    )
    def test_is_that_of_rfc_6266(self, name, expected):
        assert h.content_disposition(name) == expected


class TestAnswers:
    def test_only_a_full_sha256_is_one(self):
        full = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
        hexadecimal = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        assert h.receipt_of({"x-amz-checksum-sha256": full}).sha256 == hexadecimal
        for headers in (
            {"x-amz-checksum-sha256": f"{full}-3"},
            {"x-amz-checksum-sha256": full, "x-amz-checksum-type": "COMPOSITE"},
            {"x-amz-checksum-sha256": "AAAA"},
            {"x-amz-checksum-sha256": "not base64"},
        ):
            assert h.receipt_of(headers).sha256 == ""

    def test_any_checksum_is_told_by_name(self):
        assert h.receipt_of({"x-amz-checksum-crc32": "AAAAAA=="}).checksum == "crc32:AAAAAA=="
        assert h.receipt_of({"x-amz-checksum-sha256": "abc-3"}).checksum == "sha256:abc-3"

    def test_a_null_version_is_none(self):
        assert h.receipt_of({"x-amz-version-id": "null"}).version_id == ""
        assert h.receipt_of({"x-amz-version-id": "v1", "etag": '"e"'}).version_id == "v1"

    @pytest.mark.parametrize(("length", "is_one"), [(1024, True), (1025, False)])
    def test_a_version_that_no_s3_has_is_none(self, length, is_one):
        """The ledger has no room for it, and a write that fails there takes others with it."""
        text = "v" * length
        told = [
            h.receipt_of({"x-amz-version-id": text}),
            h.receipt_of_complete({"VersionId": text}),
            h.receipt_of_copy({"VersionId": text}),
            h.info_of("k", {"x-amz-version-id": text}),
        ]
        assert {found.version_id for found in told} == ({text} if is_one else {""})

    @pytest.mark.parametrize("text", ["", "-1", "x", "１"])
    def test_a_size_that_is_no_number_is_unknown(self, text):
        assert h.info_of("k", {"content-length": text, "last-modified": text}).size == -1
