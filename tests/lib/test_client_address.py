import pytest

from storages_app.lib.client_address import client_address


@pytest.mark.parametrize(
    ("forwarded_for", "is_behind_proxy", "expected"),
    [
        ("", False, "10.0.0.1"),
        ("192.0.2.1", False, "10.0.0.1"),
        ("", True, "10.0.0.1"),
        ("192.0.2.1", True, "192.0.2.1"),
        ("6.6.6.6, 192.0.2.1", True, "192.0.2.1"),
        ("6.6.6.6,", True, "10.0.0.1"),
    ],
)
def test_only_the_last_word_of_our_own_proxy_counts(forwarded_for, is_behind_proxy, expected):
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": forwarded_for}
    assert client_address(environ, is_behind_proxy=is_behind_proxy) == expected
