"""Addresses as people paste them."""
# ruff: noqa: E501  (a table reads best with one form on a line)

from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storages_app.custom_storages import doctor
from storages_app.custom_storages.errors import AddressRefused
from storages_app.lib.errors import UcdashError
from storages_app.objectstores.providers import all_providers

ACCOUNT = "0123456789abcdef0123456789abcdef"
R2 = f"https://{ACCOUNT}.r2.cloudflarestorage.com"
B2 = "https://s3.us-west-004.backblazeb2.com"
FRA1 = "https://fra1.digitaloceanspaces.com"
GCS = "https://storage.googleapis.com"
OWN = "https://minio.example.com:9000"


def read(slug, **typed):
    """The reading as (provider, endpoint, bucket, prefix, region, account id)."""
    return astuple(doctor.read(slug, **typed))[:6]


# What is pasted into the endpoint while the provider is chosen → what we make of it.
PASTED = [
    # Amazon: virtual-hosted, path-style, legacy, dual-stack, website, accelerated, global
    ("aws", "https://media.s3.eu-central-1.amazonaws.com/up/", "aws", "", "media", "up/", "eu-central-1", ""),
    ("aws", "https://media.s3.eu-central-1.amazonaws.com", "aws", "", "media", "", "eu-central-1", ""),
    ("aws", "https://s3.eu-central-1.amazonaws.com/media/up/", "aws", "", "media", "up/", "eu-central-1", ""),
    ("aws", "https://s3.eu-central-1.amazonaws.com", "aws", "", "", "", "eu-central-1", ""),
    ("aws", "s3.eu-central-1.amazonaws.com", "aws", "", "", "", "eu-central-1", ""),
    ("aws", "HTTPS://Media.S3.EU-Central-1.AmazonAWS.com/Up/", "aws", "", "media", "Up/", "eu-central-1", ""),
    ("aws", "https://media.s3-eu-west-1.amazonaws.com/", "aws", "", "media", "", "eu-west-1", ""),
    ("aws", "https://s3-eu-west-1.amazonaws.com/media", "aws", "", "media", "", "eu-west-1", ""),
    ("aws", "https://media.s3.dualstack.us-east-2.amazonaws.com/a/b/", "aws", "", "media", "a/b/", "us-east-2", ""),
    ("aws", "https://media.s3-fips.us-gov-west-1.amazonaws.com/", "aws", "", "media", "", "us-gov-west-1", ""),
    ("aws", "http://media.s3-website-us-east-1.amazonaws.com", "aws", "", "media", "", "us-east-1", ""),
    ("aws", "http://media.s3-website.eu-central-1.amazonaws.com/up/", "aws", "", "media", "up/", "eu-central-1", ""),
    ("aws", "https://media.s3-accelerate.amazonaws.com/up/", "aws", "", "media", "up/", "", ""),
    ("aws", "https://media.s3.amazonaws.com/up/", "aws", "", "media", "up/", "", ""),
    ("aws", "https://s3.amazonaws.com/media/up/", "aws", "", "media", "up/", "", ""),
    ("aws", "https://s3-external-1.amazonaws.com/media/", "aws", "", "media", "", "us-east-1", ""),
    ("aws", "https://media.s3.cn-north-1.amazonaws.com.cn/up/", "aws", "", "media", "up/", "cn-north-1", ""),
    ("aws", "https://www.example.com.s3.eu-west-1.amazonaws.com/", "aws", "", "www.example.com", "", "eu-west-1", ""),
    ("aws", "https://media.s3.eu-west-1.amazonaws.com:443//up//", "aws", "", "media", "up/", "eu-west-1", ""),
    ("aws", "https://media.s3.eu-west-1.amazonaws.com/up/cat%2Bdog.jpg", "aws", "", "media", "up/", "eu-west-1", ""),
    ("aws", "https://media.s3.eu-west-1.amazonaws.com/?list-type=2&prefix=up/", "aws", "", "media", "up/", "eu-west-1", ""),
    # Amazon: pages of its console, old and new
    ("aws", "https://s3.console.aws.amazon.com/s3/buckets/media?region=eu-west-1&prefix=up/&showversions=false", "aws", "", "media", "up/", "eu-west-1", ""),
    ("aws", "https://eu-north-1.console.aws.amazon.com/s3/buckets/media?region=eu-north-1&bucketType=general&tab=objects", "aws", "", "media", "", "eu-north-1", ""),
    ("aws", "https://console.aws.amazon.com/s3/buckets/media/up/?region=us-east-1", "aws", "", "media", "up/", "us-east-1", ""),
    ("aws", "https://s3.console.aws.amazon.com/s3/object/media?region=eu-west-1&prefix=up/cat.jpg", "aws", "", "media", "up/", "eu-west-1", ""),
    ("aws", "https://console.aws.amazon.com/s3/home?region=us-east-1#&bucket=media&prefix=up/", "aws", "", "media", "up/", "us-east-1", ""),
    ("other", "https://console.amazonaws.cn/s3/buckets/media?region=cn-north-1", "aws", "", "media", "", "cn-north-1", ""),
    # S3 addresses and ARNs
    ("aws", "s3://media/up/", "aws", "", "media", "up/", "", ""),
    ("aws", "S3://media", "aws", "", "media", "", "", ""),
    ("aws", "s3a://media//up", "aws", "", "media", "up/", "", ""),
    ("aws", "s3://media/up/cat.jpg", "aws", "", "media", "up/", "", ""),
    ("aws", "arn:aws:s3:::media", "aws", "", "media", "", "", ""),
    ("aws", "arn:aws:s3:::media/up/*", "aws", "", "media", "up/", "", ""),
    ("aws", "arn:aws-cn:s3:::media/*", "aws", "", "media", "", "", ""),
    ("minio", "arn:aws:s3:::media/up/*", "minio", "", "media", "up/", "", ""),
    # What comes along
    ("aws", "  `s3://media/up/`  ", "aws", "", "media", "up/", "", ""),
    ("aws", "<https://media.s3.eu-west-1.amazonaws.com/>", "aws", "", "media", "", "eu-west-1", ""),
    ("aws", "“s3://media/up/”", "aws", "", "media", "up/", "", ""),
    ("aws", "'\u00a0s3://media/\u200bup/ '", "aws", "", "media", "up/", "", ""),
    # Cloudflare R2
    ("aws", f"{R2}/media", "r2", R2, "media", "", "", ACCOUNT),
    ("r2", R2, "r2", R2, "", "", "", ACCOUNT),
    ("r2", f"media.{ACCOUNT}.r2.cloudflarestorage.com/up/", "r2", R2, "media", "up/", "", ACCOUNT),
    ("r2", f"https://{ACCOUNT}.eu.r2.cloudflarestorage.com/media", "r2", f"https://{ACCOUNT}.eu.r2.cloudflarestorage.com", "media", "", "", ACCOUNT),
    ("r2", f"https://dash.cloudflare.com/{ACCOUNT}/r2/default/buckets/media/settings", "r2", R2, "media", "", "", ACCOUNT),
    ("other", f"https://dash.cloudflare.com/{ACCOUNT}/r2/eu/buckets/media", "r2", f"https://{ACCOUNT}.eu.r2.cloudflarestorage.com", "media", "", "", ACCOUNT),
    ("aws", "r2://media/up/", "r2", "", "media", "up/", "", ""),
    # Backblaze B2
    ("b2", f"{B2}/media/up/", "b2", B2, "media", "up/", "us-west-004", ""),
    ("aws", "https://media.s3.us-west-004.backblazeb2.com/up/", "b2", B2, "media", "up/", "us-west-004", ""),
    ("b2", "https://f004.backblazeb2.com/file/media/up/cat.jpg", "b2", B2, "media", "up/", "us-west-004", ""),
    ("b2", "http://s3.us-west-004.backblazeb2.com", "b2", B2, "", "", "us-west-004", ""),
    # Wasabi
    ("wasabi", "https://s3.eu-central-1.wasabisys.com/media", "wasabi", "https://s3.eu-central-1.wasabisys.com", "media", "", "eu-central-1", ""),
    ("wasabi", "https://media.s3.wasabisys.com/", "wasabi", "https://s3.wasabisys.com", "media", "", "us-east-1", ""),
    ("wasabi", "s3.nl-1.wasabisys.com", "wasabi", "https://s3.nl-1.wasabisys.com", "", "", "eu-central-1", ""),
    ("wasabi", "https://console.wasabisys.com/file_manager/media/up/", "wasabi", "", "media", "up/", "", ""),
    # DigitalOcean Spaces
    ("spaces", "https://media.fra1.digitaloceanspaces.com", "spaces", FRA1, "media", "", "fra1", ""),
    ("other", "https://media.fra1.cdn.digitaloceanspaces.com/up/cat.jpg", "spaces", FRA1, "media", "up/", "fra1", ""),
    ("spaces", "https://fra1.digitaloceanspaces.com/media/up/", "spaces", FRA1, "media", "up/", "fra1", ""),
    ("spaces", "https://cloud.digitalocean.com/spaces/media?i=abc", "spaces", "", "media", "", "", ""),
    # Hetzner, Scaleway
    ("hetzner", "https://media.fsn1.your-objectstorage.com/up/", "hetzner", "https://fsn1.your-objectstorage.com", "media", "up/", "fsn1", ""),
    ("aws", "hel1.your-objectstorage.com", "hetzner", "https://hel1.your-objectstorage.com", "", "", "hel1", ""),
    ("scaleway", "https://media.s3.fr-par.scw.cloud/up/", "scaleway", "https://s3.fr-par.scw.cloud", "media", "up/", "fr-par", ""),
    ("scaleway", "https://console.scaleway.com/object-storage/buckets/nl-ams/media/files", "scaleway", "https://s3.nl-ams.scw.cloud", "media", "", "nl-ams", ""),
    # Google
    ("gcs", "gs://media/up/", "gcs", GCS, "media", "up/", "", ""),
    ("aws", "https://storage.googleapis.com/media/up/", "gcs", GCS, "media", "up/", "", ""),
    ("gcs", "https://media.storage.googleapis.com", "gcs", GCS, "media", "", "", ""),
    ("gcs", "https://storage.cloud.google.com/media/up/cat.jpg?authuser=0", "gcs", GCS, "media", "up/", "", ""),
    ("gcs", "https://storage.googleapis.com/storage/v1/b/media/o?prefix=up/", "gcs", GCS, "media", "up/", "", ""),
    ("gcs", "https://console.cloud.google.com/storage/browser/media/up;tab=objects?project=p", "gcs", GCS, "media", "up/", "", ""),
    # Servers of one's own
    ("minio", f"{OWN}/media/up/", "minio", OWN, "media", "up/", "", ""),
    ("minio", "minio.example.com:9000", "minio", OWN, "", "", "", ""),
    ("minio", "https://minio.example.com:9001/browser/media/dXAv", "minio", OWN, "media", "up/", "", ""),
    ("minio", "https://minio.example.com:9001/browser/media/up%2F", "minio", OWN, "media", "up/", "", ""),
    ("minio", "https://minio.example.com:9001/buckets/media/admin/summary", "minio", OWN, "media", "", "", ""),
    ("other", "http://127.0.0.1:8333/media", "other", "http://127.0.0.1:8333", "media", "", "", ""),
    ("ceph", "https://rgw.example.com/", "ceph", "https://rgw.example.com", "", "", "", ""),
    ("aws", "https://s3.example.com/media", "other", "https://s3.example.com", "media", "", "", ""),
    ("other", "https://[2001:db8::1]:9000/media/", "other", "https://[2001:db8::1]:9000", "media", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("chosen", "pasted", "provider", "endpoint", "bucket", "prefix", "region", "account"), PASTED)  # fmt: skip
def test_an_address_is_taken_apart(
    chosen, pasted, provider, endpoint, bucket, prefix, region, account
):
    expected = (provider, endpoint, bucket, prefix, region, account)
    assert read(chosen, endpoint=pasted) == expected
    assert doctor.read(chosen, endpoint=pasted).notes or not bucket


@pytest.mark.parametrize("row", [row for row in PASTED if row[4]], ids=lambda row: row[1])
def test_an_address_with_its_bucket_is_read_in_the_bucket_field_too(row):
    chosen, pasted, *expected = row
    assert read(chosen, bucket=pasted) == tuple(expected)


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        ("media", ("media", "")),
        (" media/ ", ("media", "")),
        ("media/up", ("media", "up/")),
        ("media//up//", ("media", "up/")),
        ("/media/up/", ("media", "up/")),
    ],
)
def test_a_bucket_may_have_its_prefix_behind_it(bucket, expected):
    assert read("aws", bucket=bucket)[2:4] == expected


@pytest.mark.parametrize(
    ("prefix", "bucket", "read_as"),
    [
        ("up", "", "up/"),
        ("/up/", "", "up/"),
        ("a//b", "", "a/b/"),
        ("s3://media/up/", "media", "up/"),
        ("https://media.s3.eu-west-1.amazonaws.com/up/", "media", "up/"),
        ("a@b", "", "a@b/"),
    ],
)
def test_a_prefix_may_be_a_whole_address(prefix, bucket, read_as):
    assert read("aws", prefix=prefix)[2:4] == (bucket, read_as)


class TestNotes:
    def test_the_sentence_says_how_it_was_read(self):
        reading = doctor.read("b2", endpoint=f"{B2}/media/up/")
        assert (
            f"That address has the bucket in it. We read it as endpoint `{B2}`, bucket `media`, "
            "prefix `up/`."
        ) in reading.notes

    def test_amazons_endpoint_is_shown_although_none_is_kept(self):
        reading = doctor.read("aws", endpoint="https://media.s3.eu-west-1.amazonaws.com")
        assert reading.endpoint_url == ""
        assert (
            "That address has the bucket in it. We read it as endpoint "
            "`https://s3.eu-west-1.amazonaws.com`, bucket `media`, no prefix."
        ) in reading.notes

    def test_another_provider_is_named(self):
        reading = doctor.read("aws", endpoint=R2)
        assert reading.notes == ["That is a Cloudflare R2 address; we chose Cloudflare R2."]
        assert reading.changed == {"provider", "account_id"}

    def test_an_unknown_host_is_not_kept_for_amazon(self):
        reading = doctor.read("aws", endpoint="https://s3.example.com")
        assert reading.provider == "other"
        assert reading.notes == ["That is no address of Amazon S3; we chose Other S3-compatible."]

    @pytest.mark.parametrize(
        ("endpoint", "words"),
        [
            ("http://media.s3-website-eu-west-1.amazonaws.com", "website address"),
            ("https://media.s3.dualstack.eu-west-1.amazonaws.com", "dual-stack"),
            ("https://media.fra1.cdn.digitaloceanspaces.com", "CDN"),
            ("https://console.aws.amazon.com/s3/buckets/media", "AWS console"),
            ("https://media.s3.eu-west-1.amazonaws.com/a/cat.jpg", "looks like a file"),
            ("https://media.s3.eu-west-1.amazonaws.com/a//b/", "two slashes"),
        ],
    )
    def test_what_was_not_taken_as_it_was_is_said(self, endpoint, words):
        assert any(words in note for note in doctor.read("aws", endpoint=endpoint).notes)

    def test_a_dot_in_the_bucket(self):
        assert doctor.read("aws", bucket="my.media").notes == [
            "A dot in the bucket name breaks HTTPS on virtual-hosted addresses. We will use path style."
        ]

    def test_an_added_slash(self):
        reading = doctor.read("aws", prefix="up")
        assert reading.notes == ["The prefix ends with a slash; we added it."]
        assert reading.changed == {"prefix"}

    def test_nothing_to_say_about_fields_that_are_right(self):
        reading = doctor.read(
            "aws", bucket="media", prefix="up/", region="eu-west-1", account_id="111122223333"
        )
        assert (reading.notes, reading.changed) == ([], set())


class TestRegion:
    def test_the_one_in_the_host_fills_an_empty_field(self):
        assert read("aws", endpoint="https://s3.eu-west-1.amazonaws.com")[4] == "eu-west-1"

    def test_the_one_in_the_host_wins_and_says_so(self):
        reading = doctor.read("b2", endpoint=B2, region="eu-central-003")
        assert reading.region == "us-west-004"
        assert reading.notes == [
            "The address says region `us-west-004`, the region field said `eu-central-003`. We use `us-west-004`."
        ]

    @pytest.mark.parametrize(
        ("slug", "typed", "region"),
        [
            ("aws", " EU-West-1 ", "eu-west-1"),
            ("aws", "Europe (Frankfurt) eu-central-1", "eu-central-1"),
            ("aws", "europe (frankfurt)", "eu-central-1"),
            ("wasabi", "nl-1", "eu-central-1"),
            ("hetzner", "Falkenstein", "fsn1"),
            ("other", "garage", "garage"),
        ],
    )
    def test_a_typed_one_is_read_as_consoles_show_it(self, slug, typed, region):
        assert read(slug, region=typed)[4] == region

    def test_the_endpoint_follows_from_it(self):
        assert read("b2", bucket="media", region="us-west-004")[1] == B2

    def test_the_endpoint_is_not_guessed(self):
        assert read("wasabi", bucket="media")[1] == ""

    def test_one_of_another_service_is_refused(self):
        with pytest.raises(AddressRefused, match="`eu-west-1` is no region of Hetzner"):
            doctor.read("hetzner", bucket="media", region="eu-west-1")

    def test_a_new_one_is_taken(self):
        assert read("hetzner", region="ash1")[1] == "https://ash1.your-objectstorage.com"

    def test_what_is_none_is_refused(self):
        with pytest.raises(AddressRefused, match="A region has small letters"):
            doctor.read("aws", region="near me!")


class TestAccountId:
    def test_r2s_endpoint_follows_from_it(self):
        assert read("r2", bucket="media", account_id=ACCOUNT.upper())[1] == R2

    def test_amazons_is_cleaned(self):
        assert read("aws", account_id="1111-2222-3333")[5] == "111122223333"

    def test_one_of_another_service_is_refused(self):
        with pytest.raises(AddressRefused, match="Amazon S3 has account ids of 12"):
            doctor.read("aws", account_id=ACCOUNT)

    def test_services_without_need_none(self):
        reading = doctor.read("b2", account_id="1111-2222-3333")
        assert reading.account_id == ""
        assert reading.notes == ["Backblaze B2 needs no account id."]


class TestContradictions:
    @pytest.mark.parametrize(
        ("typed", "named"),
        [
            ({"endpoint": f"{B2}/media", "bucket": "photos"}, ("media", "photos")),
            ({"bucket": "media", "prefix": "s3://photos/up/"}, ("media", "photos")),
            ({"bucket": "media/up", "prefix": "down/"}, ("up/", "down/")),
            ({"endpoint": B2, "bucket": "gs://media"}, ("b2", "gcs")),
            ({"endpoint": OWN, "bucket": "https://s3.example.com/media"}, (OWN, "s3.example.com")),
            ({"endpoint": R2, "account_id": "f" * 32}, (ACCOUNT, "f" * 32)),
        ],
    )
    def test_both_are_named(self, typed, named):
        with pytest.raises(AddressRefused) as refusal:
            doctor.read("other", **typed)
        assert all(
            f"`{one}" in refusal.value.message or one in refusal.value.message for one in named
        )

    def test_the_same_said_twice_is_none(self):
        assert read("b2", endpoint=f"{B2}/media/up/", bucket="media", prefix="up")[2:4] == (
            "media",
            "up/",
        )


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("arn:aws:s3:eu-west-1:111122223333:accesspoint/mine", "access point"),
        ("arn:aws:s3-object-lambda:eu-west-1:111122223333:accesspoint/mine", "access point"),
        ("arn:aws:iam::111122223333:role/ucdash", "ARN of iam"),
        ("arn:aws:s3:eu-west-1:111122223333:media", "neither region nor account"),
        ("arn:aws:s3", "looks like arn:aws:s3:::my-bucket"),
        ("https://mine-111122223333.s3-accesspoint.eu-west-1.amazonaws.com", "access point"),
        ("https://m.mrap.accesspoint.s3-global.amazonaws.com", "access point"),
        ("https://media--euw1-az1--x-s3.s3express-euw1-az1.eu-west-1.amazonaws.com", "directory"),
        ("https://media.bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com", "VPC endpoint"),
        ("https://111122223333.s3-control.eu-west-1.amazonaws.com", "managing buckets"),
        ("https://console.aws.amazon.com/iam/home", "names no bucket"),
        ("https://ec2.eu-west-1.amazonaws.com", "address of Amazon"),
        ("https://pub-0123.r2.dev/cat.jpg", "public address"),
        ("https://secure.backblaze.com/b2_buckets.htm", "Copy Endpoint"),
        ("https://console.hetzner.com/projects/1/buckets", "Hetzner Console"),
        (f"https://dash.cloudflare.com/{ACCOUNT}/workers", "names no bucket"),
        ("ftp://s3.example.com/media", "needs https:// or http://"),
        ("https://s3.example.com/media/../other/", "as a folder"),
        ("https://s3.example.com/media/%2e%2e/", "as a folder"),
        ("https://s3.example.com/Media/", "capital letter M"),
        ("https://host:99999/media", "port"),
        ("https://", "needs https:// or http://"),
        ("https://0x7f000001/media", "no host that can be reached"),
        ("https://evil\\@good/media", "credentials"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(endpoint, words):
    with pytest.raises(AddressRefused, match=words):
        doctor.read("aws", endpoint=endpoint)


SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # from Amazon's own documentation


@pytest.mark.parametrize(
    "pasted",
    [
        f"https://AKIAIOSFODNN7EXAMPLE:{SECRET}@s3.example.com/media",
        f"user:{SECRET}@s3.example.com/media",
        f"https://media.s3.amazonaws.com/a?X-Amz-Signature={SECRET}&X-Amz-Date=1",
        f"https://media.s3.amazonaws.com/a?AWSAccessKeyId=x&Signature={SECRET}",
        f"https://storage.googleapis.com/media/a?X-Goog-Signature={SECRET}",
        f"aws_secret_access_key = {SECRET}",
        f"AKIAIOSFODNN7EXAMPLE {SECRET}",
        f"https://user:{SECRET}@s3.example.com/media",
    ],
)
@pytest.mark.parametrize("name", ["endpoint", "bucket", "prefix", "region", "account_id"])
def test_credentials_are_refused_and_not_echoed(name, pasted):
    with pytest.raises(AddressRefused) as refusal:
        doctor.read("aws", **{name: pasted})
    assert SECRET not in str(refusal.value)
    assert "credentials" in refusal.value.message


@pytest.mark.parametrize("name", ["endpoint", "bucket", "region", "account_id"])
def test_a_secret_alone_is_not_echoed(name):
    with pytest.raises(AddressRefused, match="credentials") as refusal:
        doctor.read("aws", **{name: SECRET})
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    "pasted", ["https://[2001:db8::1]:9000/media/a@b/", f"{OWN}/media/a@b/", "s3://media/a@b/"]
)
def test_an_at_sign_in_a_folder_is_no_login(pasted):
    assert read("other", endpoint=pasted)[2:4] == ("media", "a@b/")


def test_a_host_is_no_bucket():
    with pytest.raises(AddressRefused, match="not a bucket's name"):
        doctor.read("other", endpoint="https://s3.example.com/s3.amazonaws.com/")


@pytest.mark.parametrize("name", ["endpoint", "bucket", "prefix", "region", "account_id"])
def test_what_is_longer_than_any_address_is_not_even_looked_at(name):
    with pytest.raises(AddressRefused, match="no address is that long"):
        doctor.read("aws", **{name: "secret" * 1000})


def test_an_unknown_service_is_refused():
    with pytest.raises(AddressRefused):
        doctor.read("dropbox", bucket="media")


SLUGS = st.sampled_from([provider.slug for provider in all_providers()])
PIECES = st.lists(
    st.one_of(
        st.sampled_from([
            "https://", "http://", "s3://", "gs://", "arn:aws:s3:::", "arn:", ":", "/", "//", "@", "?",
            "#", "&prefix=", "bucket=media", "region=", "media", "up", ".", "..", "%2F", "%", "*", "-",
            "s3.", "eu-west-1", "amazonaws.com", "media.s3.eu-west-1.amazonaws.com", "/browser/",
            "storage.googleapis.com", f"{ACCOUNT}.r2.cloudflarestorage.com", "s3.example.com", ":9001",
            "s3.us-west-004.backblazeb2.com", "media.fra1.digitaloceanspaces.com", "s3.nl-1.wasabisys.com",
            "[", "]", "`", '"', "<", ">", "\u200b", "\u00a0", "cat.jpg", "dXAv", "console.aws.amazon.com/s3/",
            ACCOUNT, "111122223333", "us-west-004", "fra1", "nl-1",
        ]),
        st.text(max_size=4),
    ),
    max_size=7,
).map("".join)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(SLUGS, PIECES, PIECES, PIECES, PIECES, PIECES)
def test_whatever_is_typed_is_read_or_refused(slug, endpoint, bucket, prefix, region, account_id):
    settle(slug, endpoint, bucket, prefix, region, account_id)


@settings(max_examples=300, deadline=None)
@given(SLUGS, st.sampled_from(["endpoint", "bucket", "prefix"]), PIECES)
def test_whatever_is_pasted_into_one_field_is_read_or_refused(slug, name, pasted):
    typed = {"endpoint": "", "bucket": "", "prefix": ""} | {name: pasted}
    settle(slug, **typed, region="", account_id="")


def settle(slug, endpoint, bucket, prefix, region, account_id):
    """Read, and read what was read: nothing may change any more."""
    try:
        first = doctor.read(
            slug,
            endpoint=endpoint,
            bucket=bucket,
            prefix=prefix,
            region=region,
            account_id=account_id,
        )
    except UcdashError:
        return
    again = doctor.read(
        first.provider,
        endpoint=first.endpoint_url,
        bucket=first.bucket,
        prefix=first.prefix,
        region=first.region,
        account_id=first.account_id,
    )
    assert again == first
    assert again.changed == set()


@pytest.mark.parametrize("row", PASTED, ids=lambda row: row[1])
def test_what_was_read_is_read_the_same_again(row):
    settle(row[0], row[1], "", "", "", "")
