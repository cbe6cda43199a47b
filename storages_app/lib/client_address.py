"""Which address a request comes from."""

import ipaddress
from collections.abc import Mapping
from typing import Any

_IPV6_NETWORK = 64  # one household or machine has at least so many addresses


def client_address(environ: Mapping[str, Any], *, is_behind_proxy: bool) -> str:
    """The address of the client, from the WSGI environment; behind a proxy the one that it saw.

    A proxy appends to X-Forwarded-For, so only its last entry is the proxy's own word: what
    stands before it came with the request, and without a proxy all of it did.
    """
    remote = str(environ.get("REMOTE_ADDR", ""))
    seen = str(environ.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2].strip()
    return seen if is_behind_proxy and seen else remote


def client_network(environ: Mapping[str, Any], *, is_behind_proxy: bool) -> str:
    """The address or IPv6 network of the client, for counts; "unknown" where there is none."""
    sent = client_address(environ, is_behind_proxy=is_behind_proxy)
    try:
        address = ipaddress.ip_address(sent)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        number = int(address) >> (128 - _IPV6_NETWORK) << (128 - _IPV6_NETWORK)
        return f"{ipaddress.IPv6Address(number)}/{_IPV6_NETWORK}"
    return str(address)
