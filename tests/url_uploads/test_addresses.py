"""An address is read by the guard's parser, and refused in the words of the wire."""

import pytest

from storages_app.lib import outbound
from storages_app.url_uploads import addresses, errors


class TestRead:
    @pytest.mark.parametrize(
        ("url", "target"),
        [
            (" https://a.example/b c.jpg ", "/b%20c.jpg"),
            ("HTTP://A.example:80", "/"),
            ("https://bücher.example/ü", "/%C3%BC"),
        ],
    )
    def test_takes_what_people_paste(self, url, target):
        assert addresses.read(url).target == target

    @pytest.mark.parametrize(
        ("url", "error"),
        [
            ("", errors.SourceUrlRequired),
            ("  ", errors.SourceUrlRequired),
            ("example.com/a.jpg", errors.SchemeRequired),
            ("example.com:80/a.jpg", errors.SchemeRequired),
            ("//example.com/a.jpg", errors.SchemeRequired),
            ("/etc/passwd", errors.SchemeRequired),
            ("file:///etc/passwd", errors.SchemeInvalid),  # S012
            ("ftp://example.com/a", errors.SchemeInvalid),
            ("data:text/plain,abc", errors.SchemeInvalid),
            ("http:", errors.HostRequired),
            ("http://", errors.HostRequired),
            ("http:///127.0.0.1", errors.HostRequired),  # S013
            ("http:/127.0.0.1", errors.HostRequired),
            ("https://?x", errors.HostRequired),
            ("http://-a.example/", errors.HostMalformed),
            ("http://good@127.0.0.1/", errors.HostMalformed),  # S013
            ("http://0x7f000001/", errors.HostMalformed),  # S002
            ("http://[::1/", errors.HostMalformed),
            ("http://a.example:65536/", errors.HostMalformed),  # S014
            ("http://a.example/\tb", errors.UrlUnparsable),  # S013
            ("http://a.example/\0", errors.UrlUnparsable),
            ("http://a.exa\r\nmple/", errors.UrlUnparsable),
            ("http://a.example/" + "a" * 2100, errors.UrlUnparsable),
        ],
    )
    def test_says_what_is_wrong(self, url, error):
        with pytest.raises(errors.OrderRefused) as caught:
            addresses.read(url)
        assert type(caught.value) is error


class TestCheck:
    def check(self, url):
        addresses.check(addresses.read(url))

    def test_lets_public_addresses_pass_plain_or_not(self, resolver):
        resolver["files.example"] = [["8.8.8.8", "2606:4700::1111"]]
        self.check("https://files.example/a.jpg")
        self.check("http://files.example/a.jpg")
        self.check("http://8.8.8.8/a.jpg")

    @pytest.mark.parametrize(
        ("url", "error"),
        [
            ("http://nowhere.example/", errors.HostUnknown),
            ("http://inside.example/", errors.PrivateAddress),
            ("http://mixed.example/", errors.PrivateAddress),  # S009
            ("http://files.example:22/", errors.SourceForbidden),  # S014
            ("http://files.example:8080/", errors.SourceForbidden),
        ],
    )
    def test_refuses(self, resolver, url, error):
        resolver["files.example"] = [["8.8.8.8"]]
        resolver["inside.example"] = [["10.0.0.1"]]
        resolver["mixed.example"] = [["8.8.8.8", "127.0.0.1"]]
        with pytest.raises(errors.OrderRefused) as caught:
            self.check(url)
        assert type(caught.value) is error

    def test_the_operator_opens_ports(self, resolver, settings):
        resolver["files.example"] = [["8.8.8.8"]]
        settings.FETCH_PORTS = [80, 8080]
        self.check("http://files.example:8080/")
        with pytest.raises(errors.SourceForbidden):
            self.check("https://files.example/")

    def test_a_slow_name_server_is_left_to_the_fetch(self, monkeypatch):
        def slow(address, policy, *, wait_s):
            assert wait_s < 5
            raise outbound.LookupTimedOut

        monkeypatch.setattr(outbound, "resolve", slow)
        self.check("https://slow.example/")


class TestHash:
    def test_knows_an_address_again(self):
        hashes = {
            addresses.hash_of(addresses.read(url))
            for url in (
                "https://a.example/x?y",
                "HTTPS://A.EXAMPLE.:443/x?y#part",
                " https://a.example/x?y",
            )
        }
        assert len(hashes) == 1
        assert addresses.hash_of(addresses.read("http://a.example/x?y")) not in hashes
        assert addresses.hash_of(addresses.read("https://a.example/x?z")) not in hashes
