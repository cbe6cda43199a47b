"""Names that would form another address are refused before anything is sent (S017)."""

from dataclasses import replace

import pytest

from storages_app.lib.outbound import Policy
from storages_app.lib.wire import Wire
from storages_app.objectstores.backends.s3 import S3Store
from storages_app.objectstores.backends.s3.address import BucketAddress
from storages_app.objectstores.backends.s3.transport import Transport
from storages_app.objectstores.base import Location
from storages_app.objectstores.errors import AddressInvalid, EndpointForbidden, KeyInvalid

AWS = Location("a-bucket", "eu-west-1", "AKIATEST", "secret")
OTHER = replace(AWS, endpoint_url="https://s3.example.com:9000")


def url(location: Location, key: str) -> str:
    address = BucketAddress(location).of_object(key)
    return address.origin + address.target


class TestRefusals:
    @pytest.mark.parametrize(
        "bucket",
        [
            *("a/b", "..", "a..b", "a@b.example", "x.internal#", "Upper", "ab", "a" * 64, ""),
            *(
                "-ab",
                "ab-",
                ".ab",
                "a b",
                "a?b",
                "abc\n",
                "127.0.0.1",
                "a\\b",
                "a%2f",
                "é-b",
                "a:b",
            ),
        ],
    )
    def test_bucket_names_that_are_none(self, bucket):
        with pytest.raises(AddressInvalid):
            S3Store(replace(AWS, bucket=bucket))

    @pytest.mark.parametrize(
        "endpoint",
        [
            *(
                "https://s3.example.com/path",
                "https://s3.example.com/?q",
                "https://s3.example.com?q",
            ),
            *("https://s3.example.com#", "https://s3.example.com/#x", "https://u:p@s3.example.com"),
            *("ftp://s3.example.com", "s3.example.com", "https://", "https://127.1", "https://a b"),
            *("https://s3.example.com:0", "https://s3.example.com/../", "unix:///tmp/x"),
        ],
    )
    def test_endpoints_that_are_more_or_less_than_a_host(self, endpoint):
        with pytest.raises(AddressInvalid):
            S3Store(replace(AWS, endpoint_url=endpoint))

    @pytest.mark.parametrize("region", ["evil.example/", "EU", "a b", "x" * 61, "eu-west-1\n"])
    def test_regions_that_are_none(self, region):
        with pytest.raises(AddressInvalid):
            S3Store(replace(AWS, region=region))

    @pytest.mark.parametrize(
        "change",
        [
            {"access_key_id": ""},
            {"access_key_id": "AKIA\r\nx: y"},
            {"secret_access_key": ""},
            {"account_id": "12345"},
        ],
    )
    def test_credentials_that_are_none(self, change):
        """Empty ones above all: botocore would take the operator's."""
        with pytest.raises(AddressInvalid):
            S3Store(replace(AWS, **change))

    @pytest.mark.parametrize(
        "prepared",
        ["https://evil.example/a-bucket/k", "https://s3.example.com:9000@evil/", "http://x/"],
    )
    def test_a_prepared_url_elsewhere(self, prepared):
        with pytest.raises(AddressInvalid):
            BucketAddress(OTHER).of_prepared(prepared)

    @pytest.mark.parametrize(
        "endpoint", ["https://127.0.0.1", "https://169.254.169.254", "https://localhost:9000"]
    )
    def test_private_endpoints_by_the_guard(self, endpoint):
        store = S3Store(replace(AWS, endpoint_url=endpoint, path_style=True), policy=Policy())
        for use in (
            lambda: store.head("k"),
            lambda: store.delete("k"),
            lambda: store.get_anonymously("k"),
            lambda: list(store.list_objects()),
            lambda: list(store.list_multiparts()),
            store.region_of_bucket,
            store.whoami,
        ):
            with pytest.raises(EndpointForbidden):
                use()

    def test_plain_http_by_the_guard(self):
        with pytest.raises(EndpointForbidden):
            S3Store(replace(AWS, endpoint_url="http://s3.example.com"), policy=Policy()).head("k")


class TestUrls:
    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            (AWS, "https://a-bucket.s3.eu-west-1.amazonaws.com/k"),
            (replace(AWS, region=""), "https://a-bucket.s3.us-east-1.amazonaws.com/k"),
            (
                replace(AWS, region="cn-north-1"),
                "https://a-bucket.s3.cn-north-1.amazonaws.com.cn/k",
            ),
            (replace(AWS, path_style=True), "https://s3.eu-west-1.amazonaws.com/a-bucket/k"),
            (replace(AWS, bucket="a.b.c"), "https://s3.eu-west-1.amazonaws.com/a.b.c/k"),
            (OTHER, "https://a-bucket.s3.example.com:9000/k"),
            (replace(OTHER, endpoint_url="https://1.2.3.4"), "https://1.2.3.4/a-bucket/k"),
            (replace(OTHER, endpoint_url="https://[2606::1]"), "https://[2606::1]/a-bucket/k"),
            (replace(OTHER, endpoint_url="https://S3.Example.com/"), None),
        ],
    )
    def test_are_those_of_the_addressing_style(self, location, expected):
        assert url(location, "k") == (expected or "https://a-bucket.s3.example.com/k")

    @pytest.mark.parametrize(
        ("key", "path"),
        [
            ("a b+c", "a%20b%2Bc"),
            ("é?#&=", "%C3%A9%3F%23%26%3D"),
            ("a%2Fb", "a%252Fb"),
            ("../a/./b//c", "../a/./b//c"),
            ("/lead", "/lead"),
            ("~_-.", "~_-."),
            ("\n\x7f", "%0A%7F"),
        ],
    )
    def test_quote_a_key_and_normalise_nothing(self, key, path):
        assert url(AWS, key) == f"https://a-bucket.s3.eu-west-1.amazonaws.com/{path}"

    def test_refuse_a_key_that_is_none(self):
        with pytest.raises(KeyInvalid):
            url(AWS, "")

    @pytest.mark.parametrize(
        "location",
        [
            AWS,
            replace(AWS, bucket="a.b.c"),
            replace(AWS, region=""),
            replace(AWS, region="cn-north-1"),
            replace(AWS, path_style=True),
            OTHER,
            replace(OTHER, endpoint_url="https://1.2.3.4"),
            replace(OTHER, endpoint_url="http://[2606::1]:9000"),
            replace(OTHER, region="auto"),
        ],
    )
    def test_are_formed_alike_by_botocore(self, location):
        """Else its control calls would be refused."""
        address = BucketAddress(location)
        # This guard lets nothing out; what counts is what botocore asks for.
        nothing = Wire(Policy(allowed_ports=frozenset()))
        transport = Transport(location, address, nothing)
        prepared = []
        transport.client.meta.events.register_first(
            "before-send.s3", lambda request, **_: prepared.append(request.url)
        )
        with pytest.raises(EndpointForbidden):
            transport.client.put_object_acl(Bucket=location.bucket, Key="a é/../b")
        assert prepared == [url(location, "a é/../b") + "?acl"]


class TestSts:
    """Who answers for credentials: Amazon for its own hosts, elsewhere whoever is named."""

    @pytest.mark.parametrize(
        ("location", "origin"),
        [
            (AWS, "https://sts.eu-west-1.amazonaws.com"),
            (replace(AWS, region=""), "https://sts.us-east-1.amazonaws.com"),
            (replace(AWS, region="cn-north-1"), "https://sts.cn-north-1.amazonaws.com.cn"),
            (replace(AWS, region="us-gov-west-1"), "https://sts.us-gov-west-1.amazonaws.com"),
            (replace(AWS, region="eusc-de-east-1"), "https://sts.eusc-de-east-1.amazonaws.eu"),
            (
                replace(AWS, endpoint_url="https://s3.eu-west-1.amazonaws.com"),
                "https://sts.eu-west-1.amazonaws.com",
            ),
            (
                replace(AWS, sts_url="https://sts.{region}.vpce.example"),
                "https://sts.eu-west-1.vpce.example",
            ),
            (
                replace(OTHER, sts_url="https://sts.example.com:9000"),
                "https://sts.example.com:9000",
            ),
        ],
    )
    def test_is_of_the_region_and_partition(self, location, origin):
        address = BucketAddress(location).sts()
        assert address.origin == origin
        assert address.target == "/"

    @pytest.mark.parametrize(
        "endpoint", ["https://s3.example.com", "https://amazonaws.com.evil.example"]
    )
    def test_is_nobody_elsewhere(self, endpoint):
        assert BucketAddress(replace(AWS, endpoint_url=endpoint)).sts() is None

    def test_an_address_that_is_none_is_refused(self):
        with pytest.raises(AddressInvalid):
            BucketAddress(replace(AWS, sts_url="sts")).sts()
