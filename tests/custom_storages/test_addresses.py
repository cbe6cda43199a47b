"""What people paste into the form."""

import pytest

from storages_app.custom_storages import addresses
from storages_app.custom_storages.errors import AddressRefused


@pytest.mark.parametrize(
    ("typed", "read"),
    [("photos", "photos"), (" my.bucket-1 ", "my.bucket-1"), ("s3://a-b/", "a-b")],
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


@pytest.mark.parametrize("typed", ["", "two words", "a\nb", "x" * 129, "²", "ключ"])
def test_an_access_key_id_is_one_word(typed):
    with pytest.raises(AddressRefused):
        addresses.clean_access_key_id(typed)


@pytest.mark.parametrize("typed", ["", "-x", "a b", "x" * 65, "a/b", "<script>"])
def test_a_storage_name_is_safe_everywhere(typed):
    with pytest.raises(AddressRefused):
        addresses.clean_name(typed)
