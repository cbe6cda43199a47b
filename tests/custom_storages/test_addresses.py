"""What people paste into the form."""
# ruff: noqa: E501  (one name and its reason on a line; dashes as people copy them)

import pytest

from storages_app.custom_storages import addresses
from storages_app.custom_storages.errors import AddressRefused


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("photos", "photos"),
        (" my.bucket-1 ", "my.bucket-1"),
        ("s3://a-b/", "a-b"),
        ("“photos”", "photos"),
        ("<`photos`>", "photos"),
        ("\u200bpho\ufefftos\u00a0", "photos"),
        ("media-111122223333-eu-west-1-an", "media-111122223333-eu-west-1-an"),
    ],
)
def test_bucket_names_are_trimmed(typed, read):
    assert addresses.clean_bucket(typed) == read


@pytest.mark.parametrize(
    "typed",
    ["ab", "a" * 64, "Photos", "a b", "x.internal#", "a/b", "..a", "a..b", "-ab", "ab-",
     "127.0.0.1", "a@b", "ünicode", ""],
)  # fmt: skip
def test_names_that_no_bucket_can_have_are_refused(typed):
    with pytest.raises(AddressRefused):
        addresses.clean_bucket(typed)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("ab", "2 characters"),
        ("a" * 64, "64 characters"),
        ("Photos", "the capital letter P"),
        ("my photos", "a space or a line break"),
        ("my_photos", "the character _"),
        ("a/b", "the character /"),
        ("x.internal#", "the character #"),
        ("ünicode", "the character ü"),
        ("a\u0007b", "a character that cannot be seen"),
        ("-photos", "a dot or hyphen at its beginning or end"),
        ("photos.", "a dot or hyphen at its beginning or end"),
        ("pho..tos", "two dots in a row"),
        ("192.168.5.4", "the form of an IP address"),
        ("xn--photos", "the beginning xn--, which Amazon keeps for itself"),
        ("sthree-photos", "the beginning sthree-, which Amazon keeps for itself"),
        ("amzn-s3-demo-photos", "the beginning amzn-s3-demo-, which Amazon keeps for its examples"),
        ("ap-1-s3alias", "the ending -s3alias, so it is an access point; give the bucket's own name"),
        ("ap-1--ol-s3", "the ending --ol-s3, so it is an Object Lambda access point; give the bucket's own name"),
        ("ap-1.mrap", "the ending .mrap, so it is a Multi-Region Access Point; give the bucket's own name"),
        ("m--usw2-az1--x-s3", "the ending --x-s3, so it is a directory bucket; use a general purpose bucket"),
        ("m--table-s3", "the ending --table-s3, so it is a table bucket; use a general purpose bucket"),
    ],
)  # fmt: skip
def test_a_name_that_no_bucket_can_have_is_told_why(typed, reason):
    with pytest.raises(AddressRefused) as refusal:
        addresses.clean_bucket(typed)
    assert refusal.value.message == (
        "Bucket names have lower-case letters, digits, dots and hyphens, 3 to 63 long. "
        f"`{typed}` has {reason}."
    )


def test_a_long_text_is_not_shown_whole():
    with pytest.raises(AddressRefused) as refusal:
        addresses.clean_bucket("a" * 5000)
    assert len(refusal.value.message) < 250


@pytest.mark.parametrize(
    ("typed", "read"),
    [("", ""), ("/", ""), ("a", "a/"), ("/a/b/", "a/b/"), (" x ", "x/")],
)
def test_a_prefix_ends_with_one_slash_and_begins_with_none(typed, read):
    assert addresses.clean_prefix(typed) == read


@pytest.mark.parametrize("typed", ["../other", "a//b", "%2e%2e/", "a\x00b", "a/./b", "x" * 1025])
def test_a_prefix_stays_inside_its_bucket(typed):
    with pytest.raises(AddressRefused):
        addresses.clean_prefix(typed)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", ""),
        ("https://s3.example.com/", "https://s3.example.com"),
        ("s3.example.com:9000", "https://s3.example.com:9000"),
        ("http://127.0.0.1:8333", "http://127.0.0.1:8333"),
        ("HTTPS://S3.Example.COM:443//", "https://s3.example.com"),
        ("http://s3.example.com:80", "http://s3.example.com"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_endpoint_is_scheme_host_and_port(typed, read):
    assert addresses.clean_endpoint(typed) == read


@pytest.mark.parametrize(
    "typed",
    [
        "https://s3.example.com/bucket",
        "https://s3.example.com?x=1",
        "https://user:pass@s3.example.com",
        "ftp://s3.example.com",
        "https://",
        "https://a b",
        "https://host:99999",
        "https://evil\\@good",
        "https://good#@evil",
    ],
)
def test_an_endpoint_with_anything_else_is_refused(typed):
    with pytest.raises(AddressRefused):
        addresses.clean_endpoint(typed)


@pytest.mark.parametrize(
    "host",
    [
        "0",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "127.0.0.1.",
        "[fe80::1%lo]",
        "..",
        "a..b",
        "-a.com",
        "a" * 64 + ".com",
        "%6c%6f",
        "xn--",
        "\u202e",
    ],
)
def test_an_endpoint_that_no_connection_can_be_made_to_is_refused(host):
    with pytest.raises(AddressRefused):
        addresses.clean_endpoint(f"https://{host}")


def test_an_endpoint_fits_its_column():
    widest = ".".join(["a" * 61] * 4)
    assert len(addresses.clean_endpoint(widest)) == 255
    with pytest.raises(AddressRefused, match="longer than 255"):
        addresses.clean_endpoint(f"{widest}:9000")


def test_a_role_arn_fits_its_column():
    arn = "arn:aws:iam::111122223333:role/"
    assert addresses.clean_role_arn(f"{arn}{'a/' * 1000}x")
    with pytest.raises(AddressRefused):
        addresses.clean_role_arn(f"{arn}{'a/' * 1010}x")


@pytest.mark.parametrize("typed", ["", "two words", "a\nb", "x" * 129, "²", "ключ"])
def test_an_access_key_id_is_one_word(typed):
    with pytest.raises(AddressRefused):
        addresses.clean_access_key_id(typed)


@pytest.mark.parametrize("typed", ["AKIA/1+x", " AKIA/1+x\n", '"AKIA/1+x"', " 'AKIA/1+x' "])
def test_spaces_and_quotes_around_a_pasted_key_are_left_out(typed):
    assert addresses.clean_access_key_id(typed) == "AKIA/1+x"
    assert addresses.clean_secret(typed) == "AKIA/1+x"


def test_a_quote_that_is_part_of_a_secret_stays():
    assert addresses.clean_secret("\"a'") == "\"a'"
    assert addresses.clean_secret('"') == '"'


@pytest.mark.parametrize("typed", ["", "-x", "a b", "x" * 65, "a/b", "<script>"])
def test_a_storage_name_is_safe_everywhere(typed):
    with pytest.raises(AddressRefused):
        addresses.clean_name(typed)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", ""),
        ("111122223333", "111122223333"),
        (" 1111-2222-3333 ", "111122223333"),
        ("1111 2222\u00a03333", "111122223333"),
        ("1111‑2222–3333", "111122223333"),
        ("0123456789ABCDEF0123456789abcdef", "0123456789abcdef0123456789abcdef"),
    ],
)
def test_an_account_id_is_read_as_consoles_show_it(typed, read):
    assert addresses.clean_account_id(typed) == read


@pytest.mark.parametrize(
    "typed", ["11112222333", "1111222233334", "my-account", "²" * 12, "g" * 32]
)
def test_an_account_id_has_twelve_digits_or_is_cloudflares(typed):
    with pytest.raises(AddressRefused, match="twelve digits"):
        addresses.clean_account_id(typed)


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("arn:aws:iam::111122223333:role/ucdash", ""),
        ("arn:aws:iam::111122223333:role/ucdash", "eu-west-1"),
        ("arn:aws:iam::111122223333:role/teams/media/ucdash+x=1,y.z@a_b-c", "eu-west-1"),
        ("arn:aws-cn:iam::111122223333:role/ucdash", "cn-north-1"),
        ("arn:aws-us-gov:iam::111122223333:role/ucdash", "us-gov-west-1"),
    ],
)
def test_the_arn_of_a_role_is_taken(typed, region):
    assert addresses.clean_role_arn(f" `{typed}` ", region=region) == typed


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "looks like arn:aws:iam::111122223333:role/ucdash"),
        ("ucdash", "looks like arn:aws:iam::111122223333:role/ucdash"),
        ("arn:aws:iam::111122223333:user/alice", "ARN of a user"),
        ("arn:aws:iam::111122223333:group/editors", "ARN of a group"),
        ("arn:aws:iam::111122223333:policy/ucdash", "ARN of a policy"),
        ("arn:aws:iam::111122223333:instance-profile/web", "ARN of an instance profile"),
        ("arn:aws:sts::111122223333:assumed-role/ucdash/me", "ARN of a session of a role"),
        ("arn:aws:sts::111122223333:federated-user/alice", "ARN of a session of a user"),
        ("arn:aws:iam::111122223333:root", "ARN of a whole account"),
        ("arn:aws:s3:::media", "ARN of a bucket"),
        ("arn:aws:lambda:eu-west-1:111122223333:function:f", "something that is not a role"),
        ("arn:aws:iam::11112222333:role/ucdash", "twelve digits"),
        ("arn:aws:iam:::role/ucdash", "twelve digits"),
        ("arn:aws:iam::111122223333:role/", "a name of letters"),
        ("arn:aws:iam::111122223333:role/two words", "a name of letters"),
        ("arn:aws:iam::111122223333:role/" + "x" * 65, "a name of letters"),
        ("arn:aws:iam:eu-west-1:111122223333:role/ucdash", "looks like"),
        ("arn:gcp:iam::111122223333:role/ucdash", "looks like"),
        (
            "arn:aws:iam::111122223333:role/aws-service-role/s3.amazonaws.com/AWSServiceRoleForS3",
            "belongs to an Amazon service",
        ),
    ],
)
def test_what_is_no_role_is_told_what_it_is(typed, words):
    with pytest.raises(AddressRefused, match=words):
        addresses.clean_role_arn(typed)


@pytest.mark.parametrize(
    ("partition", "region", "of_bucket"),
    [
        ("aws", "cn-north-1", "aws-cn"),
        ("aws-cn", "eu-west-1", "aws"),
        ("aws", "us-gov-east-1", "aws-us-gov"),
    ],
)
def test_a_role_of_another_partition_is_refused(partition, region, of_bucket):
    with pytest.raises(AddressRefused) as refusal:
        addresses.clean_role_arn(f"arn:{partition}:iam::111122223333:role/ucdash", region=region)
    assert refusal.value.message == f"This role is in {partition}; the bucket is in {of_bucket}."
