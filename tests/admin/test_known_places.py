"""S111: the operators' pages can be kept to some networks."""

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse

from ucdash import env

LIST = reverse("admin:storages_app_project_changelist")


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        ([], "203.0.113.7", 200),
        (["203.0.113.0/24"], "203.0.113.7", 200),
        (["203.0.113.0/24"], "::ffff:203.0.113.7", 200),
        (["203.0.113.0/24"], "203.0.114.7", 404),
        (["203.0.113.0/24"], "2001:db8::1", 404),
        (["2001:db8::/32", "10.0.0.1"], "2001:db8::1", 200),
        (["10.0.0.1"], "10.0.0.2", 404),
        (["10.0.0.1"], "", 404),
    ],
)
def test_who_comes_from_elsewhere_finds_nothing(as_operator, settings, networks, address, status):
    settings.ADMIN_NETWORKS = [ip_network(network) for network in networks]
    assert as_operator.get(LIST, REMOTE_ADDR=address).status_code == status


def test_a_header_of_the_client_does_not_open_it(as_operator, settings):
    settings.ADMIN_NETWORKS, settings.BEHIND_PROXY = [ip_network("10.0.0.0/8")], False
    answer = as_operator.get(
        LIST, REMOTE_ADDR="203.0.113.7", headers={"x-forwarded-for": "10.0.0.1"}
    )
    assert answer.status_code == 404
    settings.BEHIND_PROXY = True
    forged = {"x-forwarded-for": "10.0.0.1, 203.0.113.7"}
    assert as_operator.get(LIST, REMOTE_ADDR="10.0.0.9", headers=forged).status_code == 404


def test_a_stranger_from_elsewhere_is_not_even_sent_to_sign_in(as_operator, settings):
    settings.ADMIN_NETWORKS = [ip_network("10.0.0.0/8")]
    as_operator.logout()
    assert as_operator.get(LIST, REMOTE_ADDR="203.0.113.7").status_code == 404
    assert as_operator.get(LIST, REMOTE_ADDR="10.0.0.1").status_code == 302


def test_what_is_no_network_stops_the_start(monkeypatch):
    monkeypatch.setenv("UCDASH_ADMIN_NETWORKS", "10.0.0.0/8, office")
    with pytest.raises(ImproperlyConfigured, match="UCDASH_ADMIN_NETWORKS"):
        env.networks("UCDASH_ADMIN_NETWORKS")
